"""The preflight of remote debug: what a person would otherwise learn from a stack trace, in the order in which it fails."""

import json
import platform
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from io import StringIO
from pathlib import Path
from typing import Any

from dotenv.parser import parse_stream
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet

from workbench import sdk_view
from workbench.debug_connection import connection_findings
from workbench.debug_finding import Finding
from workbench.debug_probe import PATIENCE
from workbench.debug_settings import settings_findings

_START_WITHIN = 120.0


def findings(root: Path, env_file: Path | None = None, patience: float = PATIENCE) -> Iterator[Finding]:
    """Looks at everything, each as soon as the one before is known.

    Args:
        root: the plugin's folder.
        env_file: the settings; None: `.env` in that folder, as the SDK reads it.
        patience: seconds for each connection and each answer.
    """
    yield _python(root)
    yield _requirements(root)
    file = env_file or root / ".env"
    yield file_finding(file, needed=env_file is not None)
    seen = _view(root, file)
    if "sdk_error" in seen:
        yield Finding("SDK", "wrong", f"dify_plugin cannot be imported. {seen['sdk_error']}", _install(root))
        return
    yield _package(seen)
    yield from settings_findings(seen)
    if seen.get("address"):
        host, port = seen["address"]
        yield from connection_findings(host, port, seen.get("key") or "", patience)
    else:
        yield Finding("connection", "skipped", "There is no address to connect to.")


def _python(root: Path) -> Finding:
    project = root / "pyproject.toml"
    declared = tomllib.loads(project.read_text(encoding="utf-8")).get("project", {}) if project.exists() else {}
    wanted = SpecifierSet(declared.get("requires-python", ">=3.12"))
    running = platform.python_version()
    if wanted.contains(running, prereleases=True):
        return Finding("Python", "ok", f"{running} ({wanted})")
    return Finding("Python", "wrong", f"{running} runs this, the plugin needs {wanted}.", "make dev PYTHON=/usr/bin/python3.12")


def _requirements(root: Path) -> Finding:
    file = root / "requirements.txt"
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    wrong = [problem for line in ("dify_plugin", *lines) if (problem := _unmet(line))]
    if not wrong:
        compared = "everything as in requirements.txt" if lines else "there is no requirements.txt to compare with"
        return Finding("SDK", "ok", f"dify_plugin {version('dify_plugin')}; {compared}")
    more = f" (and {len(wrong) - 3} more)" if len(wrong) > 3 else ""
    return Finding("SDK", "wrong", f"Not as in requirements.txt: {'; '.join(wrong[:3])}{more}.", _install(root))


def _unmet(line: str) -> str:
    """What is wrong with the package that this line asks for; empty where it is installed as asked."""
    try:
        wanted = Requirement(line.partition("#")[0].strip())
    except InvalidRequirement:
        return ""  # a comment, an option, an empty line
    if wanted.marker and not wanted.marker.evaluate():
        return ""
    try:
        found = version(wanted.name)
    except PackageNotFoundError:
        return f"{wanted.name} is not installed"
    return "" if wanted.specifier.contains(found, prereleases=True) else f"{wanted.name} is {found}, not {wanted.specifier}"


def _install(root: Path) -> str:
    return f"{sys.executable} -m pip install -r {root / 'requirements.txt'}"


def file_finding(file: Path, *, needed: bool) -> Finding:
    """Whether the SDK can read the settings file; it may be missing where it is not needed."""
    if not file.exists():
        text = f"{file.name} is not there; only the environment counts."
        return Finding("settings file", "wrong" if needed else "ok", text, "cp .env.example .env")
    content = file.read_bytes()
    if content.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        text = f"{file.name} begins with a byte order mark, which hides its first setting from the SDK."
        return Finding("settings file", "wrong", text, "Save it as UTF-8 without BOM.")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        return Finding(
            "settings file", "wrong", f"{file.name} is not UTF-8 at byte {error.start}.", "Save it as UTF-8 without BOM."
        )
    unread = [binding.original.line for binding in parse_stream(StringIO(text)) if binding.error]
    if unread:
        text = f"{file.name}: the SDK skips line {unread[0]}, which it cannot read (a quote that is never closed?)."
        return Finding("settings file", "wrong", text, "NAME=value, without quotes. Example: INSTALL_METHOD=remote")
    return Finding("settings file", "ok", f"{file.name} is read; the environment wins over it")


def _view(root: Path, file: Path) -> Mapping[str, Any]:
    """What `sdk_view` says; a plugin that ends or hangs the process while it is loaded cannot be loaded."""
    command = [sys.executable, "-c", Path(sdk_view.__file__).read_text(encoding="utf-8"), str(file.resolve())]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, timeout=_START_WITHIN, check=False)
    except subprocess.TimeoutExpired as late:
        said, text = late.stdout or b"", f"Loading it took more than {_START_WITHIN:g} s."
    else:
        said, text = done.stdout, f"Loading it ended the process. {done.stderr[-300:].decode(errors='replace').strip()}"
    seen: dict[str, Any] = {"package_error": {"text": text, "place": ""}}
    for line in said.splitlines():
        seen.update(json.loads(line))
    return seen


def _package(seen: Mapping[str, Any]) -> Finding:
    error = seen.get("package_error")
    if error is None:
        return Finding("package", "ok", "manifest, YAML files and classes load")
    place = f" ({error['place']})" if error["place"] else ""
    right = "Every path in the YAML files is relative to the plugin's folder. `make test` says more."
    return Finding("package", "wrong", f"The SDK cannot load the plugin. {error['text']}{place}", right)

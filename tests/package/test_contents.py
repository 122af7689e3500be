"""What is in the package, and what the marketplace's machine checks say to it (langgenius/dify-marketplace-toolkit)."""

import compileall
import re
import zipfile
from pathlib import PurePosixPath

import pytest

from tests.package.packing import ALLOWED, ROOT, packed_files

BLOCKED_FOLDERS = frozenset(
    [
        ".git",
        ".hg",
        ".svn",
        ".venv",
        "venv",
        "env",
        "__pycache__",
        ".pytest_cache",
        ".ruff_cache",
        ".mypy_cache",
        ".tox",
        ".nox",
        ".idea",
        ".vscode",
        "node_modules",
        "build",
        "dist",
    ]
)
BLOCKED_SUFFIXES = frozenset(
    [
        ".key",
        ".pem",
        ".p12",
        ".pfx",
        ".pyc",
        ".pyo",
        ".log",
        ".tmp",
        ".swp",
        ".swo",
        ".bak",
        ".so",
        ".dll",
        ".dylib",
        ".exe",
        ".pyd",
        ".node",
        ".sh",
        ".bin",
    ]
)
BLOCKED_NAMES = frozenset([".DS_Store", ".gitconfig", "Thumbs.db", "desktop.ini", "id_rsa", "uv.lock"])
BINARY_HEADS = (
    b"\x7fELF",
    b"MZ",
    b"\xfe\xed\xfa\xce",
    b"\xfe\xed\xfa\xcf",
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe",
)

# The pieces are joined here so that no scanner takes this file for a leak.
VENDOR_TOKENS = {
    "OpenAI": r"\bsk" + r"-[A-Za-z0-9_-]{20,}",
    "GitHub": r"\bgh" + r"[pousr]_[A-Za-z0-9]{20,}",
    "Slack": r"\bxox" + r"[abprs]-[A-Za-z0-9-]{10,}",
    "AWS": r"\bAKIA" + r"[0-9A-Z]{16}",
    "JWT": r"\beyJ" + r"[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+",
    "private key": r"BEGIN [A-Z ]*PRIVATE" + r" KEY",
}


def test_the_package_holds_the_allowed_top_level_names_and_no_other():
    top = {name.parts[0] for name in packed_files()}
    assert top <= ALLOWED, f"add to .difyignore: {sorted(top - ALLOWED)}"
    assert ALLOWED - top <= {"endpoints"}


def test_every_entry_of_the_repository_is_either_packed_or_named_with_a_leading_slash():
    named = [line for line in (ROOT / ".difyignore").read_text().splitlines() if line and not line.startswith("#")]
    unanchored = [
        line
        for line in named
        if not line.startswith("/") and line.rstrip("/") in {e.name for e in ROOT.iterdir()} - {"__pycache__"}
    ]
    assert unanchored == []


def test_nothing_of_the_toolkit_itself_is_left_out():
    packed = {str(name) for name in packed_files()}
    ours = {str(path.relative_to(ROOT)) for path in (ROOT / "faas_toolkit").rglob("*") if path.is_file()}
    assert {name for name in ours if "__pycache__" not in name} <= packed


def test_an_inner_folder_named_like_an_ignored_one_is_still_packed(tmp_path):
    (tmp_path / ".difyignore").write_text((ROOT / ".difyignore").read_text())
    for name in (
        "functions/main.py",
        "faas_toolkit/functions/a.py",
        "faas_toolkit/tests/a.py",
        "tests/a.py",
        "faas_toolkit/__pycache__/a.pyc",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    assert [str(name) for name in packed_files(tmp_path)] == ["faas_toolkit/functions/a.py", "faas_toolkit/tests/a.py"]


def test_the_package_is_smaller_than_one_megabyte_and_has_few_files(package):
    with zipfile.ZipFile(package) as archive:
        assert sum(entry.file_size for entry in archive.infolist()) < 2_000_000
        assert len(archive.infolist()) < 1_000
    assert package.stat().st_size < 1_000_000


def test_no_blocked_folder_file_or_suffix():
    bad = [str(name) for name in packed_files() if _is_blocked(name)]
    assert bad == []


def _is_blocked(name: PurePosixPath) -> bool:
    return bool(
        BLOCKED_FOLDERS & set(name.parts[:-1])
        or name.name in BLOCKED_NAMES
        or name.name.startswith(".env")
        or name.suffix in BLOCKED_SUFFIXES
    )


def test_no_binary_and_no_executable_bit():
    for name in packed_files():
        path = ROOT / name
        assert not path.read_bytes()[:4].startswith(BINARY_HEADS), name
        assert not path.stat().st_mode & 0o111, f"{name} has an executable bit"
        assert not path.is_symlink(), name


@pytest.mark.parametrize("vendor", VENDOR_TOKENS)
def test_nothing_looks_like_a_token(vendor):
    shape = re.compile(VENDOR_TOKENS[vendor])
    assert [str(name) for name in packed_files() if shape.search((ROOT / name).read_text(encoding="utf-8"))] == []


def test_the_scan_for_tokens_would_find_one():
    assert re.search(VENDOR_TOKENS["OpenAI"], "key = sk" + "-" + "a1B2" * 6)
    assert re.search(VENDOR_TOKENS["AWS"], "AKIA" + "ABCD1234" * 2)


def test_every_python_file_compiles(unpacked):
    assert compileall.compile_dir(unpacked, quiet=2)


def test_no_file_names_a_package_host():
    """A lock or an index names the host it was made from; elsewhere that host is out of reach."""
    for name in ("pyproject.toml", "requirements.txt", "requirements-dev.txt"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert "://" not in text, name
        assert "index-url" not in text, name

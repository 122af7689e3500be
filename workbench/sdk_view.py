"""What the SDK makes of a plugin's settings and files: run by `debug_check` as a process of its own in the plugin's folder.

The SDK itself reads the settings and loads the package, so nothing here can differ from what happens when the plugin starts. A
process of its own, since importing the SDK changes its interpreter, and a plugin may do anything when it is loaded.
"""

import importlib
import json
import os
import sys
import tempfile
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_SETTINGS = ("INSTALL_METHOD", "REMOTE_INSTALL_URL", "REMOTE_INSTALL_HOST", "REMOTE_INSTALL_PORT", "REMOTE_INSTALL_KEY")
_LONGEST_TEXT = 400


def view(env_file: str) -> Iterator[Mapping[str, Any]]:
    """Everything that can be known before a connection is made, in parts, as the last one may end the process."""
    try:
        _import_sdk()
    except Exception as error:  # noqa: BLE001 - whatever stops the SDK from being imported is the answer
        yield {"sdk_error": _told(error)}
        return
    yield dict(settings(env_file))
    yield {"package_error": _package_error()}


def _import_sdk() -> None:
    """Imports the SDK where no settings are: it reads them already then, and a wrong one would pass for a broken SDK."""
    plugin, hidden = Path.cwd(), {name: os.environ.pop(name) for name in list(os.environ) if name.upper() in _SETTINGS}
    with tempfile.TemporaryDirectory() as empty:
        os.chdir(empty)
        try:
            importlib.import_module("dify_plugin")
        finally:
            os.chdir(plugin)
            os.environ.update(hidden)


def settings(env_file: str) -> Iterator[tuple[str, Any]]:
    """What the SDK reads from this file and the environment, or what it cannot read."""
    from dify_plugin import DifyPluginEnv, Plugin
    from pydantic import ValidationError

    try:
        config = DifyPluginEnv(_env_file=env_file)
    except ValidationError as error:
        yield "settings_errors", {str(one["loc"][0]): one["msg"] for one in error.errors(include_input=False)}
        return
    except (ValueError, OSError) as error:
        yield "settings_errors", {Path(env_file).name: type(error).__name__}
        return
    yield "method", config.INSTALL_METHOD.value
    yield "key", config.REMOTE_INSTALL_KEY
    yield "from_environment", [name for name in os.environ if name.upper() in _SETTINGS]
    yield "named_by", "REMOTE_INSTALL_HOST and REMOTE_INSTALL_PORT" if config.REMOTE_INSTALL_URL is None else "REMOTE_INSTALL_URL"
    try:
        yield "address", Plugin._get_remote_install_host_and_port(config)  # noqa: SLF001 - the very function that decides it
    except ValueError:
        yield "address_error", config.REMOTE_INSTALL_URL


def _package_error() -> Mapping[str, str] | None:
    """What stops the plugin from being loaded, as the daemon on its own machine would load it; None where nothing does."""
    import yaml

    os.environ.update(INSTALL_METHOD="local", REMOTE_INSTALL_PORT="5003")  # whatever the settings say, no connection is made
    try:
        manifest = yaml.safe_load(Path("manifest.yaml").read_text(encoding="utf-8"))
        importlib.import_module(manifest["meta"]["runner"]["entrypoint"])
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may fail in any way
        return {"text": _told(error), "place": _place(error)}
    return None


def _told(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:_LONGEST_TEXT]


def _place(error: BaseException) -> str:
    """The last line of the plugin's own that the failure passed, as `file:line`."""
    root = Path.cwd()
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).is_relative_to(root)]
    own = [frame for frame in frames if "site-packages" not in frame.filename]
    return f"{Path(own[-1].filename).relative_to(root)}:{own[-1].lineno}" if own else ""


if __name__ == "__main__":
    answer, sys.stdout = sys.stdout, sys.stderr  # what the plugin prints is not the answer
    for part in view(sys.argv[1]):
        print(json.dumps(part), file=answer, flush=True)
    os._exit(0)  # a plugin's threads do not end by themselves

"""The endpoint group and its endpoints (dify-runtime.md §1.4)."""

from collections.abc import Iterator

from workbench.package.contents import Package, Problem, at
from workbench.package.rules.provider import can_be_filled_in

METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS")
MOST_SETTINGS = 64


def endpoints_can_be_routed(package: Package) -> Iterator[Problem]:
    """A method that the daemon registers, in capitals; a path that begins with a slash; each pair once."""
    if package.group_path and not package.endpoints:
        yield Problem(f"{package.group_path}: endpoints", "names none.", "List the endpoints' YAML files.")
    seen: set[tuple[str, str]] = set()
    for name, endpoint in package.endpoints.items():
        method, path = str(endpoint.get("method")), str(endpoint.get("path"))
        if method not in METHODS:
            yield Problem(f"{name}: method", f"{method!r} is never called.", f"One of {', '.join(METHODS)}.")
        if not path.startswith("/"):
            yield Problem(f"{name}: path", f"{path!r} stops the plugin at its start.", "Begin it with a slash.")
        if (method, path) in seen:
            yield Problem(name, f"{method} {path} is there twice.", "Keep one.")
        seen.add((method, path))


def endpoint_settings_can_be_filled_in(package: Package) -> Iterator[Problem]:
    """A list of named settings, each of a type that the form knows, with a label and a help."""
    settings = package.group.get("settings", [])
    if not isinstance(settings, list) or len(settings) > MOST_SETTINGS:
        yield Problem(
            f"{package.group_path}: settings", "is no list that Dify takes.", f"A list of at most {MOST_SETTINGS} settings."
        )
        return
    for number, setting in enumerate(settings):
        name = at(setting, "name")
        if not name:
            yield Problem(f"{package.group_path}: settings[{number}]", "has no name.", "Write name: …")
        yield from can_be_filled_in(f"{package.group_path}: {name}", setting)

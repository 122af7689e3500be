"""What is installed: requirements.txt (exact) and pyproject.toml (bounds), in step (marketplace.md §1.3.10, dify-daemon N11)."""

import re
from collections.abc import Iterator

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from workbench.package.contents import Package, Problem, at

PINS, BOUNDS = "requirements.txt", "pyproject.toml"
OLDEST_SDK = Version("0.9.0")
_SDK = canonicalize_name("dify-plugin")
_HEAVY = frozenset(
    [
        "torch",
        "tensorflow",
        "transformers",
        "sentence-transformers",
        "chromadb",
        "faiss-cpu",
        "playwright",
        "selenium",
        "opencv-python",
        "scipy",
    ]
)


def every_pin_is_exact(package: Package) -> Iterator[Problem]:
    """`name==version`, nothing else: what was tested is what is installed."""
    for line in _lines(package):
        requirement = _parsed(line)
        operators = [bound.operator for bound in requirement.specifier] if requirement else []
        if requirement is None or requirement.url or operators != ["=="] or "*" in str(requirement.specifier):
            yield Problem(PINS, f"{line!r} is not an exact version.", "Write name==1.2.3; no address, no option, no range.")


def every_dependency_has_two_bounds(package: Package) -> Iterator[Problem]:
    """A lower one that was tested, an upper one before the next major version."""
    for text in _dependencies(package):
        requirement = _parsed(text)
        operators = {bound.operator for bound in requirement.specifier} if requirement else set()
        if requirement is None or requirement.url or operators != {">=", "<"}:
            yield Problem(BOUNDS, f"{text!r} has not both bounds.", "Write name>=1.2,<2; an address or ~= is refused.")


def the_sdk_is_new_enough(package: Package) -> Iterator[Problem]:
    """The marketplace's floor is 0.9.0, in both files; `~=` is refused."""
    bounds = {canonicalize_name(r.name): r for r in map(_parsed, _dependencies(package)) if r}
    pins = _pins(package)
    for place, requirement in ((BOUNDS, bounds.get(_SDK)), (PINS, pins.get(_SDK))):
        lower = [bound for bound in requirement.specifier if bound.operator in (">=", "==")] if requirement else []
        if not lower or Version(lower[0].version) < OLDEST_SDK:
            yield Problem(place, "has no dify-plugin of at least 0.9.0.", "Write dify-plugin>=0.9.0,<0.11, and the pin likewise.")


def pins_and_bounds_agree(package: Package) -> Iterator[Problem]:
    """Each dependency is pinned, within its bounds: which of the files Dify reads depends on its mirror setting."""
    pins = _pins(package)
    for requirement in filter(None, map(_parsed, _dependencies(package))):
        pin = pins.get(canonicalize_name(requirement.name))
        if pin is None:
            yield Problem(PINS, f"has no {requirement.name}, which {BOUNDS} names.", "Pin it.")
        elif not all(requirement.specifier.contains(bound.version) for bound in pin.specifier if bound.operator == "=="):
            yield Problem(PINS, f"{pin} is outside of {requirement}.", f"Change one of the two in {PINS} and {BOUNDS}.")


def dify_builds_and_resolves_nothing_else(package: Package) -> Iterator[Problem]:
    """No build system (uv would build the project), no groups or extras (uv resolves them at every install)."""
    traps = {
        "build-system": package.project.get("build-system"),
        "dependency-groups": package.project.get("dependency-groups"),
        "project.optional-dependencies": at(package.project, "project.optional-dependencies"),
    }
    for path, value in traps.items():
        if value is not None:
            yield Problem(f"{BOUNDS}: {path}", "breaks or slows every install.", "Development needs go to requirements-dev.txt.")
    if at(package.project, "tool.uv.package") is not False:
        yield Problem(f"{BOUNDS}: tool.uv.package", "is not false.", "Write [tool.uv] package = false")
    if at(package.project, "project.requires-python") != ">=3.12":
        yield Problem(f"{BOUNDS}: requires-python", "is not >=3.12.", "Dify's environment is 3.12; the SDK needs it.")


def no_package_host_is_named(package: Package) -> Iterator[Problem]:
    """A host of packages is out of reach elsewhere."""
    for name in (PINS, BOUNDS):
        for number, line in enumerate(package.text(name).splitlines(), 1):
            if "://" in line or "index-url" in line:
                yield Problem(f"{name}:{number}", "names a host.", "Leave it out; the operator of Dify configures it.")


def nothing_heavy_is_installed(package: Package) -> Iterator[Problem]:
    """No library whose size a reviewer asks about."""
    for name in sorted(_HEAVY & set(_pins(package))):
        yield Problem(PINS, f"{name} is heavy.", "A reviewer asks why; say so in the pull request.")


def _lines(package: Package) -> list[str]:
    lines = (re.split(r"(?:^|\s)#", line)[0].strip() for line in package.text(PINS).splitlines())
    return [line for line in lines if line]


def _pins(package: Package) -> dict[NormalizedName, Requirement]:
    return {canonicalize_name(r.name): r for r in map(_parsed, _lines(package)) if r}


def _dependencies(package: Package) -> list[str]:
    given = at(package.project, "project.dependencies")
    return [str(text) for text in given] if isinstance(given, list) else []


def _parsed(text: str) -> Requirement | None:
    try:
        return Requirement(text)
    except InvalidRequirement:
        return None

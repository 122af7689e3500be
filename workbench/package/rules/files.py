"""Which files may be there (marketplace.md §1.3.2 to 4, 17, 18)."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from faas_toolkit.wiring import PACKAGED_CATALOG
from workbench.package.contents import Package, Problem, at
from workbench.package.packing import ALLOWED

MAX_BYTES = 15 * 1024 * 1024
"""Dify's own default for an upload; the daemon and the marketplace would take 50 MB."""
MAX_FILES = 5_000

_FOLDERS = frozenset(
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
    ]
)
_NAMES = frozenset([".DS_Store", ".gitconfig", "Thumbs.db", "desktop.ini", "id_rsa", "uv.lock"])
_SUFFIXES = frozenset([".key", ".pem", ".p12", ".pfx", ".pyc", ".pyo", ".log", ".tmp", ".swp", ".swo", ".bak"])
_BINARY_SUFFIXES = frozenset([".so", ".dll", ".dylib", ".exe", ".pyd", ".node"])
_DOUBTFUL_SUFFIXES = frozenset([".sh", ".bin", ".zip", ".tar", ".gz", ".whl", ".difypkg"])
_BINARY_HEADS = (
    b"\x7fELF",
    b"MZ",
    b"\xfe\xed\xfa\xce",
    b"\xfe\xed\xfa\xcf",
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe",
)
_REQUIRED = ("manifest.yaml", "main.py", "README.md", "PRIVACY.md", "LICENSE", "pyproject.toml", "requirements.txt")


def holds_allowed_names_only(package: Package) -> Iterator[Problem]:
    """The top level of a public package is the list of design.md §5."""
    yield from _others(package, ALLOWED)


def holds_allowed_names_and_a_catalog_only(package: Package) -> Iterator[Problem]:
    """A private package has its catalog besides."""
    yield from _others(package, ALLOWED | {PACKAGED_CATALOG})


def _others(package: Package, allowed: frozenset[str]) -> Iterator[Problem]:
    for name in sorted({PurePosixPath(name).parts[0] for name in package.files} - allowed):
        yield Problem(name, "does not belong in the package.", f"Name it in .difyignore as /{name}, or /{name}/ for a folder.")


def what_is_named_is_there(package: Package) -> Iterator[Problem]:
    """The files that every package has, and those that the manifest and the declarations name."""
    for name in _REQUIRED:
        if not package.files.get(name, b"").strip():
            yield Problem(name, "is missing or empty.", "The name counts, upper and lower case included.")
    for place, name in _named(package):
        if name not in package.files:
            yield Problem(place, f"names {name}, which is not in the package.", "Correct the name, or look at .difyignore.")


def _named(package: Package) -> Iterator[tuple[str, str]]:
    for key in ("icon", "icon_dark"):
        for place, document in (("manifest.yaml", package.manifest), (package.provider_path, package.provider.get("identity"))):
            if picture := at(document, key):
                yield f"{place}: {key}", f"_assets/{picture}"
    for kind in ("tools", "endpoints"):
        named = at(package.manifest, f"plugins.{kind}")
        yield from ((f"manifest.yaml: plugins.{kind}", str(path)) for path in (named if isinstance(named, list) else ()))
    for path in package.tools:
        yield f"{package.provider_path}: tools", path
    for path in package.endpoints:
        yield f"{package.group_path}: endpoints", path
    for place, document in ((package.provider_path, package.provider), *package.tools.items(), *package.endpoints.items()):
        if source := at(document, "extra.python.source"):
            yield f"{place}: extra.python.source", str(source)


def holds_nothing_blocked(package: Package) -> Iterator[Problem]:
    """No folder, file or suffix that the marketplace refuses, and no lock file, which names the host that it was made from."""
    for name in package.files:
        path = PurePosixPath(name)
        environment = path.name == ".env" or path.name.startswith(".env.")
        template = path.suffix in (".example", ".sample", ".template")
        if _FOLDERS & set(path.parts[:-1]) or path.name in _NAMES or path.suffix in _SUFFIXES or (environment and not template):
            yield Problem(name, "is refused by the marketplace.", "Delete it, or name it in .difyignore.")


def holds_no_binary(package: Package) -> Iterator[Problem]:
    """No machine code and no executable bit."""
    for name, content in package.files.items():
        if content.startswith(_BINARY_HEADS) or PurePosixPath(name).suffix in _BINARY_SUFFIXES:
            yield Problem(name, "is a binary.", "Ship source only; a library comes through requirements.txt.")
        if name in package.executable:
            yield Problem(name, "has an executable bit.", f"chmod a-x {name}")


def is_small(package: Package) -> Iterator[Problem]:
    """Packed and unpacked below what Dify takes by default, and few files."""
    unpacked = sum(map(len, package.files.values()))
    for what, size in (("packed", package.packed_bytes), ("unpacked", unpacked)):
        if size > MAX_BYTES:
            largest = max(package.files, key=lambda name: len(package.files[name]))
            yield Problem(largest, f"the package is {size:,} bytes {what}.", f"At most {MAX_BYTES:,}; this file is the largest.")
    if len(package.files) > MAX_FILES:
        yield Problem("the package", f"has {len(package.files):,} files.", f"At most {MAX_FILES:,}.")


def has_a_picture_of_its_own(package: Package) -> Iterator[Problem]:
    """The icon is not the template's."""
    for key in ("icon", "icon_dark"):
        picture = f"_assets/{at(package.manifest, key)}"
        if "DIFY_MARKETPLACE_TEMPLATE" in package.text(picture):
            yield Problem(picture, "is the template's picture.", "Draw one; the marketplace refuses this one.")


def holds_nothing_doubtful(package: Package) -> Iterator[Problem]:
    """No script, archive or output of a build, which a reviewer asks about."""
    for name in package.files:
        path = PurePosixPath(name)
        if path.suffix in _DOUBTFUL_SUFFIXES or {"build", "dist"} & set(path.parts[:-1]):
            yield Problem(
                name, "is a script, an archive or output of a build.", "A reviewer will ask what it is for; leave it out."
            )

"""Which files go into the zip, and the zip itself: the same bytes for the same files.

Dify's packer (dify-plugin-daemon, decoder/fs.go) walks the folder, matches each path against Git's ignore patterns of the root
file `.difyignore`, and does not enter a directory that matches. It knows no negation; a pattern without a slash matches at every
depth. `pathspec` has these rules.
"""

import os
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from pathspec import GitIgnoreSpec

PROJECT = Path(__file__).resolve().parents[2]

ALLOWED = frozenset(
    [
        "manifest.yaml",
        "main.py",
        "_assets",
        "provider",
        "tools",
        "endpoints",
        "faas_toolkit",
        "readme",
        "README.md",
        "PRIVACY.md",
        "LICENSE",
        "pyproject.toml",
        "requirements.txt",
    ]
)
"""Every top-level name that may be in the package (design.md §5)."""

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip can hold: a file's own time would make two equal packages differ."""
_PLAIN_FILE = 0o100644


class CannotPack(ValueError):
    """The folder cannot be packed; the text says what to change."""


def packed_files(root: Path = PROJECT) -> list[PurePosixPath]:
    """Every file of the package, relative to `root`, sorted.

    Raises:
        CannotPack: a pattern that Dify's packer reads otherwise than Git does, or a symbolic link.
    """
    return sorted(_walk(root, PurePosixPath(), GitIgnoreSpec.from_lines(ignore_patterns(root))))


def ignore_patterns(root: Path) -> list[str]:
    """The patterns of `.difyignore`, without comments; raises `CannotPack` for one that Dify's packer would not obey."""
    lines = (root / ".difyignore").read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        if line.startswith("!"):
            raise CannotPack(
                f".difyignore:{number}: Dify's packer ignores {line!r}. Name what is left out instead, for example /tests/."
            )
    return [line for line in lines if line.strip() and not line.startswith("#")]


def unnamed_entries(root: Path = PROJECT) -> list[str]:
    """Top-level names that neither belong in the package nor are left out of it by `.difyignore`."""
    ignored = GitIgnoreSpec.from_lines(ignore_patterns(root))
    return sorted(
        entry.name
        for entry in root.iterdir()
        if entry.name not in ALLOWED and not ignored.match_file(f"{entry.name}/" if entry.is_dir() else entry.name)
    )


def unanchored_patterns(root: Path = PROJECT) -> list[str]:
    """Patterns that name a top-level entry without a leading slash, and so would drop inner folders of that name too."""
    names = {entry.name for entry in root.iterdir()} - {"__pycache__"}
    return [line for line in ignore_patterns(root) if not line.startswith("/") and line.rstrip("/") in names]


def read_files(root: Path = PROJECT) -> dict[str, bytes]:
    """What goes into the package of this folder, by name."""
    return {str(name): (root / name).read_bytes() for name in packed_files(root)}


def write_package(target: Path, files: Mapping[str, bytes]) -> Path:
    """Writes the zip: sorted names, one fixed time, plain files, so that equal content gives equal bytes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w") as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, on every machine
            entry.external_attr = _PLAIN_FILE << 16
            archive.writestr(entry, files[name], compresslevel=9)
    return target


def _walk(root: Path, folder: PurePosixPath, ignored: GitIgnoreSpec) -> Iterator[PurePosixPath]:
    with os.scandir(root / folder) as entries:
        for entry in entries:
            name = folder / entry.name
            if ignored.match_file(f"{name}/" if entry.is_dir() else str(name)):
                continue
            if entry.is_symlink():
                raise CannotPack(f"{name} is a symbolic link, which Dify's packer does not follow. Put the file itself there.")
            if entry.is_dir():
                yield from _walk(root, name, ignored)
            else:
                yield name

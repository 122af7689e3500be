"""Which files `dify plugin package` puts into the zip: the rules of .difyignore, read as the packer reads them.

The packer (dify-plugin-daemon, decoder/fs.go) walks the folder, matches each path against Git's ignore patterns of the root
file, and does not enter a directory that matches. It knows no negation; a pattern without a slash matches at every depth.
`pathspec` has these rules.
"""

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from pathspec import GitIgnoreSpec

ROOT = Path(__file__).resolve().parents[2]

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
"""Every top-level name that may be in the package; `endpoints` comes with the gateway."""


def packed_files(root: Path = ROOT) -> list[PurePosixPath]:
    """Every file of the package, relative to `root`."""
    patterns = (root / ".difyignore").read_text(encoding="utf-8").splitlines()
    assert not [line for line in patterns if line.startswith("!")], "the packer ignores negation"
    return sorted(_walk(root, PurePosixPath(), GitIgnoreSpec.from_lines(patterns)))


def pack(target: Path, root: Path = ROOT) -> Path:
    """Writes the package."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in packed_files(root):
            archive.write(root / name, str(name))
    return target


def _walk(root: Path, folder: PurePosixPath, ignored: GitIgnoreSpec) -> Iterator[PurePosixPath]:
    with os.scandir(root / folder) as entries:
        for entry in entries:
            name = folder / entry.name
            if entry.is_dir():
                if not ignored.match_file(f"{name}/"):
                    yield from _walk(root, name, ignored)
            elif not ignored.match_file(str(name)):
                yield name

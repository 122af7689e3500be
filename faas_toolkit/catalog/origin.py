"""Where the catalog's text comes from: the setting itself, `base64:…`, `file:NAME`, or an `https://` address."""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from faas_toolkit.catalog.bounds import MAX_CHARS
from faas_toolkit.catalog.syntax import SyntaxProblem
from faas_toolkit.core.errors import Failure
from faas_toolkit.core.immutable import immutable
from faas_toolkit.core.untrusted import printable

CATALOG_DIR = "FAAS_TOOLKIT_CATALOG_DIR"
FILE_FRESH_SECONDS = 10.0

type Fetch = Callable[[str], tuple[str, float]]
"""Gets an address through the egress guard: the text, and the seconds it stays fresh. Raises a `Failure`."""

_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")


@immutable
class OriginText:
    """A catalog's text and where it came from."""

    text: str
    origin: str
    """`default`, `package`, `setting`, `file:NAME`, or the address without its query."""
    fresh_for: float | None = None
    """Seconds until it is to be read anew; None: it changes only with the setting."""


def read_origin(setting: str, environment: Mapping[str, str], fetch: Fetch | None, packaged: str = "") -> OriginText:
    """The text behind the setting `catalog`; where that is empty, the catalog that came with the package, if one did.

    Raises:
        SyntaxProblem: nothing can be read there.
    """
    start = setting.removeprefix("\ufeff").strip()
    if not start:
        return OriginText(packaged, "package") if packaged.strip() else OriginText("", "default")
    if start.startswith("base64:"):
        return OriginText(_decoded(start), "setting")
    if start.startswith("file:"):
        return _from_file(start.removeprefix("file:").strip(), environment)
    if start.startswith(("https://", "http://")):
        return _fetched(start, fetch)
    return OriginText(setting, "setting")


def _decoded(text: str) -> str:
    encoded = "".join(text.removeprefix("base64:").split())
    if len(encoded) > MAX_CHARS * 4:
        raise SyntaxProblem("what stands after base64: is too long.", f"A catalog has at most {MAX_CHARS:,} characters.")
    try:
        return base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True).decode("utf-8")
    except (binascii.Error, ValueError) as error:
        raise SyntaxProblem(
            "what stands after base64: is not UTF-8 text in base64.",
            "Print it with `python -m workbench catalog encode FILE` and paste the whole line.",
        ) from error


def _from_file(name: str, environment: Mapping[str, str]) -> OriginText:
    folder = environment.get(CATALOG_DIR, "")
    if not folder:
        raise SyntaxProblem(
            "file: needs a directory that the operator sets.", f"Set {CATALOG_DIR}, or put the catalog itself here."
        )
    if not _FILE_NAME.fullmatch(name) or ".." in name:
        raise SyntaxProblem(
            f"{printable(name)} is not the name of a file there.", "Write a plain name without directories, e.g. file:sales.yaml."
        )
    path = Path(folder, name)
    try:
        if path.resolve().parent != Path(folder).resolve():
            raise SyntaxProblem(f"the file {name} leads out of the operator's directory.", "Put the file itself there.")
        with path.open("rb") as file:
            content = file.read(MAX_CHARS * 4 + 1)
        text = content.decode("utf-8")
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links
        raise SyntaxProblem(
            f"there is no readable file {name} in the operator's directory.", f"Look at {CATALOG_DIR} and the file's rights."
        ) from error
    except ValueError as error:
        raise SyntaxProblem(f"the file {name} is not UTF-8 text.", "Save it as UTF-8.") from error
    return OriginText(text, f"file:{name}", FILE_FRESH_SECONDS)


def _fetched(url: str, fetch: Fetch | None) -> OriginText:
    if not url.startswith("https://"):
        raise SyntaxProblem("a catalog is fetched from https:// addresses only.", "Use https://, or put the catalog itself here.")
    if fetch is None:
        raise SyntaxProblem("an address cannot be read from here.", "Put the catalog's text here.")
    try:
        parts = urlsplit(url)
        text, fresh_for = fetch(url)
    except ValueError as error:
        raise SyntaxProblem("this is not an address.", "E.g. https://config.example.com/catalog.yaml") from error
    except Failure as failure:
        raise SyntaxProblem(f"its address could not be read: {failure.message}", failure.hint) from failure
    return OriginText(text, f"https://{parts.hostname}{parts.path}", max(1.0, fresh_for))

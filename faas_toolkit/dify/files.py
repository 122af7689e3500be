"""Files that Dify hands to a tool.

In an Agent node a model can override every parameter, also with a made-up file whose address it chose. So only an address of the
form that Dify signs is fetched as Dify serves it, from inside; any other goes the way of all addresses, through the egress guard.
"""

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

from dify_plugin.file.file import File

from faas_toolkit.core.errors import TooLarge, Unavailable
from faas_toolkit.core.upload import Upload

MAX_BYTES = 15_000_000
"""Above what any tool takes; a larger file is not even fetched."""

_SIGNATURE = {"timestamp", "nonce", "sign"}


def as_uploads(value: object) -> object:
    """The value with the SDK's files, alone or in a list, as uploads; everything else as it is."""
    if isinstance(value, File):
        return _upload(value)
    if isinstance(value, list) and any(isinstance(item, File) for item in value):
        return [_upload(item) if isinstance(item, File) else item for item in value]
    return value


def _upload(file: File) -> Upload:
    name = file.filename or urlsplit(file.url).path.rpartition("/")[2] or "file"
    extension = (file.extension or "").lstrip(".")
    if extension and "." not in name:
        name = f"{name}.{extension}"
    size = file.size if file.size is not None and file.size >= 0 else None
    return Upload(
        name=name[:255],
        media_type=(file.mime_type or "").lower(),
        size=size,
        url=file.url,
        read=_reader(file, name) if _is_signed(file.url) else None,
    )


def _is_signed(url: str) -> bool:
    """Whether the address has the form of those that Dify signs for its own files: `/files/…?timestamp=…&nonce=…&sign=…`."""
    parts = urlsplit(url)
    return parts.path.startswith("/files/") and ".." not in parts.path and set(parse_qs(parts.query)) >= _SIGNATURE


def _reader(file: File, name: str) -> Callable[[], bytes]:
    def read() -> bytes:
        if file.size is not None and file.size > MAX_BYTES:
            raise TooLarge(f"The file {name[:100]!r} has {file.size:,} bytes; at most {MAX_BYTES:,} are fetched.")
        try:
            return bytes(file.blob)
        except Exception as error:
            raise Unavailable(
                f"Dify does not give the file {name[:100]!r} to the plugin.",
                hint="The operator checks that FILES_URL (or INTERNAL_FILES_URL) of Dify can be reached from the plugin daemon.",
            ) from error

    return read

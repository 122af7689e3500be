"""A file that a caller gave, as the operations see it: named, measured, and read only when it is wanted."""

from collections.abc import Callable, Mapping
from dataclasses import field

from faas_toolkit.core.immutable import immutable


@immutable(kw_only=True)
class Upload:
    """One file. It stands among a call's arguments, and what is written down of it is its name, type and size."""

    name: str
    media_type: str = ""
    size: int | None = None
    """Bytes, where the host says."""
    url: str = field(default="", repr=False)
    """Where it can be fetched through the egress guard; may hold a signature, so it is never shown."""
    read: Callable[[], bytes] | None = field(default=None, repr=False, compare=False)
    """Gives the content where the host itself serves it; raises a `Failure`. None: fetch `url`."""

    def described(self) -> dict[str, object]:
        """What may be written down, kept, or sent to a function in its place."""
        return {"name": self.name, "media_type": self.media_type, "size": self.size}


def described(arguments: Mapping[str, object]) -> dict[str, object]:
    """Arguments as JSON can say them: each file as its description."""
    return {name: _described(value) for name, value in arguments.items()}


def _described(value: object) -> object:
    if isinstance(value, Upload):
        return value.described()
    if isinstance(value, tuple):
        return tuple(_described(item) for item in value)
    return value

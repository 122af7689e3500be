"""Who may read a document: its access list, and the reader it is compared with."""

from collections.abc import Mapping
from typing import Literal, get_args

from faas_toolkit.core.errors import InvalidInput
from faas_toolkit.core.immutable import immutable
from faas_toolkit.core.untrusted import did_you_mean, printable, require_clean_text

Kind = Literal["roles", "groups", "subjects"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_MOST_NAMES = 200
_EXAMPLE = 'Example: {"roles": ["support"], "subjects": ["alice"]}. Leave access out for a document that everyone may read.'


@immutable
class Access:
    """Names, any of which opens the document; none at all: it is open to everyone who may read the base."""

    names: frozenset[tuple[Kind, str]] = frozenset()

    @property
    def restricted(self) -> bool:
        """Whether only some may read it."""
        return bool(self.names)

    def admits(self, reader: "Reader") -> bool:
        """Whether this reader is among those named; the search asks the same of the store, in the store's words."""
        return not self.restricted or not self.names.isdisjoint(reader.names())

    def described(self) -> dict[str, list[str]]:
        """As a caller would write it."""
        return {kind: sorted(name for each, name in self.names if each == kind) for kind in KINDS if self._has(kind)}

    def _has(self, kind: Kind) -> bool:
        return any(each == kind for each, _ in self.names)


@immutable(kw_only=True)
class Reader:
    """Who asks. Groups and subject are proved by an identity token or empty; roles are the catalog's."""

    roles: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    subject: str | None = None

    def names(self) -> frozenset[tuple[Kind, str]]:
        """Everything this reader can be named by."""
        found: set[tuple[Kind, str]] = {("roles", role) for role in self.roles} | {("groups", group) for group in self.groups}
        if self.subject is not None:
            found.add(("subjects", self.subject))
        return frozenset(found)


def parse_access(given: Mapping[str, object] | None) -> Access | None:
    """The list of a parameter; None where nothing was said.

    Raises:
        InvalidInput: an unknown key, no name, or what is no list of names.
    """
    if given is None:
        return None
    names: set[tuple[Kind, str]] = set()
    for key, value in given.items():
        kind = next((kind for kind in KINDS if kind == key), None)
        if kind is None:
            meant = did_you_mean(key, KINDS)
            raise InvalidInput(
                f"access takes roles, groups and subjects; {printable(key)!r} is none of them.{meant}",
                hint=_EXAMPLE,
            )
        names |= {(kind, name) for name in _names(kind, value)}
    if not names:
        raise InvalidInput("access names nobody, so nobody could read the document.", hint=_EXAMPLE)
    return Access(frozenset(names))


def _names(kind: Kind, value: object) -> set[str]:
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, (list, tuple)) or len(listed) > _MOST_NAMES or not all(isinstance(name, str) for name in listed):
        raise InvalidInput(f"access.{kind} must be a list of at most {_MOST_NAMES} names.", hint=_EXAMPLE)
    return {stripped for name in listed if (stripped := require_clean_text(name, f"access.{kind}", 200).strip())}

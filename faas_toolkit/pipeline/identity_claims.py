"""What a checked token says about its bearer, under the names that its issuer uses."""

from collections.abc import Mapping, Sequence
from typing import Any

from faas_toolkit.core.errors import Unauthenticated
from faas_toolkit.core.immutable import immutable

_MAX_NAMES = 100
_MAX_NAME_CHARS = 200


@immutable(kw_only=True)
class Identity:
    """What a verified token says."""

    subject: str
    roles: tuple[str, ...] = ()
    groups: frozenset[str] = frozenset()
    tenant: str | None = None


@immutable(kw_only=True)
class ClaimNames:
    """Which claim says what. A dot leads into an object (`realm_access.roles`); a name with `://` is one claim as it stands."""

    subject: str = "sub"
    roles: str = "roles"
    groups: str = "groups"
    tenant: str = "tenant"

    def identity(self, claims: Mapping[str, Any]) -> Identity:
        """Who the token is about.

        Raises:
            Unauthenticated: a claim has another type, or the subject is missing or reserved.
        """
        tenant = _at(claims, self.tenant)
        return Identity(
            subject=_subject(claims, self.subject),
            roles=_names(_at(claims, self.roles), self.roles),
            groups=frozenset(_names(_at(claims, self.groups), self.groups)),
            tenant=None if tenant is None else _name(tenant, self.tenant),
        )


def _at(claims: Mapping[str, Any], name: str) -> object:
    value: object = claims
    for step in [name] if "://" in name else name.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _subject(claims: Mapping[str, Any], claim: str) -> str:
    value = _at(claims, claim)
    if value is None:
        raise Unauthenticated("The identity token has no subject.", hint=f"Put the user's id into its claim `{claim}`.")
    subject = _name(value, claim)
    if subject == "workspace" or subject.startswith(("dify:", "client:")):  # callers without a token; quotas count by it
        raise Unauthenticated("The identity token's subject is reserved for callers without a token.")
    return subject


def _name(value: object, claim: str) -> str:
    if not _is_name(value):
        raise Unauthenticated(
            f"The identity token's claim `{claim}` must be a text of 1 to {_MAX_NAME_CHARS} printable characters."
        )
    return str(value)


def _names(value: object, claim: str) -> tuple[str, ...]:
    names: Sequence[object] | object = value.split() if isinstance(value, str) else [] if value is None else value
    if not isinstance(names, list) or len(names) > _MAX_NAMES or not all(map(_is_name, names)):
        raise Unauthenticated(
            f"The identity token's claim `{claim}` must be at most {_MAX_NAMES} names: a list, or a text with blanks."
        )
    return tuple(dict.fromkeys(str(name) for name in names))


def _is_name(value: object) -> bool:
    """Printable also means: no lone surrogate and no null character, which no store takes."""
    return isinstance(value, str) and value.strip() != "" and len(value) <= _MAX_NAME_CHARS and value.isprintable()

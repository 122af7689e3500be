"""Who is this, and may they do this? Sets the caller and the scope that everything further in works with."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from faas_toolkit.core.call import Answer, Call, Caller, MaskMode, Origin, Scope
from faas_toolkit.core.errors import Forbidden, Unauthenticated
from faas_toolkit.core.operation import Proceed
from faas_toolkit.core.schema import printable
from faas_toolkit.core.stream import Stream
from faas_toolkit.pipeline.identity_token import Identity, TokenVerifier

_WEAKEST_FIRST: tuple[MaskMode, ...] = ("keep", "token", "partial", "drop")


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """What the callers of one role may do; what is not named is denied."""

    allow: tuple[str, ...] = ()
    """Grants or globs over them."""
    sources: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Names or globs per family, as `Scope.sources`."""
    hidden: frozenset[str] = frozenset()
    masks: Mapping[str, MaskMode] = field(default_factory=dict)


class Access:
    """The access policy.

    Args:
        roles: the catalog's roles by name.
        default_role: the role of a caller without a token.
        verifier: checks identity tokens; None where the setting `identity_keys` is empty.
    """

    def __init__(self, *, roles: Mapping[str, Role], default_role: str, verifier: TokenVerifier | None) -> None:
        self._roles = roles
        self._default_role = default_role
        self._verifier = verifier
        self._made: dict[tuple[str, ...], tuple[Scope, Mapping[str, MaskMode]]] = {}

    def __call__(self, call: Call, proceed: Proceed) -> Answer | Stream:
        """Hands on the call with its caller and scope.

        Raises:
            Unauthenticated: a token was given and does not hold; it is never ignored.
            Forbidden: the grant of the operation is missing.
        """
        identity = self._identity(call.origin)
        names = tuple(name for name in (identity.roles if identity else (self._default_role,)) if name in self._roles)
        scope, masks = self._rights(names)
        scope = replace(scope, groups=identity.groups, owner=identity.subject) if identity else scope
        caller = _caller(call.origin, identity, names, masks)
        call.record.caller = caller
        call.record.decide("access", caller.subject, ", ".join(names) or "no role")
        checked = replace(call, caller=caller, scope=scope)
        if not scope.grants_operation(call.operation.grant):
            raise self._forbidden(checked, identity)
        return proceed(checked)

    def _identity(self, origin: Origin) -> Identity | None:
        if origin.identity_token is None:
            return None
        if self._verifier is None:
            raise Unauthenticated(
                "An identity token was given, and this workspace has nothing to check it with.",
                hint="An administrator fills in the provider's setting `identity_keys`.",
            )
        return self._verifier.verify(origin.identity_token)

    def _rights(self, names: tuple[str, ...]) -> tuple[Scope, Mapping[str, MaskMode]]:
        if names not in self._made:
            if len(self._made) > 1_000:  # combinations come from tokens, so they are not bounded by the catalog
                self._made.clear()
            self._made[names] = _merged([self._roles[name] for name in names])
        return self._made[names]

    def _forbidden(self, call: Call, identity: Identity | None) -> Forbidden:
        if not call.caller.roles:
            named = identity.roles if identity else (self._default_role,)
            who = f"None of your roles ({', '.join(printable(name) for name in named) or 'none given'}) is in the catalog."
        else:
            who = f"Your role ({', '.join(call.caller.roles)}) does not have the grant {call.operation.grant}."
        token = "" if identity else " A caller with an identity_token may have other roles."
        return Forbidden(who, hint=f"An administrator adds it under `roles` in the catalog.{token}")


def _caller(origin: Origin, identity: Identity | None, names: tuple[str, ...], masks: Mapping[str, MaskMode]) -> Caller:
    if identity is not None:
        return Caller(
            subject=identity.subject, verified=True, roles=names, groups=identity.groups, tenant=identity.tenant, masks=masks
        )
    # In Agent nodes (no app) the user id may be new on each call, so it says nothing there (dify-behaviour §3).
    subject = f"dify:{origin.user_id}" if origin.user_id and origin.app_id else "workspace"
    return Caller(subject=subject, roles=names, masks=masks)


def _merged(roles: Sequence[Role]) -> tuple[Scope, Mapping[str, MaskMode]]:
    """Several roles give what any of them gives: so a field is hidden only if all hide it, and the weakest mask holds."""
    families = {family for role in roles for family in role.sources}
    scope = Scope(
        grants=frozenset(grant for role in roles for grant in role.allow),
        sources={family: _union(role.sources.get(family, ()) for role in roles) for family in families},
        hidden=frozenset.intersection(*(role.hidden for role in roles)) if roles else frozenset(),
    )
    detectors = {detector for role in roles for detector in role.masks}
    masks = {detector: _weakest(role.masks.get(detector, "partial") for role in roles) for detector in detectors}
    return scope, masks


def _union(lists: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for names in lists for name in names))


def _weakest(modes: Iterable[MaskMode]) -> MaskMode:
    return min(modes, key=_WEAKEST_FIRST.index)

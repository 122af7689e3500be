"""Who is this, and may they do this? Sets the caller and the scope that everything further in works with."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace

from faas_toolkit.core.call import Answer, Call, Caller, MaskMode, Origin, RecordRights, Scope
from faas_toolkit.core.chain import Proceed
from faas_toolkit.core.errors import Forbidden, Unauthenticated
from faas_toolkit.core.immutable import immutable
from faas_toolkit.core.stream import Stream
from faas_toolkit.core.untrusted import printable
from faas_toolkit.pipeline.config import CALLER_WORDS
from faas_toolkit.pipeline.identity_claims import Identity
from faas_toolkit.pipeline.identity_token import TokenVerifier

_WEAKEST_FIRST: tuple[MaskMode, ...] = ("keep", "partial", "token", "drop")
_CRM_GRANTS = ("crm.read", "crm.write")


@immutable(kw_only=True)
class Role:
    """What the callers of one role may do; what is not named is denied."""

    allow: tuple[str, ...] = ()
    """Grants or globs over them."""
    sources: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Names or globs per family, as `Scope.sources`."""
    hidden: frozenset[str] = frozenset()
    """Fields of the CRM, as `entity.field`."""
    rows: Mapping[str, Mapping[str, tuple[object, ...]]] = field(default_factory=dict)
    """Records of the CRM, as `RecordRights.only`; a text such as `$subject` means what the caller's token says."""
    masks: Mapping[str, MaskMode] = field(default_factory=dict)


class Access:
    """The access policy.

    Args:
        roles: the catalog's roles by name.
        default_role: the role of a caller without a token and without a client's key.
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
        named = identity.roles if identity and identity.roles else (self._role_without_token(call.origin),)
        names = tuple(name for name in named if name in self._roles)
        scope, masks = self._rights(names)
        scope = replace(scope, groups=identity.groups, owner=identity.subject) if identity else scope
        scope = replace(scope, records=_of_caller(scope.records, identity)) if scope.records else scope
        caller = _caller(call.origin, identity, names, masks)
        call.record.caller = caller
        if not scope.grants_operation(call.operation.grant):
            call.record.decide("access", "forbidden", f"{caller.subject}; {_noted(named, names)}")
            raise _forbidden(call, named, names, verified=identity is not None)
        call.record.decide("access", caller.subject, _noted(named, names))
        return proceed(replace(call, caller=caller, scope=scope))

    def _role_without_token(self, origin: Origin) -> str:
        return origin.client.role if origin.client else self._default_role

    def _identity(self, origin: Origin) -> Identity | None:
        if origin.identity_token is None or not origin.identity_token.strip():
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
            scope, masks = _merged([self._roles[name] for name in names])
            self._made[names] = replace(scope, roles=frozenset(names)), masks
        return self._made[names]


def _noted(named: tuple[str, ...], known: tuple[str, ...]) -> str:
    unknown = [printable(name) for name in named if name not in known][:5]
    return (", ".join(known) or "no role") + (f"; not in the catalog: {', '.join(unknown)}" if unknown else "")


def _forbidden(call: Call, named: tuple[str, ...], known: tuple[str, ...], *, verified: bool) -> Forbidden:
    grant, tool = call.operation.grant, call.operation.tool
    token = "" if verified else " A caller who sends an identity_token may hold other roles."
    if not known:
        return Forbidden(
            f"{tool} needs the grant {grant}, and the catalog has no role {' or '.join(printable(name) for name in named[:5])}.",
            hint=f"An administrator adds the role under `roles` in the catalog, with allow: [{grant}].{token}",
        )
    return Forbidden(
        f"{tool} needs the grant {grant}, which your role does not give: {', '.join(known)}.",
        hint=f"An administrator adds {grant} to `roles.{known[0]}.allow` in the catalog.{token}",
    )


def _caller(origin: Origin, identity: Identity | None, names: tuple[str, ...], masks: Mapping[str, MaskMode]) -> Caller:
    if identity is not None:
        return Caller(
            subject=identity.subject, verified=True, roles=names, groups=identity.groups, tenant=identity.tenant, masks=masks
        )
    if origin.client is not None:
        return Caller(subject=f"client:{origin.client.name}", verified=True, roles=names, masks=masks)
    # In Agent nodes (no app) the user id may be new on each call, so it says nothing there (dify-behaviour §3).
    subject = f"dify:{printable(origin.user_id, 200)}" if origin.user_id and origin.app_id else "workspace"
    return Caller(subject=subject, roles=names, masks=masks)


def _merged(roles: Sequence[Role]) -> tuple[Scope, Mapping[str, MaskMode]]:
    """Several roles give what any of them gives.

    Roles add rights and never take away: a caller who is given one more role must not see less than before, or administrators
    would have to know all combinations. So a field or a record of a source is closed only if every role that opens this source
    closes it (a role that may not use the CRM has no say in it), and the weakest mask holds. Who must never see a field is not
    given a role that shows it.
    """
    families = {family for role in roles for family in role.sources}
    naming = [role for role in roles if role.sources.get("crm")]
    hiding = [role.hidden for role in naming if _opens_crm(role)] or [role.hidden for role in naming]
    scope = Scope(
        grants=frozenset(grant for role in roles for grant in role.allow),
        sources={family: _union(role.sources.get(family, ()) for role in roles) for family in families},
        hidden=frozenset.intersection(*hiding) if hiding else frozenset(),
        records=tuple(map(_record_rights, naming)) if any(role.rows or role.hidden for role in naming) else (),
    )
    detectors = {detector for role in roles for detector in role.masks}
    masks = {detector: _weakest(role.masks.get(detector, "partial") for role in roles) for detector in detectors}
    return scope, masks


def _record_rights(role: Role) -> RecordRights:
    return RecordRights(sources=role.sources["crm"], hidden=role.hidden, only=role.rows, grants=_opens_crm(role))


def _of_caller(records: tuple[RecordRights, ...], identity: Identity | None) -> tuple[RecordRights, ...]:
    """With what the token says in place of `$subject` and the like; nothing where it says nothing, or there is none."""
    said: dict[object, tuple[object, ...]] = dict.fromkeys(CALLER_WORDS, ())
    if identity is not None:
        said |= {"$subject": (identity.subject,), "$groups": tuple(sorted(identity.groups))}
        said |= {"$tenant": (identity.tenant,)} if identity.tenant is not None else {}

    def values(written: tuple[object, ...]) -> tuple[object, ...]:
        return tuple(dict.fromkeys(each for one in written for each in said.get(one, (one,))))

    def only(right: RecordRights) -> Mapping[str, Mapping[str, tuple[object, ...]]]:
        return {entity: {name: values(written) for name, written in fields.items()} for entity, fields in right.only.items()}

    return tuple(replace(right, only=only(right)) for right in records)


def _opens_crm(role: Role) -> bool:
    held = Scope(grants=frozenset(role.allow))
    return any(held.grants_operation(grant) for grant in _CRM_GRANTS) and bool(role.sources.get("crm"))


def _union(lists: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for names in lists for name in names))


def _weakest(modes: Iterable[MaskMode]) -> MaskMode:
    return min(modes, key=_WEAKEST_FIRST.index)

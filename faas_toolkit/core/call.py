"""The call, what it may see, what is written down about it, and its answer."""

import fnmatch
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from faas_toolkit.core.canonical import canonical_json
from faas_toolkit.core.deadline import Deadlines
from faas_toolkit.core.host import Host
from faas_toolkit.core.immutable import immutable
from faas_toolkit.core.operation import Operation

if TYPE_CHECKING:
    from faas_toolkit.core.outbound import CallerLine

Surface = Literal["workflow", "agent_chat", "agent_node", "gateway"]
MaskMode = Literal["keep", "partial", "token", "drop"]

MAX_DEPTH = 3
"""Functions calling functions: a fourth level is refused (design.md §2)."""


STORED_KEY = "stored"
"""The id of the key that is made once and kept in Dify's storage."""


@immutable
class NamedKey:
    """A key of a workspace under the id that its administrator gave it."""

    id: str
    key: bytes = field(repr=False)
    """32 bytes."""


@immutable
class Workspace:
    """Whose data this is. Every row, key, counter and cache entry carries the id."""

    id: str
    key: bytes = field(repr=False)
    """32 bytes; the root of every key that encrypts something of this workspace."""
    key_id: str = field(default=STORED_KEY, repr=False)
    older: tuple[NamedKey, ...] = field(default=(), repr=False)
    """Keys that open what was sealed with them, and seal nothing any more."""
    root: bytes = field(default=b"", repr=False)
    """What blind names are made from (`naming_key`): the same whichever key seals, so that they are found after a rotation."""

    @property
    def naming_key(self) -> bytes:
        """`root`, and `key` where that is the only one there ever was."""
        return self.root or self.key


@immutable(kw_only=True)
class ApiClient:
    """A program that showed its key at an endpoint."""

    name: str
    role: str
    """Of the catalog; what the client may do."""


@immutable(kw_only=True)
class Origin:
    """Where a call came from, as the host tells it. Nothing in here but `client` proves who is asking."""

    workspace: Workspace
    surface: Surface
    user_id: str = ""
    app_id: str | None = None
    conversation_id: str | None = None
    message_id: str | None = None
    identity_token: str | None = field(default=None, repr=False)
    client: ApiClient | None = None
    """Set by the gateway alone, after it has checked a key: no parameter of a tool leads here."""


@immutable(kw_only=True)
class Caller:
    """Who is asking, after the access policy looked."""

    subject: str
    """A token's subject, `client:<name>`, or `dify:<user_id>` unverified (good for quotas only), or `workspace`."""
    verified: bool = False
    roles: tuple[str, ...] = ()
    groups: frozenset[str] = frozenset()
    tenant: str | None = None
    masks: Mapping[str, MaskMode] = field(default_factory=dict)
    """How personal data of each detector is shown to this caller."""


ANONYMOUS = Caller(subject="")
"""The caller before the access policy has run."""


@immutable(kw_only=True)
class RecordRights:
    """Which records of the CRM one role opens, and what of them."""

    sources: tuple[str, ...]
    """Names or globs of the sources that it opens them in."""
    hidden: frozenset[str] = frozenset()
    """Fields that it does not show, as `Scope.hidden`."""
    only: Mapping[str, Mapping[str, tuple[object, ...]]] = field(default_factory=dict)
    """By entity: every field named must hold one of its values (none: no record does). Other entities are open whole."""
    grants: bool = True
    """Whether the role may use the CRM by itself. One that may not only lends the names of sources; it opens no record that a
    role which may keeps closed."""


@immutable(kw_only=True)
class Scope:
    """What the caller may see; sources cut rows and fields by it, and cached answers are keyed by it."""

    grants: frozenset[str] = frozenset()
    sources: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Names or globs per family (`crm`, `knowledge`, `functions`); an absent family has none."""
    hidden: frozenset[str] = frozenset()
    """Fields never shown in any source, as `entity.field`, e.g. `person.phone`."""
    records: tuple[RecordRights, ...] = ()
    """One for each role that opens sources of the CRM; empty where none of them cuts records or hides fields."""
    groups: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    """The roles of the catalog that the caller holds: documents may be open to some of them only."""
    owner: str | None = None

    def allows(self, family: str, name: str) -> bool:
        """Whether this name of this family may be known and used."""
        return _is_meant(name, self.sources.get(family, ()))

    def names_exactly(self, family: str, name: str) -> bool:
        """Whether the name itself is granted, not only a glob over it; what has effects needs that."""
        return name in self.sources.get(family, ())

    def rows_of(self, source: str) -> Mapping[str, tuple[Mapping[str, tuple[object, ...]], ...]]:
        """By entity the conditions of which a record of this source must fulfil any; other entities are open whole."""
        opening = self._opening(source)
        cut = frozenset.intersection(*(frozenset(right.only) for right in opening)) if opening else ()
        return {entity: tuple(right.only[entity] for right in opening) for entity in sorted(cut)}

    def hidden_in(self, source: str) -> frozenset[str]:
        """The fields of this source's records that no role shows which opens it."""
        hiding = [right.hidden for right in self._opening(source)]
        return self.hidden.union(frozenset.intersection(*hiding) if hiding else ())

    def _opening(self, source: str) -> "list[RecordRights]":
        naming = [right for right in self.records if _is_meant(source, right.sources)]
        return [right for right in naming if right.grants] or naming

    def grants_operation(self, grant: str | None) -> bool:
        """Whether a grant such as `crm.read` is held."""
        return grant is None or _is_meant(grant, self.grants)

    def fingerprint(self) -> dict[str, object]:
        """Everything that changes an answer, in a form that can be hashed."""
        return {
            "grants": sorted(self.grants),
            "sources": {family: sorted(names) for family, names in self.sources.items()},
            "hidden": sorted(self.hidden),
            "records": sorted(
                canonical_json([right.sources, sorted(right.hidden), right.only, right.grants]) for right in self.records
            ),
            "groups": sorted(self.groups),
            "roles": sorted(self.roles),
            "owner": self.owner,
        }


def _is_meant(name: str, patterns: Collection[str]) -> bool:
    """Whether it is one of these names, which is told sooner, or one of these globs fits it."""
    return name in patterns or any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


NO_SCOPE = Scope()
"""What a caller may see before the access policy has run."""


@immutable(kw_only=True)
class Decision:
    """What one policy decided."""

    policy: str
    outcome: str
    note: str = ""

    def __str__(self) -> str:
        """`policy: outcome (note)`."""
        return f"{self.policy}: {self.outcome}" + (f" ({self.note})" if self.note else "")


@immutable(kw_only=True)
class TargetAttempt:
    """One attempt at one target."""

    target: str
    number: int
    outcome: str
    """`ok` or the kind of the failure."""
    duration: float
    """Seconds, without the wait."""
    waited: float = 0.0
    """Seconds spent waiting for a limit."""


@dataclass(slots=True)
class Record:
    """What happened to a call. Append-only; audit, metrics and `meta` read it, so nothing is lost with an exception."""

    request_id: str
    started: float
    """Seconds on the monotonic clock."""
    decisions: list[Decision] = field(default_factory=list)
    attempts: list[TargetAttempt] = field(default_factory=list)
    masks: dict[str, int] = field(default_factory=dict)
    """Masked values per detector."""
    tokens: dict[str, int] = field(default_factory=dict)
    cached: bool = False
    tier: str = ""
    """What a look into the cache came to: the tier that had the answer (`memory`, `redis`, `disk`, `s3`), `shared` with an equal
    call on its way, or `miss`; empty where nothing was looked up."""
    stale: bool = False
    """The answer is past its time, and is being asked for anew."""
    noted: dict[str, object] = field(default_factory=dict)
    """What an operation adds to the call's audit row, by name; without personal data."""
    caller: Caller = ANONYMOUS
    """Who the access policy found; here too, since the outermost policy sees only the call as it came."""

    def decide(self, policy: str, outcome: str, note: str = "") -> None:
        """Notes a policy's decision."""
        self.decisions.append(Decision(policy=policy, outcome=outcome, note=note))

    def attempted(self, attempt: TargetAttempt) -> None:
        """Notes one attempt at a target."""
        self.attempts.append(attempt)

    def masked(self, detector: str, count: int = 1) -> None:
        """Notes masked values."""
        self.masks[detector] = self.masks.get(detector, 0) + count


@immutable(kw_only=True)
class Call:
    """One governed call. Immutable but for `record`; a policy that changes something hands on a replaced copy."""

    operation: Operation
    arguments: Mapping[str, object]
    origin: Origin
    deadlines: Deadlines
    record: Record
    host: Host = field(repr=False)
    caller: Caller = ANONYMOUS
    scope: Scope = NO_SCOPE
    idempotency_key: str | None = None
    trace_id: str = ""
    depth: int = 0
    """How many functions stand above this call."""
    quotas: "tuple[CallerLine, ...]" = ()
    """Of the caller, spent where a model is asked; those that are not by model come first."""

    @property
    def workspace(self) -> Workspace:
        """Whose call this is."""
        return self.origin.workspace


@immutable(kw_only=True)
class Exported:
    """Which list of an answer also goes out as a file of JSON lines, after it was reviewed."""

    variable: str
    name: str
    """Of the file, e.g. `audit.jsonl`."""
    shown: int
    """How many of its items the variable itself keeps."""


@immutable(kw_only=True)
class Answer:
    """A complete answer."""

    variables: Mapping[str, object]
    """The operation's own variables; JSON-able."""
    source: str
    """Where the facts came from, e.g. `sample`, `main`, `score_customer`."""
    added: Mapping[str, object] = field(default_factory=dict)
    """What the operation's `after` function added."""
    partial: bool = False
    """Something was missing (a source was down); never cached."""
    notices: tuple[str, ...] = ()
    """Sentences the reader should know, e.g. that the list was cut."""
    text_chars: int | None = None
    """How long the text may be, where the caller asked for more or less than usual."""
    exported: Exported | None = None
    """What also goes out as a file."""

"""What need not be asked again, and what must not be done twice.

Reads are kept under everything that changes their answer; equal reads at once become one, over all processes that share a Redis.
Effects with an idempotency key run once: a repetition is given what the first one came to (`pipeline/replay.py`).
"""

from collections import Counter
from collections.abc import Callable, Mapping

from cachetools import LRUCache

from faas_toolkit.core.call import Answer, Call, Scope, Workspace
from faas_toolkit.core.canonical import digest
from faas_toolkit.core.chain import Proceed
from faas_toolkit.core.errors import Cancelled, Failure
from faas_toolkit.core.operation import Traits
from faas_toolkit.core.stream import Stream
from faas_toolkit.pipeline.cached_read import AnswerStore, CachedRead, Found, Lifetimes
from faas_toolkit.pipeline.flights import Flight, Flights
from faas_toolkit.pipeline.refresh import Refreshes
from faas_toolkit.pipeline.replay import OutcomeStore, Replay

_COUNTED_WORKSPACES = 256


class Cache:
    """The cache policy.

    Args:
        store: keeps answers; everything in it carries the workspace.
        memory: the same for answers of local sources: the nearest tier of `store` alone.
        outcomes: keeps what effects came to.
        traits: how a call behaves; decides whether it is kept.
        catalog_hash: of the catalog in force, and what else makes all answers others, such as the toolkit's version.
        lifetimes: how long what is kept.
        refreshes: asks anew for answers past their time.
    """

    def __init__(
        self,
        *,
        store: AnswerStore,
        memory: AnswerStore,
        outcomes: OutcomeStore,
        traits: Callable[[Call], Traits],
        catalog_hash: str,
        lifetimes: Lifetimes,
        refreshes: Refreshes,
    ) -> None:
        self._store = store
        self._memory = memory
        self._replay = Replay(outcomes)
        self._traits = traits
        self._catalog_hash = catalog_hash
        self._lifetimes = lifetimes
        self._refreshes = refreshes
        self._flights = Flights()
        self._reads: LRUCache[str, Counter[str]] = LRUCache(_COUNTED_WORKSPACES)
        self._seen: tuple[Scope, str] | None = None
        """What was last worked out for a scope: callers of the same roles share one."""

    def __call__(self, call: Call, proceed: Proceed) -> Answer | Stream:
        """The kept answer, or the one from further in, which is then kept; streams and partial answers never are."""
        traits = self._traits(call)
        if traits.effects != "none" and call.idempotency_key:
            return self._replay(call, traits.effects, call.idempotency_key, proceed)
        if not traits.cacheable:
            call.record.decide("cache", "off")
            return proceed(call)
        return self._read(
            CachedRead(
                call=call,
                name=self._name(call, traits),
                traits=traits,
                store=self._memory if traits.local else self._store,
                lifetimes=self._lifetimes,
                proceed=proceed,
            )
        )

    def reads(self, workspace: Workspace) -> Mapping[str, int]:
        """How often each tier of this process answered this workspace, and how often none did: `miss`."""
        return self._reads.get(workspace.id, {})

    def _read(self, read: CachedRead) -> Answer | Stream:
        call = read.call
        key = (call.workspace.id, read.name)
        while True:
            flight, leads = self._flights.join(key)
            if leads:
                try:
                    return self._lead(read, flight)
                finally:
                    self._flights.land(key)
            flight.wait(call.deadlines.first_content)
            if flight.answer is not None:
                return self._hit(call, Found(outcome=flight.answer, tier="shared", stale=flight.stale))
            if flight.failure is not None:
                call.record.decide("cache", "miss", "shared failure")
                flight.raise_copy(flight.failure)

    def _lead(self, read: CachedRead, flight: Flight) -> Answer | Stream:
        found, token = read.look(), ""
        if found is None:
            token, found = read.wait_for_lead()
        try:
            if found is not None:
                return self._land_hit(read, flight, found)
            self._count(read.call, "miss")
            read.call.record.tier = "miss"
            read.call.record.decide("cache", "miss")
            answer = read.ask(token)
        except Failure as failure:
            if not _leaders_own(read.call, failure):
                flight.failure = failure
            raise
        if isinstance(answer, Answer):
            flight.answer = answer
        return answer

    def _land_hit(self, read: CachedRead, flight: Flight, found: Found) -> Answer:
        if isinstance(found.outcome, Answer):
            flight.answer, flight.stale = found.outcome, found.stale
        if found.stale:
            self._refreshes.begin(read)
        return self._hit(read.call, found)

    def _hit(self, call: Call, found: Found) -> Answer:
        """Gives the answer, or raises the failure that says that there is none."""
        self._count(call, found.tier)
        record = call.record
        record.cached, record.tier, record.stale = True, found.tier, found.stale
        if not isinstance(found.outcome, Answer):
            record.decide("cache", "hit", f"{found.tier}, {found.outcome.kind}")
            raise found.outcome
        record.decide("cache", "hit", f"{found.tier}, stale" if found.stale else found.tier)
        return found.outcome

    def _count(self, call: Call, tier: str) -> None:
        counts = self._reads.get(call.workspace.id)
        if counts is None:
            counts = self._reads[call.workspace.id] = Counter()
        counts[tier] += 1

    def _name(self, call: Call, traits: Traits) -> str:
        """Everything that changes the answer; the workspace is the store's own part of the key."""
        return digest([call.operation.name, traits.version, self._sight(call.scope), dict(call.arguments)])

    def _sight(self, scope: Scope) -> str:
        """What in the catalog and in the caller's rights changes answers."""
        if self._seen is None or self._seen[0] is not scope:
            self._seen = scope, digest([self._catalog_hash, scope.fingerprint()])
        return self._seen[1]


def _leaders_own(call: Call, failure: Failure) -> bool:
    """Whether the failure says something of the leader only, so that a follower, with more time or still there, asks anew.

    Any other failure is shared: the question, the scope and the target are the same, and asking a target that is down or that has
    just refused once for each follower is what a single flight is there to prevent.
    """
    return isinstance(failure, Cancelled) or call.deadlines.first_content.expired() or call.deadlines.total.expired()

"""What need not be asked again, and what must not be done twice.

Reads are kept under everything that changes their answer; equal reads at once become one. Effects with an idempotency key run
once: a repetition is given what the first one came to (`pipeline/replay.py`).
"""

from collections.abc import Callable

from faas_toolkit.core.call import Answer, Call
from faas_toolkit.core.canonical import digest
from faas_toolkit.core.chain import Proceed
from faas_toolkit.core.errors import Cancelled, Failure
from faas_toolkit.core.operation import Traits
from faas_toolkit.core.stream import Stream
from faas_toolkit.pipeline.cached_answer import decode_answer, encode_answer
from faas_toolkit.pipeline.flights import Flight, Flights
from faas_toolkit.pipeline.replay import OutcomeStore, Replay
from faas_toolkit.state.cache.port import CacheStore, Kept

LONGEST_SECONDS = 86_400.0
"""How long an answer is kept that only a change counter outdates."""


class Cache:
    """The cache policy.

    Args:
        store: keeps answers; everything in it carries the workspace.
        memory: the same for answers of local sources: the nearest tier of `store` alone.
        outcomes: keeps what effects came to.
        traits: how a call behaves; decides whether it is kept.
        catalog_hash: of the catalog in force; another catalog, another answer.
    """

    def __init__(
        self,
        *,
        store: CacheStore,
        memory: CacheStore,
        outcomes: OutcomeStore,
        traits: Callable[[Call], Traits],
        catalog_hash: str,
    ) -> None:
        self._store = store
        self._memory = memory
        self._replay = Replay(outcomes)
        self._traits = traits
        self._catalog_hash = catalog_hash
        self._flights = Flights()

    def __call__(self, call: Call, proceed: Proceed) -> Answer | Stream:
        """The kept answer, or the one from further in, which is then kept; streams and partial answers never are."""
        traits = self._traits(call)
        if traits.effects != "none" and call.idempotency_key:
            return self._replay(call, traits.effects, call.idempotency_key, proceed)
        if not traits.cacheable:
            call.record.decide("cache", "off")
            return proceed(call)
        return self._read(call, traits, proceed)

    def _read(self, call: Call, traits: Traits, proceed: Proceed) -> Answer | Stream:
        name = self._name(call, traits)
        key = (call.workspace.id, name)
        while True:
            flight, leads = self._flights.join(key)
            if leads:
                try:
                    return self._lead(call, name, flight, traits, proceed)
                finally:
                    self._flights.land(key)
            flight.wait(call.deadlines.first_content)
            if flight.answer is not None:
                return _hit(call, flight.answer, "shared")
            if flight.failure is not None:
                call.record.decide("cache", "miss", "shared failure")
                flight.raise_copy(flight.failure)

    def _lead(self, call: Call, name: str, flight: Flight, traits: Traits, proceed: Proceed) -> Answer | Stream:
        kept = self._store_for(traits).get(call.workspace, name)
        flight.answer = decode_answer(kept.value) if kept else None
        if flight.answer is not None:
            return _hit(call, flight.answer)
        call.record.decide("cache", "miss")
        try:
            answer = proceed(call)
        except Failure as failure:
            if not _leaders_own(call, failure):
                flight.failure = failure
            raise
        if isinstance(answer, Answer):
            flight.answer = answer
            self._keep(call, name, answer, traits)
        return answer

    def _keep(self, call: Call, name: str, answer: Answer, traits: Traits) -> None:
        value = None if answer.partial else encode_answer(answer)
        if value is not None:
            seconds = LONGEST_SECONDS if traits.fresh_for is None else traits.fresh_for
            self._store_for(traits).put(call.workspace, name, Kept(value, seconds))

    def _store_for(self, traits: Traits) -> CacheStore:
        return self._memory if traits.local else self._store

    def _name(self, call: Call, traits: Traits) -> str:
        """Everything that changes the answer; the workspace is the store's own part of the key."""
        return digest([call.operation.name, self._catalog_hash, traits.version, call.scope.fingerprint(), dict(call.arguments)])


def _hit(call: Call, answer: Answer, note: str = "") -> Answer:
    call.record.cached = True
    call.record.decide("cache", "hit", note)
    return answer


def _leaders_own(call: Call, failure: Failure) -> bool:
    """Whether the failure says something of the leader only, so that a follower, with more time or still there, asks anew.

    Any other failure is shared: the question, the scope and the target are the same, and asking a target that is down or that has
    just refused once for each follower is what a single flight is there to prevent.
    """
    return isinstance(failure, Cancelled) or call.deadlines.first_content.expired() or call.deadlines.total.expired()

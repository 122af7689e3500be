"""One question and what is kept of its answers: looked up, waited for where another process asks it, asked, kept."""

from typing import Protocol

from faas_toolkit.core.call import Answer, Call, Workspace
from faas_toolkit.core.chain import Proceed
from faas_toolkit.core.errors import NotFound, TimeoutUnknown
from faas_toolkit.core.immutable import immutable
from faas_toolkit.core.operation import Operation, Traits
from faas_toolkit.core.stream import Stream
from faas_toolkit.pipeline.cached_answer import decode_outcome, encode_outcome
from faas_toolkit.state.cache.port import MAX_VALUE_BYTES, Kept, Lead

LONGEST_SECONDS = 86_400.0
"""How long an answer is kept that only a change counter outdates."""

LEASE_SECONDS = 20.0
"""How long one process asks alone: as long as a target may take, unless its section says otherwise. One that takes longer, or has
died, is joined by a second."""

_FIRST_PAUSE = 0.02
_LONGEST_PAUSE = 0.25


class AnswerStore(Protocol):
    """Where answers are kept (`state/cache/tiers.py`)."""

    def get(self, workspace: Workspace, name: str) -> Kept | None:
        """The value, or None."""
        ...

    def put(self, workspace: Workspace, name: str, kept: Kept, token: str = "") -> None:
        """Keeps the value; `token`: of the lease it was made under."""
        ...

    def take(self, workspace: Workspace, name: str, seconds: float) -> Lead:
        """Who makes the value, of all processes."""
        ...

    def give_up(self, workspace: Workspace, name: str, token: str) -> None:
        """Ends a lease without a value."""
        ...


@immutable(kw_only=True)
class Lifetimes:
    """How long what is kept, in seconds; what a source declares itself comes from `Traits`."""

    stale: float = 0.0
    """An answer past its declared time is still given for so long, while it is asked for anew."""
    negative: float = 10.0
    """That nothing was found."""
    local: float = 300.0
    """An answer of a source beside us that only a change counter outdates."""

    def of(self, outcome: Answer | NotFound, operation: Operation, traits: Traits) -> tuple[float, float]:
        """For how long the outcome is fresh, and then stale; 0: not at all."""
        declared = traits.fresh_for
        if isinstance(outcome, NotFound):
            return (0.0 if traits.local else min(self.negative, declared or LONGEST_SECONDS)), 0.0
        if declared is None:
            return (self.local if traits.local else LONGEST_SECONDS), 0.0
        if _is_empty(outcome, operation):
            return min(self.negative, declared), 0.0
        return declared, 0.0 if traits.needs_host else self.stale


@immutable(kw_only=True)
class Found:
    """What was kept: an answer, or that there is nothing of the kind."""

    outcome: Answer | NotFound
    tier: str
    stale: bool = False


@immutable(kw_only=True)
class CachedRead:
    """One read of one call."""

    call: Call
    name: str
    """Everything that changes the answer, but for the workspace."""
    traits: Traits
    store: AnswerStore
    lifetimes: Lifetimes
    proceed: Proceed

    def look(self) -> Found | None:
        """What is kept."""
        return self._opened(self.store.get(self.call.workspace, self.name))

    def take_lead(self) -> tuple[str | None, Found | None]:
        """The token of the lease under which to ask (None: another process is asking), or what is kept by now and fresh."""
        lead = self.store.take(self.call.workspace, self.name, LEASE_SECONDS)
        found = self._opened(lead.kept)
        if found is None or found.stale:
            return lead.token, None
        self.store.give_up(self.call.workspace, self.name, lead.token or "")
        return None, found

    def wait_for_lead(self) -> tuple[str, Found | None]:
        """As `take_lead`, but waits while another process is asking.

        Raises:
            TimeoutUnknown: the call's own deadline came first.
        """
        deadline, pause = self.call.deadlines.first_content, _FIRST_PAUSE
        while True:
            token, found = self.take_lead()
            if token is not None or found is not None:
                return token or "", found
            if deadline.expired():
                raise TimeoutUnknown(
                    "An equal call is on its way in another process and did not end before this call's deadline."
                )
            deadline.clock.sleep(min(pause, deadline.remaining()))
            pause = min(2 * pause, _LONGEST_PAUSE)

    def ask(self, token: str = "") -> Answer | Stream:
        """The answer from further in, which is kept, as is that there is none; streams and partial answers never are."""
        kept = False
        try:
            answer = self.proceed(self.call)
            kept = isinstance(answer, Answer) and self._keep(answer, token)
        except NotFound as nothing:
            kept = self._keep(nothing, token)
            raise
        finally:
            if not kept:
                self.store.give_up(self.call.workspace, self.name, token)
        return answer

    def _keep(self, outcome: Answer | NotFound, token: str) -> bool:
        fresh, stale = self.lifetimes.of(outcome, self.call.operation, self.traits)
        if fresh <= 0 or (isinstance(outcome, Answer) and outcome.partial):
            return False
        value = encode_outcome(outcome, self._now() + fresh if stale else None)
        if value is None or len(value) > MAX_VALUE_BYTES:
            return False
        self.store.put(self.call.workspace, self.name, Kept(value, fresh + stale), token)
        return True

    def _opened(self, kept: Kept | None) -> Found | None:
        outcome, fresh_until = decode_outcome(kept.value) if kept else (None, None)
        if kept is None or outcome is None:
            return None
        return Found(outcome=outcome, tier=kept.tier, stale=fresh_until is not None and self._now() >= fresh_until)

    def _now(self) -> float:
        return self.call.deadlines.total.clock.epoch()


def _is_empty(answer: Answer, operation: Operation) -> bool:
    """Whether nothing was found: the answer has the values that its operation's variables have without one."""
    values = operation.empty
    return bool(values) and not answer.added and all(answer.variables.get(name) == value for name, value in values.items())

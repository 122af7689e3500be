"""Many callers of one function at once, to see the limiter at work: who starts at once, who waits, who is told to come later."""

import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from workbench.host import PluginHost
from workbench.surfaces import sender_for

FUNCTION = "churn_score"
CALLERS = 40
TIMEOUT = 30.0


@dataclass(frozen=True, slots=True)
class Call:
    """What became of one call."""

    outcome: str
    """`ok` or the kind of the failure."""
    waited: float
    """Seconds for the limit."""
    started: float
    """Seconds after the run began; when the function was asked, or the call was refused."""
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class BusyRun:
    """All calls of one run."""

    limit: str
    """As the catalog has it, e.g. `10 requests per 2s`."""
    calls: Sequence[Call]
    seconds: float

    @property
    def answered(self) -> int:
        """How many got an answer."""
        return sum(call.outcome == "ok" for call in self.calls)

    @property
    def refused(self) -> Sequence[Call]:
        """Those that were told when to come again."""
        return [call for call in self.calls if call.outcome == "throttled"]

    @property
    def complete(self) -> bool:
        """Whether the limiter was seen at work and every call got an answer or a reason."""
        waited = sum(call.waited > 0 for call in self.calls)
        return waited > 0 and len(self.refused) > 0 and self.answered + len(self.refused) == len(self.calls)

    def waves(self) -> list[tuple[float, int]]:
        """How many calls reached the function in each half second."""
        counted = Counter(int(call.started * 2) / 2 for call in self.calls if call.outcome == "ok")
        return sorted(counted.items())


def run(host: PluginHost, credentials: Mapping[str, str], callers: int = CALLERS) -> BusyRun:
    """Calls the function from so many workflows at once, each with other arguments, so that none is answered from the cache."""
    began = time.monotonic()

    def call(number: int) -> Call:
        arguments = {"function": FUNCTION, "arguments": json.dumps({"open_tickets": number, "won_deals": number})}
        reply = host.invoke_tool(
            "function_call",
            {**arguments, "on_error": "return"},
            sender=sender_for("workflow"),
            credentials=credentials,
            timeout=TIMEOUT,
        )
        ended = time.monotonic() - began
        error, attempts = reply.variables.get("error") or {}, (reply.variables.get("meta") or {}).get("attempts") or []
        last = attempts[-1] if attempts else {"duration_ms": 0.0, "waited_ms": 0.0}
        return Call(
            outcome="ok" if reply.variables.get("ok") else str(error.get("kind", "internal")),
            waited=last["waited_ms"] / 1_000,
            started=max(0.0, ended - last["duration_ms"] / 1_000),
            retry_after=error.get("retry_after"),
        )

    with ThreadPoolExecutor(callers) as callers_at_once:
        calls = list(callers_at_once.map(call, range(callers)))
    return BusyRun(_limit_of(credentials), calls, time.monotonic() - began)


def _limit_of(credentials: Mapping[str, str]) -> str:
    (line,) = json.loads(credentials["catalog"])["functions"][FUNCTION]["limits"]
    return f"{line['requests']} requests per {line['per']}"

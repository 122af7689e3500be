"""One row, and the metrics, of every call: allowed, denied, answered from the cache, failed, streamed, broken.

Outermost, so it sees how a call ends whatever ends it.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

from faas_toolkit.core.audit_trail import INTENT
from faas_toolkit.core.call import Answer, Call, Workspace
from faas_toolkit.core.chain import Proceed
from faas_toolkit.core.clock import Clock
from faas_toolkit.core.errors import Failure, Unavailable
from faas_toolkit.core.host import KeyValueStorage
from faas_toolkit.core.redaction import SecretRedactor
from faas_toolkit.core.stream import End, Stream
from faas_toolkit.pipeline.audit_row import KeptArguments, RowWriter


class AuditSink(Protocol):
    """Where rows go (`observe/audit.py`)."""

    def require_ready(self) -> None:
        """Raises `Unavailable` where calls must be audited and cannot be."""
        ...

    def append_described(self, workspace: Workspace, describe: Callable[[], Mapping[str, object]], *, wait: bool = True) -> None:
        """Adds the row that `describe` makes, now or soon; with `wait` it may raise `Unavailable` where it was not written."""
        ...

    def intend(self, workspace: Workspace, row: Mapping[str, object]) -> None:
        """Writes a row before an effect; raises `Unavailable` where the effect must not happen without it."""
        ...

    def anchor(self, workspace: Workspace, storage: KeyValueStorage) -> None:
        """Keeps where the chain of rows stands in another place, when it is time; never raises."""
        ...


class PersonalSeal(Protocol):
    """Seals what of a row belongs to a person (`observe/audit_person.py`)."""

    def prepare(self, workspace: Workspace, subject: str) -> None:
        """Lets a row that must not wait be sealed at once; never fails."""
        ...

    def seal(self, workspace: Workspace, row: Mapping[str, object], *, wait: bool = True) -> dict[str, object]:
        """The row as it may be kept."""
        ...


class CallMetrics(Protocol):
    """What is counted of calls (`observe/metrics.py`)."""

    def called(self, operation: str, outcome: str, seconds: float, *, cached: bool) -> None:
        """Counts an ended call."""
        ...

    def attempted(self, operation: str, outcome: str) -> None:
        """Counts an attempt at a target."""
        ...

    def masked(self, detector: str, count: int) -> None:
        """Counts masked values."""
        ...

    def cache_read(self, operation: str, tier: str, *, stale: bool) -> None:
        """Counts a look into the cache."""
        ...


class Audit:
    """The audit policy.

    Args:
        log: takes the rows.
        persons: seals what of them belongs to a person.
        metrics: takes the numbers.
        clock: for stamps and durations.
        arguments, detectors, redact, catalog_hash: what a row holds (`pipeline/audit_row.py`).
    """

    def __init__(
        self,
        *,
        log: AuditSink,
        persons: PersonalSeal,
        metrics: CallMetrics,
        clock: Clock,
        arguments: KeptArguments,
        detectors: tuple[str, ...],
        redact: SecretRedactor,
        catalog_hash: str,
    ) -> None:
        self._log = log
        self._persons = persons
        self._metrics = metrics
        self._clock = clock
        self._describe = RowWriter(arguments=arguments, detectors=detectors, redact=redact, catalog_hash=catalog_hash)

    def __call__(self, call: Call, proceed: Proceed) -> Answer | Stream:
        """Hands the call on and writes down how it ended; a stream when it has ended.

        An operation that needs no grant (what may I do, what is wrong) is answered also where the row cannot be written: it is
        how an administrator finds out why.

        Raises:
            Unavailable: rows must be written before the answer, and the audit log is away.
        """
        try:
            answer = self._written_down(call, proceed)
        except Exception:
            self._log.anchor(call.workspace, call.host.storage)
            raise
        self._log.anchor(call.workspace, call.host.storage)
        return answer

    def intend(self, call: Call) -> None:
        """Writes down that the effect of a call begins (`pipeline/intent.py`).

        Raises:
            Unavailable: it could not be written, so the effect must not happen.
        """
        row = self._describe(call, INTENT, self._clock.monotonic() - call.record.started) | {"time": self._clock.epoch()}
        self._log.intend(call.workspace, self._persons.seal(call.workspace, row))

    def _written_down(self, call: Call, proceed: Proceed) -> Answer | Stream:
        must_be_kept = call.operation.grant is not None
        if must_be_kept:
            self._log.require_ready()
        try:
            answer = proceed(call)
        except Failure as failure:
            self._keep_if_possible(call, failure.kind, wait=True)
            raise
        except Exception:
            self._keep_if_possible(call, "internal", wait=True)
            raise
        except BaseException:  # the greenlet is being ended and must not wait
            self._keep_if_possible(call, "cancelled", wait=False)
            raise
        if isinstance(answer, Stream):
            self._persons.prepare(call.workspace, call.record.caller.subject)
            answer.on_end(lambda end: self._ended(call, end))
        elif must_be_kept:
            self._keep(call, answer)
        else:
            self._keep_if_possible(call, "ok", wait=True, source=answer.source)
        return answer

    def _ended(self, call: Call, end: End) -> None:
        more = {"source": end.answer.source, "partial": end.answer.partial} if end.answer else {}
        self._keep_if_possible(call, end.failure.kind if end.failure else "ok", wait=False, usage=end.usage, **more)

    def _keep(self, call: Call, answer: Answer) -> None:
        try:
            self._append(call, "ok", wait=True, source=answer.source, partial=answer.partial)
        except Failure as failure:
            raise Unavailable(
                f"The call ran, but it could not be audited, so its answer is held back. {failure.message}",
                hint="Repeat it only where doing it twice does no harm, or with the idempotency_key it had; an administrator"
                " sees with `diagnose` what is wrong with the audit log.",
                retryable=False,
            ) from failure

    def _keep_if_possible(self, call: Call, outcome: str, *, wait: bool, **more: object) -> None:
        """Where another failure is on its way, or nobody waits, the log's own failure must not take its place."""
        try:
            self._append(call, outcome, wait=wait, **more)
        except Failure as failure:
            call.record.decide("audit", failure.kind)

    def _append(self, call: Call, outcome: str, *, wait: bool, **more: object) -> None:
        seconds, now = self._clock.monotonic() - call.record.started, self._clock.epoch()
        self._count(call, outcome, seconds)

        def describe() -> Mapping[str, object]:
            row = self._describe(call, outcome, seconds) | {"time": now} | more
            return self._persons.seal(call.workspace, row, wait=wait)

        self._log.append_described(call.workspace, describe, wait=wait)

    def _count(self, call: Call, outcome: str, seconds: float) -> None:
        name, record = call.operation.name, call.record
        self._metrics.called(name, outcome, seconds, cached=record.cached)
        for attempt in record.attempts:
            self._metrics.attempted(name, attempt.outcome)
        for detector, count in record.masks.items():
            self._metrics.masked(detector, count)
        if record.tier:
            self._metrics.cache_read(name, record.tier, stale=record.stale)

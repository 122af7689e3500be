"""Answers requests of all workspaces: finds the runtime of a configuration, leases it, keeps the last good catalog in force."""

import itertools
import random
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from faas_toolkit.core.call import Call, Origin, Record
from faas_toolkit.core.deadline import Deadlines
from faas_toolkit.core.errors import Failure, Internal
from faas_toolkit.core.host import Host
from faas_toolkit.core.immutable import immutable
from faas_toolkit.core.inventory import Offer
from faas_toolkit.core.offload import Pace
from faas_toolkit.core.operation import Operation
from faas_toolkit.core.outgoing import OutgoingFile, exported_file, without_exported
from faas_toolkit.core.redaction import mask_note
from faas_toolkit.core.stream import Stream
from faas_toolkit.runtime import Runtime
from faas_toolkit.wiring import OPERATIONS, Process, RuntimeSettings

if TYPE_CHECKING:
    from faas_toolkit.catalog.load import LoadedCatalog

MAX_TEXT_CHARS = 8_000
"""What a model is given at most (tools.md §4)."""

_KEPT_RUNTIMES = 64
_IDLE_SECONDS = 900.0
"""What nobody asked for so long is closed when another call ends: there are no timers (design.md §3.1)."""
_REMEMBERED_WORKSPACES = 4_096
_SHORTEST_FRESHNESS = 30.0


@immutable(kw_only=True)
class Request:
    """What an adapter asks."""

    operation: Operation
    arguments: Mapping[str, object]
    origin: Origin
    host: Host
    trace_id: str = ""


@immutable(kw_only=True)
class Outcome:
    """What an adapter turns into an answer: a text with variables, or a failure."""

    meta: Mapping[str, object]
    text: str = ""
    variables: Mapping[str, object] = field(default_factory=dict)
    source: str = ""
    added: Mapping[str, object] = field(default_factory=dict)
    failure: Failure | None = None
    file: OutgoingFile | None = None


@dataclass(slots=True)
class _Kept:
    runtime: Runtime
    fresh_until: float | None
    """On the monotonic clock; None: until the settings change."""
    used: float
    """When it was last looked for, or a lease of it ended."""
    leases: int = 0
    retired: bool = False


type _Key = tuple[RuntimeSettings, str]


class Service:
    """All runtimes of one process.

    A runtime is shared by every workspace with the same settings; whatever it keeps carries the workspace's id. A broken catalog
    never takes down what worked: the workspace goes on with its last good one, and every answer's `meta` says so.
    """

    def __init__(self, process: Process) -> None:
        self._process = process
        self._kept: OrderedDict[_Key, _Kept] = OrderedDict()
        self._last_good: OrderedDict[str, LoadedCatalog] = OrderedDict()
        self._ids = random.Random()  # noqa: S311 - ids tell calls apart, they are no secrets; the system's generator lets threads in

    def run(self, settings: RuntimeSettings, request: Request) -> Outcome:
        """Answers one request at once; a `Failure` becomes an outcome, so that its `meta` is not lost."""
        *_, outcome = self.stream(settings, request)
        if not isinstance(outcome, Outcome):
            raise Internal("A request ended without an outcome.")
        return outcome

    def stream(self, settings: RuntimeSettings, request: Request) -> Iterator[str | Outcome]:
        """The text of the answer piece by piece, where it is a stream, then the outcome, which holds the whole text too.

        The runtime is leased until the end; closing the iterator ends the stream.
        """
        call = self._call(settings, request)
        record = call.record
        with self._lease(settings, request.origin.workspace.id) as runtime:
            try:
                answer = runtime.handle(call)
                if isinstance(answer, Stream):
                    with closing(answer):
                        yield from runtime.redact.pieces(answer.texts())
                    answer = answer.answer
                answer = runtime.redacted(answer)  # before the text is cut, so that no secret is torn by that
                text = runtime.present(call.operation, answer, answer.text_chars or MAX_TEXT_CHARS)
            except Failure as failure:
                failure.message, failure.hint = runtime.redact(failure.message), runtime.redact(failure.hint)
                yield Outcome(meta=self._meta(runtime, record), failure=failure)
                return
            yield Outcome(
                meta=self._meta(runtime, record),
                text=runtime.redact(text),
                variables=without_exported(answer),
                source=answer.source,
                added=answer.added,
                file=exported_file(answer, Pace(self._process.offload.give_way)),
            )

    def offer(self, settings: RuntimeSettings, request: Request) -> Offer:
        """What the caller of this request may use; raises a `Failure` in words that may be shown."""
        call = self._call(settings, request)
        with self._lease(settings, request.origin.workspace.id) as runtime:
            try:
                return runtime.offer(call)
            except Failure as failure:
                failure.message, failure.hint = runtime.redact(failure.message), runtime.redact(failure.hint)
                raise

    def check(self, settings: RuntimeSettings) -> None:
        """Checks settings whole, as when they are saved; raises a `Failure` that names what is wrong."""
        self._get((settings, "")).runtime.check()

    def close(self) -> None:
        """Closes every runtime that no call uses, and the others when their calls end."""
        for key in list(self._kept):
            self._retire(key)

    def _call(self, settings: RuntimeSettings, request: Request) -> Call:
        self._process.warm(redis=bool(settings.redis_url))
        clock = self._process.clock
        fresh = f"{self._ids.getrandbits(128):032x}"
        return Call(
            operation=request.operation,
            arguments=request.arguments,
            origin=request.origin,
            deadlines=Deadlines.start(clock),
            record=Record(request_id=fresh[:16], started=clock.monotonic()),
            host=request.host,
            trace_id=request.trace_id or fresh,
        )

    def _meta(self, runtime: Runtime, record: Record) -> dict[str, object]:
        detect = runtime.loaded.catalog.review.detect  # a subject may be an address, and a model reads this
        meta: dict[str, object] = {
            "request_id": record.request_id,
            "duration_ms": round((self._process.clock.monotonic() - record.started) * 1_000, 1),
            "cached": record.cached,
            "stale": record.stale,
            "attempts": [
                {
                    "target": attempt.target,
                    "outcome": attempt.outcome,
                    "duration_ms": round(attempt.duration * 1_000, 1),
                    "waited_ms": round(attempt.waited * 1_000, 1),
                }
                for attempt in record.attempts
            ],
            "decisions": [mask_note(runtime.redact(str(decision)), detect) for decision in record.decisions],
            "catalog": runtime.loaded.hash[:12],
        }
        if runtime.stands_in:
            meta["catalog_status"] = (
                "The configured catalog is broken; the last good one is in force. `diagnose` shows the errors."
            )
        return meta

    @contextmanager
    def _lease(self, settings: RuntimeSettings, workspace_id: str) -> Iterator[Runtime]:
        kept = self._usable(settings, workspace_id)
        kept.leases += 1
        try:
            yield kept.runtime
        finally:
            kept.leases -= 1
            kept.used = self._process.clock.monotonic()
            if kept.retired and kept.leases == 0:
                kept.runtime.close()
            self._close_idle()

    def _usable(self, settings: RuntimeSettings, workspace_id: str) -> _Kept:
        """The runtime of these settings, or one with the workspace's last good catalog where the configured one is broken."""
        kept = self._get((settings, ""))
        if not kept.runtime.unusable:
            self._remember(workspace_id, kept.runtime.loaded)
            return kept
        last_good = self._last_good.get(workspace_id)
        if last_good is None:
            return kept
        key = (settings, last_good.hash)
        if key not in self._kept:
            self._keep(key, Runtime(self._process, settings, last_good, broken=kept.runtime.broken, stands_in=True), None)
        return self._used(key)

    def _get(self, key: _Key) -> _Kept:
        kept = self._used(key) if key in self._kept else None  # first, so that it is not idle while its catalog is read anew
        if kept is None or (kept.fresh_until is not None and kept.used > kept.fresh_until):
            return self._renewed(key, kept)
        return kept

    def _used(self, key: _Key) -> _Kept:
        kept = self._kept[key]
        kept.used = self._process.clock.monotonic()
        self._kept.move_to_end(key)
        return kept

    def _renewed(self, key: _Key, old: _Kept | None) -> _Kept:
        """Loads the catalog; an address that cannot be read any more changes nothing."""
        now = self._process.clock.monotonic()
        if old is not None:
            old.fresh_until = now + _SHORTEST_FRESHNESS  # while this call looks, the others go on with what there is
        runtime = self._load(key[0])
        if old is None and key in self._kept:  # made by another call while this one read the same catalog
            runtime.close()
            return self._kept[key]
        fresh_for = runtime.loaded.fresh_for
        fresh_until = None if fresh_for is None else now + max(fresh_for, _SHORTEST_FRESHNESS)
        if runtime.broken is not None:
            fresh_until = now + _SHORTEST_FRESHNESS  # what it was read from may be back soon
        if old is not None and runtime.broken is not None:
            usable = not old.runtime.unusable
            runtime.close()
            runtime = Runtime(self._process, key[0], old.runtime.loaded, broken=runtime.broken, stands_in=usable)
        elif old is not None and self._kept.get(key) is old and _is_same(old.runtime, runtime):
            old.fresh_until = fresh_until
            runtime.close()
            return old
        return self._keep(key, runtime, fresh_until)

    def _load(self, settings: RuntimeSettings) -> Runtime:
        from faas_toolkit.catalog.address import fetch_catalog
        from faas_toolkit.catalog.findings import CatalogInvalid
        from faas_toolkit.catalog.load import load_catalog

        process = self._process
        fetch = partial(fetch_catalog, environment=process.environment, hard_limit=process.hard_limit, clock=process.clock)

        def loaded(text: str, packaged: str = "") -> "LoadedCatalog":
            return load_catalog(
                text,
                secrets=dict(settings.secrets),
                environment=self._process.environment,
                operations=frozenset(OPERATIONS),
                fetch=fetch,
                packaged=packaged,
                offload=process.offload,
            )

        try:
            return Runtime(self._process, settings, loaded(settings.catalog, self._process.packaged_catalog))
        except CatalogInvalid as broken:
            return Runtime(self._process, settings, loaded(""), broken=broken)

    def _keep(self, key: _Key, runtime: Runtime, fresh_until: float | None) -> _Kept:
        if key in self._kept:  # renewed, or made by another call while this one read the same catalog
            self._retire(key)
        kept = self._kept[key] = _Kept(runtime, fresh_until, used=self._process.clock.monotonic())
        while len(self._kept) > _KEPT_RUNTIMES:
            self._retire(next(iter(self._kept)))
        return kept

    def _remember(self, workspace_id: str, loaded: "LoadedCatalog") -> None:
        self._last_good[workspace_id] = loaded
        self._last_good.move_to_end(workspace_id)
        if len(self._last_good) > _REMEMBERED_WORKSPACES:
            self._last_good.popitem(last=False)

    def _close_idle(self) -> None:
        """Looks at the longest unused ones only, so that it costs a call next to nothing."""
        since = self._process.clock.monotonic() - _IDLE_SECONDS
        unused = itertools.takewhile(lambda item: item[1].used <= since or item[1].leases, self._kept.items())
        for key in [key for key, kept in unused if not kept.leases]:
            self._retire(key)

    def _retire(self, key: _Key) -> None:
        kept = self._kept.pop(key)
        kept.retired = True
        if kept.leases == 0:
            kept.runtime.close()


def _is_same(old: Runtime, new: Runtime) -> bool:
    """Whether a catalog that was read anew is the one that is in force."""
    return old.broken is None and new.loaded.hash == old.loaded.hash

"""A stream that cannot leak: primed before it is returned, closed once, and never silent about its end.

A bare generator that was never started never runs its `finally`, and a lazy one is counted as a success by retry and breaker
before anything was asked. So a streaming source returns only after its first content chunk, and settlement hangs on `on_end`.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import field
from typing import TYPE_CHECKING

from faas_toolkit.core.errors import Cancelled, Failure, Internal
from faas_toolkit.core.immutable import immutable

if TYPE_CHECKING:
    from faas_toolkit.core.call import Answer


@immutable
class End:
    """The last item of every stream."""

    failure: Failure | None = None
    """None where the stream ended as its contract wants."""
    usage: Mapping[str, int] = field(default_factory=dict)
    """What was really used, e.g. `{"tokens": 812}`."""
    answer: "Answer | None" = None
    """The complete answer, its text included, as a call without a stream would have it; None where it failed."""


type OnEnd = Callable[[End], None]


class Stream:
    """Chunks of text, then exactly one `End`.

    Args:
        chunks: what is left after the first chunk; it may raise a `Failure` at any point.
        first: the chunks already read while priming.
        usage: asked once at the end for what was really used.
        answer: asked once after a good end for the complete answer.
    """

    def __init__(
        self,
        chunks: Iterator[str],
        *,
        first: tuple[str, ...] = (),
        usage: Callable[[], Mapping[str, int]] = dict,
        answer: "Callable[[], Answer | None]" = lambda: None,
    ) -> None:
        self._chunks = chunks
        self._first = list(first)
        self._usage = usage
        self._make_answer = answer
        self._callbacks: list[OnEnd] = []
        self._end: End | None = None
        self._ending = False
        self._end_delivered = False

    @classmethod
    def primed(
        cls,
        chunks: Iterator[str],
        *,
        usage: Callable[[], Mapping[str, int]] = dict,
        answer: "Callable[[], Answer | None]" = lambda: None,
    ) -> "Stream":
        """A stream whose first content chunk is already here; an earlier failure is raised as an ordinary exception."""
        try:
            for chunk in chunks:
                if chunk:
                    return cls(chunks, first=(chunk,), usage=usage, answer=answer)
        except BaseException:
            _close(chunks)
            raise
        return cls(chunks, usage=usage, answer=answer)

    @classmethod
    def over(cls, inner: "Stream", chunks: Iterator[str], *, answer: "Callable[[], Answer | None]") -> "Stream":
        """A stream of what `chunks` makes of another one, which ends with it, also where nobody began to read."""

        def usage() -> Mapping[str, int]:
            inner.close()
            return inner.ended.usage if inner.ended else {}

        return cls(chunks, usage=usage, answer=answer)

    @property
    def ended(self) -> End | None:
        """How it ended, or None while it runs."""
        return self._end

    def texts(self) -> Iterator[str]:
        """The chunks alone; raises what the stream ends with, if that is a failure."""
        for item in self:
            if not isinstance(item, End):
                yield item
            elif item.failure is not None:
                raise item.failure

    @property
    def answer(self) -> "Answer":
        """What a stream that was read to its good end came to."""
        if self._end is None or self._end.answer is None:
            raise Internal("The stream ended without an answer.")
        return self._end.answer

    def on_end(self, callback: OnEnd) -> None:
        """Calls back exactly once when the stream ends, however it ends; at once if it has ended."""
        if self._end is not None:
            callback(self._end)
        else:
            self._callbacks.append(callback)

    def __iter__(self) -> "Stream":
        """Itself."""
        return self

    def __next__(self) -> "str | End":
        """The next chunk, or the `End`."""
        if self._end is None and self._first:
            return self._first.pop(0)
        if self._end is None:
            chunk = self._pull()
            if chunk is not None and self._end is None:  # closed by another greenlet meanwhile: the chunk is given up
                return chunk
        if self._end_delivered:
            raise StopIteration
        self._end_delivered = True
        return self._end or End()

    def _pull(self) -> str | None:
        try:
            return next(self._chunks)
        except StopIteration:
            self._finish(None)
        except Failure as failure:
            self._finish(failure)
        except Exception as error:  # noqa: BLE001 - a source let a library's exception out; its text may hold secrets
            broken = Internal("The stream broke inside the toolkit.")
            broken.__cause__ = error
            self._finish(broken)
        except BaseException:  # a killed greenlet or a gevent.Timeout: without this the next read would look like a good end
            self._finish(Cancelled("The reader was stopped before the stream's end."))
            raise
        return None

    def close(self) -> None:
        """Ends the stream; idempotent. What was not read is given up."""
        self._finish(Cancelled("The reader closed the stream before its end."))

    def __del__(self) -> None:
        """A stream nobody closed still settles."""
        if hasattr(self, "_end_delivered"):
            self.close()

    def _finish(self, failure: Failure | None) -> None:
        if self._ending:
            return
        self._ending = True  # before anything that may let another greenlet run
        usage = _close_and_measure(self._chunks, self._usage)
        answer = None
        if failure is None:
            try:
                answer = self._make_answer()
            except Exception as error:  # noqa: BLE001 - what hangs on the end has to learn of it, or nothing would settle
                failure = error if isinstance(error, Failure) else Internal("The answer could not be put together.")
        self._end = End(failure, usage, answer)
        callbacks, self._callbacks = self._callbacks, []
        with ExitStack() as all_of_them:  # each is called, whatever the others raise
            for callback in reversed(callbacks):  # the stack turns it round: innermost first, so the outermost sees all settled
                all_of_them.callback(callback, self._end)


def _close_and_measure(chunks: Iterator[str], usage: Callable[[], Mapping[str, int]]) -> Mapping[str, int]:
    """Closes the source, then asks it: what stands further in has settled by then.

    Neither may keep a reservation or an audit row open, so their errors are given up: how the stream ended is known already.
    """
    with suppress(Exception):
        _close(chunks)
    with suppress(Exception):
        return dict(usage())
    return {}


def _close(chunks: Iterator[str]) -> None:
    close = getattr(chunks, "close", None)
    if close is not None:
        close()

"""What comes in and what goes out: word lists and patterns on the way in, detectors and masks on the way out.

It only takes away from texts; rows and documents that a caller may not see were cut by the scope, inside the source.
"""

from collections.abc import Iterator, Mapping
from copy import copy
from functools import cached_property

from faas_toolkit.core.call import Answer, Call
from faas_toolkit.core.chain import Proceed
from faas_toolkit.core.errors import Blocked, Failure, InvalidInput, NotFound
from faas_toolkit.core.stream import Stream
from faas_toolkit.pipeline.masking import Masker
from faas_toolkit.pipeline.refusals import Refusals


class Review:
    """The review policy.

    Args:
        patterns: RE2 patterns; a text in which one is found is refused.
        words: words and phrases that are refused; those of scripts with spaces only as whole words.
        detect: detectors whose findings are shown as the caller's masks say: `keep`, `drop`, anything else in part.
    """

    def __init__(self, *, patterns: tuple[str, ...] = (), words: tuple[str, ...] = (), detect: tuple[str, ...] = ()) -> None:
        self._patterns = patterns
        self._words = words
        self._detect = detect

    @cached_property
    def _refused(self) -> Refusals:
        return Refusals(self._patterns, self._words)

    def __call__(self, call: Call, proceed: Proceed) -> Answer | Stream:
        """The answer with its personal data masked.

        Raises:
            Blocked: the arguments hold what this workspace refuses; the text does not say which word or pattern.
        """
        if self._patterns or self._words:
            self._require_allowed(call)
        modes = {name: mode for name in self._detect if (mode := call.caller.masks.get(name, "partial")) != "keep"}
        if not modes:
            return proceed(call)
        masker = Masker(modes, call.record)
        try:
            answer = proceed(call)
        except (InvalidInput, NotFound):  # these repeat the caller's own words
            raise
        except Failure as failure:
            raise _masked_failure(failure, masker) from failure
        return masker.stream(answer) if isinstance(answer, Stream) else _masked_answer(answer, masker, call)

    def _require_allowed(self, call: Call) -> None:
        for name, value in call.arguments.items():
            if any(self._refused(text) for text in _texts_in(value)):
                call.record.decide("review", "refused", name)
                raise Blocked(
                    f"What stands in {name!r} is refused by a rule of this workspace.",
                    hint="Say it in another way, without that content, or ask an administrator about `review.refuse`.",
                )


def _texts_in(value: object) -> Iterator[str]:
    """Every text inside a value, keys of mappings included."""
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, Mapping):
            pending.extend(item.keys())
            pending.extend(item.values())
        elif isinstance(item, (list, tuple)):
            pending.extend(item)


def _masked_answer(answer: Answer, masker: Masker, call: Call) -> Answer:
    masked = masker.answer(answer)
    if masker.count:
        call.record.decide("review", "masked", f"{masker.count} values")
    return masked


def _masked_failure(failure: Failure, masker: Masker) -> Failure:
    """A copy: callers who waited for the same answer share the failure, and each is shown it by their own roles."""
    masked = copy(failure)
    masked.message, masked.hint = masker.text(failure.message), masker.text(failure.hint)
    masked.args = (masked.message,)
    return masked

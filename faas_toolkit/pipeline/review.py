"""What comes in and what goes out: word lists and patterns on the way in, detectors and masks on the way out.

It only takes away from texts; rows and documents that a caller may not see were cut by the scope, inside the source.
"""

from collections.abc import Callable, Iterable
from functools import cached_property

from faas_toolkit.core.call import Answer, Call
from faas_toolkit.core.chain import Proceed
from faas_toolkit.core.errors import Blocked, Failure, InvalidInput, NotFound
from faas_toolkit.core.offload import nothing
from faas_toolkit.core.redaction import SecretRedactor, find_personal_data, texts_in
from faas_toolkit.core.stream import Stream
from faas_toolkit.pipeline.masking import Masker, masker_of
from faas_toolkit.pipeline.refusals import Refusals


class Review:
    """The review policy.

    Args:
        patterns: RE2 patterns; a text in which one is found is refused.
        words: words and phrases that are refused; those of scripts with spaces only as whole words.
        detect: detectors whose findings are shown as the caller's masks say: `keep`, `drop`, anything else in part.
        give_way: lets other calls run, while a large answer is masked.
        redact: removes the configuration's secrets before anything is masked.
    """

    def __init__(
        self,
        *,
        patterns: tuple[str, ...] = (),
        words: tuple[str, ...] = (),
        detect: tuple[str, ...] = (),
        give_way: Callable[[], None] = nothing,
        redact: SecretRedactor | None = None,
    ) -> None:
        self._patterns = patterns
        self._words = words
        self._detect = detect
        self._give_way = give_way
        self._redact = redact

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
        masker = masker_of(call, self._detect, self._give_way, self._redact)
        if not masker:
            return proceed(call)
        try:
            answer = proceed(call)
        except Failure as failure:
            if isinstance(failure, (InvalidInput, NotFound)) and _repeats(call, failure, self._detect):
                raise
            raise masker.failure(failure) from failure
        return masker.stream(answer) if isinstance(answer, Stream) else _masked_answer(answer, masker, call)

    def _require_allowed(self, call: Call) -> None:
        for name, value in call.arguments.items():
            if any(self._refused(text) for text in texts_in(value)):
                call.record.decide("review", "refused", name)
                raise Blocked(
                    f"What stands in {name!r} is refused by a rule of this workspace.",
                    hint="Say it in another way, without that content, or ask an administrator about `review.refuse`.",
                )


def _repeats(call: Call, failure: Failure, detect: Iterable[str]) -> bool:
    """Whether what a failure tells of people are the caller's own words; a server that refuses a call may know others."""
    found = find_personal_data(failure.as_text(), detect)
    own = "\n".join(texts_in(call.arguments)) if found else ""
    return all(each.text in own for each in found)


def _masked_answer(answer: Answer, masker: Masker, call: Call) -> Answer:
    masked = masker.answer(answer)
    if masker.count:
        call.record.decide("review", "masked", f"{masker.count} values")
    return masked

"""What comes in and what goes out: word lists and patterns on the way in, detectors, masks and marks on the way out.

It only takes away from texts; rows and documents that a caller may not see were cut by the scope, inside the source.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

from faas_toolkit.core.call import Answer, Call
from faas_toolkit.core.chain import Proceed
from faas_toolkit.core.errors import Blocked, Failure, InvalidInput, NotFound
from faas_toolkit.core.offload import Offload, nothing
from faas_toolkit.core.redaction import SecretRedactor, find_personal_data, texts_in
from faas_toolkit.core.stream import Stream
from faas_toolkit.pipeline.instructions import OTHERS_WORDS, InstructionMarks
from faas_toolkit.pipeline.masking import Masker, masker_of
from faas_toolkit.pipeline.refusals import Refusals
from faas_toolkit.pipeline.tokens import OpenedTokens, Tokens

_MODELS_READ = "model.use"
"""The grant of operations that hand their arguments to a model, which could spell a value to the caller in any way."""


class Review:
    """The review policy.

    Args:
        patterns: RE2 patterns; a text in which one is found is refused.
        words: lists of words and phrases that are refused, one on each line; those of scripts with spaces only as whole words.
        detect: detectors whose findings are shown as the caller's masks say: `keep`, `token`, `drop`, anything else in part.
        mark_instructions: whether what others wrote is marked where it looks like instructions to a model.
        offload: where long lists are read and long arguments are looked through.
        give_way: lets other calls run, while a large answer is masked.
        redact: removes the configuration's secrets before anything is masked.
    """

    def __init__(
        self,
        *,
        patterns: tuple[str, ...] = (),
        words: tuple[str, ...] = (),
        detect: tuple[str, ...] = (),
        mark_instructions: bool = True,
        offload: Offload | None = None,
        give_way: Callable[[], None] = nothing,
        redact: SecretRedactor | None = None,
    ) -> None:
        self._refused = Refusals(patterns, words, offload)
        self._detect = detect
        self._mark = mark_instructions
        self._give_way = give_way
        self._redact = redact

    def __call__(self, call: Call, proceed: Proceed) -> Answer | Stream:
        """The answer with its personal data masked.

        Raises:
            Blocked: the arguments hold what this workspace refuses; the text does not say which word or pattern.
            InvalidInput: they hold a token that does not open.
        """
        if self._refused:
            self._require_allowed(call)
        if not self._detect:
            answer = proceed(call)
            return answer if isinstance(answer, Stream) else self._marked(answer, call)
        opened = self._opened(call)
        masker = masker_of(call, self._detect, self._give_way, self._redact, opened.values)
        try:
            answer = proceed(call if not opened.values else replace(call, arguments=opened.arguments))
        except Failure as failure:
            own_words = isinstance(failure, (InvalidInput, NotFound)) and not opened.values
            if not masker or (own_words and _repeats(call, failure, self._detect)):
                raise
            raise masker.failure(failure) from failure
        if isinstance(answer, Stream):
            return masker.stream(answer) if masker else answer
        answer = self._marked(answer, call)
        return _masked_answer(answer, masker, call) if masker else answer

    def _marked(self, answer: Answer, call: Call) -> Answer:
        marks = self._mark and call.operation.grant in OTHERS_WORDS
        return InstructionMarks(self._give_way).answer(answer, call) if marks else answer

    def _require_allowed(self, call: Call) -> None:
        for name, value in call.arguments.items():
            if any(self._refused(text) for text in texts_in(value)):
                call.record.decide("review", "refused", name)
                raise Blocked(
                    f"What stands in {name!r} is refused by a rule of this workspace.",
                    hint="Say it in another way, without that content, or ask an administrator about `review.refuse`.",
                )

    def _opened(self, call: Call) -> OpenedTokens:
        """The arguments with the tokens opened that this caller may be shown as tokens, or in clear."""
        modes = call.caller.masks
        may = ("keep",) if call.operation.grant == _MODELS_READ else ("token", "keep")
        opened = OpenedTokens(Tokens(call.workspace), (name for name in self._detect if modes.get(name) in may))
        opened.open(call.arguments)
        if opened.values:
            call.record.decide("review", "opened", f"{len(opened.values)} tokens")
            if self._refused:
                self._require_allowed(replace(call, arguments=opened.arguments))
        return opened


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

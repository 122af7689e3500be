"""One answer of one deployment: through its gate, as a primed stream that ends with the complete answer."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from copy import copy
from dataclasses import replace
from typing import Any, cast

from faas_toolkit.capabilities.models.port import Asked, Deployment, Report
from faas_toolkit.capabilities.models.price import count_money
from faas_toolkit.capabilities.models.tokens import Expectation, estimate, estimate_messages
from faas_toolkit.core.call import Answer, Call
from faas_toolkit.core.clock import Now
from faas_toolkit.core.deadline import Deadline, StreamPace
from faas_toolkit.core.errors import BadResponse, Blocked, Failure, InvalidInput, TooLarge
from faas_toolkit.core.outbound import Attempt, Outbound, Target
from faas_toolkit.core.stream import Stream
from faas_toolkit.core.untrusted import whole_characters

MAX_ANSWER_CHARS = 1_000_000
"""One variable holds 1 MB (tools.md §4)."""

_REMEMBERED = 1_000
"""Deployments of which it is known what their answers need."""

_LONGEST = 230.0
"""Seconds; for what stands around a target whose own timeout holds."""

_NOTICES = {
    "length": "The answer stops at max_tokens; it is not finished.",
    "content_filter": "The model's content filter cut the answer; it is not finished.",
}


class Generation:
    """Asks deployments.

    Args:
        outbound: the outbound chain.
        now: epoch seconds, for prices.
    """

    def __init__(self, *, outbound: Outbound, now: Now) -> None:
        self._outbound = outbound
        self._now = now
        self._expectations: dict[str, Expectation] = {}

    def __call__(self, deployment: Deployment, asked: Asked, call: Call, max_wait: float) -> Stream:
        """The answer of this deployment, its first content here.

        Args:
            deployment: whom to ask.
            asked: what.
            call: for whom.
            max_wait: seconds to wait for a limit at most.
        """
        expectation = self._expectations.setdefault(deployment.name, Expectation())
        if len(self._expectations) > _REMEMBERED:  # model_fallback takes whatever name it is given
            del self._expectations[next(iter(self._expectations))]
        run = _Run(deployment, asked, call, expectation, self._now)
        target = deployment.target
        if target is None:
            if not call.quotas:
                return run.start(call.deadlines.first_content)
            # The limits are the function's own; what is counted here is the caller's.
            target = Target(id=f"model:{deployment.name}", breaker=None, timeout=_LONGEST, attempts=1)
        attempt = replace(run.attempt(target, run.start, max_wait), model=deployment.name)
        if deployment.also is None:
            return self._outbound(attempt)
        patience = call.deadlines.total.earlier(max_wait)

        def ask(_: Deadline) -> Stream:  # with what the first gate has left of the wait
            left = replace(attempt.target, max_wait=min(max_wait, patience.remaining()))
            return self._outbound(replace(attempt, target=left))

        return self._outbound(run.attempt(deployment.also, ask, max_wait))


class _Run:
    """One attempt."""

    def __init__(self, deployment: Deployment, asked: Asked, call: Call, expectation: Expectation, now: Now) -> None:
        self._deployment = deployment
        self._asked = asked
        self._call = call
        self._expectation = expectation
        self._now = now
        self._began = now()
        self._prompt = estimate_messages(asked.messages)
        self._report = Report(model=deployment.model)
        self._texts: list[str] = []
        self._chars = 0
        self._started = self._counted = False

    def attempt(self, target: Target, send: Callable[[Deadline], Stream], max_wait: float) -> Attempt[Stream]:
        workspace, max_tokens = self._call.workspace.id, self._asked.max_tokens
        reserved = self._expectation.reserve(workspace, self._prompt, max_tokens, target)
        prompt, output = self._expectation.of_call(workspace, self._prompt, max_tokens)
        least = {"tokens": min(prompt, self._prompt), **self._counted_cost(min(prompt, self._prompt), 0)}
        money = self._counted_cost(prompt, output)
        return Attempt(
            call=self._call,
            target=replace(target, max_wait=max_wait),
            send=send,
            cost={"tokens": reserved, **_within(target, money, least)},
            least=least,
            spent=self._spent,
        )

    def _counted_cost(self, prompt: int, completion: int) -> Mapping[str, int]:
        price, report = self._deployment.price, self._report
        if price is not None:
            return price.counted(prompt, completion, self._began)
        return count_money(report.price, report.currency) if report.price is not None else {}

    def start(self, first_content: Deadline) -> Stream:
        self._started = True
        pace = StreamPace(first_content, self._call.deadlines)
        return Stream.primed(self._chunks(pace), usage=self._settled, answer=self._answer)

    def _chunks(self, pace: StreamPace) -> Iterator[str]:
        pieces = self._deployment.source.generate(self._asked, self._call, pace, self._report)
        with closing(cast("Any", pieces)):
            try:
                for piece in _whole_characters(pieces):
                    if piece:
                        pace.flow()
                        self._take(piece)
                        yield piece
            except Failure as failure:
                raise (self._incomplete(failure) if self._texts else failure) from failure
        if not self._texts:
            raise self._empty()

    def _take(self, piece: str) -> None:
        self._chars += len(piece)
        if self._chars > MAX_ANSWER_CHARS:
            raise TooLarge(f"The answer is longer than {MAX_ANSWER_CHARS:,} characters.", hint="Set max_tokens.")
        self._texts.append(piece)

    def _incomplete(self, failure: Failure) -> Failure:
        """A part of the answer may have been read already, so nobody else is asked, and the text says what it was."""
        told = copy(failure)
        told.message = f"The answer is incomplete: it broke off after {self._chars:,} characters. {failure.message}"
        told.args = (told.message,)
        return told

    def _empty(self) -> Failure:
        what = f"Model {self._deployment.name!r}"
        match self._report.finish_reason:
            case "content_filter":
                return Blocked(f"The content filter of {what} refused to answer.", hint="Ask for something else.")
            case "length":
                return InvalidInput(f"{what} used up max_tokens before it said anything.", hint="Raise max_tokens.")
            case _:
                return BadResponse(f"{what} answered nothing.")

    def _tokens(self) -> tuple[int, int, bool]:
        """Of prompt and answer; whether they are only estimated, since nobody said."""
        report = self._report
        if report.prompt_tokens and report.completion_tokens:  # nobody counted where an answer is said to have none
            return report.prompt_tokens, report.completion_tokens, False
        return self._prompt, estimate("".join(self._texts)), True

    def _spent(self) -> Mapping[str, int]:
        """What an answer without a word has used, where the deployment says so: a model may think and then say nothing.

        Nothing at all where a gate further in let nobody through.
        """
        if not self._started:
            return {"requests": 0, "tokens": 0, **self._counted_cost(0, 0)}
        return {} if self._tokens()[2] else self._settled()

    def _settled(self) -> Mapping[str, int]:
        prompt, completion, estimated = self._tokens()
        used = {"tokens": prompt + completion, **self._counted_cost(prompt, completion)}
        if self._counted:
            return used
        self._counted = True
        if not estimated:
            self._expectation.learn(self._call.workspace.id, self._prompt, prompt, completion)
        noted = self._call.record.tokens
        noted["prompt"] = noted.get("prompt", 0) + prompt
        noted["completion"] = noted.get("completion", 0) + completion
        return used

    def _answer(self) -> Answer:
        report = self._report
        prompt, completion, estimated = self._tokens()
        usage = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
        notice = _NOTICES.get(report.finish_reason)
        return Answer(
            variables={
                "answer": "".join(self._texts),
                "structured": {},
                "model": report.model,
                "usage": {**usage, "estimated": estimated},
                "cost": self._cost(prompt, completion),
                "finish_reason": report.finish_reason,
            },
            source=self._deployment.name,
            partial=notice is not None,
            notices=(notice,) if notice else (),
        )

    def _cost(self, prompt: int, completion: int) -> Mapping[str, object]:
        if self._deployment.price is not None:
            return self._deployment.price.cost(prompt, completion, self._began)
        if self._report.price is not None:
            return {"amount": self._report.price, "currency": self._report.currency}
        return {}


def _within(target: Target, money: Mapping[str, int], least: Mapping[str, int]) -> Mapping[str, int]:
    """No more than a line of the target allows at all, where the prompt alone fits: as `Expectation.reserve` does for tokens."""
    smallest = {
        unit: min((line.limit for line in target.limits if line.unit == unit), default=cost) for unit, cost in money.items()
    }
    return {unit: max(least[unit], min(cost, smallest[unit])) for unit, cost in money.items()}


def _whole_characters(pieces: Iterator[str]) -> Iterator[str]:
    """The pieces without lone surrogates: a server that cuts by UTF-16 units sends a character's halves apart."""
    half = ""
    for piece in pieces:
        text = half + piece
        if text.isascii():
            yield text
            continue
        half = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" else ""
        yield whole_characters(text[: len(text) - len(half)])
    if half:
        yield "\ufffd"

"""How many tokens a call will probably need, before it is sent; what it needed is learned from."""

import math
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from faas_toolkit.core.host import Message
from faas_toolkit.core.outbound import Target

_NARROW = 0.3
_WIDE = 0.6
"""Tokens for a character of English and of Chinese: DeepSeek API Docs, "Token & Token Usage". No tokenizer is loaded: each model
has another one, and what an answer says it used corrects the estimate."""
_PER_MESSAGE = 4
"""Tokens around each message (OpenAI Cookbook, "How to count tokens with tiktoken")."""

_FIRST_GUESS = 500
"""Tokens of an answer of which nothing is known and nothing was said."""
_SHARE = 0.2
"""Weight of the newest observation."""
_SPREAD = 2.0
"""Mean deviations above the mean that are reserved: about the 95th percentile of a bell curve."""
_REMEMBERED = 1_000


def estimate(text: str) -> int:
    """Tokens of a text."""
    wide = (len(text.encode("utf-8", "replace")) - len(text)) / 2  # three bytes in UTF-8 where Latin has one
    return math.ceil(_NARROW * (len(text) - wide) + _WIDE * wide) if text else 0


def estimate_messages(messages: Iterable[Message]) -> int:
    """Tokens of a conversation."""
    return sum(estimate(message.content) + _PER_MESSAGE for message in messages)


@dataclass(slots=True)
class _Seen:
    ratio: float = 1.0
    """What prompts really had, to what was estimated."""
    output: float | None = None
    deviation: float = 0.0


class Expectation:
    """What one deployment's calls need, learned for each workspace."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, _Seen] = OrderedDict()

    def reserve(self, workspace: str, prompt: int, max_tokens: int | None, target: Target) -> int:
        """Tokens to reserve for a call.

        Never more than a line of the target allows at all, where the prompt as it stands would fit: that the answer may be long,
        or that earlier prompts had more tokens than they seemed to, is no reason to refuse calls for ever.
        """
        corrected, output = self.of_call(workspace, prompt, max_tokens)
        smallest = min((line.limit for line in target.limits if line.of == "tokens"), default=corrected + output)
        return max(min(prompt, corrected), min(corrected + output, smallest), 1)

    def of_call(self, workspace: str, prompt: int, max_tokens: int | None) -> tuple[int, int]:
        """Tokens that a call's prompt and its answer will probably have."""
        seen = self._seen.get(workspace) or _Seen()
        if seen.output is not None:
            expected = math.ceil(seen.output + _SPREAD * seen.deviation)
            output = min(expected, max_tokens) if max_tokens else expected
        else:
            output = max_tokens or _FIRST_GUESS
        return math.ceil(prompt * seen.ratio), output

    def learn(self, workspace: str, estimated: int, prompt: int, completion: int) -> None:
        """Takes in what an answer says it used."""
        seen = self._seen.setdefault(workspace, _Seen())
        self._seen.move_to_end(workspace)
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        if estimated:
            seen.ratio += _SHARE * (prompt / estimated - seen.ratio)
        if seen.output is None:
            seen.output, seen.deviation = float(completion), completion / 2
            return
        seen.deviation += _SHARE * (abs(completion - seen.output) - seen.deviation)
        seen.output += _SHARE * (completion - seen.output)

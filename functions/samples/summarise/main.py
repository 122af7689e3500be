"""A sample function that a pool of models can name: it answers in OpenAI's chat contract, without a model and without a network.

Runs on any functions-framework runtime: `functions-framework --target summarise --source main.py`.

    POST {"messages": [{"role": "user", "content": "A long text …"}], "max_tokens": 60}
    200  {"model": "extractive-summary", "choices": [{"index": 0, "finish_reason": "stop",
          "message": {"role": "assistant", "content": "The sentences that say most."}}],
          "usage": {"prompt_tokens": 240, "completion_tokens": 31, "total_tokens": 271}}

It picks the sentences of the last user message whose words occur most often in it, in their order (H. P. Luhn, "The Automatic
Creation of Literature Abstracts", IBM Journal 2(2), 1958). Words of Latin scripts count as they stand, those of Chinese and
Japanese by pairs of characters. A token is four bytes of UTF-8 here.
"""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import flask
import functions_framework

SENTENCES = 3
MODEL = "extractive-summary"
_SENTENCE = re.compile(r"(?:[^.!?。！？\n]|[.!?](?=\S))+[.!?。！？]*")
_WORD = re.compile(r"[^\W\d_]{4,}")
_WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")
_MAX_CHARS = 200_000


@functions_framework.http
def summarise(request: flask.Request) -> tuple[dict[str, Any], int]:
    """The HTTP entry point."""
    body: Any = request.get_json(silent=True, force=True)
    text = last_user_text(body)
    if text is None:
        return {"error": {"message": 'Send {"messages": [{"role": "user", "content": "a text"}]}.'}}, 400
    if len(text) > _MAX_CHARS:
        return {"error": {"message": f"At most {_MAX_CHARS:,} characters are summarised."}}, 413
    chosen = best_sentences(sentences_of(text), SENTENCES)
    budget = body.get("max_tokens") if isinstance(body.get("max_tokens"), int) else None
    kept = within(chosen, budget)
    prompt, completion = tokens(text), tokens(" ".join(kept))
    message = {"role": "assistant", "content": " ".join(kept)}
    finish = "stop" if len(kept) == len(chosen) else "length"
    usage = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    return {"model": MODEL, "choices": [{"index": 0, "message": message, "finish_reason": finish}], "usage": usage}, 200


def last_user_text(body: object) -> str | None:
    """The content of the last message, if it is one of a user."""
    messages = body.get("messages") if isinstance(body, dict) else None
    last = messages[-1] if isinstance(messages, list) and messages else None
    content = last.get("content") if isinstance(last, dict) and last.get("role") == "user" else None
    return content if isinstance(content, str) and content.strip() else None


def sentences_of(text: str) -> list[str]:
    """The sentences in their order."""
    return [sentence for found in _SENTENCE.findall(text) if (sentence := " ".join(found.split()))]


def best_sentences(sentences: Sequence[str], most: int) -> list[str]:
    """Those that say most, in the order of the text; of equals the earlier ones."""
    words = [words_of(sentence) for sentence in sentences]
    counts = Counter(word for each in words for word in each)
    scores = [sum(counts[word] for word in set(each)) / (1 + len(each)) for each in words]
    ranked = sorted(range(len(sentences)), key=lambda place: -scores[place])[:most]
    return [sentences[place] for place in sorted(ranked)]


def words_of(sentence: str) -> list[str]:
    """Its words in lower case, and pairs of neighbouring wide characters."""
    wide = _WIDE.findall(sentence)
    pairs = [first + second for first, second in pairwise(wide)]
    return [word.lower() for word in _WORD.findall(_WIDE.sub(" ", sentence))] + pairs


def within(sentences: Sequence[str], budget: int | None) -> list[str]:
    """As many whole sentences as the budget of tokens holds, at least one."""
    kept = list(sentences)
    while budget is not None and len(kept) > 1 and tokens(" ".join(kept)) > budget:
        kept.pop()
    return kept


def tokens(text: str) -> int:
    """What this sample calls a token."""
    return (len(text.encode()) + 3) // 4

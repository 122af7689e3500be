"""OpenAI's chat contract: what is sent, and what is read from a whole answer or from one event of a streamed one."""

import json
from collections.abc import Mapping
from typing import Any

from faas_toolkit.capabilities.models.port import Asked, Report
from faas_toolkit.core.errors import BadResponse
from faas_toolkit.net.openai_failures import failure_of_error


def request_body(asked: Asked, model: str) -> dict[str, object]:
    """The body of a request, without how it is to be answered."""
    body: dict[str, object] = {"messages": [{"role": each.role, "content": each.content} for each in asked.messages]}
    if model:
        body["model"] = model
    if asked.temperature is not None:
        body["temperature"] = asked.temperature
    if asked.max_tokens is not None:
        body["max_tokens"] = asked.max_tokens
    return body


def parse_event(data: str, what: str) -> Mapping[str, Any]:
    """One event; raises `BadResponse` where it is no object: a part of the answer would be missing without a sign."""
    try:
        event = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadResponse(f"{what} answered an event that is no JSON.") from error
    if not isinstance(event, Mapping):
        raise BadResponse(f"{what} answered an event that is no object of the chat contract.")
    return event


def read_answer(answer: Mapping[str, Any], report: Report, what: str, *, part: str) -> str:
    """The text of a whole answer (`part="message"`) or of one event (`part="delta"`); the rest goes into the report.

    Raises:
        Failure: it is an error instead, or not of the contract.
    """
    if answer.get("error"):
        raise failure_of_error(answer["error"], what)
    report.model = _text(answer.get("model")) or report.model
    _read_usage(answer.get("usage"), report)
    choices = answer.get("choices")
    if not isinstance(choices, list) or not all(isinstance(choice, Mapping) for choice in choices):
        raise BadResponse(f"{what} answered something that is not of OpenAI's chat contract: `choices` is missing.")
    if not choices:
        return ""
    report.finish_reason = _text(choices[0].get("finish_reason")) or report.finish_reason
    message = choices[0].get(part)
    return _text(message.get("content")) if isinstance(message, Mapping) else ""


def _read_usage(usage: object, report: Report) -> None:
    if not isinstance(usage, Mapping):
        return
    prompt, completion = usage.get("prompt_tokens"), usage.get("completion_tokens")
    if _is_count(prompt) and _is_count(completion):
        report.prompt_tokens, report.completion_tokens = prompt, completion


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 1_000_000_000


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""

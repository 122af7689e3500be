"""An answer as JSON that fits a schema: asked for in words, checked, and repaired once.

In words, because servers differ in what they take as `response_format`, and a function or Dify takes none. It is not streamed:
what has not been checked is no answer.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast

from faas_toolkit.capabilities.models.port import Asked, CompileSchema, OutputSchema
from faas_toolkit.core.call import Answer
from faas_toolkit.core.errors import BadResponse, InvalidInput, TooLarge
from faas_toolkit.core.host import Message
from faas_toolkit.core.stream import Stream
from faas_toolkit.core.untrusted import parse_json

_SHOWN_PROBLEMS = 5


def answer_as_json(
    ask: Callable[[Asked], Stream],
    ask_again: Callable[[Asked], Stream],
    asked: Asked,
    schema: Mapping[str, object],
    compile_schema: CompileSchema,
) -> Answer:
    """The answer with `structured` set; where the first one does not fit, the model is told why and asked once more.

    Raises:
        InvalidInput: the schema is none.
        BadResponse: the second answer does not fit either.
    """
    try:
        fits = compile_schema(schema)
    except ValueError as error:
        raise InvalidInput(f"json_schema: {error}.", hint=_EXAMPLE) from error
    told = replace(asked, messages=(Message("system", _INSTRUCTION + json.dumps(schema, ensure_ascii=False)), *asked.messages))
    first = read_whole(ask(told))
    value, problems = _checked(first, fits)
    if not problems:
        return _structured(first, value)
    said = Message("assistant", str(first.variables["answer"]))
    correction = Message("user", f"That does not fit the JSON Schema: {'; '.join(problems)}. Answer again, with the JSON only.")
    second = _with_costs_of(first, read_whole(ask_again(replace(told, messages=(*told.messages, said, correction)))))
    value, problems = _checked(second, fits)
    if problems:
        raise BadResponse(
            f"The model's answer does not fit json_schema, also after it was told why: {'; '.join(problems)}.",
            hint="Make the schema simpler, say in the prompt what is wanted, or use another pool.",
        )
    return _structured(second, value)


_INSTRUCTION = "Answer only with JSON that fits this JSON Schema, without any text around it: "
_EXAMPLE = 'Example: {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}'


def read_whole(stream: Stream) -> Answer:
    """The answer a stream ends with; raises its failure."""
    for _ in stream.texts():
        pass
    return stream.answer


def _checked(answer: Answer, schema: OutputSchema) -> tuple[object, list[str]]:
    text = str(answer.variables["answer"]).strip()
    if text.startswith("```") and text.endswith("```") and "\n" in text:  # models like to wrap JSON in a Markdown fence
        text = text.split("\n", 1)[1][:-3].strip()
    try:
        value = parse_json(text, "the answer")
    except (InvalidInput, TooLarge) as failure:
        return None, [failure.message.rstrip(".")]
    if not isinstance(value, Mapping):  # a schema that says no type allows anything; the variable is an object
        return None, ["the answer must be a JSON object"]
    return value, schema.problems(value)[:_SHOWN_PROBLEMS]


def _structured(answer: Answer, value: object) -> Answer:
    return replace(answer, variables={**answer.variables, "structured": value})


def _with_costs_of(first: Answer, second: Answer) -> Answer:
    """The second answer with what both of them used."""
    used: Any = [cast("Any", answer.variables["usage"]) for answer in (first, second)]
    usage = {name: used[0][name] + used[1][name] for name in ("prompt_tokens", "completion_tokens", "total_tokens")}
    usage["estimated"] = used[0]["estimated"] or used[1]["estimated"]
    costs: Any = [answer.variables["cost"] for answer in (first, second)]
    cost = costs[1]
    if costs[0] and costs[1] and costs[0]["currency"] == costs[1]["currency"]:
        cost = {**costs[1], "amount": round(costs[0]["amount"] + costs[1]["amount"], 9)}
    return replace(second, variables={**second.variables, "usage": usage, "cost": cost})

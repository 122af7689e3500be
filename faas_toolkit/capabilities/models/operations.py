"""The operations of language models."""

from faas_toolkit.core.operation import Operation
from faas_toolkit.core.schema import Parameter, Shape

MAX_PROMPT_CHARS = 500_000
"""Together with everything else at most 1 MB of JSON (tools.md §4)."""
MAX_TOKENS = 1_000_000
LONGEST_WAIT = 50
"""Seconds; a call's first content is due by then."""

_EMPTY = {"answer": "", "structured": {}, "model": "", "usage": {}, "cost": {}, "finish_reason": ""}
_LARGE = frozenset({"answer", "structured"})

GENERATE = Operation(
    name="model.generate",
    tool="model_generate",
    grant="model.use",
    shape=Shape(
        (
            Parameter(name="prompt", max_chars=MAX_PROMPT_CHARS, example="Summarise this ticket in one sentence: …"),
            Parameter(name="messages", type="value", example='[{"role": "user", "content": "Hello"}]'),
            Parameter(name="pool", max_chars=200, example="chat"),
            Parameter(name="system", max_chars=MAX_PROMPT_CHARS),
            Parameter(name="temperature", type="number", minimum=0, maximum=2),
            Parameter(name="max_tokens", type="integer", minimum=1, maximum=MAX_TOKENS),
            Parameter(name="json_schema", type="object"),
            Parameter(name="max_wait", type="number", minimum=0, maximum=LONGEST_WAIT),
        )
    ),
    large=_LARGE,
    empty=_EMPTY,
    streamed="answer",
)

FALLBACK = Operation(
    name="model.fallback",
    tool="model_fallback",
    grant="model.use",
    shape=Shape(
        (
            Parameter(name="prompt", required=True, max_chars=MAX_PROMPT_CHARS, example="Summarise this ticket: …"),
            Parameter(name="system", max_chars=MAX_PROMPT_CHARS),
            Parameter(name="model", type="model", required=True),
            Parameter(name="fallback_model", type="model", required=True),
            Parameter(name="max_tokens", type="integer", minimum=1, maximum=MAX_TOKENS),
            Parameter(name="timeout_seconds", type="number", minimum=1, maximum=LONGEST_WAIT),
            Parameter(name="requests_per_minute", type="integer", minimum=1, maximum=100_000),
            Parameter(name="tokens_per_minute", type="integer", minimum=1, maximum=1_000_000_000),
            Parameter(name="max_wait", type="number", minimum=0, maximum=LONGEST_WAIT),
        )
    ),
    large=_LARGE,
    empty=_EMPTY,
    streamed="answer",
)

OPERATIONS = (GENERATE, FALLBACK)

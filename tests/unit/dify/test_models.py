"""What Dify says of a model becomes a failure that says what to do; its pieces become ours."""

import json
from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from faas_toolkit.core.clock import SystemClock
from faas_toolkit.core.deadline import Deadlines, StreamPace
from faas_toolkit.core.errors import Failure
from faas_toolkit.core.host import HostModel, Message
from faas_toolkit.dify.models import DifyModels, failure_of

PLUGIN_ERROR = "req_id: 1 PluginInvokeError: " + json.dumps(
    {"args": {"description": "[models] Rate Limit Error, slow down"}, "error_type": "InvokeRateLimitError", "message": "x"}
)


@pytest.mark.parametrize(
    ("said", "kind", "shown"),
    [
        ("permission denied, you need to enable llm access in plugin manifest", "unavailable", "permission denied"),
        ("read llm model failed: request failed: Provider vendor/x does not exist.", "unavailable", "does not exist"),
        (f"read llm model failed: request failed: {PLUGIN_ERROR}", "throttled", "slow down"),
        ("read llm model failed: request failed: HTTP 401: the key is wrong", "unavailable", "the key is wrong"),
        ("read llm model failed: request failed: maximum context length is 8192", "too_large", "8192"),
        (
            "read llm model failed: request failed: [models] Bad Request Error, HTTP 400 temperature",
            "invalid_input",
            "temperature",
        ),
        ("read llm model failed: request failed: content_filter hit", "blocked", "content_filter"),
        ("invocation exited without response after 250 seconds", "timeout_unknown", "in time"),
        ("something nobody has seen before", "unavailable", "nobody has seen"),
    ],
)
def test_words_become_failures(said, kind, shown):
    failure = failure_of(said, "Model small of Dify")
    assert (failure.kind, shown in failure.message) == (kind, True)


@pytest.mark.parametrize(
    "said",
    [
        'request failed: Traceback (most recent call last): File "/app/x.py"',
        "request failed: cannot open /var/lib/plugins/secret/file.py",
        'request failed: {"message": "Traceback (most recent call last)\\n  File /app/x.py"}',
        "request failed: \ud800 \x00 {broken",
    ],
)
def test_no_path_or_traceback_of_dify_is_shown(said):
    message = failure_of(said, "Model small of Dify").message
    assert all(leak not in message for leak in ("Traceback", "/app", "/var", "\ud800", "\x00"))


class Asking(DifyModels):
    """Without the SDK, whose import patches the whole process: tests/host asks through it."""

    def __init__(self, *pieces, hard_limit=lambda seconds: nullcontext()):
        super().__init__(None, hard_limit)
        self.pieces = pieces
        self.asked = self.closed = False

    def _invoke(self, model, messages):
        self.asked = True
        try:
            for piece in self.pieces:
                if isinstance(piece, Exception):
                    raise piece
                yield piece
        finally:
            self.closed = True


def a_chunk(text, *, finish=None, usage=None):
    delta = SimpleNamespace(message=SimpleNamespace(content=text), usage=usage, finish_reason=finish)
    return SimpleNamespace(model="small", delta=delta)


def generate(models):
    deadlines = Deadlines.start(SystemClock())
    model = HostModel(provider="vendor/x/x", name="small")
    return models.generate(model, [Message("user", "u")], StreamPace(deadlines.first_content, deadlines))


def test_nothing_is_asked_before_the_first_piece_is():
    models = Asking(a_chunk("a"))
    pieces = generate(models)
    assert not models.asked
    assert next(pieces).text == "a"


def test_pieces_come_with_what_they_say():
    usage = SimpleNamespace(prompt_tokens=3, completion_tokens=2, total_price="0.5", currency="USD")
    first, last = generate(Asking(a_chunk("a"), a_chunk(None, finish="stop", usage=usage)))
    assert (first.text, first.finish_reason, first.prompt_tokens) == ("a", "", None)
    assert (last.text, last.finish_reason, last.prompt_tokens, last.completion_tokens) == ("", "stop", 3, 2)
    assert (last.price, last.currency) == (0.5, "USD")


@pytest.mark.parametrize("price", ["NaN", "Infinity"])
def test_a_price_that_is_no_number_is_none(price):
    usage = SimpleNamespace(prompt_tokens=3, completion_tokens=2, total_price=price, currency="USD")
    (last,) = generate(Asking(a_chunk(None, finish="stop", usage=usage)))
    assert last.price is None


def test_a_reader_who_stops_ends_the_sdk_s_generator():
    models = Asking(a_chunk("a"), a_chunk("b"))
    pieces = generate(models)
    next(pieces)
    pieces.close()
    assert models.closed


def test_an_exception_of_the_sdk_is_a_failure():
    pieces = generate(Asking(a_chunk("a"), Exception("Provider x does not exist.")))
    assert next(pieces).text == "a"
    with pytest.raises(Failure, match="does not exist"):
        next(pieces)


def test_a_wait_that_is_too_long_is_a_timeout():
    class Late:
        def __init__(self, seconds):
            assert seconds > 0

        def __enter__(self):
            raise TimeoutError

        def __exit__(self, *args):
            return None

    with pytest.raises(Failure) as caught:
        next(generate(Asking(a_chunk("a"), hard_limit=Late)))
    assert caught.value.kind == "timeout_unknown"

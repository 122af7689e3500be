"""JSON answers: checked, repaired once, and counted together."""

import json
from contextlib import ExitStack

import pytest

from faas_toolkit.core.call import Answer
from faas_toolkit.core.errors import BadResponse, InvalidInput, TimeoutUnknown
from tests.fakes.models import Models
from tests.fakes.openai_server import END, HEAD, openai_at, plays, usage, words
from tests.fakes.servers import serving

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
PRICE = {"currency": "USD", "per": "1M tokens", "input": 1_000_000, "output": 0}


@pytest.fixture
def answered():
    """What a model that says these texts, one for each call, comes to."""
    with ExitStack() as stack:

        def ask(*texts, schema=SCHEMA):
            left = iter(texts)

            def script(exchange):
                exchange.send(HEAD + words(next(left), finish="stop") + usage(10, 2) + END)

            server = stack.enter_context(serving(script))
            models = Models({"chat": {"deployments": [openai_at(server.port, price=PRICE)]}}, ports=[server.port])
            call = models.call({"prompt": "Which number?", "json_schema": json.dumps(schema)})
            return models.capability(call), [json.loads(each.body)["messages"] for each in server.exchanges], call

        yield ask


def test_an_answer_that_fits_is_data_and_whole(answered):
    answer, asked, _ = answered('{"n": 5}')
    assert isinstance(answer, Answer)
    assert answer.variables["structured"] == {"n": 5}
    assert answer.variables["answer"] == '{"n": 5}'
    assert len(asked) == 1
    assert asked[0][0]["role"] == "system"
    assert '"required": ["n"]' in asked[0][0]["content"]


@pytest.mark.parametrize("text", ['```json\n{"n": 5}\n```', '```\n{"n": 5}\n```', '  {"n": 5}\n'])
def test_a_fence_around_it_is_taken_off(answered, text):
    assert answered(text)[0].variables["structured"] == {"n": 5}


@pytest.mark.parametrize("schema", [{}, {"required": ["n"]}])
def test_what_is_no_object_never_fits(answered, schema):
    answer, asked, _ = answered("[5]", '{"n": 5}', schema=schema)
    assert answer.variables["structured"] == {"n": 5}
    assert "must be a JSON object. Answer again" in asked[1][-1]["content"]


def test_a_first_answer_that_took_long_leaves_time_for_its_repair():
    answers = iter(["not JSON", '{"n": 5}'])

    def script(exchange):
        exchange.send(HEAD + words(next(answers)))
        exchange.closing.wait(0.4)
        exchange.send(words("", finish="stop") + END)

    with serving(script) as server:
        models = Models({"chat": {"deployments": [openai_at(server.port)]}}, ports=[server.port])
        call = models.call({"prompt": "Which number?", "json_schema": json.dumps(SCHEMA)}, first_content=0.3)
        assert models.capability(call).variables["structured"] == {"n": 5}


def test_an_answer_above_the_bound_of_json_is_repaired_too():
    answers = iter([["名" * 100_000] * 4, ['{"n": 5}']])

    def script(exchange):
        exchange.send(HEAD + b"".join(map(words, next(answers))) + END)

    with serving(script) as server:
        models = Models({"chat": {"deployments": [openai_at(server.port)]}}, ports=[server.port])
        answer = models.capability(models.call({"prompt": "Which number?", "json_schema": json.dumps(SCHEMA)}))
        assert answer.variables["structured"] == {"n": 5}
        assert "larger than 1 MB of JSON. Answer again" in server.exchanges[1].body.decode()


@pytest.mark.parametrize("wrong", ['{"n": "five"}', "Sure! Here it is: {}", "{", '{"n": NaN}', "[]"])
def test_an_answer_that_does_not_fit_is_repaired_once_and_both_are_paid(answered, wrong):
    answer, asked, call = answered(wrong, '{"n": 5}')
    assert answer.variables["structured"] == {"n": 5}
    assert asked[1][-2] == {"role": "assistant", "content": wrong}
    assert asked[1][-1]["content"].startswith("That does not fit the JSON Schema: ")
    assert answer.variables["usage"] == {"prompt_tokens": 20, "completion_tokens": 4, "total_tokens": 24, "estimated": False}
    assert answer.variables["cost"] == {"amount": 20.0, "currency": "USD"}
    assert call.record.tokens == {"prompt": 20, "completion": 4}


def test_a_second_answer_that_does_not_fit_either_is_a_bad_response(answered):
    with pytest.raises(BadResponse, match="is not of type 'integer'"):
        answered('{"n": "five"}', '{"n": "six"}')


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ({"type": "planet"}, "not a JSON Schema"),
        ({"type": "array"}, "object"),
        ({"$ref": "https://elsewhere.example/s"}, "leads outside"),
        ({"properties": {"a": {"pattern": "(?=x)"}}}, "pattern"),
    ],
)
def test_a_schema_that_is_none_is_refused_before_anybody_is_asked(answered, schema, told):
    with pytest.raises(InvalidInput) as caught:
        answered(schema=schema)
    assert told in caught.value.message


def test_an_answer_that_breaks_off_is_not_read_as_json():
    with serving(plays(HEAD, words('{"n": 5}'), cut=True)) as server:
        models = Models({"chat": {"deployments": [openai_at(server.port)]}}, ports=[server.port])
        with pytest.raises(TimeoutUnknown, match="incomplete"):
            models.capability(models.call({"prompt": "x", "json_schema": SCHEMA}))

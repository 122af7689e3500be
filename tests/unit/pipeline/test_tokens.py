"""Tokens in the place of personal data: reversible for those who may, and never a way to read what is masked."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faas_toolkit.core.call import Answer, Caller, Workspace
from faas_toolkit.core.detectors.table import DETECTORS
from faas_toolkit.core.detectors.text import Found
from faas_toolkit.core.errors import Blocked, Failure, FunctionError, InvalidInput, NotFound
from faas_toolkit.core.redaction import SecretRedactor
from faas_toolkit.core.stream import End, Stream
from faas_toolkit.core.untrusted import printable
from faas_toolkit.pipeline.audit_row import RowWriter
from faas_toolkit.pipeline.review import Review
from faas_toolkit.pipeline.tokens import Tokens
from faas_toolkit.wiring import operation_named
from tests.fakes.calls import LOOKUP, make_call

EMAIL, PHONE, CARD = "zhang.wei@example.com", "138-1234-5678", "4111 1111 1111 1111"
HERE, THERE = Workspace("w1", bytes(32)), Workspace("w2", bytes(32))
DETECT = ("email", "phone", "bank_card")
TOKEN = {"email": "token", "phone": "token", "bank_card": "token"}


def token(value, detector="email", workspace=HERE):
    return Tokens(workspace).seal(Found(detector, 0, len(value), value))


def ask(arguments, answer, *, masks=TOKEN, workspace=HERE, operation=LOOKUP, **settings):
    """What a caller is told, and the arguments that reached the capability; `answer` makes it of them, or raises."""
    reached = []

    def capability(call):
        reached.append(call.arguments)
        made = answer(call.arguments) if callable(answer) else answer
        return made if isinstance(made, (Answer, Stream)) else Answer(variables={"text": made}, source="x")

    call = make_call(arguments, caller=Caller(subject="alice", masks=masks), origin_workspace=workspace, operation=operation)
    try:
        return Review(detect=DETECT, **settings)(call, capability), reached, call
    except Failure as failure:
        return failure, reached, call


def shown(text, **how):
    return ask({}, text, **how)[0].variables["text"]


def test_a_value_is_shown_as_a_token_that_names_its_kind():
    text = shown(f"write to {EMAIL} or call {PHONE}")
    assert re.fullmatch(r"write to \[email:[\w-]{60,90}\] or call \[phone:[\w-]{50,80}\]", text)
    assert text == f"write to {token(EMAIL)} or call {token(PHONE, 'phone')}"


def test_equal_values_have_equal_tokens_and_others_have_others():
    first, again, other = shown(f"{EMAIL} {EMAIL} ana@example.com").split()
    assert first == again != other
    assert token(EMAIL) == token(EMAIL)
    assert token(EMAIL) != token(EMAIL, workspace=THERE)
    assert token(EMAIL) != token(EMAIL, "phone")


@pytest.mark.parametrize("operation", ["model.generate", "model.fallback"])
def test_a_model_is_asked_with_the_token_since_it_could_spell_the_value(operation):
    spelled, reached, _ = ask(
        {"prompt": f"Spell {token(EMAIL)}."}, lambda given: " ".join(given["prompt"]), operation=operation_named(operation)
    )
    assert reached == [{"prompt": f"Spell {token(EMAIL)}."}]
    assert EMAIL not in spelled.variables["text"].replace(" ", "")


@pytest.mark.parametrize("masks", [TOKEN, {"email": "keep", "phone": "keep"}])
def test_a_token_in_an_argument_is_opened_for_who_may(masks):
    arguments = {"query": f"who is {token(EMAIL)}?", "filters": {"phone": [token(PHONE, "phone")], token(EMAIL): 1}, "limit": 5}
    _, reached, call = ask(arguments, "fine", masks=masks)
    assert reached == [{"query": f"who is {EMAIL}?", "filters": {"phone": [PHONE], EMAIL: 1}, "limit": 5}]
    assert call.arguments == arguments
    assert "review: opened (2 tokens)" in map(str, call.record.decisions)


@pytest.mark.parametrize("mode", ["partial", "drop", None])
def test_for_who_may_not_a_token_is_a_text(mode):
    arguments = {"query": f"who is {token(EMAIL)}?"}
    _, reached, _ = ask(arguments, "fine", masks={"email": mode} if mode else {})
    assert reached == [arguments]


def test_a_token_of_another_workspace_does_not_open():
    failure, reached, _ = ask({"query": token(EMAIL, workspace=THERE)}, "fine")
    assert isinstance(failure, InvalidInput)
    assert reached == []
    assert "another workspace" in failure.message
    assert token(EMAIL, workspace=THERE) not in failure.as_text()


@pytest.mark.parametrize("change", [lambda t: t[:-2] + "]", lambda t: t[:30] + ("A" if t[30] != "A" else "B") + t[31:],
                                    lambda t: t.replace("email", "phone"), lambda t: "[email:" + "A" * 70 + "]"])  # fmt: skip
def test_a_changed_token_does_not_open_and_the_failure_teaches(change):
    failure, reached, _ = ask({"query": change(token(EMAIL))}, "fine")
    assert isinstance(failure, InvalidInput)
    assert "Copy tokens whole" in failure.hint
    assert reached == []


@pytest.mark.parametrize(
    "text", ["[email]", "[email:short]", "[note:" + "A" * 70 + "]", "[us_ssn:" + "A" * 70 + "]", "[[email:", "[" * 5_000]
)
def test_what_is_no_token_is_left(text):
    assert ask({"query": text}, "fine")[1] == [{"query": text}]


@pytest.mark.parametrize(
    "echo",
    [
        lambda arguments: arguments["query"],
        lambda arguments: f"x{arguments['query']}y",
        lambda arguments: f"a1_{arguments['query']}_b2",
        lambda arguments: Answer(variables={arguments["query"]: {"a": [arguments["query"]]}}, source="x"),
        lambda arguments: Answer(variables={}, source=arguments["query"], added={"a": arguments["query"]}),
        lambda arguments: Answer(variables={}, source="x", notices=(f"Nobody is {arguments['query']}.",)),
        lambda arguments: Answer(variables={}, source="x", notices=(f"Nobody is {printable(arguments['query'], 12)}",)),
        lambda arguments: Stream(iter([*arguments["query"], " and ", *arguments["query"]])),
        lambda arguments: Stream(iter(["ok"]), answer=lambda: Answer(variables={"a": arguments["query"]}, source="x")),
    ],
)
@pytest.mark.parametrize(("value", "detector"), [(EMAIL, "email"), (PHONE, "phone"), (CARD, "bank_card")])
@pytest.mark.parametrize("mode", ["token"])
def test_what_was_opened_never_comes_back_in_clear(echo, value, detector, mode):
    told, reached, _ = ask({"query": token(value, detector)}, echo, masks={detector: mode})
    assert reached == [{"query": value}]
    said = repr(told)
    if isinstance(told, Stream):
        *pieces, end = told
        said = "".join(pieces) + repr(end)
    assert value not in said
    assert value[:8] not in said


@pytest.mark.parametrize("kind", [NotFound, InvalidInput, FunctionError])
@pytest.mark.parametrize("cut", [200, 25, 21, 20, 16])
def test_a_failure_that_repeats_it_is_masked_also_where_it_is_cut(kind, cut):
    def refuse(arguments):
        raise kind(f"Nobody is {printable('who is ' + arguments['query'], cut)}", hint=f"Is it {arguments['query']}?")

    failure, _, _ = ask({"query": token(EMAIL)}, refuse)
    assert isinstance(failure, kind)
    assert "zhang.we" not in failure.as_text()


def test_a_number_found_by_its_field_is_hidden_in_any_sentence():
    number = "4155550132"
    arguments = {"query": "x", "filters": {"phone": token(number, "phone")}}
    told, reached, _ = ask(arguments, lambda found: f"Nobody has {found['filters']['phone']}")
    assert reached[0]["filters"] == {"phone": number}
    assert told.variables["text"] == f"Nobody has {token(number, 'phone')}"
    told, _, _ = ask(arguments, lambda found: Answer(variables={"n": int(found["filters"]["phone"])}, source="x"))
    assert told.variables["n"] == token(number, "phone")


@pytest.mark.parametrize("query", ["a{}b", "id_{}", "order-{}", "#{}", "1{}", "{}1", "{}x"])
def test_a_token_is_not_opened_where_its_value_could_be_stored_unrecognised(query):
    failure, reached, _ = ask({"query": query.format(token(PHONE, "phone"))}, "fine")
    assert isinstance(failure, InvalidInput)
    assert reached == []
    assert PHONE not in failure.as_text()


def test_of_too_many_tokens_none_is_opened():
    failure, reached, _ = ask({"query": " ".join(token(f"a{n}@example.com") for n in range(101))}, "fine")
    assert isinstance(failure, InvalidInput)
    assert "100 tokens" in failure.message
    assert reached == []


def test_a_beginning_that_other_words_share_is_left():
    told, _, _ = ask({"query": token("info@example.com")}, "more info. For information: info")
    assert told.variables["text"] == "more info. For information: info"


def test_a_token_is_opened_in_a_long_text_too():
    text = f"{'word ' * 2_000}{token(PHONE, 'phone')}{' word' * 2_000}"
    assert ask({"query": text}, "fine")[1] == [{"query": text.replace(token(PHONE, "phone"), PHONE)}]


def test_what_is_refused_is_refused_also_inside_a_token():
    failure, reached, _ = ask({"query": token(EMAIL)}, "fine", words=("zhang",))
    assert isinstance(failure, Blocked)
    assert reached == []


def test_the_audit_row_holds_the_token_and_not_the_value():
    _, _, call = ask({"query": token(EMAIL)}, "fine")
    row = RowWriter(arguments="masked", detectors=tuple(DETECTORS), redact=SecretRedactor([]), catalog_hash="")(call, "ok", 0.1)
    assert EMAIL not in repr(row)
    assert token(EMAIL) in row["arguments"]


def test_what_is_too_long_for_a_token_is_dropped():
    text = ("a" * 60 + "@") + ".".join(["b" * 60] * 3) + ".com"
    assert shown(text) == "[email]"


def test_of_several_roles_the_one_that_shows_more_decides():
    assert shown(EMAIL, masks={"email": "keep"}) == EMAIL


@given(st.text(max_size=30), st.text(max_size=30), st.integers(1, 9))
def test_a_stream_with_tokens_is_what_the_whole_text_would_be(before, after, size):
    text = f"{before} {EMAIL} {after} {CARD}, {before}"
    stream = ask({}, Stream(iter([text[at : at + size] for at in range(0, len(text), size)])), mark_instructions=False)[0]
    assert "".join(item for item in stream if not isinstance(item, End)) == shown(text, mark_instructions=False)


@given(st.text(max_size=200))
def test_no_argument_breaks_the_opening(text):
    told, _, _ = ask({"query": text, "filters": {text: [text]}}, "fine")
    assert isinstance(told, (Answer, InvalidInput))


def test_a_token_of_a_token_does_not_exist():
    assert shown(shown(f"{EMAIL} {PHONE} {CARD}")) == shown(f"{EMAIL} {PHONE} {CARD}")

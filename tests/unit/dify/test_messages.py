import json
from datetime import UTC, datetime

import pytest
from dify_plugin import Tool
from dify_plugin.core.server.__base.response_writer import ResponseWriter
from hypothesis import given
from hypothesis import strategies as st

from faas_toolkit.dify.messages import LARGE_BYTES, MAX_VARIABLE_BYTES, pieces, send, speakable, written

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


class AnyTool(Tool):
    def _invoke(self, tool_parameters):
        yield self.create_text_message("")


class Written(ResponseWriter):
    """What a plugin writes, piece by piece."""

    def __init__(self):
        self.pieces = []

    def write(self, data):
        self.pieces.append(data)

    def done(self):
        pass

    @property
    def lines(self):
        return "".join(self.pieces).removesuffix("\n\n").split("\n\n")


def a_tool(session_id='a "session" of 100%'):
    tool = AnyTool.from_credentials({})
    tool.session.session_id = session_id
    tool.session.writer = Written()
    return tool


def sent(text, variables):
    tool = a_tool()
    send(tool.session, text, written(variables))
    return tool.session.writer


def messages_of(text, variables):
    return [json.loads(line)["data"]["data"] for line in sent(text, variables).lines]


def values_of(variables):
    return [message["message"]["variable_value"] for message in messages_of("", variables)[1:]]


def by_the_sdk(text, variables):
    """The same messages as the SDK writes them."""
    tool = a_tool()
    writer = tool.session.writer
    for message in (
        tool.create_text_message(text),
        *(tool.create_variable_message(name, value) for name, value in variables.items()),
    ):
        writer.session_message(session_id=tool.session.session_id, data=writer.stream_object(data=message))
    return writer


def test_the_text_comes_first_and_then_every_variable():
    messages = messages_of("hello", {"ok": True, "records": []})
    assert [message["type"] for message in messages] == ["text", "variable", "variable"]
    assert messages[1]["message"]["variable_name"] == "ok"


@given(st.text(), st.dictionaries(st.text(min_size=1), JSON_VALUES, max_size=4))
def test_every_line_is_the_one_that_the_sdk_would_write(text, variables):
    assert sent(text, variables).lines == by_the_sdk(text, variables).lines


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("-inf"),
        '<value> "<name>" <session> %s %(name)s %% \n\n',
        {1: "number", None: "nothing", False: "no"},
        (1, 2),
        datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
        b"bytes",
        2**80,
    ],
)
def test_values_that_are_no_plain_json_are_written_as_the_sdk_does(value):
    variables = {"odd %(value)s name": value}
    assert sent("<value> 100%", variables).lines == by_the_sdk("<value> 100%", variables).lines


def test_a_reply_is_written_in_one_piece():
    assert len(sent("hello", {"ok": True, "records": list(range(100))}).pieces) == 1


def test_others_are_let_in_between_the_large_parts_of_a_reply():
    tool, times = a_tool(), []
    large = {"a": "x" * LARGE_BYTES, "b": "y" * LARGE_BYTES, "c": 1}
    variables = written(large, lambda: times.append("made"))
    assert times == ["made", "made"]
    send(tool.session, "text", variables, lambda: times.append(len(tool.session.writer.pieces)))
    assert times[2:] == [1, 2]
    assert tool.session.writer.lines == by_the_sdk("text", large).lines


def test_half_characters_are_replaced_because_the_sdk_cannot_write_them():
    messages = messages_of("a\ud800b", {"data": {"x\udfff": ["\ud800", 1]}})
    assert messages[0]["message"]["text"] == "a?b"
    assert messages[1]["message"]["variable_value"] == {"x?": ["?", 1]}
    assert speakable("plain") == "plain"
    assert list(pieces("a\ud800b")) == ["a?b"]


def test_a_value_that_json_cannot_say_is_told_by_its_text():
    class Odd:
        def __str__(self):
            return "odd"

    assert values_of({"data": [Odd()]}) == [["odd"]]


def test_a_variable_that_would_kill_the_plugin_is_replaced_by_a_note_of_its_own_kind():
    huge = "x" * (MAX_VARIABLE_BYTES + 1)
    values = values_of({"a": huge, "b": [huge], "c": {"k": huge}, "d": "語" * (MAX_VARIABLE_BYTES // 3), "e": "x" * 900_000})
    assert "left out" in values[0]
    assert values[1] == []
    assert "left out" in values[2]["left_out"]
    assert "left out" in values[3]  # 1,000,001 bytes in all
    assert values[4] == "x" * 900_000


def test_a_value_that_holds_itself_is_refused():
    endless = []
    endless.append(endless)
    with pytest.raises(ValueError, match="ircular"):
        written({"data": endless})

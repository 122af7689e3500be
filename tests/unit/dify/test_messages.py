from dify_plugin import Tool

from faas_toolkit.dify.messages import MAX_VARIABLE_CHARS, render, sendable, speakable


class AnyTool(Tool):
    def _invoke(self, tool_parameters):
        yield self.create_text_message("")


def rendered(text, variables):
    return [message.model_dump(mode="json") for message in render(AnyTool.from_credentials({}), text, sendable(variables))]


def test_the_text_comes_first_and_then_every_variable():
    messages = rendered("hello", {"ok": True, "records": []})
    assert [message["type"] for message in messages] == ["text", "variable", "variable"]
    assert messages[1]["message"]["variable_name"] == "ok"


def test_half_characters_are_replaced_because_the_sdk_cannot_write_them():
    messages = rendered("a\ud800b", {"data": {"x\udfff": ["\ud800", 1]}})
    assert messages[0]["message"]["text"] == "a?b"
    assert messages[1]["message"]["variable_value"] == {"x?": ["?", 1]}
    assert speakable("plain") == "plain"


def test_a_variable_that_would_kill_the_plugin_is_replaced_by_a_note_of_its_own_kind():
    huge = "x" * (MAX_VARIABLE_CHARS + 1)
    messages = rendered("", {"a": huge, "b": [huge], "c": {"k": huge}})
    values = [message["message"]["variable_value"] for message in messages[1:]]
    assert "left out" in values[0]
    assert values[1] == []
    assert "left out" in values[2]["left_out"]

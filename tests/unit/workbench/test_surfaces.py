"""The tables of dify-behaviour 3.2 and 3.3, row by row."""

import base64
from pathlib import Path

import pytest

from workbench.declaration import read_declaration
from workbench.session import PluginError, Reply
from workbench.surfaces import (
    SURFACES,
    ParameterRefused,
    ToolDropped,
    arguments_from_model,
    observation,
    prepare,
    prompt_tool,
    refused_observation,
    sender_for,
    workflow_node,
)

PROBE = read_declaration(Path(__file__).parents[2] / "host" / "probe_plugin")
ANSWER = PROBE.tool("answer")
PROVIDER = "tester/probe/probe"


def reply(*messages, error=None):
    return Reply(messages, error, 0.1, 0.1)


def text(value):
    return {"type": "text", "message": {"text": value}, "meta": None}


def document(value):
    return {"type": "json", "message": {"json_object": value}, "meta": None}


def variable(name, value, stream=False):
    return {"type": "variable", "message": {"variable_name": name, "variable_value": value, "stream": stream}, "meta": None}


LOG = {
    "type": "log",
    "message": {"id": "L", "label": "step", "parent_id": None, "error": None, "status": "start", "data": {"b": 2}},
    "meta": None,
}
LINK = {"type": "link", "message": {"text": "https://e.example"}, "meta": None}


def blob(mime_type, content=b"abc", name="f.bin"):
    encoded = base64.b64encode(content).decode()
    return {"type": "blob", "message": {"blob": encoded}, "meta": {"mime_type": mime_type, "filename": name}}


def chunks(content):
    head, tail = content[:2], content[2:]
    for sequence, part in enumerate([head, tail, b""]):
        body = {
            "id": "I",
            "sequence": sequence,
            "total_length": len(content),
            "blob": base64.b64encode(part).decode(),
            "end": sequence == 2,
        }
        yield {"type": "blob_chunk", "message": body, "meta": {"mime_type": "text/plain", "filename": "x.txt"}}


@pytest.mark.parametrize(
    ("given", "received"),
    [
        ({"count": "3"}, {"count": 3}),
        ({"count": "3.5"}, {"count": 3.5}),
        ({"count": ""}, {"count": None}),
        ({"count": 999}, {"count": 999}),
        ({"word": ""}, {"word": ""}),
        ({"word": 7}, {"word": "7"}),
        ({"word": None}, {"word": ""}),
        ({"loud": "maybe"}, {"loud": True}),
        ({"loud": "no"}, {"loud": False}),
        ({"loud": "0"}, {"loud": False}),
        ({"loud": "YES"}, {"loud": True}),
        ({"loud": ""}, {"loud": False}),
        ({"mood": "zzz"}, {"mood": "zzz"}),
        ({"facts": '{"k":1}'}, {"facts": {"k": 1}}),
        ({"facts": "not json"}, {"facts": {}}),
        ({"facts": {"k": [1]}}, {"facts": {"k": [1]}}),
        ({"things": "[1,2]"}, {"things": [1, 2]}),
        ({"things": "a,b"}, {"things": ["a,b"]}),
        ({"things": [1]}, {"things": [1]}),
        ({}, {}),
        ({"unknown": 1}, {"unknown": None}),
    ],
)
def test_a_workflow_node_casts_and_fills_nothing(given, received):
    assert prepare("workflow", ANSWER, given) == received


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("number", ["abc", "1e3", "1,000"])
def test_a_number_that_is_none_stops_the_call(surface, number):
    with pytest.raises(ParameterRefused, match=f"invalid literal for int.* with base 10: '{number}'"):
        prepare(surface, ANSWER, {"count": number})


@pytest.mark.parametrize("surface", ["agent-chat", "agent-node"])
def test_agents_fill_the_defaults_of_form_parameters_and_never_those_of_the_model(surface):
    assert prepare(surface, ANSWER, {"word": "tree"}) == {"word": "tree", "secret": "", "tone": "plain"}


@pytest.mark.parametrize("surface", ["agent-chat", "agent-node"])
def test_agents_pass_an_unknown_key_on(surface):
    assert prepare(surface, ANSWER, {"unknown": 1})["unknown"] == 1


def test_in_agent_chat_the_builder_wins_over_the_model():
    assert prepare("agent-chat", ANSWER, {"tone": "rich"}, {"tone": "plain"})["tone"] == "plain"


def test_in_the_agent_node_the_model_wins_over_the_builder():
    prepared = prepare("agent-node", ANSWER, {"tone": "OVERRIDE", "secret": "FORGED"}, {"tone": "plain"})
    assert (prepared["tone"], prepared["secret"]) == ("OVERRIDE", "FORGED")


def test_a_form_option_that_does_not_exist_drops_the_tool_from_agent_chat():
    with pytest.raises(ToolDropped, match="tone value zzz not in options"):
        prepare("agent-chat", ANSWER, {}, {"tone": "zzz"})


def test_a_text_instead_of_arguments_is_taken_for_the_only_parameter():
    assert arguments_from_model(PROBE.tool("wait"), "3") == {"seconds": 3}
    assert arguments_from_model(PROBE.tool("wait"), '{"seconds": 2}') == {"seconds": 2}
    with pytest.raises(ParameterRefused, match="should be a dict"):
        arguments_from_model(ANSWER, "tree")


def test_a_model_is_told_names_types_descriptions_enum_and_required_and_nothing_else():
    told = prompt_tool(ANSWER)
    properties = told["parameters"]["properties"]
    assert (told["name"], told["description"]) == ("answer", "Does answer.")
    assert properties["count"] == {"type": "number", "description": "1 to 9."}
    assert properties["mood"] == {"type": "string", "description": "How to say it.", "enum": ["calm", "glad"]}
    assert properties["facts"] == {"type": "object", "description": "A JSON object."}
    assert "tone" not in properties
    assert told["parameters"]["required"] == ["word"]


def test_who_stands_behind_a_call_differs_by_surface():
    assert (sender_for("workflow").app_id, sender_for("workflow").message_id) == ("app-1", None)
    assert None not in (sender_for("agent-chat").app_id, sender_for("agent-chat").message_id)
    assert (sender_for("agent-node").app_id, sender_for("agent-node").conversation_id) == (None, None)


def test_a_node_gets_text_documents_and_variables_and_no_log():
    result = workflow_node(
        reply(
            text("a"),
            LOG,
            text("b"),
            LINK,
            document({"k": 1}),
            document([1]),
            document({}),
            variable("v", 1),
            variable("v", 2),
            variable("s", "x", True),
            variable("s", "y", True),
        ),
        PROVIDER,
    )
    assert result.outputs == {
        "text": "abLink: https://e.example\n",
        "json": [{"k": 1}, [1]],
        "files": [],
        "v": 2,
        "s": "xy",
    }
    assert not result.failed


def test_a_node_without_documents_has_an_empty_one():
    assert workflow_node(reply(text("a")), PROVIDER).outputs["json"] == [{"data": []}]


@pytest.mark.parametrize("name", ["text", "json", "files"])
def test_a_reserved_variable_fails_the_node(name):
    assert "reserved" in workflow_node(reply(variable(name, 1)), PROVIDER).error


def test_a_file_is_put_together_from_its_chunks():
    outputs = workflow_node(reply(*chunks(b"abcdef")), PROVIDER).outputs
    assert outputs["files"] == [{"filename": "x.txt", "mime_type": "text/plain", "size": 6}]


def test_a_failure_of_a_known_class_is_its_text_alone_everywhere():
    failed = reply(text("lost"), error=PluginError("InvokeRateLimitError", "slow down", {"traceback": "T"}))
    assert workflow_node(failed, PROVIDER).error == "slow down"
    assert workflow_node(failed, PROVIDER).outputs == {}
    assert observation("agent-chat", failed).text == "tool invoke error: slow down"
    assert observation("agent-node", failed).text == "tool invoke error: read tool response failed: request failed: slow down"


def test_any_other_failure_shows_agents_its_traceback():
    failed = reply(error=PluginError("ZeroDivisionError", "boom", {"traceback": "File /x.py"}))
    assert workflow_node(failed, PROVIDER).error == (
        "An error occurred in the tester/probe/probe, please contact the author of tester/probe/probe for help, "
        "error type: ZeroDivisionError, error details: boom"
    )
    for surface in ("agent-chat", "agent-node"):
        assert "File /x.py" in observation(surface, failed).text


def test_what_an_agent_chat_app_reads():
    read = observation("agent-chat", reply(text("a"), document({"k": "é"}), variable("v", 1), LINK, blob("image/png")))
    assert read.text == (
        "aresult link: https://e.example. please tell user to check it."
        "image has been created and sent to user already, you do not need to create it, just tell the user to check it now."
        '{"k": "é"}'
    )
    assert [file.mime_type for file in read.files] == ["image/png"]


def test_a_document_that_repeats_the_text_is_dropped_in_agent_chat_alone():
    same = reply(text('{"k": 1}'), document({"k": 1}))
    assert observation("agent-chat", same).text == '{"k": 1}'
    assert observation("agent-node", same).text == '{"k": 1}tool response: {"k": 1}.'


@pytest.mark.parametrize("surface", ["agent-chat", "agent-node"])
def test_variables_alone_leave_an_agent_nothing_to_read(surface):
    assert observation(surface, reply(variable("v", 1))).text == ""


@pytest.mark.parametrize("surface", ["agent-chat", "agent-node"])
def test_a_log_lands_in_front_of_the_model(surface):
    assert "data={'b': 2}" in observation(surface, reply(LOG)).text


def test_a_file_that_is_no_image_breaks_the_agent_node_and_not_agent_chat():
    sent = reply(text("a"), blob("text/plain", name="x.txt"))
    assert observation("agent-chat", sent).text == "atext='/files/tools/x.txt'"
    assert observation("agent-node", sent).text.startswith("tool invoke error: Failed to parse response")


def test_a_refused_parameter_is_read_by_the_model():
    assert refused_observation("agent-chat", "bad").text == "tool invoke error: bad"

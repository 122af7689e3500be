"""`/mcp` as plain values: what is answered to which request, with the service played by a list of outcomes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faas_toolkit.core.errors import InvalidInput, NotFound, Throttled, Unavailable
from faas_toolkit.core.inventory import Entry, Offer
from faas_toolkit.gateway.http import MAX_ANSWER_BYTES, HttpRequest, answer_health, answer_preflight
from faas_toolkit.gateway.mcp import MAX_PAGE_BYTES
from faas_toolkit.gateway.mcp_endpoint import MAX_BATCH, answer_fault, answer_mcp
from faas_toolkit.service import Outcome

KEY = "k" * 24
CLIENTS = json.dumps({"agent": {"key": KEY, "role": "member"}})
META = {"request_id": "r1", "attempts": []}


class FakeToolbox:
    """`gateway.toolbox.Toolbox`: answers what it was given, and keeps what it was asked."""

    def __init__(self, outcome=None, *, functions=(), failure=None):
        self.outcome = outcome or Outcome(meta=META, text="done", variables={"records": []}, source="sample")
        self.functions = functions
        self.failure = failure
        self.asked = []
        self.visitors = []

    def __call__(self, visitor):
        self.visitors.append(visitor)
        if isinstance(self.failure, Unavailable):
            raise self.failure
        return self

    def offer(self):
        if self.failure:
            raise self.failure
        return Offer(operations=("crm.lookup",), functions=tuple(self.functions))

    def run(self, operation, arguments):
        self.asked.append((operation.name, dict(arguments)))
        return self.outcome


def ask(document, toolbox=None, *, clients=CLIENTS, method="POST", **headers):
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    sent = {"content-type": "application/json", "authorization": f"Bearer {KEY}"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    response = answer_mcp(HttpRequest(method=method, headers=sent, body=body), clients, toolbox or FakeToolbox())
    return response.status, json.loads(response.body) if response.body else None, response.headers


def message(method, identity=1, **params):
    return {"jsonrpc": "2.0", "id": identity, "method": method, "params": params}


def called(toolbox, name="crm_lookup", arguments=None):
    status, answer, _ = ask(message("tools/call", name=name, arguments=arguments or {}), toolbox)
    assert status == 200
    return answer


def function(name, size=0):
    return Entry(family="functions", name=name, kind="http", use="", description="x" * size)


def test_a_tool_that_answers_gives_text_and_variables():
    result = called(FakeToolbox())["result"]
    assert result["content"] == [{"type": "text", "text": "done"}]
    assert result["structuredContent"] == {
        "ok": True,
        "error": {},
        "source": "sample",
        "meta": META,
        "added": {},
        "records": [],
    }
    assert result["isError"] is False


def test_a_tool_that_fails_gives_data_that_teaches():
    failure = InvalidInput("limit must be a number from 1 to 50, got 999.", hint="Ask for less.")
    result = called(FakeToolbox(Outcome(meta=META, failure=failure)))["result"]
    assert result["isError"] is True
    assert result["content"][0]["text"] == "Failed (invalid_input): limit must be a number from 1 to 50, got 999. Ask for less."
    assert result["structuredContent"]["error"]["kind"] == "invalid_input"
    assert result["structuredContent"]["records"] == []


def test_a_function_is_called_through_its_operation():
    toolbox = FakeToolbox()
    called(toolbox, "score", {"n": 3.0, "deep": {"m": [4.0]}})
    called(toolbox, "function_crm_lookup", {})
    assert toolbox.asked == [
        ("function.call", {"function": "score", "arguments": {"n": 3, "deep": {"m": [4]}}}),
        ("function.call", {"function": "crm_lookup", "arguments": {}}),
    ]


def test_a_function_that_is_not_there_is_an_unknown_tool_and_one_that_finds_nothing_is_a_result():
    gone = NotFound("You may call no function named 'scor'.", hint="Did you mean 'score'?")
    answer = called(FakeToolbox(Outcome(meta=META, failure=gone)), "scor")
    assert answer["error"]["code"] == -32_602
    assert "Did you mean" in answer["error"]["message"]
    asked = Outcome(meta={**META, "attempts": [{"target": "function:score"}]}, failure=NotFound("No such order."))
    assert called(FakeToolbox(asked), "score")["result"]["isError"] is True


def test_a_failed_function_has_no_data_rather_than_data_that_does_not_fit():
    failed = called(FakeToolbox(Outcome(meta=META, failure=Throttled("Later.", retry_after=3))), "score")["result"]
    assert "data" not in failed["structuredContent"]
    assert failed["structuredContent"]["error"]["retry_after"] == 3


def test_an_answer_that_cannot_be_sent_is_a_failure_that_says_so():
    large = Outcome(meta=META, text="t", variables={"data": "x" * MAX_ANSWER_BYTES}, source="s")
    status, answer, _ = ask(message("tools/call", name="crm_lookup"), FakeToolbox(large))
    assert status == 200
    assert answer["result"]["structuredContent"]["error"]["kind"] == "too_large"
    assert len(json.dumps(answer)) < 2_000


def test_the_answers_of_a_batch_fit_together():
    large = Outcome(meta=META, text="t", variables={"data": "x" * (MAX_ANSWER_BYTES // 3)}, source="s")
    batch = [message("tools/call", number, name="crm_lookup") for number in range(4)]
    _, answers, _ = ask(batch, FakeToolbox(large))
    assert {answer["result"]["isError"] for answer in answers} == {True}
    _, answers, _ = ask(batch[:2], FakeToolbox(large))
    assert {answer["result"]["isError"] for answer in answers} == {False}


def test_half_a_character_in_an_answer_does_not_break_it():
    result = called(FakeToolbox(Outcome(meta=META, text="a\ud800b", variables={"data": "\udc00"}, source="s")))["result"]
    assert result["content"][0]["text"] == "a\ufffdb"


def test_more_tools_than_one_answer_holds_come_on_pages():
    functions = [function(f"f{number:03}", 30_000) for number in range(120)]
    seen, cursor = [], {}
    while cursor is not None:
        status, answer, _ = ask(message("tools/list", **cursor), FakeToolbox(functions=functions))
        assert status == 200
        assert len(json.dumps(answer)) < MAX_PAGE_BYTES + 40_000
        seen += [tool["name"] for tool in answer["result"]["tools"]]
        cursor = {"cursor": answer["result"]["nextCursor"]} if "nextCursor" in answer["result"] else None
    assert seen == ["crm_lookup", *(each.name for each in functions)]


@pytest.mark.parametrize("arguments", [[], "", 0, False, "text", [1]])
def test_arguments_that_are_no_object_are_wrong_parameters(arguments):
    _, answer, _ = ask(message("tools/call", name="crm_lookup", arguments=arguments))
    assert answer["error"]["code"] == -32_602


def test_arguments_may_be_left_out():
    assert ask(message("tools/call", name="crm_lookup", arguments=None))[1]["result"]["isError"] is False
    assert ask(message("tools/call", name="crm_lookup"))[1]["result"]["isError"] is False


@pytest.mark.parametrize("cursor", ["-1", "x", "²", 5, "", "9" * 9, []])
def test_a_made_up_cursor_is_refused(cursor):
    _, answer, _ = ask(message("tools/list", cursor=cursor))
    assert answer["error"]["code"] == -32_602


def test_a_cursor_behind_the_end_is_an_empty_page():
    assert ask(message("tools/list", cursor="999"))[1]["result"] == {"tools": []}


def test_a_setup_that_cannot_be_used_is_a_503_and_a_refusal_of_the_toolkit_is_not():
    status, answer, _ = ask(message("tools/list", 7), FakeToolbox(failure=Unavailable("Wrong key.", hint="Same key.")))
    assert (status, answer["id"]) == (503, 7)
    assert answer["error"]["message"] == "Wrong key. Same key."
    status, answer, _ = ask(message("tools/list"), FakeToolbox(failure=Throttled("Later.", retry_after=2)))
    assert (status, answer["error"]["data"]["kind"]) == (200, "throttled")


def test_what_needs_no_tools_asks_for_none():
    toolbox = FakeToolbox()
    for method in ("initialize", "ping", "resources/list"):
        ask(message(method, protocolVersion="2025-06-18"), toolbox)
    ask({"jsonrpc": "2.0", "method": "notifications/initialized"}, toolbox)
    assert toolbox.visitors == []


def test_a_stranger_opens_nothing():
    toolbox = FakeToolbox()
    for shown in ("", "Bearer", f"Bearer {KEY}x"):
        status, answer, headers = ask(message("tools/list"), toolbox, authorization=shown)
        assert (status, answer["error"]["code"]) == (401, -32_001)
        assert headers["WWW-Authenticate"].endswith('error="invalid_token"') is bool(shown)
    assert toolbox.visitors == []


def test_the_person_s_token_comes_along_and_is_not_shown():
    toolbox = FakeToolbox()
    ask(message("tools/list"), toolbox, x_identity_token=" a.b.c ")
    ask(message("tools/list"), toolbox, x_identity_token="  ")
    assert [visitor.identity_token for visitor in toolbox.visitors] == ["a.b.c", None]
    assert "a.b.c" not in repr(toolbox.visitors)


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded", "application/json5"])
def test_another_content_type_is_refused(kind):
    assert ask(message("ping"), content_type=kind)[0] == 415


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=utf-8"])
def test_json_is_taken_as_it_is_named(kind):
    assert ask(message("ping"), content_type=kind)[0] == 200


def test_what_the_daemon_makes_of_an_empty_body_is_empty():
    assert ask(b"0\r\n\r\n")[1]["error"] == ask(b"")[1]["error"]


def test_a_batch_keeps_to_its_bound_and_holds_no_handshake():
    assert ask([message("ping")] * MAX_BATCH)[0] == 200
    assert ask([message("ping")] * (MAX_BATCH + 1))[0] == 400
    _, answers, _ = ask([message("initialize", protocolVersion="2025-03-26"), message("ping", 2)])
    assert [("error" in answer) for answer in answers] == [True, False]


@given(st.binary(max_size=200), st.dictionaries(st.sampled_from(["authorization", "content-type", "x"]), st.text(max_size=20)))
def test_noise_is_answered_and_never_raises(body, headers):
    response = answer_mcp(HttpRequest(method="POST", headers=headers, body=body), CLIENTS, FakeToolbox())
    assert 400 <= response.status < 500
    assert json.loads(response.body)["error"]["message"]


NAMES = st.one_of(st.sampled_from(["crm_lookup", "score", "name", "arguments", "cursor", "protocolVersion"]), st.text(max_size=8))
NOISE = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
)


@given(
    st.lists(
        st.fixed_dictionaries(
            {"jsonrpc": st.just("2.0"), "method": st.sampled_from(["initialize", "ping", "tools/list", "tools/call", "x"])},
            optional={"id": NOISE, "params": NOISE},
        ),
        max_size=5,
    )
)
def test_noise_in_the_shape_of_messages_is_answered_by_the_protocol(documents):
    for document in (documents, *documents):
        status, answer, _ = ask(document)
        assert status in (200, 202, 400)
        for each in answer if isinstance(answer, list) else [answer] if answer else []:
            assert each["jsonrpc"] == "2.0"
            assert ("result" in each) != ("error" in each)


def test_a_fault_tells_nothing_of_the_inside():
    said = answer_fault()
    assert said.status == 500
    assert json.loads(said.body)["error"]["code"] == -32_603


def test_health_and_preflight():
    assert answer_health().body == b'{"status":"ok"}'
    assert answer_preflight().status == 204
    assert "X-Identity-Token" in answer_preflight().headers["Access-Control-Allow-Headers"]

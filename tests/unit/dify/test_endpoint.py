"""The endpoints' way in and out: what the SDK hands over becomes plain values, and nothing gets past the one catch site."""

import json
from types import SimpleNamespace

import gevent
import pytest
from dify_plugin.interfaces.endpoint import Request, Response
from werkzeug.test import EnvironBuilder

from faas_toolkit.dify import adapter, endpoint
from faas_toolkit.gateway.http import HttpResponse
from tests.fakes.host import SdkStorage


def request(method="POST", body=b"", **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request(EnvironBuilder(path="/mcp", method=method, data=body, headers=named).get_environ())


def respond(asked, door="mcp", settings=None, endpoint_id="e"):
    session = SimpleNamespace(storage=SdkStorage(), endpoint_id=endpoint_id)
    return adapter.respond(SimpleNamespace(session=session), door, asked, settings or {})


def test_a_request_arrives_whole(monkeypatch):
    seen = []

    def answer_mcp(asked, clients, open_toolbox):
        seen.append((asked, clients))
        return HttpResponse(status=418, headers={"X-Said": "yes"}, body=b"\x00bytes")

    monkeypatch.setattr(endpoint, "answer_mcp", answer_mcp)
    response = respond(request(body=b"\xff\x00", X_Asked="Yes"), settings={"clients": "c"})
    ((asked, clients),) = seen
    assert (asked.method, asked.body, asked.header("x-asked"), clients) == ("POST", b"\xff\x00", "Yes", "c")
    assert isinstance(response, Response)
    assert (response.status_code, response.headers["X-Said"], response.get_data()) == (418, "yes", b"\x00bytes")


@pytest.mark.parametrize("fault", [ValueError("/srv/private"), SystemExit(1), KeyboardInterrupt(), gevent.Timeout(1)])
def test_whatever_breaks_is_answered_and_tells_nothing_of_the_inside(monkeypatch, fault, caplog):
    def breaks(*_):
        raise fault

    monkeypatch.setattr(endpoint, "answer_mcp", breaks)
    response = respond(request(body=b"{}"))
    assert response.status_code == 500
    assert json.loads(response.get_data())["error"]["code"] == -32_603
    assert b"private" not in response.get_data()
    assert "failed inside the toolkit" in caplog.text


def test_without_settings_nobody_is_let_in():
    assert respond(request(body=b"{}")).status_code == 503
    assert respond(request(method="GET")).status_code == 405


def test_health_and_preflight_look_at_no_settings():
    assert respond(request("GET"), "health", {"clients": 5}).get_data() == b'{"status":"ok"}'
    assert respond(request("OPTIONS"), "preflight").status_code == 204

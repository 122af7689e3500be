"""What a debug server makes of a plugin's first messages."""

import base64
import json

import pytest

from workbench.registration import MAX_ASSET_BYTES, Registration, RegistrationRefused

KEY = "right"
MANIFEST = {"author": "a", "name": "n", "icon": "icon.svg"}
TOOLS = [{"identity": {"name": "p", "icon": "icon.svg", "icon_dark": "dark.svg"}, "tools": []}]


def line(kind, data):
    return json.dumps({"type": kind, "data": data}).encode()


def asset(name, content=b"<svg/>"):
    return line("asset_chunk", {"filename": name, "data": base64.b64encode(content).decode(), "end": True})


HANDSHAKE = line("handshake", {"key": KEY})
DECLARED = [HANDSHAKE, line("manifest_declaration", MANIFEST), line("tool_declaration", TOOLS)]


def taken(lines):
    registration = Registration(KEY)
    for one in lines:
        registration.take(one)
    return registration


def test_it_is_complete_when_everything_came():
    registration = taken([*DECLARED, asset("icon.svg", b"<sv"), asset("icon.svg", b"g/>"), asset("dark.svg"), line("end", {})])
    assert registration.complete
    assert registration.assets["icon.svg"] == b"<svg/>"
    assert registration.documents == {"manifest_declaration": MANIFEST, "tool_declaration": TOOLS}


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([b"GET / HTTP/1.1"], "invalid handshake message"),
        ([b"[1]"], "invalid handshake message"),
        ([b"{}"], "invalid handshake message"),
        ([line("handshake", {})], "invalid handshake message"),
        ([line("handshake", [])], "invalid handshake message"),
        ([line("handshake", {"key": "wrong"})], "invalid key"),
        ([HANDSHAKE, HANDSHAKE], "handshake already completed"),
        ([line("manifest_declaration", MANIFEST)], "registration message before handshake"),
        ([*DECLARED, line("tool_declaration", TOOLS)], "tool declaration already registered"),
        ([HANDSHAKE, line("end", {})], "no registration transferred"),
        ([HANDSHAKE, line("manifest_declaration", MANIFEST), line("end", {})], "no registration transferred"),
        ([*DECLARED, asset("icon.svg"), line("end", {})], "file not found: dark.svg"),
        ([HANDSHAKE, line("asset_chunk", {"filename": "x"})], "invalid data"),
        ([HANDSHAKE, line("asset_chunk", [])], "invalid data"),
        ([HANDSHAKE, line("tool_declaration", [7]), line("end", {})], "invalid data"),
        ([HANDSHAKE, line("asset_chunk", {"filename": "x", "data": "not base64!"})], "assets decode failed"),
        ([HANDSHAKE, line("asset_chunk", {"filename": "x", "data": "A" * (MAX_ASSET_BYTES + 4)})], "assets too large"),
    ],
)
def test_what_the_daemon_refuses_is_refused_in_its_words(lines, says):
    with pytest.raises(RegistrationRefused, match=says):
        taken(lines)

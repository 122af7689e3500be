"""The endpoint group: what Dify's form shows, and which requests reach the plugin."""

import ast
import re

from tests.rules.tree import ROOT

METHODS = {
    ("/mcp", "POST"),
    ("/mcp", "GET"),
    ("/mcp", "DELETE"),
    ("/healthz", "GET"),
    ("/<path:path>", "OPTIONS"),
}


def test_every_setting_is_optional_because_dify_refuses_a_missing_one_without_a_word(endpoint_group):
    """A missing required setting is "500 Internal Server Error" in the console (dify-daemon N7)."""
    for setting in endpoint_group["settings"]:
        assert setting["required"] is False
        assert {"label", "help", "placeholder", "url"} <= set(setting)


def test_settings_are_those_that_the_toolkit_reads_and_what_is_secret_is_hidden(endpoint_group):
    source = (ROOT / "faas_toolkit" / "dify" / "endpoint.py").read_text(encoding="utf-8")
    read = {
        *ast.literal_eval(re.search(r"^_SETTINGS = (.*)$", source, re.MULTILINE)[1]),
        *re.findall(r'settings\.get\("(\w+)"', source),
    }
    types = {setting["name"]: setting["type"] for setting in endpoint_group["settings"]}
    assert set(types) == read
    assert {name for name, kind in types.items() if kind == "text-input"} == {"catalog"}


def test_each_method_that_the_protocol_answers_is_declared(endpoints):
    """What is not declared never reaches the plugin: the SDK says 404, and MCP wants 405."""
    assert {(endpoint["path"], endpoint["method"]) for endpoint in endpoints.values()} == METHODS


def test_people_see_the_two_addresses_that_they_use(endpoints):
    assert {endpoint["path"] for endpoint in endpoints.values() if not endpoint["hidden"]} == {"/mcp", "/healthz"}


def test_the_folder_holds_the_group_its_endpoints_and_their_files_and_nothing_else(endpoints):
    sources = {endpoint["extra"]["python"]["source"] for endpoint in endpoints.values()}
    there = {f"endpoints/{path.name}" for path in (ROOT / "endpoints").iterdir() if path.name != "__pycache__"}
    assert there == {"endpoints/group.yaml", *endpoints, *sources}


def test_an_endpoint_file_only_hands_on(endpoints):
    for source in {endpoint["extra"]["python"]["source"] for endpoint in endpoints.values()}:
        text = (ROOT / source).read_text(encoding="utf-8")
        assert text.count("\n") <= 25
        assert [ast.unparse(node.func) for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)] == ["adapter.respond"]

"""What this plugin promises beyond the rules of `workbench.package`: its settings, and what its tools tell a model."""

import re

from tests.rules.tree import ROOT
from workbench.package.rules.tool import SHARED_PARAMETERS

SECRET_SETTINGS = {"secrets", "encryption_key", "identity_keys", "database_url", "redis_url"}


def test_every_setting_is_optional_and_explained(provider):
    for name, setting in provider["credentials_for_provider"].items():
        assert setting["required"] is False, name
        assert setting["type"] in ("text-input", "secret-input"), name
        assert {"label", "help", "placeholder", "url"} <= set(setting), name


def test_settings_are_those_that_the_toolkit_reads(provider):
    """A setting nobody reads is a promise nobody keeps; one that is not declared cannot be filled in."""
    source = (ROOT / "faas_toolkit" / "dify" / "settings.py").read_text(encoding="utf-8")
    assert set(re.findall(r'_text\(credentials, "(\w+)"', source)) == set(provider["credentials_for_provider"])


def test_secret_settings_are_hidden_in_the_form(provider):
    types = {name: setting["type"] for name, setting in provider["credentials_for_provider"].items()}
    assert {name for name, kind in types.items() if kind == "secret-input"} == SECRET_SETTINGS


def test_every_tool_that_is_there_is_declared(tools):
    assert set(tools) == {f"tools/{path.name}" for path in (ROOT / "tools").glob("*.yaml")}


def test_what_a_model_reads_says_when_to_use_the_tool_and_when_another_one(tools):
    names = [tool["identity"]["name"] for tool in tools.values()]
    for tool in tools.values():
        text = tool["description"]["llm"]
        assert "Use it " in text
        assert any(other in text for other in names if other != tool["identity"]["name"])


LIMITS = ("max_tokens", "timeout_seconds", "requests_per_minute", "tokens_per_minute", "max_wait")
FOR_BUILDERS = {"model_fallback": frozenset(["model", "fallback_model", *LIMITS])}
"""What the builder of a workflow sets, beside the shared parameters."""


def test_only_what_a_builder_sets_is_kept_from_the_model(tools):
    for path, tool in tools.items():
        for parameter in tool["parameters"]:
            where = f"{path}: {parameter['name']}"
            builders = FOR_BUILDERS.get(tool["identity"]["name"], frozenset()) | frozenset(SHARED_PARAMETERS)
            set_by_the_app = parameter["name"] in builders
            assert parameter["form"] == ("form" if set_by_the_app else "llm"), where
            selectors = ("model-selector",) if set_by_the_app else ()  # never on a tool for agents: unset, it breaks them
            # Files are no matter of a model: Dify leaves them out of what it shows, and they are never required.
            assert parameter["type"] in ("string", "number", "boolean", "select", "files", *selectors), where
            assert parameter["type"] != "files" or parameter["required"] is False, where


def test_a_failure_can_fail_a_node_or_be_returned(tools):
    (on_error,) = [p for p in tools["tools/diagnose.yaml"]["parameters"] if p["name"] == "on_error"]
    assert [option["value"] for option in on_error["options"]] == ["auto", "fail", "return"]
    assert on_error["default"] == "auto"

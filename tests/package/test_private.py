"""A private package: from a catalog to typed tools, and what cannot become one."""

import ast

import pytest
import yaml

from faas_toolkit.dify import typed
from tests.rules.tree import ROOT
from workbench.catalog_file import encoded
from workbench.package import checks
from workbench.package.contents import Package
from workbench.package.private.assembly import CannotBuild, Identity, private_files
from workbench.package.private.parameters import RESERVED, parameters_of

SAMPLES = (ROOT / "functions" / "samples" / "catalog.yaml").read_text(encoding="utf-8")
ACME = Identity("acme_functions", "acme")

ODD = """
version: 1
roles: {member: {allow: [function.call], functions: ["*"]}}
functions:
  plain: {platform: http, target: {url: "https://f.example.com/"}, auth: {bearer: "${secret:token}"}}
  diagnose: {platform: http, target: {url: "https://f.example.com/"}, describe: "我们的函数"}
  mail.send:
    platform: http
    target: {url: "https://f.example.com/"}
    describe: Sends a mail
    effects: once
    arguments:
      type: object
      required: [to, kind, on_error]
      properties:
        to: {type: string, format: email, maxLength: 200, description: "Who gets it.\\n  One address."}
        kind: {enum: [html, text]}
        priority: {enum: [1, 2, 3], default: 2}
        copies: {type: integer, minimum: 0, maximum: 5}
        share: {type: number, exclusiveMinimum: 0}
        urgent: {type: [boolean, "null"], default: false}
        parts: {type: array, maxItems: 3, items: {$ref: "#/$defs/part"}}
        either: {type: [string, number]}
        on_error: {type: string}
        idempotency_key: {type: string}
        "reply to": {type: string}
        "reply_to": {type: string}
        "回信": {type: string}
        "a\\"b": {type: string, minLength: 2}
      $defs: {part: {type: object, required: [name], properties: {name: {type: string}}}}
    result: {type: array, items: {type: string}}
  mail_send: {platform: http, target: {url: "https://f.example.com/"}, result: {type: integer}}
"""


@pytest.fixture(scope="module")
def build(package):
    return lambda catalog, identity=ACME: Package(private_files(package.files, catalog, identity))


@pytest.fixture(scope="module")
def odd(build):
    return build(ODD)


@pytest.fixture(scope="module")
def mail(odd):
    return {parameter["name"]: parameter for parameter in odd.tools["tools/mail_send_2.yaml"]["parameters"]}


def call_of(package, tool):
    """The call of the adapter that the tool's file makes."""
    (node,) = [node for node in ast.walk(package.trees[f"tools/{tool}.py"]) if isinstance(node, ast.Call)]
    return ast.unparse(node)


@pytest.mark.parametrize("catalog", [SAMPLES, ODD], ids=["samples", "odd"])
def test_a_private_package_keeps_every_rule(build, catalog):
    findings = checks.check(build(catalog), private=True)
    assert [str(finding.problem) for finding in findings if finding.severity == "error"] == []


def test_there_is_one_tool_for_each_function_and_diagnose(odd):
    assert list(odd.tools) == [
        f"tools/{name}.yaml" for name in ("plain", "function_diagnose", "mail_send_2", "mail_send", "diagnose")
    ]
    assert {name for name in odd.files if name.startswith("tools/") and name.endswith(".yaml")} == set(odd.tools)


def test_tool_files_are_short_and_only_hand_on(odd):
    for name in odd.files:
        if name.startswith("tools/") and name.endswith(".py"):
            assert odd.text(name).count("\n") <= 25
    assert call_of(odd, "plain") == "adapter.run(self, 'function.call', {**tool_parameters, 'function': 'plain'})"
    assert "'mail.send', tool_parameters" in call_of(odd, "mail_send_2")


def test_arguments_become_parameters_of_their_own_types(mail):
    shapes = {name: (p["type"], p["required"], p["form"]) for name, p in mail.items()}
    assert shapes["to"] == ("string", True, "llm")
    assert shapes["kind"] == ("select", True, "llm")
    assert shapes["priority"] == ("select", False, "llm")
    assert shapes["copies"] == shapes["share"] == ("number", False, "llm")
    assert shapes["urgent"] == ("boolean", False, "llm")
    assert shapes["parts"] == shapes["either"] == ("string", False, "llm")


def test_a_model_is_told_meaning_bounds_default_and_an_example(mail):
    assert mail["to"]["llm_description"] == (
        "Who gets it. One address. A text of at most 200 characters in the format email. Example: text"
    )
    assert mail["kind"]["llm_description"] == "The argument kind. One of: html, text. Example: html"
    assert mail["priority"]["llm_description"] == "The argument priority. One of: 1, 2, 3. Default: 2. Example: 1"
    assert "A whole number of at least 0 of at most 5. Default: none. Example: 0" in mail["copies"]["llm_description"]
    assert "A number above 0." in mail["share"]["llm_description"]
    assert "true or false. Default: false. Example: false" in mail["urgent"]["llm_description"]
    assert (mail["copies"]["min"], mail["copies"]["max"]) == (0, 5)


def test_a_list_is_json_in_a_string_with_its_schema_and_an_example(mail, odd):
    said = mail["parts"]["llm_description"]
    assert "JSON, written as a string." in said
    assert '"required": ["name"]' in said
    assert said.endswith('Example: [{"name": "text"}]')
    assert "json=('priority', 'parts', 'either')" in call_of(odd, "mail_send_2")
    assert "Schema" not in mail["parts"]["human_description"]["en_US"]


def test_names_that_dify_or_a_model_would_not_take_are_changed_and_lead_to_the_argument(mail, odd):
    renamed = {
        "argument_on_error": "on_error",
        "argument_idempotency_key": "idempotency_key",
        "reply_to_2": "reply to",
        "reply_to": "reply_to",
        "argument": "回信",
        "a_b": 'a"b',
    }
    assert set(renamed) < set(mail)
    (call,) = [node for node in ast.walk(odd.trees["tools/mail_send_2.py"]) if isinstance(node, ast.Call)]
    given = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
    assert given["renamed"] == {name: argument for name, argument in renamed.items() if name != argument}


def test_a_key_for_repetitions_is_there_only_where_the_function_has_effects(mail, odd):
    assert "idempotency_key" in mail
    assert "idempotency_key" not in [p["name"] for p in odd.tools["tools/plain.yaml"]["parameters"]]
    assert "same idempotency_key" in odd.tools["tools/mail_send_2.yaml"]["description"]["llm"]


def test_a_function_without_named_arguments_takes_one_json_object(odd):
    names = [p["name"] for p in odd.tools["tools/plain.yaml"]["parameters"]]
    assert names == ["arguments", "identity_token", "on_error"]


def test_the_variable_data_has_the_shape_of_the_function_s_result(odd):
    data = {path: tool["output_schema"]["properties"].get("data") for path, tool in odd.tools.items()}
    assert data["tools/mail_send_2.yaml"]["type"] == "array"
    assert data["tools/mail_send.yaml"]["type"] == "number"
    assert data["tools/plain.yaml"]["type"] == "object"


def test_the_catalog_travels_as_it_is_and_secrets_are_asked_for(odd):
    assert odd.text("packaged_catalog.yaml") == ODD
    secrets = odd.provider["credentials_for_provider"]["secrets"]
    assert secrets["required"] is True
    assert "token" in secrets["help"]["en_US"]
    assert secrets["placeholder"]["ja_JP"] == '{"token": "…"}'


def test_no_secrets_are_required_where_the_catalog_names_none(build):
    assert build(SAMPLES).provider["credentials_for_provider"]["secrets"]["required"] is False


def test_diagnose_sends_a_model_to_no_tool_that_is_not_there(odd):
    said = odd.tools["tools/diagnose.yaml"]["description"]["llm"]
    assert "Read-only" in said
    assert "list_capabilities" not in said


def test_only_what_the_public_package_asks_for_is_asked_for(odd, manifest):
    permission = odd.manifest["resource"]["permission"]
    assert permission == {kind: asked for kind, asked in manifest["resource"]["permission"].items() if kind != "endpoint"}
    assert list(odd.manifest["plugins"]) == ["tools"]


def test_the_version_can_be_chosen(build):
    assert build(SAMPLES, Identity("acme_functions", "acme", "2.0.1")).manifest["version"] == "2.0.1"


@pytest.mark.parametrize(
    ("catalog", "taught"),
    [
        ("version: 1", "has no functions"),
        ("", "has no functions"),
        ("version: 1\nfunctions: {}", "has no functions"),
        ("[1", "cannot be used"),
        ("version: 1\nfunctions: {a: {platform: moon}}", "functions.a .*http, aws_lambda"),
        (
            "version: 1\nfunctions: {a: {platform: http, target: {url: 'https://f.example.com'}, arguments: {type: 7}}}",
            "arguments",
        ),
    ],
)
def test_a_catalog_that_cannot_become_tools_is_refused_with_the_reason(build, catalog, taught):
    with pytest.raises(CannotBuild, match=taught):
        build(catalog)


def test_a_catalog_in_its_one_line_form_is_told_as_such(build):
    with pytest.raises(CannotBuild, match="YAML or JSON that it was made from"):
        build(encoded(SAMPLES))


def test_the_public_plugin_s_own_name_is_refused(build, manifest):
    with pytest.raises(CannotBuild, match="would replace"):
        build(SAMPLES, Identity(manifest["name"]))


def test_a_name_that_dify_refuses_is_found_by_the_rules(build):
    findings = checks.check(build(SAMPLES, Identity("Acme Functions", "my-dify")), private=True)
    assert {"has_an_identity_that_dify_takes"} <= {finding.rule for finding in findings}


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "object"},
        {"type": "object", "additionalProperties": {"type": "string"}},
        {"anyOf": [{"required": ["a"]}, {"required": ["b"]}]},
        {"$ref": "#/$defs/nowhere"},
    ],
)
def test_a_schema_that_names_no_arguments_gives_no_parameters(schema):
    assert parameters_of(schema) == []


def test_a_schema_behind_a_reference_is_followed():
    schema = {"$ref": "#/$defs/all", "$defs": {"all": {"properties": {"a": {"$ref": "#/$defs/a"}}}, "a": {"type": "boolean"}}}
    assert [(parameter.name, parameter.kind) for parameter in parameters_of(schema)] == [("a", "boolean")]


@pytest.mark.parametrize(
    ("argument", "kind", "holds_json"),
    [
        (True, "string", True),
        ({}, "string", True),
        ({"type": "null"}, "string", True),
        ({"enum": ["", "a"]}, "string", True),
        ({"enum": [{"a": 1}]}, "string", True),
        ({"const": "x"}, "select", False),
        ({"enum": [True, False]}, "select", True),
        ({"type": ["integer", "null"]}, "number", False),
        ({"anyOf": [{"type": "string"}]}, "string", True),
        ({"type": "string", "enum": ["x" * 200]}, "string", False),
    ],
)
def test_what_no_type_of_dify_s_can_hold_is_json(argument, kind, holds_json):
    (parameter,) = parameters_of({"properties": {"a": argument}})
    assert (parameter.kind, parameter.holds_json) == (kind, holds_json)
    assert "Example: " in parameter.llm_description


def test_the_generator_and_the_adapter_reserve_the_same_names():
    assert RESERVED == typed.RESERVED


def test_no_yaml_of_the_package_uses_an_alias(odd):
    for name in odd.files:
        if name.endswith(".yaml") and name != "packaged_catalog.yaml":
            assert not [event for event in yaml.parse(odd.text(name)) if isinstance(event, yaml.AliasEvent)], name


def test_a_required_argument_without_a_property_has_a_parameter_too():
    schema = {"type": "object", "required": ["a", "b"], "properties": {"b": {"type": "string"}}}
    found = {each.name: (each.required, each.holds_json) for each in parameters_of(schema)}
    assert found == {"b": (True, False), "a": (True, True)}


def test_an_argument_without_a_readable_name_is_labelled_by_its_parameter(build):
    odd = ODD.replace('"回信"', '" "')
    findings = checks.check(build(odd), private=True)
    assert [str(finding.problem) for finding in findings if finding.severity == "error"] == []

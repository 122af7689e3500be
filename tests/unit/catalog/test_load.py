import base64
import dataclasses
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest
import yaml

from faas_toolkit.catalog.document import read_document
from faas_toolkit.catalog.findings import CatalogFinding, CatalogInvalid
from faas_toolkit.catalog.load import check_text
from faas_toolkit.core.errors import Failure, Unavailable, every_kind
from faas_toolkit.core.redaction import SecretRedactor

OPERATIONS = frozenset({"crm.lookup"})
ROOT = Path(__file__).parents[3]


def test_the_whole_document_becomes_typed(load, good):
    loaded = load(good)
    catalog = loaded.catalog
    assert catalog.roles["member"].names("functions") == ("score", "report_*")
    assert catalog.roles["member"].crm.hide == ("person.phone",)
    assert catalog.roles["member"].mask == {"email": "partial", "phone": "drop"}
    assert catalog.functions["score"].timeout == 20
    assert catalog.functions["score"].cache == 300
    assert catalog.functions["score"].auth.standard_webhook.get_secret_value().startswith("whsec_")
    assert catalog.functions["report_sales"].target.region == "eu-west-1"
    assert catalog.operations["crm.lookup"].before == "score"
    assert catalog.review.refuse[1].words.split() == ["foolish", "barren"]
    assert [(line.limit, line.per, line.by) for line in catalog.limits] == [(200, 60, ("user",)), (2000, 86400, ("role", "app"))]
    assert catalog.network.allow == ("10.2.0.0/16", "http://models.internal:8000")
    assert (catalog.audit.keep, catalog.audit.arguments, catalog.audit.write) == (180 * 86400, "masked", "durable")
    assert (loaded.version, loaded.origin, loaded.fresh_for, loaded.warnings) == (1, "setting", None, ())


@pytest.mark.parametrize("text", ["", "  \n", "# nothing yet\n", "{}", "null", "\ufeff"])
def test_an_empty_setting_is_the_shipped_default(load, text):
    catalog = load(text).catalog
    assert list(catalog.roles) == ["member"]
    assert catalog.roles["member"].allow == ("crm.read", "knowledge.read", "function.call", "model.use")
    assert catalog.roles["member"].names("crm") == ("*",)
    assert catalog.crm["main"].kind == "embedded"
    assert catalog.knowledge["handbook"].sample is True
    assert not catalog.functions


def test_the_shipped_default_lets_nothing_be_written_and_names_no_function(load):
    roles = load("").catalog.roles.values()
    assert {grant for role in roles for grant in role.allow} <= {"crm.read", "knowledge.read", "function.call", "model.use"}
    assert all(role.names("functions") == () for role in roles)


def test_a_section_that_is_present_replaces_the_default_and_one_that_is_absent_keeps_it(load):
    catalog = load("{version: 1, roles: {guest: {allow: [crm.read], crm: {sources: [main]}}}}").catalog
    assert list(catalog.roles) == ["guest"]
    assert list(catalog.crm) == ["main"]


def test_json_flow_block_and_base64_load_alike(load, good):
    plain = read_document(good).value
    forms = [
        good,
        json.dumps(plain),
        json.dumps(plain, indent=2),
        yaml.safe_dump(plain, default_flow_style=True, width=10**9),
        yaml.safe_dump(plain, default_flow_style=False),
        "base64:" + base64.b64encode(good.encode()).decode(),
    ]
    loaded = [load(form) for form in forms]
    assert all(one.catalog == loaded[0].catalog for one in loaded)
    assert len({one.hash for one in loaded}) == 1


def test_the_hash_changes_with_anything_that_changes_what_may_be_called(load, good):
    secrets = {
        "wh": "whsec" + "_" + "QUJB" * 8,
        "aws_id": "an-access-key-id",
        "aws_key": "the-secret-access-key",
        "words": "foolish, barren",
    }
    hashes = [
        load(good).hash,
        load(good.replace("20s", "21s")).hash,
        load(good, secrets=secrets).hash,
        load("").hash,
        load(good.replace("# ", "")).hash,
    ]
    assert len(set(hashes)) == 4
    assert hashes[0] == hashes[4]


def test_a_secret_that_the_catalog_does_not_name_changes_nothing(load, good, secrets):
    assert load(good, secrets={**secrets, "another": "value of another"}).hash == load(good).hash


def test_the_hash_is_the_same_in_every_process(load):
    text = '{version: 1, review: {refuse: [{words: "${secret:w}"}]}}'
    program = (
        "from faas_toolkit.catalog.load import load_catalog;"
        f"print(load_catalog({text!r}, secrets={{'w': '123456'}}, environment={{}}, operations=()).hash)"
    )
    other = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=ROOT)
    assert load(text, secrets={"w": "123456"}).hash == other.stdout.strip()


def test_guessing_a_secret_from_a_hash_is_slow(load):
    """Even for who knows the whole document: each guess costs what one derivation costs."""
    text = '{version: 1, review: {refuse: [{words: "${secret:w}"}]}}'
    with mock.patch("hashlib.scrypt", wraps=hashlib.scrypt) as derivation:
        load(text, secrets={"w": "123456"})
    assert derivation.call_args.kwargs["n"] >= 2**13


def test_nothing_of_a_loaded_catalog_shows_a_secret(load, good, secrets):
    loaded = load(good)
    shown = repr(loaded) + str(loaded.catalog.functions) + repr(dataclasses.asdict(loaded)["hash"])
    assert not [value for name, value in secrets.items() if name != "words" and value in shown]
    assert SecretRedactor(loaded.secrets)(secrets["wh"]) == "[secret]"


def test_secrets_come_from_listed_variables_too(load):
    text = (
        '{version: 1, functions: {f: {platform: http, target: {url: "https://x.example"}, auth: {bearer: "${secret:NODE_KEY}"}}}}'
    )
    environment = {"FAAS_TOOLKIT_SHARED_SECRETS": "NODE_KEY", "NODE_KEY": "the-node-s-own-key"}
    assert load(text, environment=environment).catalog.functions["f"].auth.bearer.get_secret_value() == "the-node-s-own-key"


def test_a_broken_catalog_can_be_raised_by_a_tool_as_it_is(load):
    with pytest.raises(CatalogInvalid) as caught:
        load("{version: 1, functionz: {}}")
    failure = caught.value
    assert isinstance(failure, Unavailable)
    assert isinstance(failure, Failure)
    assert failure.kind == "unavailable"
    assert not failure.retryable
    assert failure.not_executed
    assert "Did you mean `functions`?" in failure.as_text()
    assert "An administrator repairs it" in failure.as_text()
    assert every_kind()["unavailable"] is Unavailable


def test_a_text_with_many_problems_stays_short_for_a_model_and_whole_for_diagnose(load):
    with pytest.raises(CatalogInvalid) as caught:
        load("version: 1\n" + "".join(f"k{number}: 1\n" for number in range(50)))
    assert len(caught.value.findings) == 50
    assert len(caught.value.as_text()) < 1500
    assert "50 problems" in caught.value.as_text()
    assert len(caught.value.report().splitlines()) == 50


def test_thousands_of_problems_are_cut_and_said_to_be(findings):
    found = findings("version: 1\n" + "".join(f"k{number}: 1\n" for number in range(5000)))
    assert len(found) == 201
    assert any("more than 200 problems" in finding.message for finding in found)


def test_findings_come_in_the_order_of_the_text(findings):
    found = findings("version: 1\naudit: {keep: x}\nrolez: {}\nlimits: 5\n")
    assert [finding.line for finding in found] == [2, 3, 4]


def test_a_finding_reads_as_one_line():
    finding = CatalogFinding(path="a.b", message="it is empty.", hint="Write 1.", line=3, column=5)
    assert str(finding) == "a.b (line 3, column 5): it is empty. Write 1."
    assert str(CatalogFinding(path="", message="it is empty.")) == "the document: it is empty."


WARNED = [
    ("{allow: [function.call]}", "roles.m.functions", "function.call is allowed and nothing is named"),
    ("{allow: [crm.read]}", "roles.m.crm.sources", "crm.read is allowed and nothing is named"),
    ('{allow: ["crm.*"]}', "roles.m.crm.sources", "crm.read is allowed and nothing is named"),
    ('{allow: [function.call], functions: ["reprot_*"]}', "roles.m.functions[0]", "no function matches reprot_*"),
]


@pytest.mark.parametrize(("role", "path", "words"), WARNED)
def test_what_is_probably_not_meant_is_a_warning(load, role, path, words):
    (warning,) = load(f"version: 1\nroles:\n  m: {role}\n").warnings
    assert warning.severity == "warning"
    assert warning.path == path
    assert words in warning.message
    assert warning.line == 3


COSTS = "limits: [{of: cost, limit: 5, per: 1d, currency: CNY}]"
DEPLOYMENT = "{name: a, kind: dify, provider: v/x/x, model: m%s}"
PRICED = ", price: {currency: %s, input: 1, output: 2}"


@pytest.mark.parametrize(
    ("deployment", "limits", "warned"),
    [
        ("", COSTS, True),
        (PRICED % "USD", COSTS, True),
        (PRICED % "CNY", COSTS, False),
        ("", "", False),
        (", limits: [{cost: 5, currency: CNY, per: 1d}]", "", True),
        (", limits: [{cost: 5, currency: CNY, per: 1d}]" + PRICED % "CNY", "", False),
    ],
)
def test_a_deployment_whose_cost_nobody_can_know_before_is_a_warning(load, deployment, limits, warned):
    pools = f"models: {{pools: {{chat: {{deployments: [{DEPLOYMENT % deployment}]}}}}}}"
    warnings = load(f"version: 1\n{pools}\n{limits}\n").warnings
    assert len(warnings) == warned
    for warning in warnings:
        assert warning.path == "models.pools.chat.deployments[0]"
        assert "no price in it, so it counts as 0" in warning.message
        assert "price: {currency: CNY" in warning.hint


def test_functions_that_no_role_may_call_are_a_warning(load):
    functions = 'functions: {f: {platform: http, target: {url: "https://x.example"}}}'
    (warning,) = load(f"version: 1\n{functions}\n").warnings
    assert (warning.path, warning.severity, warning.line) == ("functions", "warning", 2)
    assert "functions: [f]" in warning.hint
    for role in ("{allow: [function.call], functions: [f]}", '{allow: ["*"]}', '{allow: ["function.*"], functions: ["*"]}'):
        assert load(f"version: 1\nroles: {{m: {role}}}\n{functions}\n").warnings == ()


@pytest.mark.parametrize(
    "role",
    [
        '{allow: ["*"]}',
        '{allow: [function.call], functions: ["*"]}',
        "{allow: [function.call], functions: []}",
        "{allow: []}",
        "{allow: [model.use, admin.read]}",
        "{allow: [knowledge.read], knowledge: []}",
    ],
)
def test_what_is_meant_is_none(load, role):
    assert load(f"version: 1\nroles:\n  m: {role}\n").warnings == ()


def test_names_that_are_not_listed_are_denied_unless_all_is_allowed(load):
    roles = load(
        "{version: 1, roles: {m: {allow: [crm.read, function.call]}, a: {allow: ['*']}, n: {allow: ['*'], functions: []}}}"
    ).catalog.roles
    assert roles["m"].sources() == {"crm": (), "knowledge": (), "functions": (), "models": ("*",)}
    assert roles["a"].sources() == {"crm": ("*",), "knowledge": ("*",), "functions": ("*",), "models": ("*",)}
    assert roles["n"].names("functions") == ()


def test_a_check_without_secrets_takes_every_name_and_says_nothing_about_values(good):
    assert check_text(good, secrets=None, operations=OPERATIONS) == ()
    (finding,) = check_text(good.replace("20s", "20 parsecs"), secrets=None, operations=OPERATIONS)
    assert finding.path == "functions.score.timeout"


def test_a_check_with_secrets_checks_them(good):
    paths = [finding.path for finding in check_text(good, secrets={"wh": "not a webhook secret"}, operations=OPERATIONS)]
    assert paths == [
        "functions.score.auth.standard_webhook",
        "functions.report_sales.auth.access_key_id",
        "functions.report_sales.auth.secret_access_key",
        "review.refuse[1].words",
    ]


def test_a_check_gives_warnings_with_errors():
    text = "version: 1\nroles: {m: {allow: [crm.read]}}\nfoo: 1\n"
    assert [finding.severity for finding in check_text(text, secrets={}, operations=OPERATIONS)] == ["warning", "error"]


def test_a_check_of_what_cannot_be_read_says_so():
    (finding,) = check_text("a: [", secrets={}, operations=OPERATIONS)
    assert finding.line is not None
    (finding,) = check_text("base64:???", secrets={}, operations=OPERATIONS)
    assert "base64" in finding.message


def test_a_function_that_serves_a_base_or_stands_around_an_operation_need_not_be_callable(load):
    functions = "functions: {f: {platform: http, target: {url: 'https://functions.example/f'}}}\n"
    base = "knowledge: {archive: {kind: function, function: f}}\n"
    around = "operations: {crm.lookup: {before: f}}\n"
    assert load(f"version: 1\n{functions}{base}").warnings == ()
    assert load(f"version: 1\n{functions}{around}").warnings == ()
    (warning,) = load(f"version: 1\n{functions}").warnings
    assert "no role may call" in warning.message

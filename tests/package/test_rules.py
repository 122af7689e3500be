"""Every rule holds for the package as it is, and every rule finds what it is there for."""

import copy
import tomllib

import pytest
import yaml

from workbench.package import checks
from workbench.package.contents import Package
from workbench.package.rules import code, documents, endpoint, files, language, manifest, provider, requirements, tool

RULES = {rule.__name__: rule for rule in (*checks.FOR_ALL, *checks.FOR_PUBLIC, *checks.FOR_PRIVATE, *checks.WARNINGS)}
KNOWN_WARNINGS = {"is_ready_to_be_published"}
"""Until docs/publishing.md, "Before the first release", has been done."""

LOOKUP = "tools/crm_lookup.yaml"
PROVIDER = "provider/faas_toolkit.yaml"


@pytest.mark.parametrize("name", sorted(set(RULES) - KNOWN_WARNINGS))
def test_the_rule_holds_for_our_package(package, name):
    assert [str(problem) for problem in RULES[name](package)] == []


def with_file(name, content):
    return lambda given: {**given, name: content if isinstance(content, bytes) else content.encode()}


def without(name):
    return lambda given: {other: content for other, content in given.items() if other != name}


def with_text(name, old, new):
    def change(given):
        text = given[name].decode()
        assert old in text, f"{name} has no {old!r} any more"
        return {**given, name: text.replace(old, new).encode()}

    return change


def with_value(name, path, value):
    """The YAML file with another value at a path; `...` deletes the key."""

    def change(given):
        document = yaml.safe_load(given[name])
        *parents, last = path
        node = document
        for key in parents:
            node = node[key]
        if value is ...:
            del node[last]
        else:
            node[last] = copy.deepcopy(value)
        return {**given, name: yaml.safe_dump(document, allow_unicode=True, sort_keys=False).encode()}

    return change


def parameter(number, key, value):
    return with_value(LOOKUP, ["parameters", number, key], value)


def with_endpoints(group, endpoint):
    def change(given):
        manifest = yaml.safe_load(given["manifest.yaml"])
        manifest["plugins"]["endpoints"] = ["endpoints/x_group.yaml"]
        group_of = {"settings": [], "endpoints": ["endpoints/x.yaml"], **group}
        added = {"manifest.yaml": manifest, "endpoints/x_group.yaml": group_of, "endpoints/x.yaml": endpoint}
        return {**given, **{name: yaml.safe_dump(content).encode() for name, content in added.items()}}

    return change


ROUTED = {"method": "GET", "path": "/x"}
BIG = bytes(files.MAX_BYTES + 1)
TOKEN = ("sk" + "-" + "a1B2" * 6).encode()
RANDOM = b"pass" + b'word = "q8Zr2LwX0vTn7KpYc5Ds9Hb4"'

BROKEN = [
    (files.holds_allowed_names_only, with_file("notes.txt", "x"), "notes.txt"),
    (files.holds_allowed_names_only, with_file(files.PACKAGED_CATALOG, "x"), files.PACKAGED_CATALOG),
    (files.holds_allowed_names_and_a_catalog_only, with_file("tests/a.py", ""), "tests"),
    (files.what_is_named_is_there, without("requirements.txt"), "requirements.txt"),
    (files.what_is_named_is_there, with_file("PRIVACY.md", " \n"), "PRIVACY.md"),
    (files.what_is_named_is_there, without("_assets/icon-dark.svg"), "icon-dark.svg"),
    (files.what_is_named_is_there, without("tools/diagnose.py"), "tools/diagnose.py"),
    (files.what_is_named_is_there, without(PROVIDER), PROVIDER),
    (files.holds_nothing_blocked, with_file("faas_toolkit/__pycache__/a.pyc", ""), "__pycache__"),
    (files.holds_nothing_blocked, with_file("faas_toolkit/server.pem", ""), "server.pem"),
    (files.holds_nothing_blocked, with_file("faas_toolkit/.env.local", ""), ".env.local"),
    (files.holds_nothing_blocked, with_file("uv.lock", ""), "uv.lock"),
    (files.holds_no_binary, with_file("faas_toolkit/x", b"\x7fELF\x02"), "faas_toolkit/x"),
    (files.holds_no_binary, with_file("faas_toolkit/x.so", b""), "x.so"),
    (files.is_small, with_file("faas_toolkit/data.bin", BIG), "data.bin"),
    (files.is_small, lambda given: {**given, **{f"readme/{n}": b"" for n in range(files.MAX_FILES)}}, "files"),
    (files.has_a_picture_of_its_own, with_file("_assets/icon.svg", "DIFY_MARKETPLACE_TEMPLATE_ICON_DO_NOT_USE"), "icon.svg"),
    (files.holds_nothing_doubtful, with_file("faas_toolkit/run.sh", ""), "run.sh"),
    (files.holds_nothing_doubtful, with_file("faas_toolkit/dist/a.py", ""), "dist"),
    (code.yaml_can_be_read, with_file("manifest.yaml", "a: [1"), "manifest.yaml"),
    (code.yaml_can_be_read, with_text(LOOKUP, "identity:", "identity: {}\nidentity:"), "twice"),
    (code.holds_no_secret, with_file("readme/a.md", TOKEN), "OpenAI"),
    (code.holds_no_secret, with_file("faas_toolkit/a.py", RANDOM), "faas_toolkit/a.py:1"),
    (code.python_compiles, with_file("faas_toolkit/a.py", "def f(:"), "faas_toolkit/a.py"),
    (code.every_request_has_a_timeout, with_file("tools/a.py", "import httpx\nhttpx.get('x')"), "tools/a.py:2"),
    (manifest.has_every_field, with_value("manifest.yaml", ["contact"], ...), "contact"),
    (manifest.has_every_field, with_value("manifest.yaml", ["meta", "runner", "entrypoint"], ""), "entrypoint"),
    (manifest.has_an_identity_that_dify_takes, with_value("manifest.yaml", ["author"], "Acme"), "Acme"),
    (manifest.has_an_identity_that_dify_takes, with_value("manifest.yaml", ["author"], "my-dify"), "Dify's"),
    (manifest.has_versions_that_all_readers_take, with_value("manifest.yaml", ["version"], 1.0), "1.0"),
    (manifest.has_versions_that_all_readers_take, with_value("manifest.yaml", ["version"], "1.0.0-hotfix"), "hotfix"),
    (manifest.has_versions_that_all_readers_take, with_value("manifest.yaml", ["meta", "minimum_dify_version"], "abc"), "abc"),
    (manifest.runs_on_python_312, with_value("manifest.yaml", ["meta", "runner", "version"], 3.12), "runner"),
    (manifest.runs_on_python_312, with_value("manifest.yaml", ["meta", "arch"], ["amd64"]), "arch"),
    (manifest.says_when_it_was_made, with_value("manifest.yaml", ["created_at"], "yesterday"), "created_at"),
    (manifest.can_be_reached, with_value("manifest.yaml", ["repo"], "https://example.com/x"), "github.com"),
    (manifest.can_be_reached, with_value("manifest.yaml", ["contact"], "somebody"), "contact"),
    (manifest.can_be_reached, with_value("manifest.yaml", ["privacy"], "https://example.com"), "privacy"),
    (manifest.is_tagged_with_known_tags, with_value("manifest.yaml", ["tags"], ["agent"]), "agent"),
    (manifest.is_tagged_with_known_tags, with_value(PROVIDER, ["identity", "tags"], ["trigger"]), "trigger"),
    (manifest.declares_kinds_that_go_together, with_value("manifest.yaml", ["plugins", "models"], ["x.yaml"]), "models"),
    (manifest.declares_kinds_that_go_together, with_value("manifest.yaml", ["plugins", "endpoints"], None), "empty"),
    (
        manifest.asks_for_the_permissions_that_it_uses,
        with_value("manifest.yaml", ["resource", "permission", "app"], {"enabled": True}),
        "app is asked for and not used",
    ),
    (
        manifest.asks_for_the_permissions_that_it_uses,
        with_value("manifest.yaml", ["resource", "permission"], {}),
        "storage is used and not asked for",
    ),
    (
        manifest.asks_for_the_permissions_that_it_uses,
        with_file("tools/a.py", "def f(self):\n    return self._session.model.rerank.invoke()\n"),
        "model.rerank is used",
    ),
    (
        manifest.asks_for_the_permissions_that_it_uses,
        with_value("manifest.yaml", ["resource", "permission", "storage", "size"], 10),
        "1 KiB",
    ),
    (manifest.is_ready_to_be_published, lambda given: given, "placeholder"),
    (provider.provider_has_every_field, with_value(PROVIDER, ["identity", "description"], ...), "description"),
    (provider.provider_has_every_field, with_value(PROVIDER, ["identity", "author"], "other"), "author"),
    (provider.provider_uses_no_anchor, with_text(PROVIDER, "  - tools/diagnose.yaml", "  - *diagnose"), "anchor"),
    (provider.settings_can_be_filled_in, with_value(PROVIDER, ["credentials_for_provider"], []), "mapping"),
    (
        provider.settings_can_be_filled_in,
        with_value(PROVIDER, ["credentials_for_provider", "catalog", "type"], "number"),
        "number",
    ),
    (provider.settings_can_be_filled_in, with_value(PROVIDER, ["credentials_for_provider", "catalog", "help"], ...), "help"),
    (endpoint.endpoints_can_be_routed, with_endpoints({}, {**ROUTED, "method": "PATCH"}), "PATCH"),
    (endpoint.endpoints_can_be_routed, with_endpoints({}, {**ROUTED, "path": "x"}), "slash"),
    (endpoint.endpoints_can_be_routed, with_endpoints({"endpoints": []}, ROUTED), "names none"),
    (endpoint.endpoint_settings_can_be_filled_in, with_endpoints({"settings": {"a": 1}}, ROUTED), "list"),
    (endpoint.endpoint_settings_can_be_filled_in, with_endpoints({"settings": [{"type": "text-input"}]}, ROUTED), "no name"),
    (endpoint.endpoint_settings_can_be_filled_in, with_endpoints({"settings": [{"name": "a", "type": "x"}]}, ROUTED), "'x'"),
    (files.what_is_named_is_there, with_endpoints({"endpoints": ["endpoints/y.yaml"]}, ROUTED), "endpoints/y.yaml"),
    (tool.tools_have_names_that_dify_and_models_take, with_value(PROVIDER, ["tools"], []), "no tool"),
    (tool.tools_have_names_that_dify_and_models_take, with_value(LOOKUP, ["identity", "name"], "crm lookup"), "crm lookup"),
    (tool.tools_have_names_that_dify_and_models_take, with_value(LOOKUP, ["identity", "name"], "diagnose"), "twice"),
    (tool.tools_have_names_that_dify_and_models_take, with_value(LOOKUP, ["identity", "author"], "other"), "author"),
    (tool.models_read_what_a_tool_does, with_value(LOOKUP, ["description", "llm"], "x" * 1_025), "1,024"),
    (tool.models_read_what_a_parameter_takes, parameter(0, "llm_description", "A text."), "Example"),
    (tool.models_read_what_a_parameter_takes, parameter(1, "llm_description", "Example: any"), "Default"),
    (tool.parameters_are_of_types_that_arrive, parameter(0, "type", "date"), "whole workspace"),
    (tool.parameters_are_of_types_that_arrive, parameter(0, "type", "object"), "JSON"),
    (tool.parameters_are_of_types_that_arrive, parameter(0, "form", "schema"), "schema"),
    (tool.parameters_are_of_types_that_arrive, parameter(1, "type", "model-selector"), "selector"),
    (tool.parameters_have_every_field, parameter(0, "human_description", ...), "human_description"),
    (tool.parameters_have_every_field, parameter(0, "name", "a b"), "a b"),
    (tool.parameters_have_every_field, parameter(1, "options", []), "options"),
    (tool.parameters_have_every_field, parameter(1, "options", [{"value": True, "label": {"en_US": "x"}}]), "True"),
    (tool.shared_parameters_are_the_same_on_every_tool, with_value("tools/diagnose.yaml", ["parameters"], []), "diagnose"),
    (tool.variables_can_be_used, with_value(LOOKUP, ["output_schema", "properties", "text"], {"description": "x"}), "text"),
    (tool.variables_can_be_used, with_value(LOOKUP, ["output_schema", "properties", "meta"], ...), "shared"),
    (tool.variables_can_be_used, with_value(LOOKUP, ["output_schema", "properties", "total"], {"type": "number"}), "total"),
    (tool.variables_can_be_used, with_value(LOOKUP, ["output_schema"], {}), "output_schema"),
    (language.texts_are_there_in_four_languages, with_value("manifest.yaml", ["label", "ja_JP"], ...), "label"),
    (language.texts_are_there_in_four_languages, with_value("manifest.yaml", ["label", "ja_JP"], "x" * 1_024), "1,023"),
    (language.translations_are_of_their_own_language, with_value("manifest.yaml", ["description", "zh_Hans"], "Tools"), "copy"),
    (language.translations_are_of_their_own_language, with_value("manifest.yaml", ["description", "en_US"], "工具"), "English"),
    (documents.readme_is_english, with_text("README.md", "# FaaS Toolkit", "# FaaS 工具箱"), "README.md:1"),
    (documents.readme_names_its_source, with_file("readme/README_pt_BR.md", "x"), "pt_BR"),
    (documents.readme_tells_what_a_reviewer_looks_for, with_file("README.md", "Setup, usage, connect."), "credential"),
    (documents.readme_is_short, with_file("README.md", "word " * 501), "501"),
    (documents.readme_is_translated, without("readme/README_ja_JP.md"), "ja_JP"),
    (documents.readme_is_translated, with_text("readme/README_ja_JP.md", "crm_lookup", "lookup"), "crm_lookup"),
    (documents.readme_is_translated, with_file("README_zh.md", "x"), "README_zh.md"),
    (documents.privacy_policy_says_what_is_asked, with_text("PRIVACY.md", "## Data Usage", "## Usage"), "Data Usage"),
    (documents.privacy_policy_says_what_is_asked, with_file("PRIVACY.md", "Please fill in the privacy policy"), "template"),
    (documents.privacy_policy_says_what_is_asked, with_text("PRIVACY.md", "maintainers@", "others@"), "contact"),
    (
        documents.privacy_policy_says_what_is_asked,
        with_value("manifest.yaml", ["resource", "permission", "rerank"], {"enabled": True}),
        "rerank",
    ),
    (documents.version_is_the_same_everywhere, with_text("faas_toolkit/wiring.py", 'VERSION = "', 'VERSION = "9.'), "wiring"),
    (documents.version_is_the_same_everywhere, with_text("pyproject.toml", '\nversion = "', '\nversion = "9.'), "pyproject"),
    (requirements.every_pin_is_exact, with_text("requirements.txt", "httpx==", "httpx>="), "httpx"),
    (requirements.every_pin_is_exact, with_file("requirements.txt", "-r other.txt\n"), "other.txt"),
    (requirements.every_pin_is_exact, with_file("requirements.txt", "x @ git+https://github.com/a/b\n"), "git"),
    (requirements.every_dependency_has_two_bounds, with_text("pyproject.toml", '"httpx>=0.28,<0.29"', '"httpx~=0.28"'), "httpx"),
    (requirements.every_dependency_has_two_bounds, with_text("pyproject.toml", '"httpx>=0.28,<0.29"', '"httpx"'), "httpx"),
    (requirements.the_sdk_is_new_enough, with_text("pyproject.toml", "dify-plugin>=0.9.0", "dify-plugin>=0.5.0"), "0.9.0"),
    (requirements.the_sdk_is_new_enough, with_text("requirements.txt", "dify-plugin==", "other=="), "requirements.txt"),
    (requirements.pins_and_bounds_agree, with_text("requirements.txt", "httpx==0.28.1", "httpx==0.29.0"), "0.29.0"),
    (requirements.pins_and_bounds_agree, with_text("requirements.txt", "httpx==0.28.1\n", ""), "httpx"),
    (
        requirements.dify_builds_and_resolves_nothing_else,
        with_text("pyproject.toml", "[tool.uv]", '[build-system]\nrequires = ["hatchling"]\n[tool.uv]'),
        "build-system",
    ),
    (
        requirements.dify_builds_and_resolves_nothing_else,
        with_text("pyproject.toml", "[tool.uv]", '[dependency-groups]\ndev = ["pytest"]\n[tool.uv]'),
        "dependency-groups",
    ),
    (requirements.dify_builds_and_resolves_nothing_else, with_text("pyproject.toml", "package = false", "package = true"), "uv"),
    (requirements.no_package_host_is_named, with_text("requirements.txt", "httpx", "--index-url x\nhttpx"), "requirements.txt:"),
    (requirements.nothing_heavy_is_installed, with_text("requirements.txt", "httpx==", "torch=="), "torch"),
]


@pytest.mark.parametrize(
    ("rule", "change", "named"), BROKEN, ids=[f"{rule.__name__}-{number}" for number, (rule, *_) in enumerate(BROKEN)]
)
def test_the_rule_finds_what_it_is_there_for_and_says_what_would_be_right(package, rule, change, named):
    problems = list(rule(Package(change(package.files))))
    assert any(named in str(problem) for problem in problems), [str(problem) for problem in problems]
    assert all(problem.right for problem in problems)


def test_every_rule_is_shown_to_find_something():
    assert {rule.__name__ for rule, *_ in BROKEN} == set(RULES)


def test_an_executable_bit_is_found(package):
    executable = Package(package.files, executable=frozenset({"main.py"}))
    assert [problem.place for problem in files.holds_no_binary(executable)] == ["main.py"]


@pytest.mark.parametrize("name", ["manifest.yaml", PROVIDER, LOOKUP, "pyproject.toml", "requirements.txt", "README.md"])
@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"\xff\xfe", b"a: [1", b"plugins: {tools: 3}\nmeta: 7", b"\x00"])
def test_a_damaged_file_is_reported_and_breaks_no_rule(package, name, content):
    small = {other: text for other, text in package.files.items() if not other.startswith("faas_toolkit/")}
    damaged = Package({**small, name: content})
    assert len(errors(damaged)) > len(errors(Package(small)))


def errors(package):
    return [finding for finding in checks.check(package) if finding.severity == "error"]


def test_an_empty_package_is_reported():
    assert {finding.rule for finding in checks.check(Package({}))} >= {"what_is_named_is_there", "has_every_field"}


def test_warnings_come_after_errors(package):
    found = checks.check(Package(with_file("faas_toolkit/run.sh", b"\x7fELF")(package.files)))
    severities = [finding.severity for finding in found]
    assert severities == sorted(severities)
    assert {"error", "warning"} == set(severities)


def test_the_changes_of_these_tests_keep_a_readable_project(package):
    """Else a rule could seem to find something only because the file became unreadable."""
    for _, change, _ in BROKEN:
        text = change(package.files).get("pyproject.toml", b"").decode()
        assert tomllib.loads(text)["project"]["name"] == "faas-toolkit"

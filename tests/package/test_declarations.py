"""Manifest, provider and tools: the limits of Dify's daemon and SDK, four languages everywhere, what the marketplace wants."""

import re
import tomllib
from datetime import datetime
from urllib.parse import urlsplit

import pytest

from tests.package.packing import ROOT

LANGUAGES = ("en_US", "zh_Hans", "ja_JP", "pt_BR")
TEXT_KEYS = frozenset(["label", "description", "human", "human_description", "help", "placeholder"])
SOURCE_HOSTS = frozenset(["github.com", "gitlab.com", "bitbucket.org", "gitee.com", "codeberg.org", "git.sr.ht"])
TAGS = frozenset(
    [
        "search",
        "image",
        "videos",
        "weather",
        "finance",
        "design",
        "travel",
        "social",
        "news",
        "medical",
        "productivity",
        "education",
        "business",
        "entertainment",
        "utilities",
        "rag",
        "other",
    ]
)
"""Of both Dify and the SDK: `agent` and `trigger` break the upload."""
SHARED_PARAMETERS = ("identity_token", "on_error")
SHARED_VARIABLES = ("ok", "error", "source", "meta", "added")
CJK = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\u3040-\u30ff]")


def translated_texts(node, path=""):
    """Every mapping that is shown to people, with where it stands."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in TEXT_KEYS and isinstance(value, dict) and not {"human", "type"} & set(value):
                yield f"{path}.{key}", value
            else:
                yield from translated_texts(value, f"{path}.{key}")
    elif isinstance(node, list):
        for number, item in enumerate(node):
            yield from translated_texts(item, f"{path}[{number}]")


def test_every_text_that_people_see_is_there_in_four_languages(manifest, provider, tools):
    texts = [text for document in (manifest, provider, *tools.values()) for text in translated_texts(document)]
    assert len(texts) > 60
    for path, text in texts:
        assert tuple(text) == LANGUAGES, path
        for language, words in text.items():
            assert words.strip(), f"{path}.{language}"
            assert len(words) < 1024, f"{path}.{language}"


def test_translations_are_sentences_of_their_own_language(manifest, provider, tools):
    for document in (manifest, provider, *tools.values()):
        for path, text in translated_texts(document):
            if path.endswith((".label", ".placeholder")):
                continue
            assert not CJK.search(text["en_US"]), path
            assert CJK.search(text["zh_Hans"]), path
            assert CJK.search(text["ja_JP"]), path
            assert text["pt_BR"] != text["en_US"], path
            assert text["ja_JP"] != text["zh_Hans"], path


def test_the_manifest_has_what_daemon_and_marketplace_require(manifest):
    assert manifest["type"] == "plugin"
    assert re.fullmatch(r"[a-z0-9_-]{1,64}", manifest["author"])
    assert re.fullmatch(r"[a-z0-9_-]{1,128}", manifest["name"])
    assert not re.search("langgenius|dify", manifest["author"])
    assert re.fullmatch(r"\d{1,4}(\.\d{1,4}){2}", manifest["version"])
    assert re.fullmatch(r"\d{1,4}(\.\d{1,4}){2}", manifest["meta"]["version"])
    assert urlsplit(manifest["repo"]).hostname in SOURCE_HOSTS
    assert re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", manifest["contact"])
    assert datetime.fromisoformat(manifest["created_at"]).tzinfo is not None
    assert manifest["meta"]["runner"] == {"language": "python", "version": "3.12", "entrypoint": "main"}
    assert set(manifest["meta"]["arch"]) == {"amd64", "arm64"}
    assert re.fullmatch(r"\d+\.\d+\.\d+", manifest["meta"]["minimum_dify_version"])


def test_the_version_is_the_same_everywhere(manifest):
    from faas_toolkit.wiring import VERSION

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert manifest["version"] == project["version"] == VERSION


def test_tags_are_known_to_dify_and_to_the_sdk(manifest, provider):
    assert set(manifest["tags"]) <= TAGS
    assert set(provider["identity"]["tags"]) <= TAGS


def test_only_the_permission_that_is_used_is_asked_for(manifest):
    assert set(manifest["resource"]["permission"]) == {"storage", "model"}
    assert manifest["resource"]["permission"]["model"] == {"enabled": True, "text_embedding": True}
    assert 1024 <= manifest["resource"]["permission"]["storage"]["size"] <= 1 << 30
    assert "storage" in (ROOT / "PRIVACY.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("key", ["icon", "icon_dark"])
def test_icons_exist_small_and_our_own(manifest, provider, key):
    assert manifest[key] == provider["identity"][key]
    picture = (ROOT / "_assets" / manifest[key]).read_text(encoding="utf-8")
    assert picture.startswith("<svg")
    assert len(picture) < 4_000
    assert "DIFY_MARKETPLACE_TEMPLATE" not in picture


def test_privacy_policy_is_named_and_has_the_four_headings(manifest):
    assert manifest["privacy"] == "PRIVACY.md"
    policy = (ROOT / "PRIVACY.md").read_text(encoding="utf-8")
    for heading in ("Data Collection", "Data Usage", "Data Retention", "Contact"):
        assert f"## {heading}" in policy
    assert "please fill in" not in policy.lower()
    assert manifest["contact"] in policy


def test_readme_is_english_names_the_source_and_the_four_things_a_reviewer_looks_for(manifest):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert manifest["repo"] in readme
    assert not CJK.search(readme)
    for word in ("setup", "usage", "credential", "connect"):
        assert word in readme.lower(), word
    user_part = readme.split("## Development")[0]
    assert len(re.sub(r"```.*?```", "", user_part, flags=re.DOTALL).split()) < 500


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_readme_is_translated_where_dify_looks_for_it(language, manifest):
    translated = (ROOT / "readme" / f"README_{language}.md").read_text(encoding="utf-8")
    assert manifest["repo"] in translated
    for tool in ("crm_lookup", "function_call", "list_capabilities", "diagnose"):
        assert tool in translated


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
    assert {name for name, kind in types.items() if kind == "secret-input"} == {"secrets", "encryption_key", "identity_keys"}


def test_tools_agree_with_their_file_names_and_the_provider(tools, provider, manifest):
    for path, tool in tools.items():
        name = tool["identity"]["name"]
        assert path == f"tools/{name}.yaml"
        assert tool["extra"]["python"]["source"] == f"tools/{name}.py"
        assert tool["identity"]["author"] == provider["identity"]["author"] == manifest["author"]
    declared = {path.name for path in (ROOT / "tools").iterdir() if path.suffix == ".yaml"}
    assert {path.removeprefix("tools/") for path in tools} == declared


def test_what_a_model_reads_says_when_to_use_the_tool_and_when_another_one(tools):
    names = [tool["identity"]["name"] for tool in tools.values()]
    for tool in tools.values():
        text = tool["description"]["llm"]
        assert len(text) <= 1024
        assert "Use it " in text
        assert any(other in text for other in names if other != tool["identity"]["name"])


def test_every_parameter_tells_a_model_its_default_and_an_example(tools):
    for path, tool in tools.items():
        for parameter in tool["parameters"]:
            where = f"{path}: {parameter['name']}"
            # What a model fills in is one of four types; files it never sees, and they are never required.
            assert parameter["type"] in ("string", "number", "boolean", "select", "files"), where
            assert parameter["type"] != "files" or parameter["required"] is False, where
            assert parameter["form"] == ("form" if parameter["name"] in SHARED_PARAMETERS else "llm"), where
            assert "Example: " in parameter["llm_description"], where
            assert parameter["required"] or "Default" in parameter["llm_description"], where


def test_options_are_texts_in_yaml_too(tools):
    """Unquoted `yes` or `1.10` is one thing to Go and another to Python."""
    for tool in tools.values():
        for parameter in tool["parameters"]:
            for option in parameter.get("options", ()):
                assert isinstance(option["value"], str)


def test_identity_token_and_on_error_are_the_same_on_every_tool(tools):
    shared = [[p for p in tool["parameters"] if p["name"] in SHARED_PARAMETERS] for tool in tools.values()]
    assert all(these == shared[0] for these in shared)
    on_error = shared[0][1]
    assert [option["value"] for option in on_error["options"]] == ["auto", "fail", "return"]
    assert on_error["default"] == "auto"


def test_shared_variables_are_the_same_on_every_tool_and_none_is_reserved(tools):
    for tool in tools.values():
        properties = tool["output_schema"]["properties"]
        first = next(iter(tools.values()))["output_schema"]["properties"]
        assert {name: properties[name] for name in SHARED_VARIABLES} == {name: first[name] for name in SHARED_VARIABLES}
        assert not {"text", "json", "files"} & set(properties)
        assert all(variable["description"] for variable in properties.values())


def test_no_anchor_in_the_provider():
    """The daemon drops aliases there in silence."""
    assert not re.search(
        r"^\s*[\w-]*:?\s*[&*]\w", (ROOT / "provider" / "faas_toolkit.yaml").read_text(encoding="utf-8"), re.MULTILINE
    )

"""What the example apps say about the plugin is what its YAML says: tools, parameters, settings, values, variables."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.workflow.awaited import AWAITED
from workbench.declaration import read_declaration

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "examples" / "apps").glob("*.yml"))
APPS = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in FILES}
PLUGIN = read_declaration(ROOT)
TOOLS = {tool.name: yaml.safe_load((ROOT / "tools" / f"{tool.name}.yaml").read_text(encoding="utf-8")) for tool in PLUGIN.tools}
FAMILIES = ({"crm_lookup"}, {"knowledge_search"}, {"function_call"}, {"model_generate", "model_fallback"})
OWN_OUTPUTS = {"text", "json", "files"}
ERROR_OUTPUTS = {"error_message", "error_type"}
SELECTOR = re.compile(r"\{\{#([\w.]+)#\}\}")


def nodes_of(app) -> dict[str, dict]:
    return {node["id"]: node["data"] for node in app["workflow"]["graph"]["nodes"]}


def tools_of(app) -> dict[str, dict]:
    """Each use of a tool, by the node's id or the tool's name."""
    if "workflow" in app:
        return {id_: data for id_, data in nodes_of(app).items() if data["type"] == "tool"}
    return {use["tool_name"]: use for use in app["model_config"]["agent_mode"]["tools"]}


def uses(apps) -> list:
    return [pytest.param(use, id=f"{name}-{where}") for name, app in apps.items() for where, use in tools_of(app).items()]


WORKFLOWS = {name: app for name, app in APPS.items() if "workflow" in app}
AGENTS = {name: app for name, app in APPS.items() if "model_config" in app}


def parameters_of(tool, form) -> dict[str, dict]:
    return {parameter["name"]: parameter for parameter in TOOLS[tool]["parameters"] if parameter["form"] == form}


def require_there(use):
    if use["tool_name"] in AWAITED:
        pytest.skip(f"{use['tool_name']} is awaited (tests/workflow/awaited.py)")


def test_no_tool_is_awaited_that_is_there():
    assert not AWAITED & set(TOOLS), "take these off tests/workflow/awaited.py"


def test_there_are_a_workflow_and_an_agent():
    assert {name: app["app"]["mode"] for name, app in APPS.items()} == {
        "customer_agent": "agent-chat",
        "customer_workflow": "workflow",
    }


@pytest.mark.parametrize("name", APPS)
def test_dify_takes_the_file_for_an_app_of_its_time(name):
    app = APPS[name]
    assert (app["kind"], app["version"]) == ("app", "0.6.0")
    assert app["app"]["name"]


@pytest.mark.parametrize("name", APPS)
def test_the_file_depends_on_this_plugin(name):
    (dependency,) = APPS[name]["dependencies"]
    assert dependency["type"] == "package"
    identifier = dependency["value"]["plugin_unique_identifier"]
    assert re.fullmatch(rf"{PLUGIN.author}/{PLUGIN.name}:{re.escape(PLUGIN.version)}@[0-9a-f]{{64}}", identifier)


@pytest.mark.parametrize("name", APPS)
def test_all_four_families_are_used(name):
    used = {use["tool_name"] for use in tools_of(APPS[name]).values()}
    assert all(family & used for family in FAMILIES)


@pytest.mark.parametrize("use", uses(APPS))
def test_a_tool_is_named_as_the_plugin_names_it(use):
    assert use["provider_id"] == use["provider_name"] == PLUGIN.provider_id
    assert use["provider_type"] == "builtin"
    require_there(use)
    assert use["tool_label"] == TOOLS[use["tool_name"]]["identity"]["label"]["en_US"]


@pytest.mark.parametrize("node", uses(WORKFLOWS))
def test_a_nodes_parameters_are_the_tools(node):
    assert node["tool_node_version"] == "2"
    require_there(node)
    for form, given in (("llm", node["tool_parameters"]), ("form", node["tool_configurations"])):
        declared = parameters_of(node["tool_name"], form)
        assert set(given) <= set(declared)
        assert {name for name, parameter in declared.items() if parameter["required"]} <= set(given)
        for name, value in given.items():
            assert_allowed(value, declared[name])


def assert_allowed(given, parameter):
    value = given["value"]
    if given["type"] == "variable" or SELECTOR.search(str(value)):
        return
    if parameter["type"] == "select":
        assert value in [option["value"] for option in parameter["options"]]
    elif parameter["type"] == "number":
        assert parameter.get("min", value) <= value <= parameter.get("max", value)
    else:
        assert isinstance(value, str)


@pytest.mark.parametrize("use", uses(AGENTS))
def test_an_agents_tool_is_enabled_and_pins_settings_of_the_builder_only(use):
    assert use["enabled"] is True
    require_there(use)
    declared = parameters_of(use["tool_name"], "form")
    assert set(use["tool_parameters"]) <= set(declared)
    assert not [name for name, parameter in declared.items() if parameter["required"]], "an agent cannot fill a selector"
    for name, value in use["tool_parameters"].items():
        assert_allowed({"type": "constant", "value": value}, declared[name])


@pytest.mark.parametrize("name", AGENTS)
def test_an_agents_instructions_name_tools_that_it_has(name):
    config = AGENTS[name]["model_config"]
    has = {use["tool_name"] for use in config["agent_mode"]["tools"]}
    assert set(re.findall(r"\b[a-z]+_[a-z_]+\b", config["pre_prompt"])) & (set(TOOLS) | AWAITED) == has
    assert config["agent_mode"]["enabled"] is True


def selectors_of(data) -> Iterator[tuple[str, str]]:
    """Every variable that a node reads, as node and name."""
    for found in SELECTOR.findall(str(data)):
        yield tuple(found.split(".")[:2])
    bound = [given["value"] for given in data.get("tool_parameters", {}).values() if given["type"] == "variable"]
    listed = [item.get("value_selector") for item in (*data.get("variables", ()), *data.get("outputs", ()))]
    asked = [condition["variable_selector"] for case in data.get("cases", ()) for condition in case["conditions"]]
    for node, variable, *_ in filter(None, (*bound, *listed, *asked)):
        yield node, variable


def variables_of(data) -> set[str]:
    """What a node gives to those after it."""
    if data["type"] == "start":
        return {variable["variable"] for variable in data["variables"]}
    if data["type"] == "template-transform":
        return {"output"}
    declared = TOOLS.get(data.get("tool_name"), {"output_schema": {"properties": {}}})["output_schema"]["properties"]
    return OWN_OUTPUTS | set(declared) | (ERROR_OUTPUTS if data.get("error_strategy") == "fail-branch" else set())


def before(id_, edges) -> set[str]:
    found, pending = set(), [id_]
    while pending:
        target = pending.pop()
        sources = {edge["source"] for edge in edges if edge["target"] == target} - found
        found |= sources
        pending += sources
    return found


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_node_reads_only_what_a_node_before_it_gives(name):
    nodes, edges = nodes_of(WORKFLOWS[name]), WORKFLOWS[name]["workflow"]["graph"]["edges"]
    for id_, data in nodes.items():
        for source, variable in selectors_of(data):
            assert source in before(id_, edges), f"{id_} reads {source}"
            if nodes[source].get("tool_name") not in AWAITED:
                assert variable in variables_of(nodes[source]), f"{id_} reads {source}.{variable}"


@pytest.mark.parametrize("name", WORKFLOWS)
def test_edges_join_nodes_by_handles_that_they_have(name):
    nodes, edges = nodes_of(WORKFLOWS[name]), WORKFLOWS[name]["workflow"]["graph"]["edges"]
    assert len({edge["id"] for edge in edges}) == len(edges)
    handles = {id_: set() for id_ in nodes}
    for edge in edges:
        handles[edge["source"]].add(edge["sourceHandle"])
        assert edge["data"]["sourceType"] == nodes[edge["source"]]["type"]
        assert edge["data"]["targetType"] == nodes[edge["target"]]["type"]
    for id_, data in nodes.items():
        cases = {case["case_id"] for case in data.get("cases", ())} | {"false"}
        fails = {"source", "fail-branch"} if data.get("error_strategy") == "fail-branch" else {"source"}
        assert handles[id_] == {"end": set(), "if-else": cases}.get(data["type"], fails), id_


@pytest.mark.parametrize("name", WORKFLOWS)
def test_every_tool_has_a_fail_branch_and_every_end_an_answer(name):
    nodes = nodes_of(WORKFLOWS[name]).values()
    assert all(data["error_strategy"] == "fail-branch" for data in nodes if data["type"] == "tool")
    assert all("answer" in [output["variable"] for output in data["outputs"]] for data in nodes if data["type"] == "end")


@pytest.mark.parametrize("name", WORKFLOWS)
def test_templates_hold_nothing_that_older_sandboxes_of_dify_read_as_python(name):
    for data in nodes_of(WORKFLOWS[name]).values():
        assert "\\" not in data.get("template", "")
        assert "'''" not in data.get("template", "")

"""Workflow apps in graphon, Dify's own engine: a DSL file's graph is run by the engine, its tool nodes by a plugin on the host.

The order of nodes, branches, error strategies, variables, and what becomes of a tool's messages are the engine's own.
"""

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2
import yaml
from graphon.entities.graph_init_params import GraphInitParams
from graphon.graph.graph import Graph
from graphon.graph_engine.command_channels import InMemoryChannel
from graphon.graph_engine.graph_engine import GraphEngine
from graphon.graph_events.base import GraphNodeEventBase
from graphon.graph_events.graph import GraphRunFailedEvent, GraphRunPartialSucceededEvent, GraphRunSucceededEvent
from graphon.graph_events.node import NodeRunExceptionEvent, NodeRunFailedEvent, NodeRunSucceededEvent
from graphon.nodes.base.node import Node
from graphon.nodes.end.end_node import EndNode
from graphon.nodes.if_else.if_else_node import IfElseNode
from graphon.nodes.start.start_node import StartNode
from graphon.nodes.template_transform.template_transform_node import TemplateTransformNode
from graphon.nodes.tool.tool_node import ToolNode
from graphon.runtime.graph_runtime_state import GraphRuntimeState
from graphon.runtime.variable_pool import VariablePool
from graphon.template_rendering import Jinja2TemplateRenderer, TemplateRenderError
from graphon.variables.segments import Segment

from workbench.host import DEFAULT_WORKSPACE, PluginHost
from workbench.workflow_tools import NoFiles, PluginTools


class AppNotRunnable(Exception):
    """The file is no workflow app that can run here, or an input is missing; the text says what is needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRun:
    """How one node ended."""

    id: str
    title: str
    type: str
    status: str
    """`succeeded`; `exception`: it failed and its error strategy took over; `failed`: it took the run with it."""
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]
    """After an exception that took the fail branch: `error_message` and `error_type`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppRun:
    """How one run of an app ended."""

    nodes: Sequence[NodeRun]
    """In the order in which they ended; nodes that were skipped are not among them."""
    outputs: Mapping[str, Any]
    """What the End node that was reached gives."""
    error: str = ""
    """Why the run failed; empty where it did not."""

    def node(self, node_id: str) -> NodeRun:
        """The run of that node; raises `LookupError` where it was skipped."""
        for run in self.nodes:
            if run.id == node_id:
                return run
        raise LookupError(f"The node {node_id!r} did not run; {', '.join(run.id for run in self.nodes)} did.")


def read_app(path: Path) -> Mapping[str, Any]:
    """A DSL file's document.

    Raises:
        AppNotRunnable: it is no DSL file.
        FileNotFoundError: it is not there.
    """
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise AppNotRunnable(f"{path.name} is not YAML: {error}") from error
    if not isinstance(document, dict) or document.get("kind") != "app":
        raise AppNotRunnable(f"{path.name} is not a DSL file of Dify: it needs `kind: app`.")
    return document


@dataclass(frozen=True, slots=True, kw_only=True)
class AppRunner:
    """Runs workflow apps against a plugin.

    Args:
        host: the running plugin.
        credentials: the provider's settings, as Dify would hand them over.
        workspace: whose storage and models the plugin sees.
    """

    host: PluginHost
    credentials: Mapping[str, Any] = field(default_factory=dict)
    workspace: str = DEFAULT_WORKSPACE

    def run(self, app: Mapping[str, Any], inputs: Mapping[str, Any]) -> AppRun:
        """Runs the app of a DSL document with the inputs of its start node.

        Raises:
            AppNotRunnable: it is not a workflow, has a node of another type than those run here, or misses an input.
        """
        graph_config = _graph_of(app)
        start = _start_of(graph_config)
        state = GraphRuntimeState(variable_pool=_pool(start, inputs), start_at=time.perf_counter())
        workflow_id = str(uuid.uuid4())
        nodes = _Nodes(
            init=GraphInitParams(workflow_id=workflow_id, graph_config=graph_config, run_context={}, call_depth=0),
            state=state,
            tools=PluginTools(self.host, self.credentials, self.workspace),
        )
        try:
            graph = Graph.init(graph_config=graph_config, node_factory=nodes, root_node_id=start["id"])
        except ValueError as error:
            raise AppNotRunnable(f"Dify's engine does not take this graph: {error}") from error
        engine = GraphEngine(workflow_id=workflow_id, graph=graph, graph_runtime_state=state, command_channel=InMemoryChannel())
        return _result(engine, {node["id"]: node["data"] for node in graph_config["nodes"]})


def _graph_of(app: Mapping[str, Any]) -> dict[str, Any]:
    mode = app.get("app", {}).get("mode")
    if mode != "workflow":
        raise AppNotRunnable(f"Only apps with `mode: workflow` run here, this one is {mode!r}; import it into Dify.")
    try:
        graph: dict[str, Any] = app["workflow"]["graph"]
        types = {node["data"]["type"] for node in graph["nodes"]}
    except (KeyError, TypeError) as error:
        raise AppNotRunnable("The app needs `workflow.graph.nodes`, each with `id` and `data.type`.") from error
    if foreign := sorted(types - set(_NODE_TYPES)):
        raise AppNotRunnable(f"The node types {', '.join(foreign)} do not run here, only {', '.join(_NODE_TYPES)} do.")
    return graph


def _start_of(graph: Mapping[str, Any]) -> Mapping[str, Any]:
    starts: list[Mapping[str, Any]] = [node for node in graph["nodes"] if node["data"]["type"] == "start"]
    if len(starts) != 1:
        raise AppNotRunnable(f"A workflow needs exactly one start node, this one has {len(starts)}.")
    return starts[0]


def _pool(start: Mapping[str, Any], inputs: Mapping[str, Any]) -> VariablePool:
    declared = {variable["variable"]: variable.get("required", False) for variable in start["data"]["variables"]}
    unknown = [name for name in inputs if name not in declared]
    missing = [name for name, required in declared.items() if required and not inputs.get(name)]
    if unknown or missing:
        raise AppNotRunnable(f"The inputs are {', '.join(declared)}; missing: {missing or 'none'}, unknown: {unknown or 'none'}.")
    pool = VariablePool()
    for name, value in inputs.items():
        pool.add((start["id"], name), value)
    return pool


def _result(engine: GraphEngine, data: Mapping[str, Mapping[str, Any]]) -> AppRun:
    nodes: list[NodeRun] = []
    outputs: Mapping[str, Any] = {}
    error = ""
    for event in engine.run():
        if isinstance(event, (NodeRunSucceededEvent, NodeRunExceptionEvent, NodeRunFailedEvent)):
            nodes.append(_node_run(event, data[event.node_id]))
        elif isinstance(event, (GraphRunSucceededEvent, GraphRunPartialSucceededEvent)):
            outputs = _plain(event.outputs)
        elif isinstance(event, GraphRunFailedEvent):
            error = event.error
            break  # the engine would go on by raising what it has just told
    return AppRun(nodes=nodes, outputs=outputs, error=error)


def _node_run(event: GraphNodeEventBase, data: Mapping[str, Any]) -> NodeRun:
    result = event.node_run_result
    return NodeRun(
        id=event.node_id,
        title=data["title"],
        type=data["type"],
        status=result.status.value,
        inputs=_plain(result.inputs),
        outputs=_plain(result.outputs),
    )


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.to_object() if isinstance(value, Segment) else value for name, value in values.items()}


class _Templates(Jinja2TemplateRenderer):
    """Jinja with its defaults, as Dify's sandbox renders a template node."""

    def render_template(self, template: str, variables: Mapping[str, Any]) -> str:
        try:
            return str(jinja2.Template(template).render(**variables))
        except jinja2.TemplateError as error:
            raise TemplateRenderError(str(error)) from error


@dataclass(frozen=True, slots=True)
class _Nodes:
    """Makes the engine's nodes from their configuration."""

    init: GraphInitParams
    state: GraphRuntimeState
    tools: PluginTools

    def create_node(self, node_config: Mapping[str, Any]) -> Node[Any]:
        kind = _NODE_TYPES[node_config["data"].type]
        own: dict[str, Any] = {}
        if kind is ToolNode:
            own = {"runtime": self.tools, "tool_file_manager": NoFiles()}
        elif kind is TemplateTransformNode:
            own = {"jinja2_template_renderer": _Templates()}
        return kind(
            node_id=node_config["id"],
            data=kind.validate_node_data(node_config["data"]),
            graph_init_params=self.init,
            graph_runtime_state=self.state,
            **own,
        )


_NODE_TYPES: Mapping[str, type[Node[Any]]] = {
    "start": StartNode,
    "end": EndNode,
    "if-else": IfElseNode,
    "template-transform": TemplateTransformNode,
    "tool": ToolNode,
}

"""What each surface of Dify does before a tool is called and makes of what it answered.

Measured on Dify 1.14.2: dify-behaviour 3.2 and 3.3, with the corrections of dify-daemon. The three differ, and not by plan: a
workflow node sees variables and no log; agents see text and, by accident, logs; the Agent node lets the model
override what the builder of the app has set.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from workbench.casting import cast, model_type
from workbench.declaration import Parameter, Tool
from workbench.session import PluginError, Reply
from workbench.transform import File, chat_text, node_agent_text, outputs, without_blobs
from workbench.wire import Sender

SurfaceName = Literal["workflow", "agent-chat", "agent-node"]
SURFACES: tuple[SurfaceName, ...] = ("workflow", "agent-chat", "agent-node")

_TEXT_ONLY_ERRORS = frozenset(
    {
        "InvokeRateLimitError",
        "InvokeAuthorizationError",
        "InvokeBadRequestError",
        "InvokeConnectionError",
        "InvokeServerUnavailableError",
        "CredentialsValidateFailedError",
    }
)
"""Errors whose text alone arrives; of every other class agents get the traceback (dify-daemon N13)."""


class ParameterRefused(Exception):
    """Dify does not call the plugin with these parameters; the text is what it says instead."""


class ToolDropped(ParameterRefused):
    """An agent-chat app leaves the tool out of the model's list, in silence."""


@dataclass(frozen=True, slots=True)
class NodeResult:
    """What a workflow's tool node ends with."""

    outputs: Mapping[str, Any]
    """`text`, `json`, `files` and the variables; empty where the node failed."""
    error: str = ""
    """Why the node failed; it goes to the fail branch as `error_message`."""

    @property
    def failed(self) -> bool:
        """Whether the node failed."""
        return bool(self.error)


@dataclass(frozen=True, slots=True)
class Observation:
    """What a model reads after its tool call."""

    text: str
    files: tuple[File, ...] = ()


def sender_for(surface: SurfaceName, app: str = "app-1", user_id: str = Sender().user_id) -> Sender:
    """What a plugin is told about the caller: Agent nodes name no app, no conversation and no message."""
    match surface:
        case "workflow":
            return Sender(user_id=user_id, app_id=app)
        case "agent-chat":
            return Sender(user_id=user_id, app_id=app, conversation_id=f"{app}-conversation", message_id=f"{app}-message")
        case _:
            return Sender(user_id=user_id)


def prepare(
    surface: SurfaceName, tool: Tool, arguments: Mapping[str, Any], settings: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The parameters as the plugin receives them.

    Args:
        surface: which of the three calls.
        tool: what the YAML declares.
        arguments: from the model, or bound to variables in a workflow.
        settings: what the builder of the app set for parameters of `form: form`.

    Raises:
        ParameterRefused: in Dify's words; the plugin is not called.
    """
    if surface == "workflow":
        known = {name: value if tool.parameter(name) else None for name, value in {**arguments, **(settings or {})}.items()}
        return _cast_all(tool, known)
    form = _form_values(tool, settings or {}, surface)
    merged = {**arguments, **form} if surface == "agent-chat" else {**form, **arguments}
    return _cast_all(tool, merged)


def arguments_from_model(tool: Tool, given: str) -> Mapping[str, Any]:
    """What a model wrote as arguments: JSON, or a bare text where the tool has one parameter for the model."""
    names = [parameter.name for parameter in tool.parameters if parameter.form == "llm"]
    try:
        value = json.loads(given or "{}")
    except ValueError:
        value = given
    if isinstance(value, dict):
        return value
    if len(names) == 1:
        return {names[0]: value}
    raise ParameterRefused(f"tool_parameters should be a dict, but got a string: {given}")


def prompt_tool(tool: Tool) -> dict[str, Any]:
    """The tool as Dify describes it to a model: names, types, `llm_description`, enum and required; nothing else of the YAML."""
    properties: dict[str, Any] = {}
    offered = [parameter for parameter in tool.parameters if parameter.form == "llm" and parameter.type not in ("file", "files")]
    for parameter in offered:
        properties[parameter.name] = {"type": model_type(parameter.type), "description": parameter.llm_description}
        if parameter.type == "select" and parameter.options:
            properties[parameter.name]["enum"] = list(parameter.options)
    required = [parameter.name for parameter in offered if parameter.required]
    return {
        "name": tool.name,
        "description": tool.llm_description,
        "parameters": {"type": "object", "properties": properties, "required": required},
    }


def workflow_node(reply: Reply, provider_id: str) -> NodeResult:
    """The node's outputs, or why it failed; what came before a failure is lost."""
    if reply.error is not None:
        return NodeResult({}, _node_failure(reply.error, provider_id))
    try:
        return NodeResult(outputs(reply))
    except ValueError as error:
        return NodeResult({}, f"Failed to transform tool message: {error}")


def observation(surface: SurfaceName, reply: Reply) -> Observation:
    """What the model reads in an agent-chat app or in an Agent node."""
    if reply.error is not None:
        return refused_observation(surface, _agent_failure(reply.error))
    messages, files = without_blobs(reply)
    if surface == "agent-chat":
        return Observation(chat_text(messages), tuple(files))
    foreign = next((file for file in files if not file.mime_type.startswith("image/")), None)
    if foreign is not None:
        # Dify sends it as `binary_link`, a type that the SDK of the agent's plugin does not know
        return Observation("tool invoke error: Failed to parse response: 1 validation error for ToolInvokeMessage")
    return Observation("".join(node_agent_text(message) for message in messages), tuple(files))


def refused_observation(surface: SurfaceName, text: str) -> Observation:
    """What the model reads where the call itself failed."""
    way = "read tool response failed: request failed: " if surface == "agent-node" else ""
    return Observation(f"tool invoke error: {way}{text}")


def _form_values(tool: Tool, settings: Mapping[str, Any], surface: SurfaceName) -> dict[str, Any]:
    """What Dify fills in for the builder's parameters; defaults of the model's parameters it never fills."""
    values: dict[str, Any] = {}
    for parameter in tool.parameters:
        if parameter.form == "form":
            try:
                values[parameter.name] = _form_value(parameter, settings.get(parameter.name))
            except ValueError as error:
                raise (ToolDropped if surface == "agent-chat" else ParameterRefused)(str(error)) from error
    return values


def _form_value(parameter: Parameter, given: object) -> object:
    value = given
    if not value and value != 0:
        value = parameter.default
        if not value and parameter.required:
            raise ValueError(f"tool parameter {parameter.name} not found in tool config")
    if parameter.type == "select" and value is not None and value not in parameter.options:
        raise ValueError(f"tool parameter {parameter.name} value {value} not in options {list(parameter.options)}")
    return cast(parameter.type, value)


def _cast_all(tool: Tool, given: Mapping[str, Any]) -> dict[str, Any]:
    prepared = dict(given)
    for parameter in tool.parameters:
        if parameter.name in given:
            try:
                prepared[parameter.name] = cast(parameter.type, given[parameter.name])
            except ValueError as error:
                raise ParameterRefused(str(error)) from error
    return prepared


def _node_failure(error: PluginError, provider_id: str) -> str:
    if error.error_type in _TEXT_ONLY_ERRORS:
        return error.message
    return (
        f"An error occurred in the {provider_id}, please contact the author of {provider_id} for help, "
        f"error type: {error.error_type}, error details: {error.message}"
    )


def _agent_failure(error: PluginError) -> str:
    """Agents get the whole error object of every class that Dify does not know, traceback and paths included."""
    if error.error_type in _TEXT_ONLY_ERRORS:
        return error.message
    whole = {"args": dict(error.args), "error_type": error.error_type, "message": error.message}
    return f"req_id: 0000000000 PluginInvokeError: {json.dumps(whole)}"

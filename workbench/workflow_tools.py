"""The runtime of tool nodes in graphon: the plugin on the workbench's host stands where Dify has its tool manager.

What Dify's application adds around the engine is played here as measured on 1.14.2 (dify-behaviour 3.1 to 3.3): how a node's
settings are resolved, how parameters are cast, which words a failure has. The engine makes outputs of the messages.
"""

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from graphon.model_runtime.entities.llm_entities import LLMUsage
from graphon.nodes.tool.entities import ToolNodeData
from graphon.nodes.tool.exc import ToolNodeError, ToolRuntimeInvocationError, ToolRuntimeResolutionError
from graphon.nodes.tool_runtime_entities import ToolRuntimeHandle, ToolRuntimeMessage, ToolRuntimeParameter
from graphon.runtime.variable_pool import VariablePool

from workbench.declaration import Parameter, Tool
from workbench.host import PluginHost
from workbench.session import HostFailure
from workbench.surfaces import ParameterRefused, prepare, sender_for, workflow_node


class NoFiles:
    """Dify's store of the files that tools send, which is not here."""

    def create_file_by_raw(self, **_: object) -> object:
        """Fails the node."""
        raise ToolNodeError("A tool sent a file; files are not kept here, only in Dify.")

    def get_file_generator_by_tool_file_id(self, tool_file_id: str) -> tuple[None, None]:
        """There is none."""
        return None, None


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A tool node's tool with what the builder set for it."""

    tool: Tool
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PluginTools:
    """`graphon.nodes.runtime.ToolNodeRuntimeProtocol` over a running plugin.

    Args:
        host: the plugin.
        credentials: the provider's settings.
        workspace: whose storage and models the plugin sees; the plugin is told of one app in it.
    """

    host: PluginHost
    credentials: Mapping[str, Any]
    workspace: str

    def get_runtime(self, *, node_data: ToolNodeData, variable_pool: VariablePool | None, **_: object) -> ToolRuntimeHandle:
        """The node's tool, with its settings; raises `ToolRuntimeResolutionError` where the plugin has no such tool."""
        provider = self.host.declaration.provider_id
        if node_data.provider_id != provider:
            raise ToolRuntimeResolutionError(f"The provider {node_data.provider_id!r} is not there; {provider!r} is.")
        try:
            tool = self.host.declaration.tool(node_data.tool_name)
        except LookupError as error:
            raise ToolRuntimeResolutionError(str(error)) from error
        return ToolRuntimeHandle(raw=_Prepared(tool, dict(_settings(tool, node_data.tool_configurations, variable_pool))))

    def get_runtime_parameters(self, *, tool_runtime: ToolRuntimeHandle) -> list[ToolRuntimeParameter]:
        """The parameters that the YAML declares; the engine drops the values of others."""
        declared = _prepared(tool_runtime).tool.parameters
        return [ToolRuntimeParameter(name=each.name, required=each.required) for each in declared]

    def invoke(
        self, *, tool_runtime: ToolRuntimeHandle, tool_parameters: Mapping[str, Any], **_: object
    ) -> Generator[ToolRuntimeMessage]:
        """The tool's messages.

        Raises:
            ToolRuntimeInvocationError: at once, where Dify cannot cast a value and calls no plugin; later, where the tool fails.
        """
        prepared = _prepared(tool_runtime)
        try:
            parameters = prepare("workflow", prepared.tool, tool_parameters, prepared.settings)
        except ParameterRefused as refusal:
            raise ToolRuntimeInvocationError(str(refusal)) from refusal
        return self._messages(prepared.tool.name, parameters)

    def _messages(self, tool: str, parameters: Mapping[str, Any]) -> Generator[ToolRuntimeMessage]:
        sender = sender_for("workflow", app=f"{self.workspace}-app")  # an app belongs to one workspace
        try:
            reply = self.host.invoke_tool(tool, parameters, workspace=self.workspace, sender=sender, credentials=self.credentials)
        except HostFailure as failure:
            raise ToolRuntimeInvocationError(str(failure)) from failure
        node = workflow_node(reply, self.host.declaration.provider_id)
        if node.failed:
            raise ToolRuntimeInvocationError(node.error)
        for message in reply.messages:
            if message["type"] in ("blob", "blob_chunk"):
                NoFiles().create_file_by_raw()
            yield ToolRuntimeMessage.model_validate(message)

    def get_usage(self, *, tool_runtime: ToolRuntimeHandle) -> LLMUsage:
        """None: Dify counts only what its own nodes use."""
        return LLMUsage.empty_usage()

    def build_file_reference(self, *, mapping: Mapping[str, Any]) -> object:
        """Fails the node."""
        return NoFiles().create_file_by_raw()


def _prepared(handle: ToolRuntimeHandle) -> _Prepared:
    return cast("_Prepared", handle.raw)


def _settings(tool: Tool, configured: Mapping[str, Any], pool: VariablePool | None) -> Iterator[tuple[str, object]]:
    """What the builder set for parameters of `form: form`; Dify fills no default in (its `_convert_tool_parameters_type`)."""
    for parameter in tool.parameters:
        given = configured.get(parameter.name)
        if parameter.form == "form" and isinstance(given, dict) and given.get("value") is not None:
            yield parameter.name, _setting(parameter, given, pool)


def _setting(parameter: Parameter, given: Mapping[str, Any], pool: VariablePool | None) -> object:
    value, binding = given["value"], ToolNodeData.ToolInput.model_validate(given).type
    if pool is None or binding == "constant" or isinstance(value, dict):
        return value
    if binding == "mixed":
        return pool.convert_template(value).text
    variable = pool.get(value)
    if variable is None:
        raise ToolRuntimeResolutionError(f"Variable {value} of {parameter.name} does not exist")
    return variable.value

"""The typed tools of one caller: each operation and each function that they may use, under a name of its own."""

from collections.abc import Iterator, Mapping
from functools import cache

from faas_toolkit.core.inventory import Entry, Offer
from faas_toolkit.core.operation import Operation
from faas_toolkit.gateway import tool_schemas
from faas_toolkit.wiring import OPERATIONS, operation_named

FUNCTION_CALL = "function.call"
_PREFIX = "function_"


@cache
def operations_by_tool() -> Mapping[str, Operation]:
    """Every operation by the name of its tool."""
    return {operation.tool: operation for operation in map(operation_named, OPERATIONS)}


def tool_name(function: str) -> str:
    """The function's own name, with `function_` before it where a tool of the plugin has that name.

    It depends on no catalog and no role, so a name never changes because somebody else's function came or went.
    """
    return _PREFIX + function if _clashes(function) else function


def function_name(tool: str) -> str:
    """The function behind a tool that is no operation: `tool_name` the other way round."""
    shortened = tool.removeprefix(_PREFIX)
    return shortened if shortened != tool and _clashes(shortened) else tool


def _clashes(name: str) -> bool:
    return name in operations_by_tool() or (name.startswith(_PREFIX) and _clashes(name.removeprefix(_PREFIX)))


def describe(offer: Offer) -> Iterator[dict[str, object]]:
    """The tools as MCP's `tools/list` has them."""
    for name in offer.operations:
        yield _of_operation(operation_named(name))
    for entry in offer.functions:
        yield _of_function(entry)


def _of_operation(operation: Operation) -> dict[str, object]:
    declared = tool_schemas.declaration(operation.tool)
    label = declared.get("identity", {}).get("label", {}).get("en_US", operation.tool)
    return {
        "name": operation.tool,
        "title": label,
        "description": declared.get("description", {}).get("llm", label).strip(),
        "inputSchema": tool_schemas.input_schema(operation),
        "outputSchema": tool_schemas.output_schema(operation),
    }


def _of_function(entry: Entry) -> dict[str, object]:
    name = tool_name(entry.name)
    words = [entry.description or f"Runs the function {entry.name} of this workspace."]
    if entry.effects != "none":
        words.append(f"It changes something (effects: {entry.effects}).")
    if name != entry.name:
        words.append(f"This is the function {entry.name}; it is called {name} here because {entry.name} is another tool.")
    return {
        "name": name,
        "title": entry.name,
        "description": " ".join(words),
        "inputSchema": tool_schemas.function_input(entry.arguments),
        "outputSchema": tool_schemas.function_output(operation_named(FUNCTION_CALL), entry.result),
        "annotations": {"readOnlyHint": entry.effects == "none", "idempotentHint": entry.effects != "once"},
    }

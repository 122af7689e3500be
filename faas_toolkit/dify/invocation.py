"""The way in and out for Dify: parameters to a call, a reply to messages or to a failed node.

The one place that catches everything. An exception's traceback would reach the model, and a `BaseException` that is not an
`Exception` would leave the caller hanging for 600 s (dify-daemon, list, 1 and 2).
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from faas_toolkit.core.call import Origin, Surface, Workspace
from faas_toolkit.core.errors import Failure, Internal, InvalidInput
from faas_toolkit.core.immutable import immutable
from faas_toolkit.core.operation import Operation
from faas_toolkit.core.outgoing import OutgoingFile
from faas_toolkit.dify import identity, messages, node, settings
from faas_toolkit.dify.files import as_uploads
from faas_toolkit.dify.host import DifyHost
from faas_toolkit.service import Outcome, Request
from faas_toolkit.wiring import operation_named

if TYPE_CHECKING:
    from dify_plugin import Tool
    from dify_plugin.entities.tool import ToolInvokeMessage

logger = logging.getLogger(__name__)

ADAPTER_PARAMETERS = frozenset({"identity_token", "on_error"})
type Arguments = Callable[[Mapping[str, object]], Mapping[str, object]]
"""From the parameters that Dify hands over to the operation's arguments; raises a `Failure`."""

_ON_ERROR = ("auto", "fail", "return")


@immutable
class Reply:
    """What goes back to Dify."""

    text: str
    variables: Mapping[str, str]
    """Each as JSON."""
    failure: Failure | None = None
    file: OutgoingFile | None = None


def parameters_as_they_are(parameters: Mapping[str, object]) -> Mapping[str, object]:
    """The operation's arguments are the parameters, without those that are the adapter's own."""
    return {name: value for name, value in parameters.items() if name not in ADAPTER_PARAMETERS}


def answer(
    tool: "Tool", operation_name: str, parameters: Mapping[str, object], arguments: Arguments = parameters_as_they_are
) -> Iterator["ToolInvokeMessage"]:
    """Answers one invocation of a tool.

    Raises:
        InvokeError: of the SDK; only where a workflow node must fail, with the failure's text and nothing else.
    """
    operation = operation_named(operation_name)
    surface = identity.surface_of(tool.session.app_id, tool.session.message_id)
    streams = surface == "workflow" and operation.streamed is not None
    began = False
    for item in _caught(tool, operation, parameters, arguments, surface):
        if isinstance(item, Reply):
            if item.failure is not None and _fails_node(parameters.get("on_error"), surface):
                raise _invoke_error(item.failure) from None
            left = {name: value for name, value in item.variables.items() if not (began and name == operation.streamed)}
            messages.send(tool.session, item.text, left, node.current().give_way)
            if item.file is not None:
                yield _blob(tool, item.file)
        elif streams:  # an agent reads everything once, at the end: an early chunk starts its clock (dify-daemon, list, 5)
            began = True
            for piece in messages.pieces(item):
                yield tool.create_stream_variable_message(str(operation.streamed), piece)


def _caught(
    tool: "Tool", operation: Operation, parameters: Mapping[str, object], arguments: Arguments, surface: Surface
) -> Iterator[str | Reply]:
    """The pieces of the text as they come, then everything else; a failure of whatever kind is data."""
    try:
        yield from _governed(tool, operation, parameters, arguments, surface)
    except GeneratorExit:  # the SDK reads no further
        raise
    except Failure as failure:
        yield failed(operation, failure, {}, surface)
    except BaseException:
        logger.exception("%s failed inside the toolkit", operation.name)
        fault = Internal("The toolkit failed on this call; the fault is in its own code.")
        yield failed(operation, fault, {}, surface)


def _governed(
    tool: "Tool", operation: Operation, parameters: Mapping[str, object], arguments: Arguments, surface: Surface
) -> Iterator[str | Reply]:
    _check_on_error(parameters.get("on_error"))
    configured = settings.parse_settings(tool.runtime.credentials)
    host = DifyHost(tool.session, node.hard_limit)
    this_node = node.current()
    workspace = this_node.directory.find(tool.session.app_id, host.storage, configured.encryption_key)
    this_node.handover.leave(configured, workspace, host.storage)
    request = Request(
        operation=operation,
        arguments={name: as_uploads(value) for name, value in arguments(parameters).items()},
        origin=_origin(tool, parameters, workspace, surface),
        host=host,
    )
    for item in this_node.service.stream(configured, request):
        yield _reply(operation, item, surface) if isinstance(item, Outcome) else item
    this_node.answered(operation.name)


def _reply(operation: Operation, outcome: Outcome, surface: Surface) -> Reply:
    if outcome.failure is not None:
        return failed(operation, outcome.failure, outcome.meta, surface)
    variables = {"ok": True, "error": {}, "source": outcome.source, "meta": outcome.meta, "added": outcome.added}
    return Reply(outcome.text, _written({**variables, **outcome.variables}, operation, surface), file=outcome.file)


def _blob(tool: "Tool", file: OutgoingFile) -> "ToolInvokeMessage":
    return tool.create_blob_message(file.content, meta={"mime_type": file.media_type, "filename": file.name})


def _origin(tool: "Tool", parameters: Mapping[str, object], workspace: Workspace, surface: Surface) -> Origin:
    token = parameters.get("identity_token")
    if token is not None and not isinstance(token, str):
        raise InvalidInput("identity_token must be a text: a signed token (JWT).")
    return Origin(
        workspace=workspace,
        surface=surface,
        user_id=tool.runtime.user_id or "",
        app_id=tool.session.app_id,
        conversation_id=tool.session.conversation_id,
        message_id=tool.session.message_id,
        identity_token=token or None,
    )


def failed(operation: Operation, failure: Failure, meta: Mapping[str, object], surface: Surface) -> Reply:
    """A failure as data that teaches, every declared variable set."""
    variables = {"ok": False, "error": failure.as_dict(), "source": "", "meta": dict(meta), "added": {}, **operation.empty}
    text = f"Failed ({failure.kind}): {failure.as_text()}"
    return Reply(text, _written(variables, operation, surface), failure)


def _written(variables: Mapping[str, object], operation: Operation, surface: Surface) -> Mapping[str, str]:
    """The variables that this surface shows, each as JSON."""
    shown = {name: value for name, value in variables.items() if surface == "workflow" or name not in operation.large}
    return messages.written(shown, node.current().give_way)


def _check_on_error(value: object) -> None:
    if value not in (None, "", *_ON_ERROR):
        raise InvalidInput(
            f"on_error must be one of {', '.join(_ON_ERROR)}.", hint="auto fails a workflow node and answers an agent."
        )


def _fails_node(on_error: object, surface: Surface) -> bool:
    if on_error in ("fail", "return"):
        return on_error == "fail"
    return surface == "workflow"


def _invoke_error(failure: Failure) -> Exception:
    """The SDK's class that fits (tools.md §1); of these classes only the text arrives, without a traceback."""
    from dify_plugin.errors import model

    classes = {
        "throttled": model.InvokeRateLimitError,
        "unauthenticated": model.InvokeAuthorizationError,
        "forbidden": model.InvokeAuthorizationError,
        "unavailable": model.InvokeServerUnavailableError,
        "timeout_unknown": model.InvokeServerUnavailableError,
    }
    found: type[Exception] = classes.get(failure.kind, model.InvokeBadRequestError)
    return found(messages.speakable(failure.as_text()))

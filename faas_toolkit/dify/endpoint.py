"""The way in and out for Dify's endpoints: a werkzeug request to plain values, a plain response back.

The one place that catches everything, as for tools: what the SDK says of an exception shows its text to strangers, and a
`BaseException` would leave the caller hanging (dify-daemon N6 and list, 1).
"""

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from faas_toolkit.dify import node
from faas_toolkit.dify.host import DifyHost
from faas_toolkit.dify.settings import parse_settings
from faas_toolkit.gateway.http import HttpRequest, HttpResponse, answer_health, answer_preflight
from faas_toolkit.gateway.mcp_endpoint import answer_fault, answer_mcp
from faas_toolkit.gateway.toolbox import Toolbox, Visitor

if TYPE_CHECKING:
    from dify_plugin import Endpoint
    from dify_plugin.interfaces.endpoint import Request, Response

_SETTINGS = ("encryption_key", "catalog", "secrets")
logger = logging.getLogger(__name__)


def answer(endpoint: "Endpoint", door: str, request: "Request", settings: Mapping[str, object]) -> "Response":
    """Answers one HTTP request at `mcp`, `health` or `preflight`; never raises."""
    from dify_plugin.interfaces.endpoint import Response

    try:
        said = _answered(endpoint, door, request, settings)
    except BaseException:
        logger.exception("The endpoint %s failed inside the toolkit", door)
        said = answer_fault()
    return Response(said.body, status=said.status, headers=dict(said.headers))


def _answered(endpoint: "Endpoint", door: str, request: "Request", settings: Mapping[str, object]) -> HttpResponse:
    match door:
        case "health":
            return answer_health()
        case "preflight":
            return answer_preflight()
        case _:
            asked = HttpRequest(
                method=request.method,
                headers={name.lower(): value for name, value in request.headers.items()},
                body=request.get_data(),
            )
            return answer_mcp(asked, settings.get("clients"), lambda visitor: _toolbox(endpoint, settings, visitor))


def _toolbox(endpoint: "Endpoint", settings: Mapping[str, object], visitor: Visitor) -> Toolbox:
    own = parse_settings({name: settings.get(name) for name in _SETTINGS})
    host = DifyHost(endpoint.session, node.hard_limit)
    this_node = node.current()
    workspace = this_node.directory.find(endpoint.session.endpoint_id, host.storage, own.encryption_key)
    in_force = this_node.handover.take(own, workspace, host.storage)
    return Toolbox(service=this_node.service, settings=in_force, workspace=workspace, host=host, visitor=visitor)

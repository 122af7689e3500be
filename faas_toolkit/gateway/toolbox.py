"""What one caller may use, bound to their configuration: the gateway's way to the service."""

from collections.abc import Mapping
from dataclasses import field

from faas_toolkit.core.call import ApiClient, Origin, Workspace
from faas_toolkit.core.host import Host
from faas_toolkit.core.immutable import immutable
from faas_toolkit.core.inventory import Offer
from faas_toolkit.core.operation import Operation
from faas_toolkit.service import Outcome, Request, Service
from faas_toolkit.wiring import RuntimeSettings, operation_named


@immutable(kw_only=True)
class Visitor:
    """Who stands at the door: a client whose key was checked, and the token of the person behind it, if it sent one."""

    client: ApiClient
    identity_token: str | None = field(default=None, repr=False)


@immutable(kw_only=True)
class Toolbox:
    """Asks the service on behalf of one visitor of one workspace."""

    service: Service
    settings: RuntimeSettings
    workspace: Workspace
    host: Host
    visitor: Visitor

    def offer(self) -> Offer:
        """What the visitor may use; raises a `Failure`."""
        return self.service.offer(self.settings, self._request(operation_named("workspace.capabilities"), {}))

    def run(self, operation: Operation, arguments: Mapping[str, object]) -> Outcome:
        """Answers one call."""
        return self.service.run(self.settings, self._request(operation, arguments))

    def _request(self, operation: Operation, arguments: Mapping[str, object]) -> Request:
        origin = Origin(
            workspace=self.workspace,
            surface="gateway",
            client=self.visitor.client,
            identity_token=self.visitor.identity_token,
        )
        return Request(operation=operation, arguments=arguments, origin=origin, host=self.host)

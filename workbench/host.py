"""A host that runs a plugin as Dify's daemon does, in any of its three ways, for several workspaces at once; it forgives nothing.

It plays the other side, so it imports neither the toolkit nor the SDK.

    with PluginHost(Path(".")) as host:
        reply = host.invoke_tool("crm_lookup", {"query": "Aurora"}, sender=Sender(app_id="app-1"))
"""

import sys
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, get_args

from workbench import backwards, wire
from workbench.declaration import Declaration, read_declaration
from workbench.process import READY_WITHIN, Launch, PluginProcess, Violation
from workbench.serverless import ServerlessProcess
from workbench.session import HostFailure, ProtocolViolation, Reply, Session, Workspace
from workbench.stdio import StdioProcess
from workbench.storage import WorkspaceStorage
from workbench.tcp import TcpProcess
from workbench.wire import RequestRefused, Sender

Transport = Literal["stdio", "tcp", "serverless"]
TRANSPORTS: tuple[Transport, ...] = get_args(Transport)
_PROCESSES: Mapping[Transport, type[PluginProcess]] = {"stdio": StdioProcess, "tcp": TcpProcess, "serverless": ServerlessProcess}

DEFAULT_WORKSPACE = "default"
SESSION_TIMEOUT = 600.0
"""The daemon's PLUGIN_MAX_EXECUTION_TIMEOUT, in seconds."""
_REMEMBERED_SESSIONS = 10_000


class PluginNotStarted(HostFailure):
    """No first sign of life."""


class PluginHost:
    """A running plugin.

    Args:
        root: the plugin's folder.
        transport: how the plugin is started and spoken to: as on Dify's own machine, in remote debug, or serverless.
        environment: added to what the plugin inherits.
        storage_folder: where workspaces keep their values; None: temporary folders.
        ready_within: seconds to the first heartbeat, or answer about its health.
        silence_limit: seconds without a sign of life after which the plugin is killed; None: as the daemon has it.

    Leaving the `with` block raises `ProtocolViolation` where a rule was broken at any time.
    """

    def __init__(
        self,
        root: Path,
        *,
        transport: Transport = "stdio",
        environment: Mapping[str, str] | None = None,
        storage_folder: Path | None = None,
        python: str = sys.executable,
        ready_within: float = READY_WITHIN,
        silence_limit: float | None = None,
    ) -> None:
        self.declaration: Declaration = read_declaration(root)
        self._storage_folder = storage_folder
        self._ready_within = ready_within
        self._lock = threading.Lock()
        self._workspaces: dict[str, Workspace] = {}
        self._sessions: dict[str, Session] = {}
        self._ended: deque[str] = deque(maxlen=_REMEMBERED_SESSIONS)
        self._violations: list[Violation] = []
        launch = Launch(
            root=root,
            entrypoint=self.declaration.entrypoint,
            on_event=self._on_event,
            on_violation=self._on_violation,
            answers=self._answers,
            environment=environment or {},
            python=python,
            silence_limit=silence_limit,
        )
        self.process = _PROCESSES[transport](launch)
        self.start_seconds = 0.0
        """Until it gave its first sign of life."""

    def __enter__(self) -> Self:
        """Starts the plugin and waits for its first heartbeat."""
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stops the plugin; raises its violations unless something else is being raised."""
        self.stop()
        if error is None:
            self.require_clean()

    @property
    def violations(self) -> tuple[Violation, ...]:
        """The rules broken so far."""
        return tuple(self._violations)

    def require_clean(self) -> None:
        """Raises `ProtocolViolation` where a rule was broken."""
        if self._violations:
            raise ProtocolViolation(self.violations)

    def start(self) -> None:
        """Starts the plugin.

        Raises:
            PluginNotStarted: with the end of its stderr.
        """
        began = time.monotonic()
        self.process.start()
        if not self.process.wait_ready(self._ready_within):
            self.stop()
            raise PluginNotStarted(
                f"The plugin gave no sign of life within {self._ready_within:g} s. "
                f"{'; '.join(map(str, self._violations))} Its stderr ends: {self.process.stderr[-2000:]}"
            )
        self.start_seconds = time.monotonic() - began

    def stop(self) -> None:
        """Kills the plugin and removes temporary storage."""
        self.process.stop()
        for workspace in self._workspaces.values():
            workspace.storage.close()

    def workspace(self, name: str = DEFAULT_WORKSPACE) -> Workspace:
        """The workspace of that name, made on first use."""
        with self._lock:
            if name not in self._workspaces:
                folder = self._storage_folder / name if self._storage_folder else None
                self._workspaces[name] = Workspace(name, WorkspaceStorage(self.declaration.storage_quota, folder))
            return self._workspaces[name]

    def invoke_tool(
        self,
        tool: str,
        parameters: Mapping[str, Any],
        *,
        workspace: str = DEFAULT_WORKSPACE,
        sender: Sender | None = None,
        credentials: Mapping[str, Any] | None = None,
        timeout: float = SESSION_TIMEOUT,
    ) -> Reply:
        """Calls a tool and waits for its end; `open_tool` for one that is read as it comes."""
        session = self.open_tool(tool, parameters, workspace=workspace, sender=sender, credentials=credentials, timeout=timeout)
        return self.result(session)

    def open_tool(
        self,
        tool: str,
        parameters: Mapping[str, Any],
        *,
        workspace: str = DEFAULT_WORKSPACE,
        sender: Sender | None = None,
        credentials: Mapping[str, Any] | None = None,
        timeout: float = SESSION_TIMEOUT,
    ) -> Session:
        """Calls a tool; the session's messages come while it works."""
        data = {
            "type": "tool",
            "action": "invoke_tool",
            "provider": self.declaration.provider,
            "tool": tool,
            "credentials": dict(credentials or {}),
            "credential_type": "api-key",
            "tool_parameters": dict(parameters),
        }
        return self._open(data, self.workspace(workspace), sender or Sender(), timeout)

    def validate_credentials(
        self, credentials: Mapping[str, Any], *, workspace: str = DEFAULT_WORKSPACE, timeout: float = SESSION_TIMEOUT
    ) -> Reply:
        """Asks the provider to check its settings; the reply's one message is `{"result": true}`, or there is an error."""
        data = {
            "type": "tool",
            "action": "validate_tool_credentials",
            "provider": self.declaration.provider,
            "credentials": dict(credentials),
        }
        return self.result(self._open(data, self.workspace(workspace), Sender(), timeout))

    def open_endpoint(
        self,
        raw_request: bytes,
        *,
        workspace: str = DEFAULT_WORKSPACE,
        endpoint_id: str,
        settings: Mapping[str, Any] | None = None,
        timeout: float = SESSION_TIMEOUT,
    ) -> Session:
        """Hands an HTTP request, as its bytes, to an endpoint; `workbench.endpoint_front` does it for real ones."""
        data = {
            "type": "endpoint",
            "action": "invoke_endpoint",
            "raw_http_request": raw_request.hex(),
            "settings": dict(settings or {}),
        }
        return self._open(data, self.workspace(workspace), Sender(user_id="", endpoint_id=endpoint_id), timeout)

    def result(self, session: Session) -> Reply:
        """Waits for the session's end, and forgets it."""
        try:
            return session.result()
        finally:
            self._forget(session.id)

    def _open(self, data: Mapping[str, Any], workspace: Workspace, sender: Sender, timeout: float) -> Session:
        session = Session(str(uuid.uuid4()), workspace, sender, timeout)
        line = wire.request_line(session.id, sender, data)
        with self._lock:
            self._sessions[session.id] = session
        try:
            self.process.request(session.id, line)
        except OSError as error:
            self._forget(session.id)
            raise HostFailure("no proper instance\nfailed to write request") from error
        except RequestRefused:
            self._forget(session.id)
            raise
        return session

    def _forget(self, session_id: str) -> None:
        with self._lock:
            self._sessions.pop(session_id, None)

    def _on_event(self, event: Mapping[str, Any]) -> None:
        if event.get("event") != "session":
            return  # the manifest, logs and heartbeats
        session_id, data = str(event.get("session_id")), event.get("data") or {}
        session = self._sessions.get(session_id)
        if session is None:
            self._came_late(session_id, data)
            return
        if data.get("type") == "end":
            self._ended.append(session_id)
            self._forget(session_id)
        session.put(str(data.get("type")), data.get("data"))

    def _came_late(self, session_id: str, data: Mapping[str, Any]) -> None:
        if session_id in self._ended:
            self._on_violation(Violation("late", f"a message of type {data.get('type')!r} after its session's end"))

    def _on_violation(self, violation: Violation) -> None:
        self._violations.append(violation)
        with self._lock:
            sessions = list(self._sessions.values())
        for session in sessions:
            session.put("failed", ProtocolViolation((violation,)))

    def _answers(self, event: Mapping[str, Any]) -> Iterator[bytes]:
        session_id, data = str(event.get("session_id")), event.get("data") or {}
        session = self._sessions.get(session_id)
        if session is None:
            self._came_late(session_id, data)
            raise LookupError("session not found")
        return self._answer(session, data.get("data") or {})

    def _answer(self, session: Session, invoke: Mapping[str, Any]) -> Iterator[bytes]:
        workspace = session.workspace
        request = {**(invoke.get("request") or {}), "tenant_id": workspace.tenant_id, "user_id": session.sender.user_id}
        request_id = str(invoke.get("backwards_request_id"))
        responses = backwards.answer(str(invoke.get("type")), request, self.declaration, workspace.storage, workspace.handlers)
        for response in responses:
            yield wire.response_line(session.id, request_id, response.event, response.message, response.data)

"""One call of a plugin, from the host's side: what came, how it ended, for which workspace."""

import queue
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from workbench.backwards import Handler
from workbench.process import Violation
from workbench.storage import WorkspaceStorage
from workbench.wire import Sender


class HostFailure(Exception):
    """A session or a run that did not come to its end; what a plugin reports by itself is in its `Reply`."""


class ProtocolViolation(HostFailure):
    """The plugin broke a rule of the wire."""

    def __init__(self, violations: tuple[Violation, ...]) -> None:
        super().__init__("The plugin broke the protocol: " + "; ".join(str(violation) for violation in violations))
        self.violations = violations


class SessionTimeout(HostFailure):
    """`killed by timeout`, as the daemon says."""


@dataclass(frozen=True, slots=True)
class PluginError:
    """What a plugin reports instead of an answer; the traceback is what Dify hands on to agents."""

    error_type: str
    message: str
    args: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """Everything one session sent."""

    messages: tuple[Mapping[str, Any], ...]
    """The `data` of each stream event, in order."""
    error: PluginError | None
    seconds: float
    first_seconds: float | None
    """Until the first message; None where there was none."""

    @property
    def variables(self) -> Mapping[str, Any]:
        """The variables, the last value of each; streamed ones joined."""
        found: dict[str, Any] = {}
        for message in self.messages:
            if message.get("type") == "variable":
                name, value = message["message"]["variable_name"], message["message"]["variable_value"]
                found[name] = found.get(name, "") + value if message["message"].get("stream") else value
        return found

    @property
    def text(self) -> str:
        """The text messages, joined as Dify does."""
        return "".join(message["message"]["text"] for message in self.messages if message.get("type") == "text")


class Workspace:
    """One tenant of Dify: its own storage, its own models, tools and apps."""

    def __init__(self, name: str, storage: WorkspaceStorage) -> None:
        self.name = name
        self.tenant_id = str(uuid.uuid5(uuid.NAMESPACE_URL, name))
        self.storage = storage
        self.handlers: dict[str, Handler] = {}
        """By kind of request: llm, text_embedding, rerank, app, tool, fetch_app …; see `backwards`."""


class Session:
    """One open call of the plugin."""

    def __init__(self, session_id: str, workspace: Workspace, sender: Sender, timeout: float) -> None:
        self.id = session_id
        self.workspace = workspace
        self.sender = sender
        self._timeout = timeout
        self._started = time.monotonic()
        self._first: float | None = None
        self._error: PluginError | None = None
        self._events: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()

    def put(self, kind: str, data: object) -> None:
        """Takes an event from the reading thread: stream, error, end or failed."""
        self._events.put((kind, data))

    def messages(self) -> Iterator[Mapping[str, Any]]:
        """The messages as they come.

        Raises:
            SessionTimeout: the total time is over; messages do not extend it.
            ProtocolViolation: the plugin broke a rule while this session was open.
        """
        while True:
            kind, data = self._next()
            if kind == "end":
                return
            if kind == "failed":
                raise data
            if kind == "error":
                self._error = PluginError(str(data.get("error_type")), str(data.get("message")), data.get("args") or {})
                continue
            self._first = self._first or time.monotonic()
            yield data

    def result(self) -> Reply:
        """Waits for the end; raises as `messages` does."""
        messages = tuple(self.messages())
        now = time.monotonic()
        first = None if self._first is None else self._first - self._started
        return Reply(messages, self._error, now - self._started, first)

    def _next(self) -> tuple[str, Any]:
        left = self._started + self._timeout - time.monotonic()
        try:
            return self._events.get(timeout=max(left, 0.0))
        except queue.Empty:
            raise SessionTimeout(f"killed by timeout (after {self._timeout:g} s)") from None

"""What lives as long as the plugin's process: made on the first call, shared by all workspaces."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import gevent

from faas_toolkit.core.clock import SystemClock
from faas_toolkit.dify.handover import Handover
from faas_toolkit.dify.identity import WorkspaceDirectory
from faas_toolkit.dify.offload import GeventOffload
from faas_toolkit.service import Service
from faas_toolkit.wiring import Process


@dataclass(frozen=True, slots=True)
class Node:
    """One plugin process."""

    directory: WorkspaceDirectory
    service: Service
    handover: Handover
    give_way: Callable[[], None]
    """Lets other calls run before a long piece of work goes on."""


_nodes: list[Node] = []


def hard_limit(seconds: float) -> gevent.Timeout:
    """Ends what runs inside after so many seconds, also where a peer sends one byte a second."""
    return gevent.Timeout(seconds, TimeoutError("no time left"))


def current() -> Node:
    """The node of this process. Made without yielding, so two first calls cannot make two."""
    if not _nodes:
        clock = SystemClock()
        offload = GeventOffload()
        process = Process(
            clock=clock,
            offload=offload,
            environment=dict(os.environ),
            working_directory=Path.cwd(),
            hard_limit=hard_limit,
        )
        _nodes.append(Node(WorkspaceDirectory(clock), Service(process), Handover(clock), offload.give_way))
    return _nodes[0]

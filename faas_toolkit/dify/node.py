"""What lives as long as the plugin's process: made on the first call, shared by all workspaces."""

import gc
import os
from collections.abc import Callable
from dataclasses import field
from pathlib import Path

import gevent

from faas_toolkit.core.clock import SystemClock
from faas_toolkit.core.immutable import immutable
from faas_toolkit.dify.handover import Handover
from faas_toolkit.dify.identity import WorkspaceDirectory
from faas_toolkit.dify.offload import GeventOffload
from faas_toolkit.service import Service
from faas_toolkit.wiring import Process


@immutable
class Node:
    """One plugin process."""

    directory: WorkspaceDirectory
    service: Service
    handover: Handover
    give_way: Callable[[], None]
    """Lets other calls run before a long piece of work goes on."""
    _answered: set[str] = field(default_factory=set)

    def answered(self, operation: str) -> None:
        """Takes what the first call of each operation has loaded out of the garbage collector's sight, since it stays.

        Looking through all of it held every call for 0.1 s now and then (bench/heartbeat.py).
        """
        if operation not in self._answered:
            self._answered.add(operation)
            gc.freeze()


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

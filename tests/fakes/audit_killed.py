"""A process that dies in the middle of an effect: `python audit_killed.py DATABASE WRITE`. Its effect is to be killed."""

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

from faas_toolkit.core.clock import SystemClock
from faas_toolkit.core.offload import InlineOffload
from faas_toolkit.core.operation import Operation, Traits
from faas_toolkit.core.redaction import SecretRedactor
from faas_toolkit.core.schema import Shape
from faas_toolkit.observe.audit import AuditLog
from faas_toolkit.observe.metrics import Metrics
from faas_toolkit.pipeline.audit import Audit
from faas_toolkit.pipeline.front import compose
from faas_toolkit.pipeline.intent import Intent
from faas_toolkit.state.sqlite_database import SqliteDatabase as Database
from tests.fakes.audit import ONE, personal_parts
from tests.fakes.calls import make_call

REFUND = Operation(name="function.call", tool="function_call", grant="function.call", shape=Shape())


def die(call) -> None:
    """The effect, of which nobody will tell how it ended."""
    os.kill(os.getpid(), signal.SIGKILL)


def main(path: Path, write: str) -> None:
    """Makes the call."""
    clock, offload, metrics = SystemClock(), InlineOffload(), Metrics()
    database = Database(path=path, offload=offload)
    log = AuditLog(database=database, clock=clock, offload=offload, metrics=metrics, write=write)
    audit = Audit(
        log=log,
        persons=personal_parts(database, clock),
        metrics=metrics,
        clock=clock,
        arguments="masked",
        detectors=(),
        redact=SecretRedactor(()),
        catalog_hash="",
    )
    call = make_call({"order": 4711}, operation=REFUND, clock=clock, origin_workspace=ONE)
    call = replace(call, record=replace(call.record, request_id="the-refund"))
    compose((audit, Intent(write=audit.intend, traits=lambda _: Traits(effects="once"))), die)(call)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])

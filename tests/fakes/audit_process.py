"""A process that answers calls while its audit database is away, until somebody kills it: `python audit_process.py FOLDER`.

It prints a line for each row that was promised to be kept; its database is a directory that stands where the file should be.
"""

import sys
from pathlib import Path

from faas_toolkit.core.clock import SystemClock
from faas_toolkit.core.offload import InlineOffload
from faas_toolkit.observe.audit import AuditLog
from faas_toolkit.observe.audit_spool import Spool
from faas_toolkit.observe.metrics import Metrics
from faas_toolkit.state.sqlite_database import SqliteDatabase as Database
from tests.fakes.audit import ONE, row


def main(folder: Path) -> None:
    """Writes until it is killed."""
    clock, offload = SystemClock(), InlineOffload()
    database = Database(path=folder, offload=offload)
    log = AuditLog(database=database, clock=clock, offload=offload, metrics=Metrics(), spool=Spool(folder / "spool"))
    number = 0
    while True:
        log.append(ONE, row(clock, number=number))
        print(number, flush=True)  # noqa: T201 - whoever started it reads that
        number += 1


if __name__ == "__main__":
    main(Path(sys.argv[1]))

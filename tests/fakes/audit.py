"""What tests of the audit log share: rows, workspaces, background work that waits, and a database that goes away."""

from faas_toolkit.core.call import Workspace
from faas_toolkit.core.errors import Unavailable
from faas_toolkit.core.offload import InlineOffload
from faas_toolkit.observe.audit_person import PersonalParts
from faas_toolkit.observe.audit_table import audit_rows
from faas_toolkit.state.data_keys import DataKeys
from faas_toolkit.state.sqlite_database import SqliteDatabase as Database

DAY = 86_400.0


class LaterOffload(InlineOffload):
    """Background work waits until the test runs it, as greenlets wait until a call yields."""

    def __init__(self):
        self.work = []

    def spawn(self, work):
        self.work.append(work)

    def go(self):
        while self.work:
            self.work.pop(0)()


class FlakyDatabase(Database):
    """A real one whose connection can be cut: before a commit, or after it, when nobody can tell whether it was kept."""

    def __init__(self, **options):
        super().__init__(**options)
        self.away = False
        self.breaks_after_commit = 0
        self.asked = 0

    def read(self, work):
        self._require_there()
        return super().read(work)

    def write(self, work):
        self._require_there()
        result = super().write(work)
        if self.breaks_after_commit:
            self.breaks_after_commit -= 1
            raise Unavailable("The connection broke during the commit.")
        return result

    def _require_there(self):
        self.asked += 1
        if self.away:
            raise Unavailable("The database is away.", not_executed=True)


def row(clock, **changes):
    return {"time": clock.epoch(), "operation": "crm.lookup", "subject": "user:1", "outcome": "ok", "arguments": "{}", **changes}


def rows(database):
    def work(connection):
        return connection.execute(audit_rows.select().order_by(audit_rows.c.writer, audit_rows.c.sequence)).all()

    return database.read(work)


def workspace_of(name):
    return Workspace(name, name.encode().ljust(32, b"."))


ONE = workspace_of("one")


def fill(log, clock, count=5, workspace="one"):
    for number in range(count):
        log.append(workspace_of(workspace), row(clock, number=number))
        clock.advance(1)


def personal_parts(database, clock) -> PersonalParts:
    """What seals and opens the personal part of rows, as a process of its own has it."""
    keys = DataKeys(database=database, clock=clock, offload=InlineOffload())
    return PersonalParts(keys=keys, clock=clock, keep=180 * DAY)

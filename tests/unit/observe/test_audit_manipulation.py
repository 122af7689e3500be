"""Any single manipulation of a random set of chains is found, by an auditor who was not there when the rows were written."""

import itertools
import json
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, update

from faas_toolkit.core.call import Workspace
from faas_toolkit.core.offload import InlineOffload
from faas_toolkit.observe.audit import AuditLog
from faas_toolkit.observe.audit_chain import PURPOSE, Head, hash_of, seal, table_row
from faas_toolkit.observe.audit_table import audit_rows
from faas_toolkit.observe.metrics import Metrics
from faas_toolkit.state.cipher import Keyring
from faas_toolkit.state.file_values import FileValues
from faas_toolkit.state.sqlite_database import SqliteDatabase as Database
from tests.fakes.audit import row
from tests.fakes.clock import FakeClock
from tests.fakes.host import FakeStorage

STRANGER = Workspace("stranger", b"s" * 32)
NUMBERS = itertools.count()


@dataclass
class Scene:
    """One workspace with its chains, as they were written."""

    database: Database
    workspace: Workspace
    storage: FakeStorage
    clock: FakeClock
    rows: list

    def auditor(self):
        return AuditLog(database=self.database, clock=self.clock, offload=InlineOffload(), metrics=Metrics())

    def where(self, written):
        return (
            (audit_rows.c.workspace == self.workspace.id)
            & (audit_rows.c.writer == written.writer)
            & (audit_rows.c.sequence == written.sequence)
        )

    def run(self, *statements):
        def work(connection):
            for statement in statements:
                connection.execute(statement)

        self.database.write(work)

    def chain(self, writer):
        return [each for each in self.rows if each.writer == writer]


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    database = Database(path=tmp_path_factory.mktemp("manipulation") / "data.db", offload=InlineOffload())
    yield database
    database.close()


def write_chains(database, order, directory=None):
    """`order` says which writer wrote each row; heads are anchored after each."""
    clock, storage = FakeClock(), FakeStorage()
    workspace = Workspace(f"workspace-{next(NUMBERS)}", b"k" * 32)
    logs = {}
    for number, name in enumerate(order):
        if name not in logs:
            logs[name] = AuditLog(database=database, clock=clock, offload=InlineOffload(), metrics=Metrics(), heads=directory)
        logs[name].append(workspace, row(clock, number=number, request=f"r-{number}"))
        clock.advance(60)
        logs[name].anchor(workspace, storage)

    def read(connection):
        of_workspace = audit_rows.select().where(audit_rows.c.workspace == workspace.id)
        return connection.execute(of_workspace.order_by(audit_rows.c.time)).all()

    return Scene(database, workspace, storage, clock, database.read(read))


def change(scene, draw):
    """A column of a row says something else."""
    target = draw(st.sampled_from(scene.rows))
    column = draw(st.sampled_from(["time", "operation", "subject", "outcome", "content", "previous_hash", "hash", "workspace"]))
    old = getattr(target, column)
    new = {"time": lambda: old - 1, "content": lambda: old.replace('"number":', '"number":1'), "workspace": lambda: "elsewhere"}
    scene.run(update(audit_rows).where(scene.where(target)).values({column: new.get(column, lambda: f"x{old[1:]}")()}))


def change_and_hash_anew(scene, draw):
    """A row is rewritten with a hash that is right."""
    target = draw(st.sampled_from(scene.rows))
    content = target.content.replace('"outcome":"ok"', '"outcome":"forbidden"')
    values = table_row(json.loads(content), content, hash_of(content))
    scene.run(update(audit_rows).where(scene.where(target)).values(values))


def rewrite_a_chain(scene, draw):
    """A row is rewritten, and every row behind it is linked to it anew, with the proofs as they were."""
    target = draw(st.sampled_from(scene.rows))
    statements, before = [], target.previous_hash
    for each in scene.chain(target.writer)[target.sequence - 1 :]:
        content = each.content.replace('"subject":"user:1"', '"subject":"user:2"').replace(each.previous_hash or "\0", before)
        values = table_row(json.loads(content), content, hash_of(content))
        statements.append(update(audit_rows).where(scene.where(each)).values(values))
        before = values["hash"]
    scene.run(*statements)


def remove(scene, draw):
    """Some rows of a chain that follow each other go: from its beginning, its middle, its end, or all of it."""
    chain = scene.chain(draw(st.sampled_from(scene.rows)).writer)
    start = draw(st.integers(0, len(chain) - 1))
    end = draw(st.integers(start + 1, len(chain)))
    scene.run(*(delete(audit_rows).where(scene.where(each)) for each in chain[start:end]))


def set_back(scene, draw):
    """The database is restored from an earlier backup."""
    kept = draw(st.integers(0, len(scene.rows) - 1))
    scene.run(*(delete(audit_rows).where(scene.where(each)) for each in scene.rows[kept:]))


def swap(scene, draw):
    """Two rows change places."""
    one, two = draw(st.sampled_from(scene.rows)), draw(st.sampled_from(scene.rows))
    if one is two:
        remove(scene, draw)
        return
    places = [(one, {"writer": "free", "sequence": 1}), (two, _place(one))]
    free = (audit_rows.c.workspace == scene.workspace.id) & (audit_rows.c.writer == "free")
    scene.run(
        *(update(audit_rows).where(scene.where(each)).values(place) for each, place in places),
        update(audit_rows).where(free).values(_place(two)),
    )


def insert_a_copy(scene, draw):
    """A row is told twice."""
    target, chain = draw(st.sampled_from(scene.rows)), scene.chain(draw(st.sampled_from(scene.rows)).writer)
    place = {"writer": chain[0].writer, "sequence": len(chain) + 1}
    scene.run(insert(audit_rows).values({**target._mapping, **place}))


def insert_a_forged_one(scene, draw):
    """A row is added by somebody who knows everything but the key: at the end of a chain, or as a chain of its own."""
    target = draw(st.sampled_from(scene.rows))
    new_chain = draw(st.booleans())
    last = scene.chain(target.writer)[-1]
    head = Head() if new_chain else Head(last.sequence, last.hash)
    content = {name: value for name, value in json.loads(target.content).items() if name != "proof"}
    content["writer"] = "forged" if new_chain else target.writer
    sealed, _ = seal(content, head, Keyring(PURPOSE).cipher(STRANGER))
    if draw(st.booleans()):  # under the name of our key
        theirs, ours = json.loads(sealed["content"])["proof"], json.loads(target.content)["proof"]
        forged = sealed["content"].replace(theirs, ours[:8] + theirs[8:])
        sealed = table_row(json.loads(forged), forged, hash_of(forged))
    scene.run(insert(audit_rows).values(sealed))


def _place(written):
    return {"writer": written.writer, "sequence": written.sequence}


MANIPULATIONS = [
    change,
    change_and_hash_anew,
    rewrite_a_chain,
    remove,
    set_back,
    swap,
    insert_a_copy,
    insert_a_forged_one,
]


@pytest.mark.parametrize("manipulate", MANIPULATIONS, ids=lambda manipulate: manipulate.__name__)
@settings(max_examples=60, deadline=None)
@given(order=st.lists(st.sampled_from("abc"), min_size=1, max_size=9), data=st.data())
def test_it_is_found(database, manipulate, order, data):
    scene = write_chains(database, order)
    assert scene.auditor().verify(scene.workspace, scene.storage).intact
    manipulate(scene, data.draw)
    report = scene.auditor().verify(scene.workspace, scene.storage)
    assert not report.intact
    assert report.faults or report.unproved


@pytest.mark.parametrize("manipulate", [remove, set_back], ids=lambda manipulate: manipulate.__name__)
@settings(max_examples=30, deadline=None)
@given(order=st.lists(st.sampled_from("abc"), min_size=1, max_size=9), data=st.data())
def test_the_data_directory_alone_tells_what_is_missing(database, tmp_path_factory, manipulate, order, data):
    directory = FileValues(tmp_path_factory.mktemp("heads"))
    scene = write_chains(database, order, directory)
    manipulate(scene, data.draw)
    auditor = AuditLog(database=database, clock=scene.clock, offload=InlineOffload(), metrics=Metrics(), heads=directory)
    assert auditor.verify(scene.workspace).faults

"""Kept outcomes of effects, on a real file."""

import pytest

from faas_toolkit.core.call import Workspace
from faas_toolkit.core.offload import InlineOffload
from faas_toolkit.state.cache.outcomes import KEEP_SECONDS, Outcomes, StoredOutcome
from faas_toolkit.state.sqlite_database import SqliteDatabase as Database
from tests.fakes.clock import FakeClock

ONE = Workspace("workspace-one", bytes(range(32)))
OTHER = Workspace("workspace-other", bytes(range(32)))


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def database(tmp_path):
    database = Database(path=tmp_path / "data.db", offload=InlineOffload())
    yield database
    database.close()


@pytest.fixture
def outcomes(database, clock):
    return Outcomes(database=database, clock=clock)


def test_the_first_may_begin_and_the_next_learns_what_it_came_to(outcomes):
    assert outcomes.begin(ONE, "name", "payload") is None
    assert outcomes.begin(ONE, "name", "payload") == StoredOutcome("payload", None)
    outcomes.finish(ONE, "name", "payload", {"answer": 7})
    assert outcomes.begin(ONE, "name", "other payload") == StoredOutcome("payload", {"answer": 7})


def test_another_process_of_the_same_file_sees_what_began(outcomes, tmp_path, clock):
    outcomes.begin(ONE, "name", "payload")
    elsewhere = Outcomes(database=Database(path=tmp_path / "data.db", offload=InlineOffload()), clock=clock)
    assert elsewhere.begin(ONE, "name", "payload") == StoredOutcome("payload", None)


def test_what_was_taken_back_may_begin_again(outcomes):
    outcomes.begin(ONE, "name", "payload")
    outcomes.forget(ONE, "name")
    assert outcomes.begin(ONE, "name", "payload") is None


def test_workspaces_share_no_outcome(outcomes):
    outcomes.begin(ONE, "name", "payload")
    assert outcomes.begin(OTHER, "name", "payload") is None


def test_an_outcome_counts_for_a_day(outcomes, clock):
    outcomes.begin(ONE, "name", "payload")
    clock.advance(KEEP_SECONDS - 1)
    assert outcomes.begin(ONE, "name", "payload") is not None
    clock.advance(1)
    assert outcomes.begin(ONE, "name", "payload") is None


def test_an_entry_that_cannot_be_opened_says_that_something_began(outcomes, clock, database):
    outcomes.begin(ONE, "name", "payload")
    outcomes.finish(ONE, "name", "payload", {"answer": 7})
    database.write(lambda connection: connection.exec_driver_sql("UPDATE outcomes SET content = zeroblob(60)").rowcount)
    assert outcomes.begin(ONE, "name", "payload") == StoredOutcome("", None)


def test_nothing_lies_in_the_clear(outcomes, database, tmp_path):
    outcomes.begin(ONE, "the name", "the payload")
    outcomes.finish(ONE, "the name", "the payload", {"answer": "the result"})
    database.close()
    written = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    for clear in (b"the name", b"the payload", b"the result"):
        assert clear not in written

"""Kept outcomes of effects, on a real file."""

import pytest

from faas_toolkit.core.call import NamedKey, Workspace
from faas_toolkit.core.offload import InlineOffload
from faas_toolkit.state.cache.outcomes import KEEP_SECONDS, Outcomes, StoredOutcome
from faas_toolkit.state.sqlite_database import SqliteDatabase as Database

ONE = Workspace("workspace-one", bytes(range(32)))
OTHER = Workspace("workspace-other", bytes(range(32)))


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


STORED, K1, K2 = b"s" * 32, NamedKey("k1", b"1" * 32), NamedKey("k2", b"2" * 32)
ROTATED = Workspace("workspace-one", K2.key, "k2", (K1, NamedKey("stored", STORED)), root=STORED)


@pytest.mark.parametrize(
    "before",
    [
        pytest.param(Workspace("workspace-one", STORED), id="the stored key"),
        pytest.param(Workspace("workspace-one", K1.key, "k1", root=STORED), id="another key"),
        pytest.param(Workspace("workspace-one", K1.key), id="a version whose names came from the sealing key"),
    ],
)
def test_an_effect_that_began_under_an_old_key_does_not_begin_again_under_the_new_one(outcomes, before):
    assert outcomes.begin(before, "name", "payload") is None
    assert outcomes.begin(ROTATED, "name", "payload") == StoredOutcome("payload", None)
    outcomes.finish(ROTATED, "name", "payload", {"answer": 7})
    assert outcomes.begin(ROTATED, "name", "payload") == StoredOutcome("payload", {"answer": 7})
    outcomes.forget(ROTATED, "name")
    assert outcomes.begin(ROTATED, "name", "payload") is None


def test_an_effect_that_began_under_the_new_key_does_not_begin_again_where_the_old_setting_still_holds(outcomes):
    outcomes.begin(ROTATED, "name", "payload")
    assert outcomes.begin(Workspace("workspace-one", K1.key, "k1", root=STORED), "name", "payload") == StoredOutcome("", None)


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

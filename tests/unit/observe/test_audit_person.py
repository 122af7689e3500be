"""The personal part of audit rows: sealed with the person's key, erased with it, and the chain holds before and after."""

import json

import pytest

from faas_toolkit.core.call import Workspace
from faas_toolkit.core.offload import InlineOffload
from faas_toolkit.observe.audit_person import PersonalParts
from faas_toolkit.observe.audit_table import audit_rows
from faas_toolkit.state.data_keys import DataKeys

ONE, OTHER = Workspace("one", b"k" * 32), Workspace("other", b"k" * 32)
DAY = 86_400.0


@pytest.fixture
def keys(database, clock):
    return DataKeys(database=database, clock=clock, offload=InlineOffload())


@pytest.fixture
def parts(keys, clock):
    return PersonalParts(keys=keys, clock=clock, keep=2 * DAY)


@pytest.fixture
def log(open_log):
    return open_log()


def row(subject="maria@example.com", request="r1", **more):
    personal = {"subject": subject, "user": "u-77", "arguments": '{"query":"Maria"}', "decisions": [f"access: {subject}"]}
    return {"operation": "crm.lookup", "outcome": "ok", "time": 1.0, "request": request, **personal, **more}


def kept(database):
    statement = audit_rows.select().order_by(audit_rows.c.sequence)
    return [json.loads(each.content) for each in database.read(lambda connection: connection.execute(statement).all())]


def test_each_person_of_each_workspace_has_a_name_of_their_own(parts):
    asked = [(ONE, "maria"), (ONE, "ana"), (OTHER, "ana"), (OTHER, "maria"), (ONE, "maria"), (ONE, "maria"), (OTHER, "ana")]
    names = [parts.name_of(workspace, subject) for workspace, subject in asked]
    assert len(set(names)) == 4
    assert (names[0], names[2]) == (names[4], names[6]) == (names[5], names[6])


def test_a_row_opens_to_what_was_sealed(parts):
    assert parts.open(ONE, [parts.seal(ONE, row()), parts.seal(ONE, row("dify:\ud800"))]) == [row(), row("dify:\ud800")]


def test_nothing_personal_stays_readable_and_one_person_s_rows_have_one_name(parts):
    first, second = parts.seal(ONE, row()), parts.seal(ONE, row(request="r2"))
    for clear in ("maria", "u-77", "Maria"):
        assert clear not in json.dumps([first, second])
    assert first["subject"] == second["subject"] == parts.name_of(ONE, "maria@example.com")
    assert first["operation"] == "crm.lookup"
    assert parts.seal(ONE, row("li"))["subject"] != first["subject"]


def test_rows_of_an_erased_person_say_so_and_the_chain_still_holds(parts, keys, log, database):
    for number, subject in enumerate(("maria@example.com", "li", "maria@example.com")):
        log.append(ONE, parts.seal(ONE, row(subject, request=f"r{number}")))
    keys.destroy(ONE, [parts.name_of(ONE, "maria@example.com")])
    first, second, third = parts.open(ONE, kept(database))
    assert first["erased"] is third["erased"] is True
    assert "arguments" not in first
    assert (second["subject"], second["user"]) == ("li", "u-77")
    assert log.verify(ONE).intact
    log.append(ONE, parts.seal(ONE, row(request="r9")))
    assert parts.open(ONE, kept(database))[-1]["subject"] == "maria@example.com"
    assert "erased" in parts.open(ONE, kept(database))[0]
    assert log.verify(ONE).intact


def test_a_part_that_was_moved_into_another_row_does_not_open(parts):
    moved = {**parts.seal(ONE, row()), "request": "r2"}
    assert parts.open(ONE, [moved])[0]["erased"] is True


@pytest.mark.parametrize("damaged", ["", "no base64!", "AAAA", 7, None])
def test_a_damaged_part_is_told_and_breaks_nothing(parts, damaged):
    assert parts.open(ONE, [{**parts.seal(ONE, row()), "personal": damaged}])[0]["erased"] is True


def test_a_row_of_an_earlier_version_is_read_as_it_is(parts):
    assert parts.open(ONE, [row()]) == [row()]


def test_a_row_that_may_not_wait_is_sealed_with_the_workspace_s_key_and_lost_to_nobody(parts, keys):
    sealed = parts.seal(ONE, row(), wait=False)
    assert keys.owners(ONE) == {}
    assert "maria" not in json.dumps(sealed)
    assert parts.open(ONE, [sealed]) == [row()]


def test_a_person_whose_key_is_at_hand_is_sealed_with_it_without_waiting(parts, keys):
    parts.prepare(ONE, "maria@example.com")
    sealed = parts.seal(ONE, row(), wait=False)
    keys.destroy(ONE, [parts.name_of(ONE, "maria@example.com")])
    assert parts.open(ONE, [sealed])[0]["erased"] is True


def test_while_the_database_is_away_rows_can_still_be_sealed(parts, database):
    database.away = True
    sealed = parts.seal(ONE, row())
    database.away = False
    assert parts.open(ONE, [sealed]) == [row()]


def test_a_person_is_forgotten_when_the_last_row_must_have_gone(parts, keys, clock):
    parts.seal(ONE, row())
    for _ in range(6):
        clock.advance(DAY)
        parts.seal(ONE, row("li"))
    assert list(keys.owners(ONE).values()) == ["person:li"]

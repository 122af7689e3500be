"""What the store of rows promises in each of its forms: a file, PostgreSQL, MariaDB. Two nodes on one of them behave as one."""

import json
import random
from concurrent.futures import ThreadPoolExecutor

import gevent
import pytest
from sqlalchemy import func, insert, inspect, select, text

from faas_toolkit.capabilities.knowledge.sources.embedded.tables import AREAS, DOCUMENTS, PASSAGES, VALUES
from faas_toolkit.core.call import Workspace
from faas_toolkit.core.errors import Internal, NotFound, Unavailable
from faas_toolkit.core.offload import InlineOffload
from faas_toolkit.observe.audit import AuditLog
from faas_toolkit.observe.audit_table import audit_rows
from faas_toolkit.observe.metrics import Metrics
from faas_toolkit.state.cache.outcomes import KEEP_SECONDS, Outcomes, StoredOutcome
from faas_toolkit.state.cache.outcomes_table import outcomes
from faas_toolkit.state.data_keys import DataKeys
from faas_toolkit.state.migrations import history
from faas_toolkit.state.sql import metadata
from tests.fakes.clock import FakeClock
from tests.fakes.databases import differences, import_every_table

ONE = Workspace("workspace-one", bytes(range(32)))
HOSTILE = ["汉字 😀 𠮷", "naïve ñ", "a\u0300", "\\ ' \" % _ \n\t", "\u202e", "\ufeff", "İıſß"]


@pytest.fixture
def database(nodes):
    return nodes.open()


def outcome(key):
    return {"key": key, "workspace": "w", "expires": 1.0, "content": b"\x00\xff"}


def insert_outcome(key):
    return lambda connection: connection.execute(insert(outcomes), outcome(key)) and None


def count(connection):
    return connection.execute(select(func.count()).select_from(outcomes)).scalar()


def run_together(*works):
    """As greenlets of one node do, all at once; what each came to, or the error."""
    jobs = [gevent.spawn(_caught, work) for work in works]
    gevent.joinall(jobs, timeout=60)
    return [job.value for job in jobs]


def _caught(work):
    try:
        return work()
    except Exception as error:  # noqa: BLE001 - shown by the comparison
        return error


# ---- the port


def test_what_one_node_wrote_another_one_reads(nodes):
    nodes.open().write(insert_outcome("a"))
    other = nodes.open()
    assert other.read(count) == 1
    assert other.read(count, alone=True) == 1


def test_a_write_that_raises_keeps_nothing_and_hands_its_own_failure_on(database):
    def half_done(connection):
        insert_outcome("a")(connection)
        raise NotFound("no such person")

    with pytest.raises(NotFound):
        database.write(half_done)
    assert database.read(count) == 0
    database.write(insert_outcome("b"))
    assert database.read(count) == 1


def test_a_read_sees_one_view_though_another_node_writes_meanwhile(nodes):
    database, other = nodes.open(), nodes.open()
    other.read(count)

    def twice(connection):
        before = count(connection)
        other.write(insert_outcome("a"))
        return before, count(connection)

    assert database.read(twice) == (0, 0)
    assert database.read(count) == 1


def test_a_statement_of_ours_that_is_wrong_is_internal_and_says_nothing(database):
    for statement in ("SELECT * FROM nowhere", "not sql at all", "INSERT INTO outcomes (workspace) VALUES ('x')"):
        with pytest.raises(Internal) as caught:
            database.write(lambda connection, statement=statement: connection.execute(text(statement)))
        assert "nowhere" not in caught.value.as_text()
        assert "outcomes" not in caught.value.as_text()
    database.write(insert_outcome("still works"))


def test_a_row_of_a_key_that_is_there_is_refused(database):
    database.write(insert_outcome("a"))
    with pytest.raises(Internal):
        database.write(insert_outcome("a"))
    assert database.read(count) == 1


def test_a_failure_that_was_swallowed_is_not_taken_for_a_commit(nodes):
    database = nodes.open()
    if nodes.kind != "postgresql":
        pytest.skip("only PostgreSQL gives up a transaction in which a statement failed")

    def swallows(connection):
        insert_outcome("a")(connection)
        with pytest.raises(Exception, match="nowhere"):
            connection.execute(text("SELECT * FROM nowhere"))

    with pytest.raises(Internal, match="was to be kept"):
        database.write(swallows)
    assert database.read(count) == 0


def test_checking_says_what_answers_and_its_revision(nodes):
    said = nodes.open().check()
    assert f"revision {history.head()}" in said
    assert {"sqlite": "SQLite 3", "postgresql": "PostgreSQL 1", "mysql": "MariaDB 1"}[nodes.kind] in said


def test_a_table_that_is_gone_is_named(database):
    database.write(lambda connection: connection.execute(text("DROP TABLE audit_rows")).rowcount)
    with pytest.raises(Unavailable, match="audit_rows") as caught:
        database.check()
    assert not caught.value.retryable
    assert "backup" in caught.value.hint


def test_a_change_counter_moves_or_there_is_none(nodes):
    database = nodes.open()
    database.read(count)
    before = database.revision()
    database.write(insert_outcome("a"))
    assert (before is None and database.revision() is None) if nodes.server else database.revision() != before


def test_a_closed_database_opens_again(database):
    database.write(insert_outcome("a"))
    database.close()
    assert database.read(count) == 1


def test_many_calls_at_once_are_all_answered(nodes):
    if not nodes.server:
        pytest.skip("a file's pool: tests/unit/dify/test_offload.py")
    database = nodes.open()
    keys = [f"key-{number}" for number in range(60)]
    assert run_together(*[lambda key=key: database.write(insert_outcome(key)) for key in keys]) == [None] * 60
    assert database.read(count) == 60


def test_other_greenlets_run_while_a_server_thinks(nodes):
    if not nodes.server:
        pytest.skip("a file's pool: tests/unit/dify/test_offload.py")
    database = nodes.open()
    database.read(count)
    slow = {"postgresql": "SELECT pg_sleep(0.3)", "mysql": "SELECT SLEEP(0.3)"}[nodes.kind]
    order = []
    job = gevent.spawn(lambda: [database.read(lambda c: c.execute(text(slow)).all()), order.append("slow")])
    gevent.sleep(0.05)
    order.append("heartbeat")
    job.join(10)
    assert order == ["heartbeat", "slow"]


# ---- what columns hold


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_every_text_comes_back_as_it_was(database, value):
    row = {"workspace": "w", "area": 1, "number": 1, "heading": value, "text": value * 20_000}
    database.write(lambda connection: connection.execute(insert(PASSAGES), row).rowcount)
    found = database.read(lambda connection: connection.execute(select(PASSAGES)).one())
    assert (found.heading, found.text) == (value, value * 20_000)


def test_large_values_fit(database):
    content = random.Random(1).randbytes(3_000_000)
    database.write(lambda connection: connection.execute(insert(outcomes), {**outcome("a"), "content": content}).rowcount)
    assert database.read(lambda connection: connection.execute(select(outcomes.c.content)).scalar()) == content


def test_numbers_keep_every_digit(database):
    numbers = [0.1, 1_790_000_000.123456, 123456789.125, 1e-300, -1.7976931348623157e308]
    rows = [
        {"workspace": "w", "area": 1, "document": 1, "name": "n", "place": place, "number": number}
        for place, number in enumerate(numbers)
    ]
    database.write(lambda connection: connection.execute(insert(VALUES), rows).rowcount)
    ordered = select(VALUES.c.number).order_by(VALUES.c.place)
    assert database.read(lambda connection: connection.execute(ordered).scalars().all()) == numbers


def test_keys_that_differ_in_case_accents_or_spaces_are_different_keys(database):
    keys = ["key", "Key", "KEY", "kéy", "ke\u0301y", "key ", "кey", "ß", "ss", "😀", "😁"]
    database.write(lambda connection: connection.execute(insert(outcomes), [outcome(key) for key in keys]).rowcount)
    found = database.read(lambda c: [c.execute(select(func.count()).where(outcomes.c.key == key)).scalar() for key in keys])
    assert found == [1] * len(keys)


def test_texts_are_ordered_by_their_characters_and_not_by_a_language(database):
    texts = ["a", "b", "Z", "é", "_", "-1", "10", "9", "汉"]
    rows = [
        {"workspace": "w", "area": 1, "document": 1, "name": "n", "place": place, "text": value}
        for place, value in enumerate(texts)
    ]
    database.write(lambda connection: connection.execute(insert(VALUES), rows).rowcount)
    ordered = select(VALUES.c.text).order_by(VALUES.c.text)
    assert database.read(lambda connection: connection.execute(ordered).scalars().all()) == sorted(texts)


# ---- the history of the tables


def test_the_history_makes_exactly_the_tables_that_the_slices_declare(database):
    assert database.read(differences) == []


def test_nodes_that_start_at_once_make_the_tables_once(nodes):
    if not nodes.server:
        pytest.skip("processes on a file: tests/unit/state/test_migrations.py")
    opened = [nodes.open() for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:  # patched: greenlets, each with a node of its own
        assert list(threads.map(lambda database: database.read(count), opened)) == [0] * 4
    versions = text("SELECT count(*), max(version_num) FROM faas_toolkit_version")
    assert tuple(opened[0].read(lambda connection: connection.execute(versions).one())) == (1, history.head())


def test_a_database_of_a_newer_version_is_left_alone(nodes):
    table = "faas_toolkit_version" if nodes.server else "alembic_version"
    nodes.open().write(lambda c: c.execute(text(f"UPDATE {table} SET version_num = '9999'")).rowcount)
    with pytest.raises(Unavailable, match="revision 9999") as caught:
        nodes.open().read(count)
    assert "newer version" in caught.value.hint
    assert not caught.value.retryable


# ---- who uses it


def make_outcomes(database, clock=None):
    return Outcomes(database=database, clock=clock or FakeClock())


def test_an_effect_begun_on_one_node_is_known_on_the_other(nodes):
    one, two = make_outcomes(nodes.open()), make_outcomes(nodes.open())
    assert one.begin(ONE, "name", "payload") is None
    assert two.begin(ONE, "name", "payload") == StoredOutcome("payload", None)
    two.finish(ONE, "name", "payload", {"answer": "汉 😀"})
    assert one.begin(ONE, "name", "payload") == StoredOutcome("payload", {"answer": "汉 😀"})
    one.forget(ONE, "name")
    assert two.begin(ONE, "name", "payload") is None


def test_of_all_nodes_that_begin_an_effect_at_once_one_may_run_it(nodes):
    every = [make_outcomes(nodes.open()) for _ in range(3)]
    for each in every:
        each.forget(ONE, "opens the connection")
    for round_ in range(15):
        began = run_together(*[lambda each=each, n=round_: each.begin(ONE, f"name {n}", "p") for each in every * 4])
        assert sorted(map(str, began)).count("None") == 1
        assert all(each in (None, StoredOutcome("p", None)) for each in began)


def test_an_outcome_is_forgotten_when_its_time_is_over(nodes):
    clock = FakeClock()
    kept = make_outcomes(nodes.open(), clock)
    kept.begin(ONE, "name", "payload")
    clock.advance(KEEP_SECONDS + 1)
    assert kept.begin(ONE, "name", "payload") is None


def open_log(database, clock, **options):
    return AuditLog(database=database, clock=clock, offload=InlineOffload(), metrics=Metrics(), **options)


def row(clock, **more):
    return {"time": clock.epoch(), "operation": "crm.lookup", "subject": "me", "outcome": "ok", **more}


def test_audit_rows_of_two_nodes_verify_together(nodes):
    clock = FakeClock(epoch=1_790_000_000.123456)
    logs = [open_log(nodes.open(), clock) for _ in range(2)]
    for number in range(10):
        logs[number % 2].append(ONE, row(clock, number=number, text=HOSTILE[number % len(HOSTILE)]))
        clock.advance(0.1)
    report = logs[0].verify(ONE)
    assert (report.rows, report.chains, report.faults) == (10, 2, ())


@pytest.mark.parametrize("hostile", ["\0", "\ud800", "\U0001f600" * 300, "汉" * 300])
def test_any_subject_is_kept_and_verified(nodes, hostile):
    clock = FakeClock()
    log = open_log(nodes.open(), clock)
    log.append(ONE, row(clock, subject=hostile, arguments=hostile))
    assert log.verify(ONE).intact
    content = nodes.open().read(lambda connection: connection.execute(select(audit_rows.c.content)).scalar())
    assert json.loads(content)["arguments"] == hostile


def test_audit_rows_are_cut_when_their_time_is_over_and_the_rest_verifies(nodes):
    clock = FakeClock()
    log = open_log(nodes.open(), clock, keep=10 * 86_400.0)
    for _ in range(30):
        log.append(ONE, row(clock))
        clock.advance(86_400.0)
    report = log.verify(ONE)
    assert report.intact
    assert report.rows < 15


def test_a_changed_audit_row_is_found(nodes):
    clock, database = FakeClock(), nodes.open()
    log = open_log(database, clock)
    for _ in range(3):
        log.append(ONE, row(clock))
    database.write(lambda c: c.execute(text("UPDATE audit_rows SET subject = 'x' WHERE sequence = 2")).rowcount)
    assert [fault.what for fault in log.verify(ONE).faults] == ["it was changed"]


def test_a_person_s_key_that_nodes_make_at_once_is_one_key(nodes):
    every = [DataKeys(database=nodes.open(), clock=FakeClock(), offload=InlineOffload()) for _ in range(3)]
    for round_ in range(5):
        keys = run_together(*[lambda each=each, n=round_: each.get(ONE, f"person {n}") for each in every * 2])
        assert len(set(keys)) == 1, keys
    assert sorted(every[0].owners(ONE).values()) == [f"person {n}" for n in range(5)]
    assert sum(every[1].sealed_with(ONE).values()) == 5
    assert every[2].destroy(ONE, [every[2].name(ONE, "person 0")]) == 1
    assert len(every[0].owners(ONE)) == 4


def test_no_table_of_the_toolkit_lacks_a_key(database):
    import_every_table()
    keys = database.read(lambda c: {name: inspect(c).get_pk_constraint(name)["constrained_columns"] for name in metadata.tables})
    assert all(keys.values())
    assert {AREAS.name, DOCUMENTS.name} <= set(keys)

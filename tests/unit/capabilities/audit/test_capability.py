"""The audit trail as administrators ask it, on real rows."""

import json

import pytest

from faas_toolkit.capabilities.audit import capability as capability_module
from faas_toolkit.capabilities.audit.capability import AuditSearch
from faas_toolkit.capabilities.audit.operations import SEARCH
from faas_toolkit.core.errors import InvalidInput
from faas_toolkit.core.offload import InlineOffload
from faas_toolkit.observe import audit_search
from faas_toolkit.observe.audit import AuditLog
from faas_toolkit.observe.audit_person import PersonalParts
from faas_toolkit.observe.audit_search import sealed_lines
from faas_toolkit.observe.audit_table import audit_rows
from faas_toolkit.observe.metrics import Metrics
from tests.fakes.audit import DAY, ONE, personal_parts, row, workspace_of
from tests.fakes.calls import make_call

TOOLS = {"crm_lookup": "crm.lookup", "function_call": "function.call"}


@pytest.fixture
def log(database, clock):
    return AuditLog(database=database, clock=clock, offload=InlineOffload(), metrics=Metrics())


@pytest.fixture
def write(log, clock, database):
    persons = personal_parts(database, clock)

    def add(*changes, workspace=ONE):
        for change in changes:
            log.append(workspace, persons.seal(workspace, row(clock, **change)))
            clock.advance(1)

    return add


@pytest.fixture
def ask(database, log, clock):
    trail = audit_search.StoredTrail(database=database, log=log, persons=personal_parts(database, clock))
    search = AuditSearch(trail=trail, tools=TOOLS, now=clock.epoch)

    def call(workspace=ONE, surface="workflow", **arguments):
        checked = SEARCH.shape.check(arguments)
        made = make_call(checked, operation=SEARCH, clock=clock, origin_workspace=workspace, origin_surface=surface)
        return search(made)

    return call


def numbers(answer):
    return [each["number"] for each in answer.variables["rows"]]


def test_rows_come_newest_first_with_their_time_in_utc(ask, write, clock):
    began = clock.epoch()
    write({"number": 1}, {"number": 2})
    answer = ask()
    assert numbers(answer) == [2, 1]
    (_, first) = answer.variables["rows"]
    assert began == 1_790_000_000
    assert first["time"] == "2026-09-21T14:13:20Z"
    assert {"writer", "sequence", "hash", "subject", "operation", "outcome"} <= set(first)
    assert not {"proof", "previous_hash", "workspace", "heads"} & set(first)
    assert answer.variables["chain"] == {}


def test_a_workspace_sees_its_own_rows_only(ask, write):
    write({"number": 1})
    write({"number": 2}, workspace=workspace_of("two"))
    assert numbers(ask()) == [1]
    assert numbers(ask(workspace=workspace_of("two"))) == [2]
    cursor = ask(limit=1, workspace=workspace_of("two")).variables["next_cursor"]
    assert cursor == ""


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"caller": "alice"}, [1]),
        ({"caller": "4711"}, [2]),
        ({"caller": "dify:4711"}, [2]),
        ({"caller": "erp"}, [3]),
        ({"caller": "nobody"}, []),
        ({"operation": "function_call"}, [3]),
        ({"operation": "function.call"}, [3]),
        ({"outcome": "Forbidden"}, [2]),
        ({"outcome": "intent"}, []),
        ({"query": "ORDER"}, [1]),
        ({"query": "order 4711"}, [1]),
        ({"query": "订单"}, [2]),
        ({"query": "Über"}, [3]),
        ({"query": "100%"}, [3]),
        ({"query": "1_0"}, []),
        ({"query": '"quoted"'}, [3]),
        ({"query": "back\\slash"}, [2]),
        ({"query": "'; DROP TABLE audit_rows; --"}, []),
        ({"caller": "alice", "operation": "function_call"}, []),
    ],
)
def test_each_filter_finds_its_rows(ask, write, filters, expected):
    write(
        {"number": 1, "subject": "alice", "arguments": "order 4711"},
        {"number": 2, "subject": "dify:4711", "outcome": "forbidden", "arguments": "订单 back\\slash"},
        {"number": 3, "subject": "client:erp", "operation": "function.call", "arguments": 'Über 100% "quoted"'},
    )
    assert numbers(ask(**filters)) == expected


def test_a_period_bounds_the_rows(ask, write, clock):
    write({"number": 1})
    clock.advance(10 * DAY)
    write({"number": 2})
    clock.advance(DAY)
    write({"number": 3})
    assert numbers(ask()) == [3, 2]
    assert numbers(ask(since="30d")) == [3, 2, 1]
    assert numbers(ask(since="30d", until="12h")) == [2, 1]
    assert numbers(ask(since="2026-09-01", until="2026-09-21")) == [1]


def test_pages_follow_each_other_without_a_gap_also_where_rows_have_the_same_time(ask, log, clock):
    for number in range(25):
        log.append(ONE, row(clock, number=number))
    seen, cursor = [], ""
    while True:
        answer = ask(limit=4, cursor=cursor)
        seen += numbers(answer)
        cursor = answer.variables["next_cursor"]
        if not cursor:
            break
    assert seen == list(range(24, -1, -1))


@pytest.mark.parametrize(
    ("arguments", "taught"),
    [
        ({"operation": "function_cal"}, "function_call"),
        ({"outcome": "forbiden"}, "forbidden"),
        ({"since": "1h", "until": "1d"}, "before until"),
        ({"cursor": "%%%"}, "cursor"),
        ({"cursor": "W10"}, "cursor"),
        ({"cursor": "WzFlOTk5LCJhIiwxXQ"}, "cursor"),
        ({"cursor": "WzEsImEiLDFlOTk5XQ"}, "cursor"),
        ({"cursor": "WzEsImEiLC0xXQ"}, "cursor"),
        ({"cursor": "WzEsIlx1ZDgwMCIsMV0"}, "cursor"),
    ],
)
def test_what_cannot_be_meant_teaches(ask, arguments, taught):
    with pytest.raises(InvalidInput) as caught:
        ask(**arguments)
    assert taught in caught.value.as_text()


@pytest.mark.parametrize("arguments", [{"export": True}, {"query": "nowhere"}])
def test_rows_are_opened_in_portions_between_which_other_calls_run(ask, write, monkeypatch, arguments):
    opened = []
    as_it_is = PersonalParts.open

    def counted(self, workspace, rows):
        found = as_it_is(self, workspace, rows)
        opened.append(len(found))
        return found

    monkeypatch.setattr(PersonalParts, "open", counted)
    monkeypatch.setattr(audit_search, "_PORTION", 7)
    write(*({"number": number} for number in range(30)))
    answer = ask(**arguments)
    assert max(opened) == 7
    assert len(answer.variables["rows"]) == (30 if "export" in arguments else 0)
    assert answer.variables["next_cursor"] == ""


def test_an_export_goes_out_as_a_file_where_files_can_go(ask, write, monkeypatch):
    monkeypatch.setattr(capability_module, "EXPORT_ROWS", 30)
    write(*({"number": number} for number in range(40)))
    answer = ask(export=True, limit=3)
    assert len(answer.variables["rows"]) == 30
    assert (answer.exported.variable, answer.exported.name, answer.exported.shown) == ("rows", "audit.jsonl", 3)
    assert answer.variables["next_cursor"]
    there = ask(export=True, surface="agent_node")
    assert there.exported is None
    assert "No file can be handed over here" in there.notices[0]


def test_a_verification_tells_what_it_found(ask, write, database):
    write({"number": 1}, {"number": 2, "outcome": "intent", "request": "r-2"})
    chain = ask(verify=True).variables["chain"]
    assert chain["intact"] is True
    assert (chain["rows"], chain["chains"], chain["unfinished"]) == (2, 1, ["r-2"])
    database.write(lambda connection: connection.execute(audit_rows.delete().where(audit_rows.c.sequence == 2)).rowcount)
    chain = ask(verify=True).variables["chain"]
    assert chain["intact"] is False
    assert [fault["sequence"] for fault in chain["faults"]] == [2]
    json.dumps(chain)


def test_a_verification_ends_in_time_and_says_so(ask, write, clock, monkeypatch):
    write({"number": 1})
    monkeypatch.setattr(audit_search, "_SPARE_SECONDS", 1_000.0)
    chain = ask(verify=True).variables["chain"]
    assert (chain["intact"], chain["complete"], chain["rows"]) == (False, False, 0)


def test_a_row_that_cannot_be_read_shows_its_columns(ask, write, database):
    write({"number": 1})
    database.write(lambda connection: connection.execute(audit_rows.update().values(content="{")).rowcount)
    (shown,) = ask().variables["rows"]
    assert shown["unreadable"] is True
    assert shown["operation"] == "crm.lookup"


@pytest.mark.parametrize("column", ["subject", "operation", "time"])
def test_each_way_to_search_has_its_index(database, column):
    def plan(connection):
        filters = {"subject": "AND subject = 'a'", "operation": "AND operation = 'a'", "time": ""}[column]
        asked = f"EXPLAIN QUERY PLAN SELECT * FROM audit_rows WHERE workspace = 'w' AND time >= 1 {filters} ORDER BY time DESC"
        return " ".join(str(step) for step in connection.exec_driver_sql(asked).all())

    name = "ix_audit_rows_workspace_time" if column == "time" else f"ix_audit_rows_workspace_{column}_time"
    assert name in database.read(plan)


def test_sealed_lines_come_in_the_order_of_time_and_their_hashes_hold(database, write, clock):
    from faas_toolkit.observe.audit_chain import hash_of

    write(*({"number": number} for number in range(25)))
    lines = [json.loads(line) for line in sealed_lines(database, ONE.id, since=0.0, until=1e12, page=4)]
    assert [json.loads(line["content"])["number"] for line in lines] == list(range(25))
    assert all(hash_of(line["content"]) == line["hash"] for line in lines)
    assert list(sealed_lines(database, "nobody", since=0.0, until=1e12)) == []

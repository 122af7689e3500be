"""The text of an audit search."""

from faas_toolkit.capabilities.audit.presentation import present_search

ROW = {
    "time": "2026-11-26T08:00:00Z",
    "operation": "crm.lookup",
    "subject": "dify:4711",
    "outcome": "forbidden",
    "roles": ["member"],
    "milliseconds": 1.25,
    "cached": False,
    "arguments": '{"query":"Wei"}',
    "request": "r-1",
}
HOLDS = {
    "intact": True,
    "complete": True,
    "rows": 12,
    "chains": 2,
    "anchors": 1,
    "unproved": 0,
    "faults": [],
    "unfinished": [],
    "problems": [],
}


def text(rows=(), chain=None, cursor="", max_chars=8_000):
    return present_search({"rows": list(rows), "chain": chain or {}, "next_cursor": cursor}, max_chars)


def test_a_row_is_one_line():
    assert text([ROW]).splitlines() == [
        "1 audit row, newest first (UTC).",
        '- 2026-11-26T08:00:00Z crm.lookup forbidden, 1.25 ms; by dify:4711 (member); request r-1 {"query":"Wei"}',
    ]


def test_a_row_of_which_only_the_columns_can_be_read_is_one_too():
    bare = {name: ROW[name] for name in ("time", "operation", "outcome")} | {"subject": ""}
    assert "by nobody known; request ?" in text([bare])


def test_more_than_fits_is_cut_and_told():
    many = text([ROW] * 200, max_chars=2_000)
    assert len(many) <= 2_000
    assert "more rows" in many
    assert "200 audit rows" in many
    assert "cursor=abc" in text([ROW], cursor="abc")
    assert text() == "No audit row fits that question."


def test_what_holds_is_said_with_its_extent():
    assert text(chain=HOLDS).startswith("Verified: 12 rows in 2 chains are as they were written; 1 head known from elsewhere")


def test_what_does_not_hold_is_said_first_and_in_words():
    faults = [{"writer": "w", "sequence": number, "what": "it was changed"} for number in range(7)]
    broken = HOLDS | {"intact": False, "faults": faults, "unproved": 3, "problems": ["the heads were changed"], "complete": False}
    told = text([ROW], broken)
    assert told.startswith("NOT VERIFIED: 12 rows in 2 chains looked at. 7 faults: row 0 of writer w: it was changed;")
    for words in ("and 2 more", "3 rows carry the proof of another key", "Also, the heads were changed.", "no time for all rows"):
        assert words in told


def test_effects_without_an_end_are_named():
    told = text(chain=HOLDS | {"unfinished": ["r-1", "r-2"]})
    assert told.startswith("Verified")
    assert "2 effects began and nobody wrote down how it ended" in told
    assert "r-1, r-2" in told

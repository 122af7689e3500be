"""Ten thousand secrets and personal values pass through the front: none comes out, and none lies on the disk in clear."""

import json
import logging
import sqlite3
from contextlib import closing
from itertools import batched

import pytest

from faas_toolkit.core.call import Answer, Origin, Workspace
from faas_toolkit.core.detectors.table import DETECTORS
from faas_toolkit.core.errors import FunctionError, InvalidInput, NotFound, Unavailable
from faas_toolkit.core.offload import InlineOffload
from faas_toolkit.core.operation import Traits
from faas_toolkit.core.stream import Stream
from faas_toolkit.service import Outcome, Request, Service
from faas_toolkit.wiring import Process, RuntimeSettings, operation_named
from tests.contract.conftest import FUNCTIONS
from tests.fakes.clock import FakeClock
from tests.fakes.host import FakeHost
from tests.fakes.planted import planted
from workbench.functions_runtime import Function, serving

PLANTED = 10_000
AT_ONCE = 20
MODES = ("partial", "token", "drop")
ANSWERED = {"status": "done", "job_id": "", "structured": None, "usage": {}, "cost": {}, "finish_reason": "stop"}
SECRET = "the-configuration's+own/secret=="


def catalog(**sections):
    allowed = ["crm.read", "knowledge.read", "knowledge.write", "function.call", "model.use"]
    role = {"allow": allowed, "functions": ["*"], "knowledge": ["*"], "crm": {"sources": ["*"]}}
    roles = {mode: {**role, "mask": dict.fromkeys(DETECTORS, mode)} for mode in MODES}
    return json.dumps({"version": 1, "roles": roles, "review": {"detect": list(DETECTORS)}, **sections})


class Told:
    """A capability that tells what it was given to tell, in every way that there is."""

    def __init__(self):
        self.texts = []
        self.way = "variables"

    def traits(self, call):
        return Traits(version=self.texts[0] if self.texts else None)

    def __call__(self, call):
        whole = "\n".join(self.texts)
        if isinstance(self.way, type):
            raise self.way(f"The server says: {whole}", hint=whole)
        answer = Answer(
            variables={**ANSWERED, "data": [{text: {"note": text}} for text in self.texts], "answer": whole, "model": whole},
            source=self.texts[0],
            added={"a": self.texts},
            notices=tuple(self.texts),
        )
        if self.way != "stream":
            return answer
        return Stream((whole[at : at + 7] for at in range(0, len(whole), 7)), answer=lambda: answer)


@pytest.fixture
def process(tmp_path):
    process = Process(
        clock=FakeClock(),
        offload=InlineOffload(),
        environment={"FAAS_TOOLKIT_DATA_DIR": str(tmp_path / "data")},
        working_directory=tmp_path,
    )
    yield process
    process.embedded.database.close()


def run(service, mode, operation, arguments, text=None, key=b"k"):
    origin = Origin(workspace=Workspace("a" * 32, key * 32), surface="workflow", user_id="u", app_id="app")
    request = Request(operation=operation_named(operation), arguments=arguments, origin=origin, host=FakeHost())
    settings = RuntimeSettings(catalog=text or catalog(), secrets=(("own", SECRET),), default_role=mode)
    return service, settings, request


def everything_shown(service, settings, request):
    """All that an adapter is handed, as one text in the characters themselves."""
    *pieces, outcome = service.stream(settings, request)
    assert isinstance(outcome, Outcome)
    failure = outcome.failure and (outcome.failure.as_text(), outcome.failure.as_dict(), outcome.failure.args)
    rest = [outcome.text, outcome.variables, outcome.source, outcome.added, outcome.meta, failure]
    return "".join(pieces), json.dumps(rest, ensure_ascii=False).replace('\\"', '"')


def most_of(value):
    """What a cut may not leave of it."""
    return value[: max(7, len(value) * 7 // 10)]


def on_disk(directory):
    return {path.name: path.read_bytes() for path in directory.rglob("*") if path.is_file()}


WAYS = ("variables", "stream", NotFound, InvalidInput, FunctionError, Unavailable)


def test_none_of_ten_thousand_values_comes_out_and_none_lies_on_the_disk(process, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    service, told, values, shown = Service(process), Told(), [], []
    for number, group in enumerate(batched(planted(PLANTED), AT_ONCE)):
        way = told.way = WAYS[number % len(WAYS)]
        told.texts = [each.text for each in group]
        operation = "model.generate" if way == "stream" else "function.call"
        note = f"call {number} {'; '.join(each.text for each in group[:3])}"
        asked = {"prompt": note} if way == "stream" else {"function": "told", "arguments": {"note": note}}
        settings, request = run(service, MODES[number % 3], operation, asked)[1:]
        service._get((settings, "")).runtime._capabilities[operation] = told
        told.texts.append(f"secret {SECRET}")
        pieces, rest = everything_shown(service, settings, request)
        shown += [pieces, rest]
        values += [(each, pieces, rest) for each in group]
    leaked = [each for each, pieces, rest in values if most_of(each.value) in pieces or most_of(each.value) in rest]
    assert leaked == []
    assert not any(SECRET in text for text in shown)
    service.close()
    assert_nowhere([each.value for each, *_ in values] + [SECRET], process, tmp_path / "data", caplog)
    assert len({each.value for each, *_ in values}) == PLANTED
    assert sum(text.count("[email:") for text in shown) > 1_000


def assert_nowhere(values, process, directory, caplog, but=()):
    files = {name: content for name, content in on_disk(directory).items() if name not in but}
    kept = b"\n".join(files.values())
    assert kept
    spoken = process.metrics.exposition().decode() + "\n".join(
        f"{record.getMessage()} {record.exc_text or ''} {record.args!r}" for record in caplog.records
    )
    spelled = {form: value for value in values for form in (value, json.dumps(value)[1:-1])}
    assert standing(spelled, kept.decode("utf-8", "surrogateescape")) == []
    assert standing(spelled, spoken) == []


def standing(values, text):
    """Which of them stand in the text, in one walk through it."""
    by_start = {}
    for value in values:
        by_start.setdefault(value[:6], []).append(value)
    starts = (at for at in range(len(text)) if text[at : at + 6] in by_start)
    return [value for at in starts for value in by_start[text[at : at + 6]] if text.startswith(value, at)]


def test_the_check_itself_finds_what_is_kept_in_clear(process, tmp_path, caplog):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x").write_bytes("a 用户1@example.com b".encode())
    with pytest.raises(AssertionError):
        assert_nowhere(["用户1@example.com"], process, tmp_path / "data", caplog)


def test_none_comes_out_of_the_embedded_stores_and_a_function(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    with serving([Function(FUNCTIONS / "tell_back")]) as (function,):
        process = Process(
            clock=FakeClock(),
            offload=InlineOffload(),
            environment={"FAAS_TOOLKIT_DATA_DIR": str(tmp_path / "data"), "FAAS_TOOLKIT_NETWORK_ALLOW": function.url.rstrip("/")},
            working_directory=tmp_path,
        )
        functions = {"tell_back": {"platform": "http", "target": {"url": function.url}, "cache": "5m"}}
        text = catalog(functions=functions, knowledge={"notes": {"kind": "embedded"}})
        service, groups = Service(process), list(batched(planted(160, seed=5), 8))
        for number, group in enumerate(groups):
            note, mode = "\n".join(each.text for each in group), MODES[number % 3]
            for operation, arguments in (
                ("knowledge.add", {"text": f"Document {number}. {note}", "base": "notes", "title": group[0].text[:200]}),
                ("knowledge.search", {"query": f"document {number} {group[1].text}"}),
                ("knowledge.search", {"query": f"document {number}", "max_chars": 500 + 7 * number}),
                ("function.call", {"function": "tell_back", "arguments": {"note": note}}),
                ("function.call", {"function": "tell_back", "arguments": {"note": note}}),
                ("function.call", {"function": "tell_back", "arguments": {"note": note, "fail": True}}),
                ("function.call", {"function": "nobody"}),
                ("crm.lookup", {"query": group[2].text}),
                ("workspace.diagnose", {}),
            ):
                pieces, rest = everything_shown(*run(service, mode, operation, arguments, text))
                assert [each for each in group if most_of(each.value) in pieces + rest] == [], (operation, rest)
        service.close()
        values = [each.value for group in groups for each in group]
        databases = {"toolkit.sqlite", "toolkit.sqlite-wal", "toolkit.sqlite-shm"}
        documents = {name for name in on_disk(tmp_path / "data") if name.startswith(("knowledge", *databases))}
        assert_nowhere(values, process, tmp_path / "data", caplog, but=documents)
        with closing(sqlite3.connect(tmp_path / "data" / "toolkit.sqlite")) as connection:
            rows = connection.execute("SELECT * FROM audit_rows").fetchall()
        assert len(rows) > 100
        assert standing({form for value in values for form in (value, json.dumps(value)[1:-1])}, repr(rows)) == []
        process.embedded.database.close()

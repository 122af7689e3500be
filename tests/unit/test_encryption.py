"""What `diagnose` says about keys: which one seals, what rests under which, and what no setting opens any more."""

import pytest

from faas_toolkit.core.call import NamedKey, Origin, Workspace
from faas_toolkit.core.offload import InlineOffload
from faas_toolkit.service import Request, Service
from faas_toolkit.wiring import Process, RuntimeSettings, operation_named
from tests.fakes.clock import FakeClock
from tests.fakes.host import FakeHost

STORED, K1, K2 = NamedKey("stored", b"s" * 32), NamedKey("k1", b"1" * 32), NamedKey("k2", b"2" * 32)
CATALOG = '{"version": 1, "audit": {"write": "fast"}}'


@pytest.fixture
def process(tmp_path):
    environment = {"FAAS_TOOLKIT_DATA_DIR": str(tmp_path)}
    process = Process(clock=FakeClock(), offload=InlineOffload(), environment=environment, working_directory=tmp_path)
    yield process
    process.embedded.database.close()


def under(first, *older):
    return Workspace("a" * 32, first.key, first.id, older, root=STORED.key)


@pytest.fixture
def told(process):
    service = Service(process)

    def ask(workspace):
        origin = Origin(workspace=workspace, surface="workflow", user_id="u", app_id="app")
        operation = operation_named("workspace.diagnose")
        request = Request(operation=operation, arguments={"check": "storage"}, origin=origin, host=FakeHost())
        report = service.run(RuntimeSettings(catalog=CATALOG), request).variables["report"]
        return next(finding for finding in report if finding["item"] == "encryption")

    yield ask
    service.close()


def test_it_names_the_keys_and_counts_what_rests_under_each(process, told):
    fresh = told(under(STORED))
    assert (fresh["status"], fresh["text"]) == (
        "ok",
        "The key `stored` seals; others that open: none. Sealed keys and outcomes: nothing yet.",
    )
    process.embedded.outcomes.begin(under(K1, STORED), "name", "payload")
    process.embedded.data_keys.get(under(K1, STORED), "person:1")
    rotated = told(under(K2, K1, STORED))
    assert rotated["status"] == "ok"
    assert "`k2` seals; others that open: `k1`, `stored`." in rotated["text"]
    assert "3 with `k1`" in rotated["text"]  # the third is the key of who asked above, wrapped anew by the call under k1


def test_a_key_that_was_taken_out_too_early_is_a_warning_with_what_to_do(process, told):
    process.embedded.outcomes.begin(under(K1, STORED), "name", "payload")
    warned = told(under(K2, STORED))
    assert warned["status"] == "warning"
    assert "1 with a key that is in no setting" in warned["text"]
    assert "encryption_key" in warned["repair"]
    assert told(under(K2, K1, STORED))["status"] == "ok"


def test_no_key_is_shown(told):
    shown = str(told(under(K2, K1, STORED)))
    assert not any(letter * 8 in shown for letter in "s12")

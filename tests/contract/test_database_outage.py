"""Two nodes of the whole service on one server, which is killed and started again under load."""

import json
import time
from dataclasses import replace

import gevent
import pytest
from sqlalchemy import select

from faas_toolkit.core.call import Origin, Workspace
from faas_toolkit.core.clock import SystemClock
from faas_toolkit.core.errors import Unavailable
from faas_toolkit.dify.offload import GeventOffload
from faas_toolkit.observe.audit_table import audit_rows
from faas_toolkit.service import Request, Service
from faas_toolkit.wiring import Process, RuntimeSettings, operation_named
from tests.fakes.data_servers import MariadbServer, PostgresServer, running
from tests.fakes.databases import LOOPBACK, server_database
from tests.fakes.host import FakeHost

CATALOG = {
    "version": 1,
    "audit": {"write": "durable"},
    "roles": {
        "member": {"allow": ["crm.read", "knowledge.read", "knowledge.write"], "knowledge": ["*"], "crm": {"sources": ["*"]}}
    },
    "knowledge": {"notes": {"kind": "embedded", "breaker": {"open_for": "1s"}}},
}
PER_SECOND = 50
TEXT = "Every employee has thirty days of paid holiday in each year."


class Node:
    """One plugin process of the workspace."""

    def __init__(self, folder, url) -> None:
        environment = {**LOOPBACK, "FAAS_TOOLKIT_DATA_DIR": str(folder)}
        self.offload = GeventOffload()
        self.process = Process(clock=SystemClock(), offload=self.offload, environment=environment, working_directory=folder)
        self.service = Service(self.process)
        self.settings = RuntimeSettings(catalog=json.dumps(CATALOG), database_url=url)

    def ask(self, operation, workspace="a", **arguments):
        origin = Origin(workspace=Workspace(workspace * 32, b"k" * 32), surface="workflow", user_id="u", app_id="app")
        request = Request(operation=operation_named(operation), arguments=arguments, origin=origin, host=FakeHost())
        return self.service.run(self.settings, request)

    def close(self):
        self.service.close()
        self.process.embedded.database.close()
        self.offload.close()


@pytest.fixture(params=[PostgresServer, MariadbServer])
def server(request, tmp_path):
    with running(request.param, tmp_path / "server") as server:
        yield server


@pytest.fixture
def nodes(server, tmp_path):
    nodes = [Node(tmp_path / f"node{number}", server.url) for number in range(2)]
    yield nodes
    for node in nodes:
        node.close()


def audited(server):
    database = server_database(server.url)
    contents = database.read(lambda connection: connection.execute(select(audit_rows.c.content)).scalars().all())
    database.close()
    return {json.loads(content)["request"] for content in contents}


class Load:
    """Calls at a steady rate, in turns of each node and of two tools."""

    def __init__(self, nodes) -> None:
        self.outcomes = []
        self._nodes = nodes
        self._jobs = []

    def go_on(self, seconds) -> None:
        for _ in range(int(seconds * PER_SECOND)):
            self._jobs.append(gevent.spawn(self._call, len(self._jobs)))
            gevent.sleep(1 / PER_SECOND)

    def end(self) -> None:
        gevent.joinall(self._jobs, timeout=90, raise_error=True)
        assert len(self.outcomes) == len(self._jobs)

    def answered(self):
        return [(tool, outcome) for tool, outcome in self.outcomes if outcome.failure is None]

    def _call(self, number) -> None:
        node = self._nodes[number % 2]
        if number % 4 < 2:
            self.outcomes.append(("crm", node.ask("crm.lookup", query=f"customer {number}")))
        else:
            self.outcomes.append(("notes", node.ask("knowledge.search", query=f"paid holiday {number}")))


def test_each_call_of_an_outage_is_answered_rightly_or_told_and_no_answered_one_lacks_its_audit_row(server, nodes):
    assert nodes[0].ask("knowledge.add", text=TEXT, title="Holidays").failure is None
    assert nodes[1].ask("knowledge.search", query="paid holiday").failure is None
    load = Load(nodes)
    load.go_on(1)
    before = len(load.answered())
    server.kill()
    load.go_on(1)
    server.start()
    load.go_on(2)
    load.end()
    failures = [outcome.failure for _, outcome in load.outcomes if outcome.failure is not None]
    assert before
    assert failures
    assert all(isinstance(failure, Unavailable) for failure in failures), failures
    assert all(TEXT in outcome.text for tool, outcome in load.answered() if tool == "notes")

    wanted = {outcome.meta["request_id"] for _, outcome in load.answered()}
    until = time.monotonic() + 80
    while not _recovered(nodes) or wanted - audited(server):
        # Meanwhile the rows of the outage wait on the nodes' disks, and the breaker of the base has not closed yet.
        assert time.monotonic() < until, "it does not recover unaided"
        gevent.sleep(1)


def _recovered(nodes) -> bool:
    return all(TEXT in node.ask("knowledge.search", query="paid holiday").text for node in nodes)


def test_settings_are_refused_when_they_are_saved_while_the_server_is_away_or_refuses_them(server, nodes):
    service = nodes[0].service
    service.check(nodes[0].settings)
    for url, said in [
        (server.url.replace("pass%20word", "wrong"), "user or the password"),
        ("sqlite:///data.db", "does not begin with postgresql://"),
        (server.url.replace(f":{server.port}/", ":1/"), "cannot be reached"),
    ]:
        with pytest.raises(Unavailable, match=said) as caught:
            service.check(replace(nodes[0].settings, database_url=url))
        assert "database_url" in caught.value.as_text()


def test_diagnose_says_which_database_answers_and_what_to_do_when_it_does_not(server, nodes):
    told = nodes[0].ask("workspace.diagnose", check="storage")
    product = "PostgreSQL" if isinstance(server, PostgresServer) else "MariaDB"
    assert f"{product} 1" in told.text
    assert "revision 00" in told.text
    server.kill()
    try:
        told = nodes[0].ask("workspace.diagnose", check="storage")
        shown = told.text or told.failure.as_text()
        assert "database server" in shown
        assert server.url not in shown
    finally:
        server.start()

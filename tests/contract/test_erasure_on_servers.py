"""A person is erased from a real server of rows, from this node's copy of its documents, and from the file of before."""

import pytest

from faas_toolkit.state.data_keys_table import data_keys
from tests.fakes.databases import Nodes
from tests.unit.test_erasure import DOCUMENTS, EMAIL, ONE, Office, document, fragments, report


@pytest.fixture(params=["postgresql", "mysql"])
def server(request, database_servers, tmp_path):
    nodes = Nodes(request.param, tmp_path / "unused", database_servers(request.param))
    yield nodes
    nodes.close()


@pytest.fixture
def office(tmp_path, server):
    before = Office(tmp_path)
    before.fill(documents=[*DOCUMENTS, document("Of before", f"{EMAIL} was here before there was a server.")])
    before.run("crm.lookup", {"query": "Acme"}, role="member", user=EMAIL)
    before.close()
    office = Office(tmp_path, database_url=server.url)
    yield office
    office.close()


def test_rows_on_the_server_in_the_copy_and_in_the_file_of_before_are_erased(office, server):
    added = {"text": f"{EMAIL} signed the contract.", "base": "notes", "title": "Contract"}
    office.run("knowledge.add", {**added, "metadata": {"customer": EMAIL}})
    office.run("knowledge.add", {"text": "Goods can be returned.", "base": "notes", "title": "Terms"})
    office.run(
        "knowledge.add",
        {"text": "Only hers.", "base": "notes", "title": "Hers", "access": {"subjects": [EMAIL], "roles": ["admin"]}},
    )
    assert office.run("knowledge.search", {"query": "signed contract", "bases": "notes"}).variables["citations"]
    office.run("crm.lookup", {"query": "Acme"}, role="member", user=EMAIL)
    found = report(office.erase(documents="delete"))
    assert found["audit", "rows of the person"] == "destroy key"
    assert found["elsewhere", "the database server"] == "keep"
    assert found["knowledge", "notes:1"] == "delete"

    done = office.confirmed(documents="delete")
    assert done.variables["erased"] is True
    assert "quiet moment" not in done.text
    assert [text for text in fragments() if text in office.written()] == []
    assert {place for place, _ in report(office.erase())} == {"cache", "elsewhere"}
    left = office.run("knowledge.search", {"query": "goods returned", "bases": "notes"}).variables["citations"]
    assert [each["title"] for each in left] == ["Terms"]
    assert not office.run("knowledge.search", {"query": "signed contract", "bases": "notes"}).variables["citations"]
    destroyed = data_keys.select().where(data_keys.c.workspace == ONE.id, data_keys.c.destroyed.is_not(None))
    rows = server.open().read(lambda connection: connection.execute(destroyed).all())
    assert rows

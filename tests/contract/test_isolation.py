"""A workspace that tries to reach what is another's, or the operator's, by every setting and parameter that it controls.

Both workspaces are in one plugin process, as under Dify's daemon, where the operator's environment and files are too. Each
attempt is a line of the table in `tests/fakes/intruder.py`: it must be answered in words that teach, and nothing of the other's
comes out, neither at the call nor when the settings are saved; a server on loopback that nobody opened must never be asked.
"""

import base64
import json
import sqlite3
from contextlib import closing

import pytest

from faas_toolkit.capabilities.crm.sources.embedded.writing import Draft, store
from faas_toolkit.core.offload import InlineOffload
from faas_toolkit.state.sqlite_database import SqliteDatabase as Database
from tests.fakes.intruder import (
    ARGUMENT,
    DOCUMENT,
    ENCRYPTION_KEY,
    IDEMPOTENCY_KEY,
    OFFERED,
    OPERATORS,
    OUTSIDE,
    RECORD,
    ROLES,
    SEARCH,
    SECRET,
    SHARED_KEY,
    TABLE,
    World,
)
from tests.fakes.servers import serving
from tests.rules.tree import ROOT
from workbench.host import PluginHost

ATTEMPTS = [pytest.param(attempt, id=f"{group}: {attempt.name}") for group, attempts in TABLE.items() for attempt in attempts]


def answer_closed(exchange):
    exchange.answer(b'{"run": "reached"}')


@pytest.fixture(scope="module")
def world(function_addresses, tmp_path_factory):
    data, catalogs = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("catalogs")
    (catalogs.parent / "outside.yaml").write_text(f"version: 1 # {OUTSIDE}\n{OUTSIDE}: here\n")
    (catalogs / "link.yaml").symlink_to(catalogs.parent / "outside.yaml")
    (catalogs / "loop.yaml").symlink_to(catalogs / "loop.yaml")
    (catalogs / ".hidden").write_text(OUTSIDE)
    (catalogs / "sub").mkdir()
    function = function_addresses["count"]
    with serving(answer_closed) as closed:

        def redirect(exchange):
            exchange.answer(b"", status="302 Found", headers=f"Location: http://127.0.0.1:{closed.port}/")

        with serving(redirect) as redirecting:
            address = f"http://127.0.0.1:{redirecting.port}"
            environment = {
                "FAAS_TOOLKIT_DATA_DIR": str(data),
                "FAAS_TOOLKIT_CATALOG_DIR": str(catalogs),
                "FAAS_TOOLKIT_NETWORK_ALLOW": f"{function.rstrip('/')},{address}",
                "FAAS_TOOLKIT_SHARED_SECRETS": "OFFERED",
                "OFFERED": OFFERED,
                "OPERATOR_TOKEN": OPERATORS,
            }
            with PluginHost(ROOT, environment=environment) as plugin:
                made = World(plugin, data, catalogs, function, f"{address}/", closed.port)
                settle(made)
                yield made
                assert closed.connections == 0, "a server that nobody opened was asked"


def victims_settings(world):
    return {
        "catalog": world.catalog(
            review={"refuse": [{"words": "${secret:victim_key}"}]},
            functions={
                "count": {"platform": "http", "target": {"url": world.function}, "cache": "5m"},
                "victims_own": {
                    "platform": "http",
                    "target": {"url": world.function},
                    "effects": "once",
                    "describe": SECRET[:-3],
                },
            },
            roles={
                **ROLES,
                "member": {**ROLES["member"], "functions": ["count", "victims_own"]},
                "victims_role": {"allow": ["*"]},
            },
            audit={"write": "durable", "arguments": "masked"},
            limits=[{"of": "requests", "limit": 10_000, "per": "60s", "by": ["workspace"]}],
        ),
        "secrets": json.dumps({"victim_key": SECRET}),
        "identity_keys": SHARED_KEY,
        "encryption_key": ENCRYPTION_KEY,
    }


def settle(world):
    """The victim works with the plugin: records, a document, a kept answer, an outcome, rows of the audit."""
    settings = victims_settings(world)

    def done(tool, **arguments):
        _, variables = world.ask("victim", tool, arguments, settings)
        assert variables["ok"] is True, variables["error"]
        return variables

    done("knowledge_add", base="notes", text=DOCUMENT, title="Vault")
    world.victim = json.loads(world.plugin.workspace("victim").storage.get("faas_toolkit_workspace"))
    database = Database(path=world.data / "toolkit.sqlite", offload=InlineOffload())
    named = {"name": RECORD, "email": "zephyrine@victim.example", "owner": "victim.owner"}
    people = [Draft("person", 1, named), Draft("person", 2, {"name": "Zephyrine Adeyemi", "owner": "victim.owner"})]
    database.write(lambda connection: store(connection, world.victim["id"], people))
    database.close()
    page = done("crm_lookup", filters='{"owner": "victim.owner"}', limit=1)
    assert page["total"] == 2
    world.cursor = page["next_cursor"]
    world.run = done("function_call", function="count", arguments=json.dumps({"note": ARGUMENT}))["data"]["run"]
    world.run = done("function_call", function="count")["data"]["run"]
    world.outcome = done("function_call", function="victims_own", idempotency_key=IDEMPOTENCY_KEY)["data"]["run"]


def leaks(world, text):
    """What of the victim's, the operator's or the machine's stands in an answer."""
    forbidden = [
        OPERATORS,
        OUTSIDE,
        SECRET,
        SECRET[:-3],
        RECORD,
        DOCUMENT,
        ARGUMENT,
        SHARED_KEY,
        ENCRYPTION_KEY,
        "reached",
        "Adeyemi",
    ]
    forbidden += [
        world.victim["id"],
        world.victim["key"],
        str(world.data),
        str(world.catalogs),
        "root:x:",
        "Traceback",
        "site-packages",
    ]
    return [word for word in forbidden if word in text]


def written(arguments, settings):
    """What an attacker knows and writes itself, which may come back."""
    payload = str(arguments.get("identity_token", "..")).split(".")[1]
    claims = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)).decode()
    return json.dumps([arguments, settings], ensure_ascii=False) + claims


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_an_attempt_gets_nothing_and_is_taught(world, attempt):
    settings, arguments = attempt.settings(world), attempt.given(world)
    saved = world.plugin.validate_credentials(settings, workspace="attacker").error
    # A workspace with a good catalog goes on with it where the next one is broken, so what is broken comes from one without.
    broken = saved is not None and "catalog in this plugin's settings" in saved.message
    text, variables = world.ask("prowler" if broken else "attacker", attempt.tool, arguments, settings)
    known = written(arguments, settings)
    assert [word for word in leaks(world, text + (saved.message if saved else "")) if word not in known] == []
    if attempt.taught:
        assert variables["ok"] is False
        assert attempt.taught in text
        assert len(variables["error"]["message"]) > 20
    else:
        assert variables["ok"] is True, variables["error"]
    if attempt.tool == "function_call" and variables["ok"]:
        assert variables["data"]["run"] not in (world.run, world.outcome)
    if attempt.tool in ("crm_lookup", "knowledge_search") and variables["ok"]:
        assert "ephyrine" not in json.dumps([variables.get("records"), variables.get("result")])


def test_after_all_of_it_the_victim_has_what_it_had(world):
    settings = victims_settings(world)
    text, _ = world.ask("victim", "knowledge_search", SEARCH["arguments"], settings)
    assert DOCUMENT in text
    _, kept = world.ask("victim", "function_call", {"function": "count"}, settings)
    assert (kept["data"]["run"], kept["meta"]["cached"]) == (world.run, True)
    again = {"function": "victims_own", "idempotency_key": IDEMPOTENCY_KEY}
    assert world.ask("victim", "function_call", again, settings)[1]["data"]["run"] == world.outcome
    _, page = world.ask(
        "victim", "crm_lookup", {"filters": '{"owner": "victim.owner"}', "limit": 1, "cursor": world.cursor}, settings
    )
    assert page["total"] == 2


def test_no_row_of_the_attacker_names_the_victim_and_no_row_of_the_victim_was_written_by_the_attacker(world):
    attacker = json.loads(world.plugin.workspace("attacker").storage.get("faas_toolkit_workspace"))
    with closing(sqlite3.connect(world.data / "toolkit.sqlite")) as stored:
        rows = stored.execute("SELECT workspace, content FROM audit_rows").fetchall()
    prowler = json.loads(world.plugin.workspace("prowler").storage.get("faas_toolkit_workspace"))
    assert {workspace for workspace, _ in rows} == {world.victim["id"], attacker["id"], prowler["id"]}
    for workspace, content in rows:
        if workspace == world.victim["id"]:
            assert "mallory" not in content
            assert "attacker" not in content


def test_what_the_operator_offers_to_all_can_be_used_and_is_not_shown(world):
    settings = {"catalog": world.catalog(review={"refuse": [{"words": "${secret:OFFERED}"}]})}
    text, variables = world.ask("attacker", "crm_lookup", {"query": f"a {OFFERED} b"}, settings)
    assert variables["error"]["kind"] == "blocked"
    assert OFFERED not in text


def test_the_table_is_large_enough_to_mean_something():
    names = [param.id for param in ATTEMPTS]
    assert len(names) == len(set(names)) >= 100

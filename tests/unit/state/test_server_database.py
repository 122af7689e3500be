"""The store on real servers that refuse, hang, die and come back: each failure is told in words; nobody waits for a dead one."""

import contextlib
import traceback

import gevent
import psycopg
import pytest
from alembic import op
from gevent.server import StreamServer
from sqlalchemy import func, insert, select, text, update

from faas_toolkit.core.clock import SystemClock
from faas_toolkit.core.errors import Blocked, Internal, Unavailable
from faas_toolkit.dify.node import hard_limit
from faas_toolkit.net.egress import EgressGuard
from faas_toolkit.observe.audit_table import audit_rows
from faas_toolkit.state import server_database as module
from faas_toolkit.state.cache.outcomes_table import outcomes
from faas_toolkit.state.migrations import history
from faas_toolkit.state.server_address import parse_address
from faas_toolkit.state.server_database import ServerDatabase
from faas_toolkit.state.server_failures import meaning
from faas_toolkit.state.server_pool import MOST_CONNECTIONS
from tests.fakes.certificates import Authority
from tests.fakes.data_servers import MariadbServer, PostgresServer, running
from tests.fakes.databases import LOOPBACK, Nodes, differences, server_database
from tests.fakes.processes import READY, at_once

HOST = "db.test"
SLEEP = {"postgresql": "SELECT pg_sleep({})", "mysql": "SELECT SLEEP({})"}


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module", params=["postgresql", "mysql"])
def server(request, authority, tmp_path_factory):
    """A server that also speaks TLS."""

    def make(folder):
        certificate, key = authority.issue(HOST, folder / "tls")
        if request.param == "postgresql":
            return PostgresServer(folder, f"-cssl_cert_file={certificate}", f"-cssl_key_file={key}", "-cssl=on")
        return MariadbServer(folder, f"--ssl-cert={certificate}", f"--ssl-key={key}")

    with running(make, tmp_path_factory.mktemp(request.param)) as running_server:
        yield running_server


@pytest.fixture
def kind(server):
    return "postgresql" if isinstance(server, PostgresServer) else "mysql"


@pytest.fixture
def nodes(server, kind, tmp_path):
    nodes = Nodes(kind, tmp_path, server)
    yield nodes
    nodes.close()


def put(key):
    row = {"key": key, "workspace": "w", "expires": 1.0, "content": b"x"}
    return lambda connection: connection.execute(insert(outcomes), row) and None


def count(connection):
    return connection.execute(select(func.count()).select_from(outcomes)).scalar()


def one(connection):
    return connection.execute(text("SELECT 1")).scalar()


def failure_of(work):
    with pytest.raises(Unavailable) as caught:
        work()
    shown = "".join(traceback.format_exception(caught.value))
    assert "pass word" not in shown
    assert "pass%20word" not in shown
    assert "INSERT" not in caught.value.as_text()
    assert "127.0.0.1" not in caught.value.as_text()
    return caught.value


def count_connections(database, monkeypatch):
    opened = []
    connect = database._driver.connect
    monkeypatch.setattr(database._driver, "connect", lambda way: opened.append(way) or connect(way))
    return opened


# ---- refusals


def test_a_wrong_password_is_told_and_not_tried_again_by_each_call(nodes, server, clock, monkeypatch):
    database = server_database(server.url_of("toolkit", password="wrong"), clock=clock)
    opened = count_connections(database, monkeypatch)
    failure = failure_of(lambda: database.read(one))
    assert "user or the password" in failure.message
    assert not failure.retryable
    for _ in range(5):
        failure_of(lambda: database.read(one))
    assert len(opened) == 1
    clock.advance(1)
    failure_of(lambda: database.read(one))
    assert len(opened) == 2


def test_a_missing_database_is_told(server):
    failure = failure_of(lambda: server_database(server.url_of("toolkit_nowhere")).read(one))
    assert "no such database" in failure.message or "refuses the user a right" in failure.message  # MariaDB tells no stranger


def test_a_port_where_nobody_listens_is_told(server):
    failure = failure_of(lambda: server_database(server.url.replace(f":{server.port}/", ":1/")).read(one))
    assert "cannot be reached" in failure.message
    assert failure.retryable
    assert failure.not_executed


def test_a_server_that_takes_no_more_connections_is_told(nodes, server, kind):
    if kind == "postgresql":
        server.execute("CREATE ROLE few LOGIN PASSWORD 'pass word' CONNECTION LIMIT 0")
    else:
        server.execute("CREATE USER few@'127.0.0.1' IDENTIFIED BY 'pass word' WITH MAX_CONNECTIONS_PER_HOUR 2")
        server.execute("GRANT ALL ON toolkit.* TO few@'127.0.0.1'")
        server_database(server.url_of("toolkit", user="few")).read(one)
    failure = failure_of(lambda: server_database(server.url_of("toolkit", user="few")).read(one))
    assert "no connection left" in failure.message
    assert failure.retryable


def test_a_user_without_rights_is_told_which_are_needed(nodes, server, kind):
    name = nodes.url.rpartition("/")[2]
    if kind == "postgresql":
        server.execute("DROP ROLE IF EXISTS reader")
        server.execute("CREATE ROLE reader LOGIN PASSWORD 'pass word'")
    else:
        server.execute("CREATE OR REPLACE USER reader@'127.0.0.1' IDENTIFIED BY 'pass word'")
        server.execute(f"GRANT SELECT ON {name}.* TO reader@'127.0.0.1'")
    failure = failure_of(lambda: server_database(server.url_of(name, user="reader")).read(one))
    assert "a right" in failure.message
    assert "docs/operations.md" in failure.hint


def test_a_user_who_may_only_read_is_told_when_the_settings_are_checked(nodes, server, kind):
    nodes.open().check()
    name = nodes.url.rpartition("/")[2]
    if kind == "postgresql":
        server.execute("CREATE ROLE looks LOGIN PASSWORD 'pass word'")
        server.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO looks", name)
    else:
        server.execute("CREATE USER looks@'127.0.0.1' IDENTIFIED BY 'pass word'")
        server.execute(f"GRANT SELECT ON {name}.* TO looks@'127.0.0.1'")
    failure = failure_of(server_database(server.url_of(name, "looks")).check)
    assert failure.message == "The database server refuses the user a right that the toolkit needs."


def test_a_database_that_a_newer_version_changes_meanwhile_is_told_when_it_is_checked(nodes, server):
    database = nodes.open()
    database.check()
    server.execute("UPDATE faas_toolkit_version SET version_num = '9999'", nodes.url.rpartition("/")[2])
    assert "revision 9999" in failure_of(database.check).message


def test_a_server_that_can_only_be_read_is_told_until_it_can_be_written(nodes, server, kind):
    database = nodes.open()
    database.write(put("a"))
    name = nodes.url.rpartition("/")[2]
    database.close()
    read_only = {
        "postgresql": f"ALTER DATABASE {name} SET default_transaction_read_only = on",
        "mysql": "SET GLOBAL read_only = 1",
    }
    writable = {"postgresql": f"ALTER DATABASE {name} RESET default_transaction_read_only", "mysql": "SET GLOBAL read_only = 0"}
    server.execute(read_only[kind])
    try:
        failure = failure_of(lambda: database.write(put("b")))
        assert "can only be read" in failure.message
        assert failure.not_executed
        assert database.read(count) == 1
    finally:
        server.execute(writable[kind])
    database.close()
    database.write(put("b"))
    assert database.read(count) == 2


def test_a_database_of_another_program_is_left_alone(nodes, server, kind):
    name = nodes.url.rpartition("/")[2]
    server.execute("CREATE TABLE outcomes (mine INTEGER)", name)
    server.execute("CREATE TABLE alembic_version (version_num VARCHAR(32))", name)
    failure = failure_of(lambda: nodes.open().read(one))
    assert "another program" in failure.message
    assert "outcomes" in failure.message
    assert not failure.retryable


def test_another_program_s_history_is_no_matter(nodes, server):
    name = nodes.url.rpartition("/")[2]
    server.execute("CREATE TABLE alembic_version (version_num VARCHAR(32))", name)
    server.execute("INSERT INTO alembic_version VALUES ('64b051264f32')", name)
    assert history.head() in nodes.open().check()


def test_a_text_that_the_database_cannot_store_is_told(server, kind):
    if kind == "mysql":
        pytest.skip("the tables say themselves which characters they hold")
    server.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    database = server_database(server.url_of("latin"))
    row = {"workspace": "w", "writer": "x", "sequence": 1, "time": 1.0, "operation": "o", "subject": "汉", "outcome": "ok"}
    row |= {"content": "{}", "previous_hash": "", "hash": ""}
    failure = failure_of(lambda: database.write(lambda connection: connection.execute(insert(audit_rows), row)))
    assert "UTF8" in failure.hint


# ---- death, silence, and coming back


def test_a_server_that_dies_in_a_transaction_loses_it_and_serves_again_when_it_is_back(nodes, server, clock):
    database = nodes.open(clock=clock)
    database.write(put("before"))

    def dies(connection):
        put("a")(connection)
        server.kill()
        put("b")(connection)

    try:
        failure = failure_of(lambda: database.write(dies))
        assert failure.retryable
        assert failure.not_executed
        assert "cannot be reached" in failure_of(lambda: database.read(count)).message
    finally:
        server.start()
    clock.advance(10)
    assert database.read(count) == 1
    database.write(put("a"))
    assert database.read(count) == 2


def test_a_commit_that_got_no_answer_may_have_been_done(nodes, server, clock):
    database = nodes.open(clock=clock)
    database.read(count)

    def dies(connection):
        put("a")(connection)
        server.kill()

    try:
        assert not failure_of(lambda: database.write(dies)).not_executed
    finally:
        server.start()


def test_a_restart_between_two_calls_is_noticed_by_nobody(nodes, server):
    database = nodes.open()
    database.write(put("a"))
    server.stop()
    server.start()
    assert database.read(count, alone=True) == 1
    server.stop()
    server.start()
    database.write(put("b"))
    assert database.read(count) == 2


def test_a_dead_server_costs_one_call_a_connection_and_the_others_nothing(nodes, server, clock, monkeypatch):
    database = nodes.open(clock=clock)
    database.read(one)
    server.kill()
    try:
        failure_of(lambda: database.read(one))
        opened = count_connections(database, monkeypatch)
        for _ in range(20):
            assert failure_of(lambda: database.read(one)).retry_after
        assert opened == []
        clock.advance(1)
        failure_of(lambda: database.read(one))
        assert len(opened) == 1
    finally:
        server.start()
    clock.advance(10)
    assert database.read(one) == 1


def test_a_server_that_hangs_is_given_up_and_asked_again_later(nodes, server, clock, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 0.9)
    database = nodes.open(clock=clock)
    database.read(one)
    opened = count_connections(database, monkeypatch)
    server.pause()
    try:
        assert "does not answer in time" in failure_of(lambda: database.read(one)).message
        assert failure_of(lambda: database.read(one)).retry_after
        assert opened == []
    finally:
        server.resume()
    monkeypatch.setattr(module, "PATIENCE", 15.0)  # a busy machine may take longer than the other to wake it
    clock.advance(10)
    assert database.read(one) == 1


def test_a_connection_that_died_unnoticed_while_idle_is_replaced(nodes, server, clock, monkeypatch):
    database = nodes.open(clock=clock)
    database.read(one)
    monkeypatch.setattr(database._driver, "answers", lambda raw, patience: False)
    opened = count_connections(database, monkeypatch)
    clock.advance(20)
    database.read(one)
    assert opened == []
    clock.advance(40)
    database.read(one)
    assert len(opened) == 1


def test_the_check_of_an_idle_connection_asks_the_server(nodes, server, clock):
    database = nodes.open(clock=clock)
    database.read(one)
    clock.advance(60)
    (lent,) = database._pool._idle
    assert database._driver.answers(lent.raw, 3)
    assert database.read(one) == 1
    assert [each.raw for each in database._pool._idle] == [lent.raw]
    server.stop()
    server.start()
    assert not database._driver.answers(lent.raw, 3)


def test_a_statement_that_takes_too_long_is_ended_by_the_server(nodes, kind, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 1.5)
    database = nodes.open()
    database.read(one)
    (before,) = database._pool._idle
    slow = text(SLEEP[kind].format(30))
    failure = failure_of(lambda: database.read(lambda connection: connection.execute(slow).all()))
    assert "too long" in failure.message
    assert database.read(one) == 1
    assert [each.raw for each in database._pool._idle] == [before.raw]


def test_a_row_that_another_call_holds_is_waited_for_and_then_told(nodes, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 3.0)
    database, other = nodes.open(), nodes.open()
    database.write(put("a"))
    change = update(outcomes).where(outcomes.c.key == "a").values(expires=2.0)

    def holds(connection):
        connection.execute(change)
        return failure_of(lambda: other.write(lambda c: c.execute(change).rowcount))

    assert "is busy" in database.write(holds).message


def test_transactions_that_wait_for_each_other_run_again(nodes):
    database, other = nodes.open(), nodes.open()
    for key in ("a", "b"):
        database.write(put(key))
    other.read(one)
    runs = []

    def both(first, second):
        def work(connection):
            runs.append(first)
            for key in (first, second):
                connection.execute(update(outcomes).where(outcomes.c.key == key).values(expires=outcomes.c.expires + 1))
                gevent.sleep(0.2)

        return work

    jobs = [gevent.spawn(database.write, both("a", "b")), gevent.spawn(other.write, both("b", "a"))]
    gevent.joinall(jobs, timeout=30, raise_error=True)
    assert len(runs) > 2
    assert database.read(lambda connection: connection.execute(select(outcomes.c.expires)).scalars().all()) == [3.0, 3.0]


def test_a_greenlet_that_is_killed_leaves_no_connection_in_a_transaction(nodes, kind):
    database = nodes.open()
    database.read(one)
    slow = text(SLEEP[kind].format(5))
    job = gevent.spawn(database.write, lambda connection: [put("a")(connection), connection.execute(slow).all()])
    gevent.sleep(0.2)
    job.kill()
    assert database.read(count) == 0
    assert database._pool._places._value == MOST_CONNECTIONS if hasattr(database._pool._places, "_value") else True


def test_no_more_connections_are_opened_than_allowed(nodes, kind, monkeypatch):
    database = nodes.open()
    database.read(one)
    opened = count_connections(database, monkeypatch)
    slow = text(SLEEP[kind].format(0.05))
    jobs = [gevent.spawn(database.read, lambda connection: connection.execute(slow).all()) for _ in range(40)]
    gevent.joinall(jobs, timeout=30, raise_error=True)
    assert len(opened) == MOST_CONNECTIONS - 1
    database.close()
    assert not database._pool._idle


def test_a_server_that_sends_a_byte_now_and_then_is_given_up(monkeypatch):
    def drip(wire, _):
        with contextlib.suppress(OSError):
            wire.sendall(b"\xff\xff\xff\x00")  # a packet of 16 MB begins
            while True:
                wire.sendall(b"\x0a")
                gevent.sleep(0.05)

    monkeypatch.setattr(module, "_LONGEST", 0.6)
    with contextlib.closing(StreamServer(("127.0.0.1", 0), drip)) as tarpit:
        tarpit.start()
        for scheme in ("mysql", "postgresql"):
            url = f"{scheme}://toolkit:pass%20word@127.0.0.1:{tarpit.server_port}/toolkit"
            database = server_database(url, hard_limit=hard_limit)
            failure = failure_of(lambda database=database: database.read(one))
            assert failure.message in (meaning("silent").message, meaning("lost").message, meaning("refused").message)


# ---- whose server, and who is on the way


def guarded(server, authority, resolve, query, allow=LOOPBACK, port=None):
    environment = {**allow, "FAAS_TOOLKIT_DATABASE_CA": str(authority.file)}
    url = server.url.replace("127.0.0.1", HOST) + query
    guard = EgressGuard(environment=environment, resolve=resolve)
    return ServerDatabase(address=parse_address(url), guard=guard, environment=environment, clock=SystemClock())


def loopback(host, port):
    assert host == HOST
    return ["127.0.0.1"]


TLS_IN_USE = {
    "postgresql": "SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
    "mysql": "SELECT variable_value FROM information_schema.session_status WHERE variable_name = 'Ssl_version'",
}


def test_the_name_is_verified_and_the_checked_address_is_asked(server, kind, authority):
    database = guarded(server, authority, loopback, "?sslmode=verify-full")  # nothing else can resolve that name
    assert database.read(lambda connection: connection.execute(text(TLS_IN_USE[kind])).scalar()) == "TLSv1.3"
    database.close()


def test_a_certificate_for_another_name_is_refused(server, authority):
    environment = {**LOOPBACK, "FAAS_TOOLKIT_DATABASE_CA": str(authority.file)}
    database = server_database(server.url.replace("127.0.0.1", "localhost") + "?sslmode=verify-full", environment=environment)
    assert "certificate" in failure_of(lambda: database.read(one)).message


def test_a_certificate_of_an_unknown_authority_is_refused(server, tmp_path):
    database = guarded(server, Authority(tmp_path / "other"), loopback, "?sslmode=verify-full")
    failure = failure_of(lambda: database.read(one))
    assert "certificate" in failure.message
    assert "FAAS_TOOLKIT_DATABASE_CA" in failure.hint


def test_a_file_of_authorities_that_is_not_there_is_told_without_its_path(server, tmp_path):
    environment = {**LOOPBACK, "FAAS_TOOLKIT_DATABASE_CA": str(tmp_path / "missing.pem")}
    failure = failure_of(lambda: server_database(server.url, environment=environment).read(one))
    assert "FAAS_TOOLKIT_DATABASE_CA names no file" in failure.message
    assert str(tmp_path) not in failure.as_text()


def test_a_public_host_is_asked_with_tls_though_nobody_said_so(server, authority):
    """Its address is one that only the guard takes for public."""
    seen = []
    database = guarded(server, authority, lambda host, port: ["8.8.8.8"], "")
    database._driver.connect = lambda way: seen.append(way) or (_ for _ in ()).throw(TimeoutError())
    failure_of(lambda: database.read(one))
    assert [(way.ip, way.encrypted) for way in seen] == [("8.8.8.8", True)]


def test_a_public_host_is_never_asked_without_tls(server, authority):
    database = guarded(server, authority, lambda host, port: ["8.8.8.8"], "?sslmode=disable")
    with pytest.raises(Blocked, match="without TLS"):
        database.read(one)


@pytest.mark.parametrize("inner", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1"])
def test_an_inner_address_that_nobody_opened_is_never_asked(server, authority, inner):
    database = guarded(server, authority, lambda host, port: [inner], "", allow={})
    database._driver.connect = None
    with pytest.raises(Blocked):
        database.read(one)


def test_nothing_of_the_operator_s_environment_or_home_takes_part(nodes, kind, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".pgpass").write_text("*:*:*:*:pass word\n")
    (tmp_path / ".pgpass").chmod(0o600)
    (tmp_path / ".pg_service.conf").write_text("[default]\nhost=10.0.0.1\npassword=pass word\n")
    (tmp_path / ".my.cnf").write_text("[client]\nhost=10.0.0.1\npassword=pass word\n")
    names = [option.envvar.decode() for option in psycopg.pq.Conninfo.get_defaults() if option.envvar]
    for name in (
        *names,
        "PGTZ",
        "PGDATESTYLE",
        "PGGEQO",
        "PGSERVICEFILE",
        "PGSYSCONFDIR",
        "MYSQL_HOST",
        "MYSQL_PWD",
        "MYSQL_HOME",
    ):
        monkeypatch.setenv(name, "garbage")
    monkeypatch.setenv("PGPASSWORD", "pass word")
    database = nodes.open()
    assert database.read(one) == 1
    wrong = server_database(nodes.url.replace("pass%20word", "wrong"))
    assert "user or the password" in failure_of(lambda: wrong.read(one)).message


def test_a_server_cannot_ask_for_a_file_of_ours(nodes, kind, tmp_path):
    if kind != "mysql":
        pytest.skip("only MySQL's protocol lets a server ask")
    secret = tmp_path / "secret"
    secret.write_text("1\n")
    statement = text(f"LOAD DATA LOCAL INFILE '{secret}' INTO TABLE outcomes (`key`)")
    with pytest.raises((Internal, Unavailable)):
        nodes.open().write(lambda connection: connection.execute(statement))


# ---- the history of the tables


def test_a_step_that_was_cut_off_is_done_when_it_runs_again(nodes, kind, monkeypatch):
    create, made = op.create_index, []

    def cut_off(*arguments, **options):
        if len(made) == 3:
            raise RuntimeError("power cut")
        made.append(arguments)
        return create(*arguments, **options)

    monkeypatch.setattr(op, "create_index", cut_off)
    with pytest.raises(RuntimeError, match="power cut"):
        nodes.open().read(one)
    monkeypatch.undo()
    database = nodes.open()

    assert database.read(differences) == []


def test_processes_that_start_at_once_make_the_tables_once(nodes):
    program = (
        "import sys\n"
        "from tests.fakes.databases import server_database\n"
        "from sqlalchemy import text\n"
        f"{READY}"
        "d = server_database(sys.argv[1])\n"
        "print(d.read(lambda c: c.execute(text('SELECT count(*), max(version_num) FROM faas_toolkit_version')).one()))"
    )
    results = at_once(program, nodes.url)
    assert results == [(f"(1, '{history.head()}')\n", "")] * 3

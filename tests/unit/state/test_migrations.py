"""The history of the tables, run on real files."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic import op
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

import faas_toolkit
from faas_toolkit.core.errors import Unavailable
from faas_toolkit.core.offload import InlineOffload
from faas_toolkit.state.migrations import history
from faas_toolkit.state.sql import metadata
from faas_toolkit.state.sqlite_database import SqliteDatabase as Database
from tests.fakes.databases import differences
from tests.fakes.processes import READY, at_once

PACKAGE = Path(faas_toolkit.__file__).parent


def names(connection):
    return connection.execute(text("SELECT name FROM sqlite_master")).scalars().all()


def open_database(path: Path) -> Database:
    return Database(path=path, offload=InlineOffload())


def test_the_history_makes_exactly_the_tables_that_the_slices_declare(tmp_path):
    assert open_database(tmp_path / "data.db").read(differences) == []
    assert {"audit_rows", "outcomes"} <= set(metadata.tables)


def test_the_comparison_sees_a_table_without_a_step(tmp_path):
    database = open_database(tmp_path / "data.db")
    database.write(lambda connection: connection.execute(text("DROP TABLE outcomes")))

    def differences(connection):
        return compare_metadata(MigrationContext.configure(connection), metadata)

    assert any(change[0] == "add_table" for change in database.read(differences) if isinstance(change, tuple))


def test_the_history_is_one_straight_line_whose_head_is_the_highest_number():
    script = ScriptDirectory(str(Path(history.__file__).parent))
    steps = list(script.walk_revisions())

    assert script.get_heads() == [history.head()]
    assert [step.revision for step in reversed(steps)] == [f"{n:04}" for n in range(1, len(steps) + 1)]
    assert all(Path(step.path).stem.startswith(f"v{step.revision}_") for step in steps)


def test_a_migrated_database_is_opened_without_alembic(tmp_path):
    open_database(tmp_path / "data.db").read(lambda connection: None)
    opened_again = (
        "import sys; from pathlib import Path\n"
        "from faas_toolkit.core.offload import InlineOffload\n"
        "from faas_toolkit.state.sqlite_database import SqliteDatabase as Database\n"
        "Database(path=Path(sys.argv[1]), offload=InlineOffload()).read(lambda connection: None)\n"
        "sys.exit('alembic' in sys.modules)"
    )

    subprocess.run([sys.executable, "-c", opened_again, str(tmp_path / "data.db")], cwd=PACKAGE.parent, check=True)


def test_processes_that_start_at_once_migrate_one_after_the_other(tmp_path):
    program = (
        "import sys; from pathlib import Path\n"
        "from sqlalchemy import text\n"
        "from faas_toolkit.core.offload import InlineOffload\n"
        "from faas_toolkit.state.sqlite_database import SqliteDatabase as Database\n"
        f"{READY}"
        "d = Database(path=Path(sys.argv[1]), offload=InlineOffload())\n"
        "print(d.read(lambda c: c.execute(text('SELECT count(*), max(version_num) FROM alembic_version')).one()))"
    )
    results = at_once(program, str(tmp_path / "data.db"))

    assert [(out, err) for out, err in results] == [(f"(1, '{history.head()}')\n", "")] * 3


def test_a_database_of_a_newer_version_is_left_alone(tmp_path):
    database = open_database(tmp_path / "data.db")
    database.write(lambda connection: connection.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    database.close()

    with pytest.raises(Unavailable, match="revision 9999") as caught:
        database.read(lambda connection: None)
    assert "newer version" in caught.value.hint
    assert not caught.value.retryable


def test_a_step_that_fails_leaves_nothing_behind(tmp_path, monkeypatch):
    def fail(*arguments, **options):
        raise RuntimeError("power cut")

    monkeypatch.setattr(op, "create_index", fail)
    database = open_database(tmp_path / "data.db")
    with pytest.raises(RuntimeError, match="power cut"):
        database.read(names)
    monkeypatch.undo()
    with sqlite3.connect(tmp_path / "data.db") as file:
        assert file.execute("SELECT name FROM sqlite_master").fetchall() == []
    file.close()

    assert "outcomes" in database.read(names)

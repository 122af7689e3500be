"""What most units are tested with."""

import pytest

from faas_toolkit.core.offload import InlineOffload
from faas_toolkit.state.sqlite_database import SqliteDatabase
from tests.fakes.clock import FakeClock


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def database(tmp_path):
    database = SqliteDatabase(path=tmp_path / "data.db", offload=InlineOffload())
    yield database
    database.close()

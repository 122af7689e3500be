"""The audit log on a real file."""

import pytest

from faas_toolkit.core.offload import InlineOffload
from faas_toolkit.observe.audit import AuditLog
from faas_toolkit.observe.metrics import Metrics
from tests.fakes.audit import FlakyDatabase


@pytest.fixture
def metrics():
    return Metrics()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data.db"


@pytest.fixture
def database(path):
    database = FlakyDatabase(path=path, offload=InlineOffload())
    yield database
    database.close()


@pytest.fixture
def open_log(database, clock, metrics):
    def build(offload=None, **options):
        return AuditLog(database=database, clock=clock, offload=offload or InlineOffload(), metrics=metrics, **options)

    return build

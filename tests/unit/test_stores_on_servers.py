"""Which stores a configuration with a database of its own gets."""

import pytest

from faas_toolkit.core.errors import Unavailable
from faas_toolkit.core.offload import InlineOffload
from faas_toolkit.stores import Stores, StoreSettings
from tests.fakes.clock import FakeClock

URL = "mysql://me:secret@db.example/data"


class Meeting(InlineOffload):
    """While a driver is loaded on a thread of the pool, another call asks for the database too."""

    def __init__(self) -> None:
        self.pools = []
        self.meanwhile = None

    def run(self, pool, work):
        self.pools.append(pool)
        if self.meanwhile is not None:
            other, self.meanwhile = self.meanwhile, None
            self.met = other()
        return work()


@pytest.fixture
def offload():
    return Meeting()


@pytest.fixture
def embedded(offload, tmp_path):
    return Stores(clock=FakeClock(), offload=offload, environment={}, directory=tmp_path)


def test_a_driver_is_loaded_beside_the_hub_and_calls_that_meet_there_share_one_database(embedded, offload):
    stores = embedded.with_servers(StoreSettings(database_url=URL))
    offload.meanwhile = lambda: stores.database
    assert stores.database is stores.database is offload.met
    assert offload.pools == ["parse", "parse"]


def test_a_server_has_a_copy_on_this_node_and_the_samples_stay_in_the_node_s_file(embedded, tmp_path):
    stores = embedded.with_servers(StoreSettings(database_url=URL))
    assert stores.database.dialect == "mysql"
    assert stores.replica is not None
    assert stores.file is embedded.file is embedded.database
    assert embedded.replica is None


def test_without_a_server_for_rows_they_are_in_the_file(embedded):
    assert embedded.with_servers(StoreSettings(redis_url="redis://db.example")).database is embedded.database


def test_an_address_that_is_not_taken_is_told_by_whatever_needs_the_database(embedded):
    stores = embedded.with_servers(StoreSettings(database_url="oracle://me:secret@db.example/data"))
    for _ in range(2):
        with pytest.raises(Unavailable, match="The setting `database_url`"):
            _ = stores.database
    stores.close()

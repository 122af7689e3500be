"""The servers of the tests themselves: each starts, and comes back with its data after it was killed."""

import pytest

from tests.fakes.data_servers import MariadbServer, PostgresServer, RedisServer, running


@pytest.mark.parametrize("make", [RedisServer, PostgresServer, MariadbServer])
def test_a_server_comes_back_on_its_port_after_it_was_killed(make, tmp_path):
    with running(make, tmp_path) as server:
        assert server.answers()
        server.kill()
        assert not server.answers()
        server.start()
        assert server.answers()

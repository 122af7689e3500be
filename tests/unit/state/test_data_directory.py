"""Where the embedded default keeps its data, and whether that lasts."""

from pathlib import Path

import pytest

from faas_toolkit.state.data_directory import choose_data_directory

DAEMON = Path("/app/storage/cwd/faas-toolkit/faas_toolkit-0.1.0@0123456789abcdef0123")


@pytest.mark.parametrize(
    ("environment", "working_directory", "path"),
    [
        ({"FAAS_TOOLKIT_DATA_DIR": "/srv/data", "HOME": "/root"}, DAEMON, "/srv/data"),
        ({"HOME": "/root"}, DAEMON, "/app/storage/cwd/faas-toolkit/.faas_toolkit"),
        ({"HOME": "/home/ann"}, Path("/home/ann/toolkit"), "/home/ann/.local/share/faas_toolkit"),
        ({"HOME": "/home/ann", "XDG_DATA_HOME": "/data"}, Path("/home/ann/toolkit"), "/data/faas_toolkit"),
    ],
)
def test_the_operator_decides_then_the_daemons_volume_then_the_users_directory(environment, working_directory, path):
    directory = choose_data_directory(environment, working_directory)
    assert directory.path == Path(path)
    assert (directory.lasting, directory.remedy) == (True, "")


def test_without_a_home_it_does_not_last_and_the_operator_can_repair_that():
    directory = choose_data_directory({}, Path("/plugin"))
    assert not directory.lasting
    assert "FAAS_TOOLKIT_DATA_DIR" in directory.remedy


@pytest.mark.parametrize("environment", [{}, {"HOME": "/root"}, {"FAAS_TOOLKIT_DATA_DIR": "/srv/data"}])
@pytest.mark.parametrize("working_directory", [DAEMON, Path("/var/task")])
def test_on_a_serverless_runtime_nothing_lasts_and_no_directory_would_help(environment, working_directory):
    directory = choose_data_directory({**environment, "INSTALL_METHOD": "serverless"}, working_directory)
    assert not directory.lasting
    assert "serverless" in directory.remedy
    assert "FAAS_TOOLKIT_DATA_DIR" not in directory.remedy

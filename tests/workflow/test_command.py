"""`workbench run-app`."""

from pathlib import Path

import pytest

from tests.workflow.conftest import ROOT
from workbench import cli

APP = str(Path(__file__).parent / "two_families.yml")


@pytest.fixture
def run_app(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)

    def command(*arguments):
        status = cli.main(["run-app", *arguments, "--temporary"])
        return status, capsys.readouterr().out

    return command


@pytest.mark.filterwarnings("ignore:Queue.0. now equivalent:DeprecationWarning")  # gevent to graphon's queue.Queue()
def test_it_shows_what_each_node_gave_and_then_what_the_app_gives(run_app):
    status, shown = run_app(APP, "question=Is Vila Nova leaving?", "function=none", "limit=1", "on_error=auto")
    assert status == 0
    assert "Customer (tool customer) succeeded" in shown
    assert "Risk (tool risk) exception" in shown
    assert '"error_type": "ToolRuntimeInvocationError"' in shown
    assert shown.index("company:34") < shown.index("The app answers") < shown.rindex('"type": "ToolRuntime')


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([str(ROOT / "pyproject.toml")], "is not YAML"),
        ([str(ROOT / "manifest.yaml")], "not a DSL file"),
        (["nowhere.yml"], "nowhere.yml"),
        ([APP, "question"], "key=value"),
    ],
)
def test_a_wrong_use_is_told_before_the_plugin_is_started(run_app, monkeypatch, arguments, said):
    monkeypatch.setattr(cli, "open_host", None)
    status, shown = run_app(*arguments)
    assert (status, said in shown) == (2, True)

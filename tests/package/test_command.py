"""`python -m workbench package`, as `make package` calls it."""

import hashlib

import pytest

from tests.rules.tree import ROOT
from workbench.cli import main
from workbench.package import packing
from workbench.package.contents import Package

SAMPLES = str(ROOT / "functions" / "samples" / "catalog.yaml")


@pytest.fixture
def run(tmp_path, capsys):
    def call(*options):
        status = main(["package", "--output", str(tmp_path), *options])
        return status, " ".join(capsys.readouterr().out.split())

    return call


def test_a_package_is_written_checked_started_and_told(run, tmp_path, manifest):
    status, said = run()
    assert status == 0, said
    (written,) = tmp_path.iterdir()
    assert written.name == f"{manifest['name']}-{manifest['version']}.difypkg"
    assert hashlib.sha256(written.read_bytes()).hexdigest() in said
    assert "discloses: loads code by name, uses SQL" in said


def test_a_private_package_is_written_under_its_own_name(run, tmp_path):
    status, said = run("--catalog", SAMPLES, "--name", "acme_functions", "--author", "acme", "--version", "1.2.3")
    assert status == 0, said
    assert "Tools: churn_score, exchange_rates, partner_directory, policy_search, summarise, diagnose" in said
    assert Package.open(tmp_path / "acme_functions-1.2.3.difypkg").manifest["author"] == "acme"


def test_a_package_with_an_error_is_not_left_behind_and_the_error_says_what_would_be_right(run, tmp_path):
    status, said = run("--catalog", SAMPLES, "--name", "acme_functions", "--author", "Acme", "--version", "1")
    assert status == 1
    assert "has_an_identity_that_dify_takes" in said
    assert "Write three numbers" in said
    assert list(tmp_path.iterdir()) == []


def test_a_package_that_does_not_start_is_an_error(run, tmp_path, monkeypatch):
    broken = {**packing.read_files(), "main.py": b"raise RuntimeError('no such luck')\n"}
    monkeypatch.setattr(packing, "read_files", lambda: broken)
    status, said = run()
    assert status == 1
    assert "no such luck" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "taught"),
    [
        (["--catalog", SAMPLES], "needs a name"),
        (["--catalog", "nowhere.yaml", "--name", "a"], "no catalog in UTF-8 at nowhere.yaml"),
        (["--catalog", str(ROOT / "_assets"), "--name", "a"], "no catalog"),
        (["--catalog", str(ROOT / "requirements.txt"), "--name", "a"], "cannot be used"),
    ],
)
def test_what_cannot_become_a_private_package_is_wrong_usage(run, tmp_path, options, taught):
    status, said = run(*options)
    assert status == 2
    assert taught in said
    assert list(tmp_path.iterdir()) == []


def test_functions_that_nobody_may_call_are_warned_of(run, tmp_path):
    catalog = tmp_path / "catalog.yaml"
    catalog.write_text("version: 1\nfunctions: {a: {platform: http, target: {url: 'https://f.example.com/'}}}\n")
    status, said = run("--catalog", str(catalog), "--name", "acme")
    assert status == 0
    assert "no role may call any of these functions" in said

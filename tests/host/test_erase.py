"""`workbench erase` over the real plugin as a process: looks, then erases, and leaves no byte of the person in any file."""

import json

import pytest

from workbench import cli, own_host

EMAIL = "zuleika.quintal@acme.example"
CATALOG = {
    "version": 1,
    "roles": {
        "member": {"allow": ["knowledge.read", "knowledge.write"], "knowledge": ["*"]},
        "office": {"allow": ["admin.write"]},
    },
    "knowledge": {"notes": {"kind": "embedded"}},
}
KEYS = ("MTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTE=", "MjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjI=")


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(own_host, "KEPT", tmp_path / "kept")
    monkeypatch.setenv("COLUMNS", "100")

    def command(*arguments, **settings):
        file = tmp_path / "settings.json"
        file.write_text(json.dumps(settings))
        given = ["--credentials", str(file)] if settings else []
        status = cli.main([*arguments, *given])
        return status, " ".join(capsys.readouterr().out.split())

    return command


def in_files(folder, text):
    return [file.name for file in folder.rglob("*") if file.is_file() and text.encode() in file.read_bytes()]


def test_a_person_is_shown_then_erased_also_after_the_encryption_key_was_exchanged(run, tmp_path):
    catalog, first, second = json.dumps(CATALOG), f"k1:{KEYS[0]}", f"k2:{KEYS[1]},k1:{KEYS[0]}"
    note = ["text=Met at the fair.", "base=notes", f'metadata={{"contact": "{EMAIL}"}}']
    assert run("call", "knowledge_add", *note, catalog=catalog, encryption_key=first)[0] == 0
    assert "toolkit.sqlite" in " ".join(in_files(tmp_path / "kept", EMAIL))

    asked = ["erase", "--person", EMAIL]
    status, shown = run(*asked, catalog=catalog, encryption_key=second, default_role="office")
    assert status == 0
    assert "knowledge notes:1: delete" in shown
    assert "Erase with --confirm" in shown
    assert in_files(tmp_path / "kept", EMAIL)

    status, shown = run(*asked, "--confirm", catalog=catalog, encryption_key=second, default_role="office")
    assert status == 0
    assert shown.startswith("Erased:")
    assert in_files(tmp_path / "kept", EMAIL) == []


def test_without_settings_the_command_has_the_grant_it_needs(run):
    status, shown = run("erase", "--person", EMAIL)
    assert status == 0
    assert "Nothing was changed" in shown


def test_a_role_without_the_grant_is_refused(run):
    status, shown = run("erase", "--person", EMAIL, "--confirm", catalog=json.dumps(CATALOG))
    assert status == 1
    assert "admin.write" in shown

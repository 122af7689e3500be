"""What goes into the zip, and that it is the same zip every time."""

import os
import zipfile
from pathlib import Path

import pytest

from tests.rules.tree import ROOT
from workbench.package import packing
from workbench.package.packing import ALLOWED, CannotPack, packed_files, read_files, write_package


@pytest.fixture
def folder(tmp_path):
    (tmp_path / ".difyignore").write_text((ROOT / ".difyignore").read_text())
    return tmp_path


def put(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")


def test_every_top_level_name_of_the_list_is_packed_and_no_other():
    top = {name.parts[0] for name in packed_files()}
    assert top <= ALLOWED
    assert ALLOWED - top <= {"endpoints"}  # comes with the gateway


def test_what_the_code_reads_beside_itself_is_packed():
    beside = {path.relative_to(ROOT) for path in (ROOT / "faas_toolkit").rglob("*.lua")}
    assert beside
    assert beside <= {Path(*name.parts) for name in packed_files()}


def test_every_entry_of_the_repository_is_either_packed_or_named_with_a_leading_slash():
    assert packing.unnamed_entries() == []
    assert packing.unanchored_patterns() == []


def test_an_entry_that_is_not_named_and_a_pattern_without_a_slash_are_found(folder):
    put(folder, "notes.txt", "drafts/a.txt", "tests/a.py", "main.py")
    with (folder / ".difyignore").open("a") as file:
        file.write("tests/\n")
    assert packing.unnamed_entries(folder) == ["drafts", "notes.txt"]
    assert packing.unanchored_patterns(folder) == ["tests/"]


def test_nothing_of_the_toolkit_itself_is_left_out():
    packed = {str(name) for name in packed_files()}
    ours = {str(path.relative_to(ROOT)) for path in (ROOT / "faas_toolkit").rglob("*") if path.is_file()}
    assert {name for name in ours if "__pycache__" not in name} <= packed


def test_an_inner_folder_named_like_an_ignored_one_is_still_packed(folder):
    put(folder, "functions/main.py", "faas_toolkit/functions/a.py", "faas_toolkit/tests/a.py", "tests/a.py")
    put(folder, "faas_toolkit/__pycache__/a.pyc")
    assert [str(name) for name in packed_files(folder)] == ["faas_toolkit/functions/a.py", "faas_toolkit/tests/a.py"]


def test_a_negation_is_refused_since_dify_s_packer_ignores_it(folder):
    (folder / ".difyignore").write_text("/tests/\n!/tests/kept.py\n")
    with pytest.raises(CannotPack, match=r"\.difyignore:2: .*/tests/kept\.py"):
        packed_files(folder)


def test_a_symbolic_link_is_refused(folder):
    put(folder, "LICENSE")
    (folder / "README.md").symlink_to("LICENSE")
    with pytest.raises(CannotPack, match=r"README\.md is a symbolic link"):
        packed_files(folder)


def test_equal_files_give_equal_bytes_whenever_and_in_whatever_order_they_are_written(tmp_path):
    files = read_files()
    first = write_package(tmp_path / "a.difypkg", files)
    os.utime(ROOT / "main.py")
    second = write_package(tmp_path / "b.difypkg", dict(reversed(files.items())))
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as archive:
        assert archive.namelist() == sorted(files)
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_a_zip_holds_what_the_folder_holds(package):
    assert package.files == read_files()
    assert package.executable == frozenset()

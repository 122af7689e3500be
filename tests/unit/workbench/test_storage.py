import pytest

from workbench.storage import CACHE_SECONDS, StorageRefused, WorkspaceStorage

MISSING = "load data failed, please check if the key is correct or you have not set it"


@pytest.fixture
def storage(tmp_path, clock):
    return WorkspaceStorage(100, tmp_path, clock.monotonic)


def test_a_value_comes_back(storage):
    storage.set("k", b"\x00\xff")
    assert storage.get("k") == b"\x00\xff"
    assert storage.exist("k") == 1


def test_the_last_write_wins(storage):
    storage.set("k", b"1")
    assert storage.get("k") == b"1"
    storage.set("k", b"2")
    assert storage.get("k") == b"2"


@pytest.mark.parametrize("key", ["k", "", "a/../../b", "a\\b", "a\0b"])
def test_every_failed_read_has_the_same_words(storage, key):
    with pytest.raises(StorageRefused, match=MISSING):
        storage.get(key)


def test_deleting_what_is_missing_is_an_error_that_names_the_path(storage):
    with pytest.raises(StorageRefused, match=r"^delete data failed: stat .*/k: no such file or directory$"):
        storage.delete("k")


def test_deleting_gives_its_bytes_back(storage):
    storage.set("k", b"x" * 90)
    storage.delete("k")
    assert storage.exist("k") == 0
    storage.set("other", b"x" * 90)


@pytest.mark.parametrize("key", ["../x", "a..b", "a\\b"])
def test_a_key_that_climbs_is_refused(storage, key):
    with pytest.raises(StorageRefused, match="save data failed: invalid key: path traversal attempt detected"):
        storage.set(key, b"x")


def test_double_slashes_collapse_instead_of_being_refused(storage):
    storage.set("a//b", b"x")
    assert storage.get("a/b") == b"x"


def test_keys_are_paths_so_a_key_below_another_is_refused(storage):
    storage.set("a", b"x")
    with pytest.raises(StorageRefused, match=r"save data failed: mkdir .*/a: (not a directory|file exists)"):
        storage.set("a/b", b"y")


def test_a_key_has_at_most_256_bytes(storage):
    with pytest.raises(StorageRefused, match="key length must be less than 256 characters"):
        storage.set("键" * 86, b"x")


def test_a_refused_write_has_still_replaced_the_value_and_hides_behind_the_cache(storage, clock):
    storage.set("k", b"old")
    assert storage.get("k") == b"old"
    with pytest.raises(StorageRefused, match="allocated size is greater than max storage size"):
        storage.set("k", b"x" * 101)
    assert storage.get("k") == b"old"
    clock.advance(CACHE_SECONDS + 1)
    assert storage.get("k") == b"x" * 101


def test_rewriting_a_value_counts_the_difference(storage):
    for _ in range(5):
        storage.set("k", b"x" * 80)


def test_the_count_outlives_the_process(storage, tmp_path):
    storage.set("k", b"x" * 80)
    with pytest.raises(StorageRefused, match="allocated size"):
        WorkspaceStorage(100, tmp_path).set("other", b"x" * 80)


def test_without_a_folder_nothing_is_left_behind():
    storage = WorkspaceStorage(-1)
    storage.set("k", b"x")
    folder = storage._folder
    storage.close()
    assert not folder.exists()

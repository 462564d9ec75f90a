"""Files are kept by key and under bounds, and their bytes are freed when they expire or are deleted."""

from dataclasses import replace

import pytest

from echosounder import specs
from echosounder.mock_server.files.store import Files, Full, StoredFile

BOUNDS = specs.attachments("2026-11")


def file(id, size=1, expires=None):
    return StoredFile(id, "a", "user_data", bytes(size), 0, expires)


def kept(files, key="k", now=0.0):
    return [each.id for each in files.listed(key, True, now)]


def test_both_orders():
    files = Files(BOUNDS)
    for id in "abc":
        files.add("k", file(id), 0)
    assert kept(files) == ["a", "b", "c"]
    assert [each.id for each in files.listed("k", False, 0)] == ["c", "b", "a"]


def test_a_key_sees_its_own():
    files = Files(BOUNDS)
    files.add("k", file("a"), 0)
    assert (kept(files, "other"), files.get("other", "a", 0), files.delete("other", "a", 0)) == ([], None, False)
    assert kept(files) == ["a"]


def test_an_expired_file_is_freed_at_its_second():
    files = Files(BOUNDS)
    files.add("k", file("a", 10, expires=100), 0)
    files.add("k", file("b", 5), 0)
    assert (kept(files, now=99.9), files.bytes) == (["a", "b"], 15)
    assert (kept(files, now=100), files.bytes, files.get("k", "a", 100)) == (["b"], 5, None)


def test_a_deleted_file_is_freed_once():
    files = Files(BOUNDS)
    files.add("k", file("a", 10, expires=100), 0)
    assert (files.delete("k", "a", 0), files.delete("k", "a", 0), files.bytes) == (True, False, 0)
    files.add("k", file("b", 3), 0)
    assert (kept(files, now=200), files.bytes) == (["b"], 3)


FULL = {
    "files": (replace(BOUNDS, files=2), 100, "already has the maximum of 2 files"),
    "bytes": (replace(BOUNDS, files_bytes=2), 100, "more than 2 bytes"),
    "room": (BOUNDS, 2, "mock: all files together may have at most 2 bytes"),
}


@pytest.mark.parametrize("case", FULL)
def test_bounds(case):
    bounds, room, words = FULL[case]
    files = Files(bounds, room)
    files.add("k", file("a"), 0)
    files.add("k", file("b", expires=10), 0)
    with pytest.raises(Full, match=words):
        files.add("k", file("c"), 0)
    files.add("k", file("c"), 10)
    assert kept(files, now=10) == ["a", "c"]


def test_the_bounds_of_an_account_are_those_of_the_guide():
    """25 GiB, in 400 files of 64 MiB each, of which only the sizes are looked at here; and 10 000 files."""
    assert (BOUNDS.files, BOUNDS.file_bytes, BOUNDS.files_bytes) == (10_000, 64 << 20, 25 << 30)
    files = Files(BOUNDS, room=1 << 40)
    for number in range(400):
        files.add("k", replace(file(str(number)), data=range(64 << 20)), 0)
    with pytest.raises(Full, match="more than 26843545600 bytes"):
        files.add("k", file("one more", 1), 0)
    files.add("k", file("nothing", 0), 0)
    files.add("another", file("one more", 1), 0)

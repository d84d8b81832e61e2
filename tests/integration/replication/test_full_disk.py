"""A restore on a disk that is full: at every size that is left the same sentence, and nothing lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

import pytest

from roost.clock import SystemClock
from roost.errors import Unavailable
from roost.replication.directory_store import DirectoryStore
from roost.storage.copies import copy_database
from tests.fakes.bucket_house import BucketHouse, notes_in
from tests.fakes.small_disk import SmallDisk, files_of_at_most, mounted

DISK_MIB = 24
KIB = 1024
BIG = "x" * 600 * KIB


class Disk(Protocol):
    """`with full(n)`: so many bytes are left, or so many fit into a file."""

    path: Path

    def full(self, size_bytes: int) -> AbstractContextManager[None]: ...


class Tmpfs:
    def __init__(self, disk: SmallDisk) -> None:
        self._disk = disk
        self.path = disk.path

    @contextmanager
    def full(self, size_bytes: int) -> Iterator[None]:
        self._disk.leave(size_bytes)
        try:
            yield
        finally:
            self._disk.free()


class Limit:
    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def full(self, size_bytes: int) -> Iterator[None]:
        with files_of_at_most(size_bytes):
            yield


@pytest.fixture(params=["tmpfs", "limit"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    if request.param == "limit":
        yield Limit(tmp_path)
        return
    with mounted(tmp_path / "disk", DISK_MIB) as made:
        if made is None:
            pytest.skip("no file system may be mounted here")
        yield Tmpfs(made)


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    (tmp_path / "bucket").mkdir()
    return DirectoryStore(tmp_path / "bucket", SystemClock())


def try_with(house: BucketHouse, disk: Disk, size_bytes: int) -> bool:
    """Whether the restore succeeded; a failure is one that says what to do and is tried again."""
    refused: Unavailable | None = None
    with disk.full(size_bytes):
        try:
            house.restore()
        except Unavailable as error:
            refused = error
    if refused is None:
        return True
    assert refused.code == "disk_full"
    assert "Free some space" in refused.message
    assert refused.retryable
    return False


def content_of(path: Path, scratch: Path) -> list[str]:
    copy_database(path, scratch)
    return notes_in(scratch)


def test_a_restore_waits_for_space_and_then_goes_on(
    disk: Disk, store: DirectoryStore, tmp_path: Path
) -> None:
    elsewhere = BucketHouse(tmp_path / "elsewhere", store)
    elsewhere.start()
    elsewhere.note(BIG)
    assert elsewhere.stop()
    before = store.stat("conversations.db")
    house = BucketHouse(disk.path / "data", store)
    failed = 0
    for size_bytes in range(0, 600 * KIB, 100 * KIB):
        if not try_with(house, disk, size_bytes):
            failed += 1
            assert not (house.data_dir / "conversations.db").exists()
            assert not (house.data_dir / "bot_configs.db").exists()
    assert failed == 6
    house.restore()
    assert notes_in(house.data_dir / "conversations.db") == [BIG]
    assert store.stat("conversations.db") == before


def test_a_file_that_is_set_aside_on_a_full_disk_is_set_aside_once(
    disk: Disk, store: DirectoryStore, tmp_path: Path
) -> None:
    house = BucketHouse(disk.path / "data", store)
    house.start()
    house.note("common")
    house.stop()
    other = BucketHouse(tmp_path / "other", store)
    other.start()
    other.note("theirs" + BIG)
    other.stop()
    # By other hands, without Roost's metadata: taking it needs the most space.
    store.put("conversations.db", store.get("conversations.db"))
    house.open()
    house.note("ours" + BIG)
    # What a kill leaves: the file with its log beside it.
    killed = BucketHouse(disk.path / "killed", store)
    for path in house.data_dir.iterdir():
        (killed.data_dir / path.name).write_bytes(path.read_bytes())
    house.close()
    for path in house.data_dir.iterdir():
        path.unlink()
    outcomes = [try_with(killed, disk, size_bytes) for size_bytes in range(0, 4000 * KIB, 50 * KIB)]
    assert outcomes[0] is False
    assert outcomes[-1] is True
    assert notes_in(killed.data_dir / "conversations.db") == ["common", "theirs" + BIG]
    (aside,) = [name for name in killed.conflict_files() if name.startswith("conversations")]
    assert content_of(killed.data_dir / aside, tmp_path / "x") == ["common", "ours" + BIG]


def test_a_start_that_keeps_its_files_waits_for_space_too(disk: Disk, store: DirectoryStore) -> None:
    house = BucketHouse(disk.path / "data", store)
    house.start()
    house.note("kept")
    house.stop()
    assert not try_with(house, disk, 0)
    house.start()
    assert house.notes() == ["kept"]
    house.stop()

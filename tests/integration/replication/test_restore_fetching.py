"""How segments are fetched, to restore or to verify: many at a time, but no more than there is room for."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

import pytest
from sqlalchemy import Connection

from roost.clock import SystemClock
from roost.replication.directory_store import DirectoryStore
from roost.replication.fetching_ahead import FETCHED_AHEAD_BYTES, FETCHED_AT_ONCE
from roost.replication.gcs import GcsStore
from roost.replication.layout import LOG
from roost.replication.log_reader import seq_of
from roost.replication.log_restore import LogRestore, Progress
from roost.replication.object_store import ListPage, ObjectStat, ObjectStore
from roost.replication.verification import verify
from tests.fakes.fake_gcs import FakeGcs, Fault
from tests.fakes.log_house import LogHouse


@pytest.fixture
def gcs() -> Iterator[FakeGcs]:
    with FakeGcs("roost") as gcs:
        yield gcs


def shipped(house: LogHouse, segments: int, size_bytes: int) -> None:
    """That many segments, each with a row of that size which cannot be compressed."""
    house.begin()
    house.write("CREATE TABLE rows (v BLOB)")

    def run(db: Connection) -> None:
        db.exec_driver_sql("INSERT INTO rows VALUES (randomblob(?))", (size_bytes,))

    for _ in range(segments):
        house.run(run)
        house.flush()


def test_a_restore_keeps_its_connections_and_lists_each_folder_once(gcs: FakeGcs, tmp_path: Path) -> None:
    with closing(GcsStore("roost", None, gcs.url)) as store:
        house = LogHouse(tmp_path / "data", store)
        shipped(house, 5 * FETCHED_AT_ONCE, 100)
        house.die()
    # So slow that all threads are at work.
    gcs.fail("get", *[Fault(delay_s=0.05)] * 300)
    connections, requests = gcs.connections, len(gcs.requests)
    with closing(GcsStore("roost", None, gcs.url)) as store:
        LogRestore(store, threading.Event()).restore(tmp_path)
    assert gcs.connections - connections <= FETCHED_AT_ONCE + 1
    listings = [operation for operation, _ in gcs.requests[requests:] if operation == "list"]
    # The epochs, both databases' snapshots, the log.
    assert len(listings) == 4


def test_a_verification_fetches_many_at_a_time_and_tells_every_gap(gcs: FakeGcs, tmp_path: Path) -> None:
    with closing(GcsStore("roost", None, gcs.url)) as store:
        house = LogHouse(tmp_path / "data", store)
        shipped(house, 2 * FETCHED_AT_ONCE, 100)
        house.die()
        names = [stat.name for stat in store.list(LOG).items]
        for name in (names[3], names[-2]):
            store.put(name, b"rotten")
        store.delete(names[7])
    # So slow that all threads are at work.
    gcs.fail("get", *[Fault(delay_s=0.05)] * 200)
    connections = gcs.connections
    with closing(GcsStore("roost", None, gcs.url)) as store:
        report = verify(store, threading.Event())
    assert gcs.connections - connections > FETCHED_AT_ONCE // 2
    assert [gap.position.seq for gap in report.gaps] == [seq_of(names[at]) for at in (3, 7, -2)]


class Watched:
    """A store that knows how many bytes of segments were asked for."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self.place = store.place
        self.sizes: list[int] = []

    def stat(self, name: str) -> ObjectStat:
        return self._store.stat(name)

    def get(
        self, name: str, *, generation: int | None = None, start: int = 0, end: int | None = None
    ) -> bytes:
        content = self._store.get(name, generation=generation, start=start, end=end)
        if name.startswith(LOG):
            with self._lock:
                self.sizes.append(len(content))
        return content

    def put(
        self,
        name: str,
        content: bytes | BinaryIO,
        *,
        if_generation_match: int | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> ObjectStat:
        raise NotImplementedError

    def list(
        self, prefix: str = "", *, start_offset: str = "", page_token: str | None = None, limit: int = 1000
    ) -> ListPage:
        return self._store.list(prefix, start_offset=start_offset, page_token=page_token, limit=limit)

    def delete(self, name: str, *, if_generation_match: int | None = None) -> None:
        raise NotImplementedError


def test_large_segments_are_fetched_only_as_far_ahead_as_there_is_room(tmp_path: Path) -> None:
    (tmp_path / "bucket").mkdir()
    store = DirectoryStore(tmp_path / "bucket", SystemClock())
    house = LogHouse(tmp_path / "data", store)
    shipped(house, 12, 7_000_000)
    house.die()
    watched = Watched(store)
    ahead: list[int] = []

    def progress(made: Progress) -> None:
        ahead.append(sum(watched.sizes) - made.done * 7_000_000)

    LogRestore(watched, threading.Event()).restore(tmp_path, progress=progress)
    assert sum(watched.sizes) > 2 * FETCHED_AHEAD_BYTES
    assert max(ahead) <= FETCHED_AHEAD_BYTES + 1_000_000

"""What is kept of the log, for how long, and that nothing else goes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from roost.clock import SystemClock, timestamp
from roost.domain.replication import PageState
from roost.errors import NotFound, ObjectDamaged
from roost.replication.collection import DELETED_AT_ONCE, collect
from roost.replication.directory_store import DirectoryStore
from roost.replication.epochs import EpochDocument, begin_epoch
from roost.replication.layout import snapshot
from roost.replication.log_reader import Log
from roost.replication.moments import kept_at, position_at
from roost.replication.object_store import ObjectStore
from roost.replication.segment import Kind, Position, Segment, pack
from roost.replication.snapshot_objects import listed_snapshots
from roost.replication.snapshots import EVERY_SEGMENTS
from roost.replication.verification import verify

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
STATE = PageState(7, 1, 4096)


class Filed:
    """A log of two epochs: segments every six hours, a snapshot behind each second one."""

    def __init__(self, path: Path, days: int, databases: Sequence[str] = ("a",)) -> None:
        self._states = dict.fromkeys(databases, STATE)
        path.mkdir()
        self.store = DirectoryStore(path, SystemClock())
        began = NOW - timedelta(days=days)
        self._begin(1, None, 0, began)
        count = days * 4
        for seq in range(1, count + 1):
            at = began + timedelta(hours=6 * seq)
            self._segment(1, seq, at, Kind.CLEAN_END if seq == count else Kind.DATA)
            if seq % 2 == 0 and seq < count:
                self.snapshot(1, seq, at)
        self._begin(2, 1, count, NOW)
        self._segment(2, 1, NOW, Kind.DATA)

    def _begin(self, epoch: int, before: int | None, last: int, at: datetime) -> None:
        document = EpochDocument(
            epoch, before, last, self._states, dict.fromkeys(self._states), "f", "i", "r", at
        )
        assert begin_epoch(self.store, document)
        self._before = document.sha256

    def _segment(self, epoch: int, seq: int, at: datetime, kind: Kind) -> None:
        packed = pack(Segment(kind, epoch, seq, at, self._before, self._states))
        self.store.put(packed.name, packed.content, metadata=packed.metadata)
        self._before = packed.sha256

    def snapshot(
        self,
        epoch: int,
        seq: int,
        at: datetime,
        checksum: str = "7",
        rebased: str = "0",
        database: str = "a",
    ) -> str:
        name = snapshot(database, epoch, seq)
        metadata = {
            "sha256": "x",
            "checksum": checksum,
            "pages": "1",
            "page_size": "4096",
            "ts": timestamp(at),
            "rebased": rebased,
        }
        self.store.put(name, b"", metadata=metadata)
        return name

    def names(self, prefix: str) -> list[str]:
        return [stat.name for stat in self.store.list(prefix).items]

    def collect(self, now: datetime = NOW) -> int:
        return collect(self.store, tuple(self._states), now)


class Busy:
    """A bucket in which somebody does something right before the first object is deleted."""

    def __init__(self, store: ObjectStore, do: Callable[[str], None]) -> None:
        self._store = store
        self._do = [do]
        self.name = ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def delete(self, name: str, *, if_generation_match: int | None = None) -> None:
        if self._do:
            self.name = name
            self._do.pop()(name)
        self._store.delete(name, if_generation_match=if_generation_match)


def seqs(names: Sequence[str]) -> list[int]:
    return [int(name.rpartition("/")[2].split(".")[0].rpartition("-")[2]) for name in names]


def test_every_moment_of_seven_days_stays_and_a_snapshot_a_day_for_thirty(tmp_path: Path) -> None:
    filed = Filed(tmp_path / "bucket", 40)
    deleted = filed.collect()
    segments = seqs(filed.names("v1/log/00000001/"))
    snapshots = seqs(filed.names("v1/snap/a/"))
    assert deleted == 160 + 79 - len(segments) - len(snapshots)
    # The newest snapshot from before the seven days, and everything behind it.
    window = max(seq for seq in snapshots if seq <= 160 - 28)
    assert 160 - 28 - window < 2
    assert [seq for seq in segments if seq >= window] == list(range(window, 161))
    # Behind that, only what a snapshot stands on.
    assert {seq for seq in segments if seq < window} == {seq for seq in snapshots if seq < window}
    days = [(NOW - timedelta(hours=6 * (160 - seq))).date() for seq in snapshots]
    assert len(set(days)) == 30
    assert len(snapshots) <= 32
    assert filed.collect() == 0


def test_a_kept_snapshot_of_long_ago_is_found_by_its_day(tmp_path: Path) -> None:
    filed = Filed(tmp_path / "bucket", 40)
    filed.collect()
    log = Log(filed.store)
    snapshots = seqs(filed.names("v1/snap/a/"))
    for days in (8, 15, 25):
        found = position_at(log, log.epochs(), {1: 160, 2: 1}, NOW - timedelta(days=days))
        assert found.epoch == 1
        assert found.seq in snapshots
        assert 160 - days * 4 - found.seq < 4


def test_of_each_day_a_set_stays_that_every_database_has(tmp_path: Path) -> None:
    """A snapshot of one database alone restores nothing: the other would be of another moment."""
    filed = Filed(tmp_path / "bucket", 40, ("a", "b"))
    # The newest of each day, which is that of noon, is of "a" alone.
    midnights = range(2, 160, 4)
    for seq in midnights:
        filed.snapshot(1, seq, NOW - timedelta(hours=6 * (160 - seq)), database="b")
    filed.collect()
    kept = {name: set(seqs(filed.names(f"v1/snap/{name}/"))) for name in ("a", "b")}
    window = min(max(seq for seq in kept[name] if seq <= 160 - 28) for name in ("a", "b"))
    before = {name: {seq for seq in found if seq < window} for name, found in kept.items()}
    assert before["a"] == before["b"] == {seq for seq in midnights if 160 - 30 * 4 < seq < window}
    assert len(before["a"]) > 20
    assert filed.collect() == 0


def test_what_changed_since_it_was_listed_stays(tmp_path: Path) -> None:
    filed = Filed(tmp_path / "bucket", 40)

    def put_another(name: str) -> None:
        filed.store.put(name, b"another", metadata=filed.store.stat(name).metadata)

    superfluous = Filed(tmp_path / "same", 40).collect()
    busy = Busy(filed.store, put_another)
    assert collect(busy, ("a",), NOW) == superfluous - 1
    assert filed.store.get(busy.name) == b"another"


def test_what_somebody_else_deleted_since_it_was_listed_ends_nothing(tmp_path: Path) -> None:
    filed = Filed(tmp_path / "bucket", 40)
    superfluous = Filed(tmp_path / "same", 40).collect()
    busy = Busy(filed.store, filed.store.delete)
    assert collect(busy, ("a",), NOW) == superfluous - 1
    assert filed.collect() == 0


def test_nothing_goes_while_there_is_no_snapshot_to_begin_from(tmp_path: Path) -> None:
    filed = Filed(tmp_path / "bucket", 20)
    for name in filed.names("v1/snap/a/")[1:]:
        filed.store.delete(name)
    assert filed.collect() == 0


def test_snapshots_that_the_log_does_not_confirm_protect_nothing_and_hide_nothing(tmp_path: Path) -> None:
    filed = Filed(tmp_path / "bucket", 20)
    for name in filed.names("v1/snap/a/"):
        filed.store.delete(name)
    for seq in range(2, 80, 2):
        filed.snapshot(1, seq, NOW - timedelta(hours=6 * (80 - seq)), checksum="8")
    assert filed.collect() == 0
    filed.snapshot(1, 10, NOW - timedelta(hours=6 * 70))
    filed.snapshot(1, 20, NOW - timedelta(hours=6 * 60))
    filed.collect()
    segments = seqs(filed.names("v1/log/00000001/"))
    assert [seq for seq in segments if seq >= 10] == list(range(10, 81))


def test_what_a_newcomer_is_about_to_begin_with_stays(tmp_path: Path) -> None:
    filed = Filed(tmp_path / "bucket", 40)
    coming = filed.snapshot(3, 0, NOW, rebased="1")
    filed.collect()
    assert coming in filed.names("v1/snap/a/")


def test_documents_of_epochs_that_nothing_is_kept_of_go_too(tmp_path: Path) -> None:
    filed = Filed(tmp_path / "bucket", 10)
    later = NOW + timedelta(days=60)
    for seq in range(2, 30):
        filed._segment(2, seq, later - timedelta(days=31 - seq), Kind.DATA)
        filed.snapshot(2, seq, later - timedelta(days=31 - seq))
    filed.collect(later)
    assert filed.names("v1/epochs/") == ["v1/epochs/00000002.json"]
    assert filed.names("v1/log/00000001/") == []


@pytest.mark.parametrize("limit", [0, 1, 10])
def test_no_more_goes_at_once_than_is_allowed(tmp_path: Path, limit: int) -> None:
    filed = Filed(tmp_path / "bucket", 40)
    assert collect(filed.store, ("a",), NOW, limit) == limit


def test_the_last_segment_until_a_moment_is_found_over_clocks_that_differ(tmp_path: Path) -> None:
    filed = Filed(tmp_path / "bucket", 2)
    log = Log(filed.store)
    chain, ends = log.epochs(), {1: 8, 2: 1}
    assert position_at(log, chain, ends, NOW - timedelta(minutes=1)) == Position(1, 7)
    assert position_at(log, chain, ends, NOW - timedelta(hours=6)) == Position(1, 7)
    assert position_at(log, chain, ends, NOW - timedelta(days=2)) == Position(1, 0)
    assert position_at(log, chain, ends, NOW) == Position(2, 1)
    assert position_at(log, chain, ends, NOW + timedelta(days=2)) == Position(2, 1)


def test_what_is_large_goes_first_so_that_a_busy_log_cannot_keep_it(tmp_path: Path) -> None:
    filed = Filed(tmp_path / "bucket", 40)
    collect(filed.store, ("a",), NOW, 79 - 32)
    assert len(filed.names("v1/snap/a/")) <= 32
    assert len(filed.names("v1/log/00000001/")) == 160
    assert DELETED_AT_ONCE > EVERY_SEGMENTS


def test_nothing_goes_while_a_document_in_between_is_missing(tmp_path: Path) -> None:
    filed = Filed(tmp_path / "bucket", 40)
    later = NOW + timedelta(days=8)
    filed._segment(2, 2, later, Kind.CLEAN_END)
    filed._begin(3, 2, 2, later)
    for seq in range(1, 40):
        at = later + timedelta(hours=6 * seq)
        filed._segment(3, seq, at, Kind.DATA)
        filed.snapshot(3, seq, at)
    document = filed.store.get("v1/epochs/00000002.json")
    filed.store.delete("v1/epochs/00000002.json")
    before = filed.names("v1/")
    with pytest.raises(ObjectDamaged, match=r"00000002\.json is missing"):
        filed.collect(later + timedelta(days=10))
    assert filed.names("v1/") == before
    assert verify(filed.store, threading.Event()).gaps[0].position == Position(2, 0)
    filed.store.put("v1/epochs/00000002.json", document)
    assert filed.collect(later + timedelta(days=10)) > 0


def test_where_snapshots_alone_are_kept_the_one_before_the_moment_is_meant(tmp_path: Path) -> None:
    filed = Filed(tmp_path / "bucket", 40)
    later = NOW + timedelta(days=15)
    for seq in range(2, 61):
        at = NOW + timedelta(hours=6 * seq)
        filed._segment(2, seq, at, Kind.DATA)
        filed.snapshot(2, seq, at)
    filed.collect(later)
    log = Log(filed.store)
    chain, ends = log.epochs(), {1: 160, 2: 60}
    snapshots = {"a": listed_snapshots(filed.store, "a")}

    def found(moment: datetime) -> Position:
        return kept_at(log, chain, ends, snapshots, position_at(log, chain, ends, moment))

    # The second epoch had begun, and nothing of its first hours is kept.
    last_before = max(each.position for each in snapshots["a"] if each.position.epoch == 1)
    assert found(NOW + timedelta(hours=1)) == last_before
    assert found(later - timedelta(days=1)) == Position(2, 56)
    oldest = min(each.at for each in snapshots["a"])
    with pytest.raises(NotFound, match=timestamp(oldest)):
        found(oldest - timedelta(hours=1))

"""The log against faults: everything that was shipped comes back, and what cannot is said."""

from __future__ import annotations

import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import pytest
from sqlalchemy import Connection

from roost.clock import SystemClock
from roost.errors import ObjectDamaged, Unavailable
from roost.replication.directory_store import DirectoryStore
from roost.replication.epochs import Epochs, begin_epoch
from roost.replication.gcs import GcsStore
from roost.replication.layout import segment as segment_name
from roost.replication.log_reader import Log
from roost.replication.log_restore import LogRestore
from roost.replication.object_store import ListPage, ObjectStat, ObjectStore
from roost.replication.segment import Position, Segment, pack
from roost.replication.snapshot_objects import listed_snapshots, pack_snapshot, put_snapshot
from roost.replication.verification import verify
from tests.fakes.fake_gcs import FakeGcs, Fault
from tests.fakes.log_house import NAMES, LogHouse, contents, wait_until
from tests.fakes.small_disk import mounted

FAULTS = [
    Fault(status=503),
    Fault(status=429),
    Fault(reset=True),
    Fault(drop=True),
]


@pytest.fixture
def gcs() -> Iterator[FakeGcs]:
    with FakeGcs("roost") as gcs:
        yield gcs


@pytest.fixture
def store(gcs: FakeGcs) -> Iterator[GcsStore]:
    with closing(GcsStore("roost", None, gcs.url)) as opened:
        yield opened


@pytest.fixture
def folder_store(tmp_path: Path) -> DirectoryStore:
    (tmp_path / "bucket").mkdir()
    return DirectoryStore(tmp_path / "bucket", SystemClock())


@pytest.fixture
def house(store: GcsStore, tmp_path: Path) -> Iterator[LogHouse]:
    house = LogHouse(tmp_path / "data", store)
    house.begin()
    yield house
    house.die()


@pytest.fixture
def on_disk(folder_store: DirectoryStore, tmp_path: Path) -> Iterator[LogHouse]:
    house = LogHouse(tmp_path / "data", folder_store)
    house.begin()
    yield house
    house.die()


def take_snapshot(house: LogHouse) -> None:
    before = house.running.standing().snapshots
    house.running.snapshot_now()
    wait_until(lambda: house.running.standing().snapshots > before, "a snapshot is taken")


def fill(house: LogHouse, megabytes: int, name: str = "conversations") -> None:
    def run(db: Connection) -> None:
        db.exec_driver_sql("CREATE TABLE IF NOT EXISTS filling (v BLOB)")
        for _ in range(megabytes * 10):
            db.exec_driver_sql("INSERT INTO filling VALUES (randomblob(100000))")

    house.run(run, name)


@pytest.mark.parametrize("fault", FAULTS, ids=["503", "429", "reset", "drop"])
def test_an_upload_that_fails_or_whose_answer_is_lost_leaves_one_segment(
    house: LogHouse, gcs: FakeGcs, fault: Fault, tmp_path: Path
) -> None:
    """Fault 16: 503, 429 and resets on every operation. Fault 18: the same, committed, the answer lost."""
    for number in range(5):
        gcs.fail("put", *[fault] * (number % 3 + 1))
        gcs.fail("stat", fault)
        house.note(f"note {number}")
        house.flush()
    gcs.clear_faults()
    gcs.fail("list", fault)
    gcs.fail("get", fault, fault)
    restored = house.require_equal(tmp_path / "restored")
    assert restored.position.seq == house.running.standing().seq
    assert house.fenced == []


def test_a_slot_that_is_taken_by_somebody_else_ends_the_tenure(house: LogHouse, gcs: FakeGcs) -> None:
    house.note("ours")
    house.flush()
    taken = segment_name(house.epoch, house.running.standing().seq + 1)
    gcs.place(taken, b"theirs", {"sha256": "theirs"})
    house.note("never shipped")
    wait_until(lambda: house.fenced != [], "the shipper notices")
    assert taken in house.fenced[0]
    assert not house.running.flush(0.2)
    assert gcs.content(taken) == b"theirs"


@pytest.mark.parametrize("fault", [Fault(truncate=True), Fault(corrupt=True)], ids=["truncated", "corrupt"])
def test_what_comes_damaged_is_fetched_again(
    house: LogHouse, gcs: FakeGcs, fault: Fault, tmp_path: Path
) -> None:
    """Fault 20: a truncated or corrupt segment, on the way."""
    for number in range(5):
        house.note(f"note {number}")
        house.flush()
    gcs.fail("get", Fault(), Fault(), Fault(), fault, fault)
    house.require_equal(tmp_path / "restored")


def damage(gcs: FakeGcs, name: str, content: bytes) -> None:
    with gcs.lock:
        metadata = gcs.buckets["roost"][name].metadata
    gcs.place(name, content, metadata)


@pytest.mark.parametrize(
    ("forged", "says"),
    [
        (lambda last: replace(last, prev_sha256="0" * 64), "does not follow"),
        (lambda last: replace(last, changes={}), "does not fit together"),
    ],
    ids=["another chain", "other pages"],
)
def test_a_segment_that_is_whole_and_not_of_this_log_stops_a_restore(
    house: LogHouse, gcs: FakeGcs, forged: Callable[[Segment], Segment], says: str, tmp_path: Path
) -> None:
    house.note("first")
    house.flush()
    house.note("last")
    house.flush()
    last, _ = Log(house.store).segment(Position(house.epoch, house.running.standing().seq))
    packed = pack(forged(last))
    gcs.place(packed.name, packed.content, dict(packed.metadata))
    with pytest.raises(ObjectDamaged, match=says):
        house.restored(tmp_path / "restored")
    assert list((tmp_path / "restored").iterdir()) == []


def test_an_end_of_which_the_bucket_lacks_something_is_no_end(house: LogHouse, gcs: FakeGcs) -> None:
    """Whoever comes next must not be told that the log is complete."""
    house.note("shipped")
    house.flush()
    gcs.fail("put", *[Fault(status=503)] * 500)
    house.note("not shipped")
    for database in house.databases.values():
        database.freeze("ending")
    assert house.running.end(0.5, clean=True) is None


def test_a_snapshot_that_the_log_does_not_confirm_is_passed_over(house: LogHouse, tmp_path: Path) -> None:
    house.note("ours")
    house.flush()
    other = house.restored(tmp_path / "other").files["bot_configs"]
    packed = pack_snapshot(other, tmp_path / "packed", lambda: None)
    position = Position(house.epoch, house.running.standing().seq)
    name = put_snapshot(house.store, "conversations", position, packed, house.clock.now(), 1, rebased=False)
    restored = house.require_equal(tmp_path / "restored")
    (sentence,) = restored.passed_over
    assert name in sentence


def test_an_epoch_that_began_with_something_else_stops_a_restore(house: LogHouse, tmp_path: Path) -> None:
    house.note("first")
    house.flush()
    house.end()
    newest = Epochs(house.store).newest
    assert newest is not None
    head = Log(house.store).head(newest)
    other = replace(
        newest,
        epoch=2,
        prev_epoch=1,
        prev_last_seq=head.seq,
        base={name: replace(state, checksum=state.checksum ^ 1) for name, state in head.states.items()},
        base_snapshots=dict.fromkeys(NAMES),
    )
    assert begin_epoch(house.store, other)
    with pytest.raises(ObjectDamaged, match="does not fit together"):
        house.restored(tmp_path / "restored")


@pytest.mark.parametrize("how", ["truncated", "corrupt", "missing", "foreign"])
def test_a_segment_that_is_not_what_was_stored_stops_a_restore_and_names_itself(
    house: LogHouse, gcs: FakeGcs, how: str, tmp_path: Path
) -> None:
    """Fault 20: a truncated or corrupt segment. Fault 22: a missing one in the middle."""
    for number in range(5):
        house.note(f"note {number}")
        house.flush()
    seq = house.running.standing().seq - 2
    before = house.restored(tmp_path / "before", Position(house.epoch, seq - 1))
    name = segment_name(house.epoch, seq)
    content = gcs.content(name)
    if how == "missing":
        with gcs.lock:
            del gcs.buckets["roost"][name]
    else:
        damage(
            gcs,
            name,
            {
                "truncated": content[: len(content) // 2],
                "corrupt": content[:50] + bytes([content[50] ^ 1]) + content[51:],
                "foreign": b"not a segment",
            }[how],
        )
    (tmp_path / "restored").mkdir()
    with pytest.raises(ObjectDamaged, match=name) as refusal:
        house.restored(tmp_path / "restored")
    assert "roost backup restore --at" in refusal.value.message
    assert list((tmp_path / "restored").iterdir()) == []
    again = house.restored(tmp_path / "again", Position(house.epoch, seq - 1))
    assert again.states == before.states
    report = verify(house.store, threading.Event())
    assert [gap.position for gap in report.gaps][:1] == [Position(house.epoch, seq)]
    assert not report.restorable


@pytest.mark.parametrize("how", ["truncated", "corrupt", "gone", "foreign"])
def test_the_snapshot_before_is_used_when_the_newest_is_damaged(
    house: LogHouse, gcs: FakeGcs, how: str, tmp_path: Path
) -> None:
    """Fault 21: a corrupt newest snapshot."""
    house.note("first")
    take_snapshot(house)
    house.note("second")
    take_snapshot(house)
    house.note("third")
    house.flush()
    newest = listed_snapshots(house.store, "conversations")[0].stat.name
    content = gcs.content(newest)
    if how == "gone":
        with gcs.lock:
            del gcs.buckets["roost"][newest]
    else:
        damage(
            gcs,
            newest,
            {
                "truncated": content[: len(content) // 2],
                "corrupt": content[:90] + bytes([content[90] ^ 1]) + content[91:],
                "foreign": b"not a snapshot",
            }[how],
        )
    restored = house.require_equal(tmp_path / "restored")
    assert len(restored.passed_over) == (how != "gone")
    report = verify(house.store, threading.Event())
    assert [each.name for each in report.snapshots if each.trouble] == ([] if how == "gone" else [newest])
    assert report.gaps == ()
    assert report.restorable


def test_a_bucket_that_is_away_fills_the_spool_and_then_holds_writers_back(
    folder_store: DirectoryStore, tmp_path: Path
) -> None:
    """Fault 25: the bucket is down for long; the spool has an end, memory is not used up, nothing is lost."""
    house = LogHouse(tmp_path / "data", folder_store, spool_bytes=300_000, wal_limit_bytes=9_000_000)
    house.begin()
    house.note("before")
    house.flush()
    (tmp_path / "bucket").rename(tmp_path / "away")
    refused: list[Unavailable] = []
    written = 0
    while not refused:
        assert written < 100
        try:
            fill(house, 1)
            written += 1
            house.note(f"note {written}")
        except Unavailable as error:
            refused.append(error)
        assert house.running._spool.bytes < 300_000 + 9_000_000
    assert refused[0].code == "backup_behind"
    assert refused[0].retry_after_s
    assert house.running.standing().lag_s > 0
    wait_until(lambda: house.running.standing().trouble is not None, "the trouble is shown")
    # Far more waits than memory would hold.
    assert written >= 8
    (tmp_path / "away").rename(tmp_path / "bucket")
    house.require_equal(tmp_path / "restored")
    house.note("writing goes on")
    house.require_equal(tmp_path / "again")
    assert house.running.standing().rebases_total == 0
    house.end()


def test_checkpoints_go_on_while_the_bucket_is_away(house: LogHouse, gcs: FakeGcs, tmp_path: Path) -> None:
    """Fault 3: killed between a checkpoint and the upload. The disk has everything; it is shipped then."""
    house.note("before")
    house.flush()
    gcs.forbidden = True
    log = house.path("conversations").with_name("conversations.db-wal")
    house.write("CREATE TABLE filling (v BLOB)")
    for number in range(60):
        house.write("INSERT INTO filling VALUES (randomblob(300000))")
        house.note(f"note {number}")

    def checkpointed() -> bool:
        house.note("more")
        return log.stat().st_size < 3_000_000

    wait_until(checkpointed, "the log begins anew")
    assert house.running.standing().bytes_waiting > 15_000_000
    house.die()
    gcs.forbidden = False
    house.begin()
    house.require_equal(tmp_path / "restored")
    assert len(contents(house.path("conversations"))["notes"]) > 61


@pytest.mark.parametrize("mode", ["PASSIVE", "RESTART", "TRUNCATE"])
def test_a_checkpoint_by_the_shell_is_mended_by_a_fresh_snapshot(
    on_disk: LogHouse, mode: str, tmp_path: Path
) -> None:
    """Fault 26: the sqlite3 shell writes and checkpoints while Roost runs."""
    for number in range(3):
        on_disk.note(f"note {number}")
        on_disk.flush()
        checkpoint = f"PRAGMA wal_checkpoint({mode});"
        write = "INSERT INTO notes VALUES ('from the shell');"
        subprocess.run(
            ["sqlite3", str(on_disk.path("conversations"))],
            input=write + checkpoint + write + checkpoint,
            text=True,
            check=True,
            capture_output=True,
        )
        on_disk.note(f"after {number}")
    on_disk.require_equal(tmp_path / "restored")
    assert len(contents(on_disk.path("conversations"))["notes"]) == 12
    for number in range(3):
        on_disk.note(f"later {number}")
        on_disk.require_equal(tmp_path / f"later {number}")
    assert on_disk.end() is not None


def test_writes_wait_for_nobody_while_a_snapshot_mends_the_log(on_disk: LogHouse, tmp_path: Path) -> None:
    fill(on_disk, 5)
    on_disk.flush()
    assert on_disk.running._draining is not None
    on_disk.running._draining.break_off("conversations", "as the test wishes")
    for number in range(20):
        on_disk.note(f"note {number}")
        on_disk.note(f"note {number}", "bot_configs")
    on_disk.require_equal(tmp_path / "restored")
    assert on_disk.running.standing().rebases_total == 1
    rebased = [each for each in listed_snapshots(on_disk.store, "conversations") if each.position.seq]
    assert [each.rebased for each in rebased] == [True]


def test_vacuum_and_schema_changes_are_followed(on_disk: LogHouse, tmp_path: Path) -> None:
    """Fault 27: VACUUM, schema changes."""
    fill(on_disk, 3)
    on_disk.write("DELETE FROM filling WHERE rowid % 3 > 0")
    on_disk.write("ALTER TABLE filling ADD COLUMN w TEXT DEFAULT 'w'")
    on_disk.write("CREATE INDEX filling_w ON filling (w)")

    def vacuum() -> None:
        with closing(sqlite3.connect(on_disk.path("conversations"), isolation_level=None)) as db:
            db.execute("PRAGMA wal_autocheckpoint=0")
            db.execute("VACUUM")

    on_disk.databases["conversations"].exclusively(vacuum)
    on_disk.write("DROP TABLE filling")
    on_disk.note("last")
    on_disk.require_equal(tmp_path / "restored")
    assert on_disk.running.standing().rebases_total == 0


def test_a_transaction_of_64_mb_is_shipped_in_parts_that_hold_together(
    on_disk: LogHouse, tmp_path: Path
) -> None:
    """Fault 28: a transaction of 64 MB, and one larger than a tick."""
    on_disk.note("before")
    on_disk.flush()
    first = on_disk.running.standing().seq
    fill(on_disk, 64)
    on_disk.note("after")
    restored = on_disk.require_equal(tmp_path / "restored")
    last = restored.position.seq
    assert last - first >= 8
    half = on_disk.restored(tmp_path / "half", Position(on_disk.epoch, first + 3))
    assert "filling" not in contents(half.files["conversations"])
    assert on_disk.running.standing().rebases_total == 0


def test_a_transaction_cut_off_by_a_kill_counts_as_never_shipped(on_disk: LogHouse, tmp_path: Path) -> None:
    """Fault 2: killed during an upload, in the middle of a transaction of many segments."""
    on_disk.note("before")
    on_disk.flush()
    seq = on_disk.running.standing().seq
    fill(on_disk, 40)
    wait_until(lambda: on_disk.running.standing().seq >= seq + 2, "some parts are shipped")
    on_disk.running.abandon()
    last = len(list((tmp_path / "bucket" / "v1" / "log" / f"{on_disk.epoch:08d}").glob("*.seg")))
    lost = LogHouse(tmp_path / "lost", on_disk.store)
    restored = lost.restored(tmp_path / "lost")
    if last < seq + 6:
        assert "filling" not in contents(restored.files["conversations"])
    for name in NAMES:
        restored.files[name].rename(lost.path(name))
    lost.begin()
    lost.note("goes on")
    lost.require_equal(tmp_path / "restored")
    lost.die()


def test_a_moment_before_and_after_a_deletion_can_be_restored(house: LogHouse, tmp_path: Path) -> None:
    """Fault 29: point in time before and after a deletion."""
    moments: list[datetime] = []
    for number in range(4):
        house.note(f"note {number}")
        house.flush()
        at = house.clock.now()
        moments.append(at)
        wait_until(lambda at=at: house.clock.now().timestamp() > at.timestamp() + 0.002, "time passes")  # type: ignore[misc]
        if number == 1:
            take_snapshot(house)
        if number == 2:
            house.end()
            house.begin()
    house.write("DELETE FROM notes")
    house.flush()
    for number, moment in enumerate(moments):
        restored = house.restored(tmp_path / str(number), moment)
        notes = contents(restored.files["conversations"])["notes"]
        assert notes == [(f"note {each}",) for each in range(number + 1)]
    now = house.restored(tmp_path / "now", house.clock.now())
    assert contents(now.files["conversations"])["notes"] == []


def test_a_full_disk_postpones_a_snapshot_and_stops_nothing_else(
    folder_store: DirectoryStore, tmp_path: Path
) -> None:
    """Fault 33: the disk is full."""
    with mounted(tmp_path / "small", 24) as disk:
        if disk is None:
            pytest.skip("no tmpfs may be mounted here")
        house = LogHouse(disk.path, folder_store)
        house.begin()
        fill(house, 5)
        house.flush()
        disk.leave(2_000_000)
        house.running.snapshot_now()
        wait_until(lambda: "full" in (house.running.standing().trouble or ""), "the full disk is shown")
        house.note("goes on")
        house.flush()
        disk.leave(0)
        with pytest.raises(Unavailable) as refusal:
            fill(house, 5)
        assert refusal.value.code == "disk_full"
        disk.free()
        house.note("room again")
        house.require_equal(tmp_path / "restored")
        assert house.running.standing().rebases_total == 0
        assert sorted(disk.path.glob("*.snapshot*")) == []
        house.end()


class Vanishing:
    """A store in which an object is deleted by somebody right before it is read."""

    def __init__(self, store: ObjectStore, name: str) -> None:
        self._store = store
        self._name = name

    @property
    def place(self) -> str:
        return self._store.place

    def stat(self, name: str) -> ObjectStat:
        return self._store.stat(name)

    def get(
        self, name: str, *, generation: int | None = None, start: int = 0, end: int | None = None
    ) -> bytes:
        if name == self._name:
            self._store.delete(name)
            self._name = ""
        return self._store.get(name, generation=generation, start=start, end=end)

    def put(
        self,
        name: str,
        content: bytes | BinaryIO,
        *,
        if_generation_match: int | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> ObjectStat:
        raise AssertionError("a restore writes nothing")

    def list(
        self, prefix: str = "", *, start_offset: str = "", page_token: str | None = None, limit: int = 1000
    ) -> ListPage:
        return self._store.list(prefix, start_offset=start_offset, page_token=page_token, limit=limit)

    def delete(self, name: str, *, if_generation_match: int | None = None) -> None:
        raise AssertionError("a restore deletes nothing")


def test_objects_that_go_while_they_are_restored_are_told_or_done_without(
    on_disk: LogHouse, tmp_path: Path
) -> None:
    """Fault 39: objects are gone during a restore."""
    on_disk.note("first")
    take_snapshot(on_disk)
    on_disk.note("second")
    take_snapshot(on_disk)
    on_disk.note("third")
    on_disk.flush()
    newest = listed_snapshots(on_disk.store, "conversations")[0].stat.name
    (tmp_path / "a").mkdir()
    restored = LogRestore(Vanishing(on_disk.store, newest), threading.Event()).restore(tmp_path / "a")
    assert contents(restored.files["conversations"]) == contents(on_disk.path("conversations"))
    gone = segment_name(on_disk.epoch, on_disk.running.standing().seq)
    (tmp_path / "b").mkdir()
    with pytest.raises(ObjectDamaged, match=gone):
        LogRestore(Vanishing(on_disk.store, gone), threading.Event()).restore(tmp_path / "b")
    assert list((tmp_path / "b").iterdir()) == []


def test_what_a_snapshot_that_was_cut_off_leaves_is_no_obstacle(house: LogHouse, tmp_path: Path) -> None:
    """Fault 4: killed in the middle of a snapshot."""
    fill(house, 3)
    house.flush()
    house.die()
    for suffix in (".snapshot", ".snapshot.zst", ".rebasing", ".rebasing.zst"):
        (house.data_dir / f"conversations.db{suffix}").write_bytes(b"half")
    house.begin()
    assert list(house.data_dir.glob("*.snapshot*")) == list(house.data_dir.glob("*.rebasing*")) == []
    house.note("goes on")
    take_snapshot(house)
    house.require_equal(tmp_path / "restored")
    # Behind a kill right after the upload of a snapshot whose epoch never began, the log does not name it.
    found = listed_snapshots(house.store, "conversations")[0]
    house.store.put(
        "v1/snap/conversations/00000099-000000000000.db.zst",
        house.store.get(found.stat.name),
        metadata={**found.stat.metadata, "rebased": "1"},
    )
    house.require_equal(tmp_path / "again")


def test_a_checkpoint_by_another_program_before_the_first_reading_is_noticed(
    gcs: FakeGcs, tmp_path: Path
) -> None:
    """Fault 26, in the first moments of an epoch: the log has begun anew before anybody has followed it."""
    with closing(GcsStore("roost", None, gcs.url)) as store:
        house = LogHouse(tmp_path / "data", store, interval_s=60)
        house.begin()
        house.flush()
        house.note("gone from the log")
        with closing(sqlite3.connect(house.path("conversations"), isolation_level=None)) as other:
            other.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        house.note("in the log")
        house.require_equal(tmp_path / "restored")
        assert house.running.standing().rebases_total == 1
        assert house.end() is not None


def test_what_another_program_writes_beside_our_checkpoints_is_never_lost(
    on_disk: LogHouse, tmp_path: Path
) -> None:
    """Fault 26: a foreign write at any moment, also between the last reading and a checkpoint of ours."""
    on_disk.note("first")
    ended = threading.Event()

    def interfere() -> None:
        with closing(
            sqlite3.connect(on_disk.path("conversations"), timeout=20, isolation_level=None)
        ) as other:
            other.execute("PRAGMA wal_autocheckpoint=0")
            while not ended.wait(0.002):
                other.execute("INSERT INTO notes VALUES ('from outside')")

    interfering = threading.Thread(target=interfere, daemon=True)
    interfering.start()
    try:
        on_disk.write("CREATE TABLE filling (v BLOB)")
        for _ in range(120):
            on_disk.write("INSERT INTO filling VALUES (randomblob(200000))")
    finally:
        ended.set()
        interfering.join(20)
    on_disk.note("last")
    on_disk.require_equal(tmp_path / "restored")

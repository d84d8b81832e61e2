"""Starts on every state of the disk and the bucket, in a folder and through the real client library."""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from roost.clock import SystemClock
from roost.errors import NotFound, Unavailable
from roost.replication.directory_store import DirectoryStore
from roost.replication.gcs import GcsStore
from roost.replication.layout import snapshot
from roost.replication.object_store import ListPage, ObjectStore
from roost.replication.set_aside import conflicts, dismiss
from roost.storage.adoption import request_adoption
from tests.fakes.bucket_house import BucketHouse, notes_in, notes_in_object, somebody_elses_copy
from tests.fakes.fake_gcs import FakeGcs, Fault


@pytest.fixture(params=["folder", "gcs"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ObjectStore]:
    if request.param == "folder":
        (tmp_path / "bucket").mkdir()
        yield DirectoryStore(tmp_path / "bucket", SystemClock())
    else:
        with FakeGcs("roost") as gcs, closing(GcsStore("roost", None, gcs.url)) as opened:
            yield opened


@pytest.fixture
def house(tmp_path: Path, store: ObjectStore) -> BucketHouse:
    return BucketHouse(tmp_path / "data", store)


@pytest.fixture
def gcs() -> Iterator[FakeGcs]:
    with FakeGcs("roost") as gcs:
        yield gcs


@pytest.fixture
def cloud_house(tmp_path: Path, gcs: FakeGcs) -> Iterator[BucketHouse]:
    with closing(GcsStore("roost", None, gcs.url)) as store:
        yield BucketHouse(tmp_path / "data", store)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_an_empty_bucket_starts_empty_and_is_filled(house: BucketHouse) -> None:
    house.start()
    house.note("first")
    assert house.stop()
    assert [item.name for item in house.store.list().items] == ["bot_configs.db", "conversations.db"]


def test_after_the_loss_of_the_disk_everything_is_back_in_the_documented_order(
    house: BucketHouse, caplog: pytest.LogCaptureFixture
) -> None:
    house.start()
    house.note("said")
    house.note("set up", "bot_configs")
    house.stop()
    house.lose()
    with caplog.at_level(logging.INFO, "roost.replication"):
        house.start()
    lines = [record.getMessage() for record in caplog.records if "Restored" in record.getMessage()]
    assert lines == ["Restored conversations.db", "Restored bot_configs.db"]
    assert house.notes() == ["said"]
    assert house.notes("bot_configs") == ["set up"]
    house.stop()


def test_killed_before_anything_newer_was_shipped_the_local_file_is_kept(
    house: BucketHouse, tmp_path: Path
) -> None:
    house.start()
    house.note("shipped")
    house.running.back_up()
    house.note("only here")
    house.image(tmp_path / "after-kill")
    killed = BucketHouse(tmp_path / "after-kill", house.store)
    killed.start()
    assert killed.notes() == ["shipped", "only here"]
    killed.running.back_up()
    assert notes_in_object(house.store, "conversations.db", tmp_path / "x") == ["shipped", "only here"]
    assert killed.conflict_files() == []
    killed.stop()
    house.close()


def test_where_only_the_bucket_moved_on_its_copy_is_restored(house: BucketHouse, tmp_path: Path) -> None:
    house.start()
    house.note("one")
    house.stop()
    second = BucketHouse(tmp_path / "second", house.store)
    second.start()
    second.note("two")
    second.stop()
    house.start()
    assert house.notes() == ["one", "two"]
    assert house.conflict_files() == []
    house.stop()


def test_where_both_changed_the_local_file_is_set_aside_and_shown_until_dismissed(
    house: BucketHouse, tmp_path: Path
) -> None:
    house.start()
    house.note("common")
    house.stop()
    second = BucketHouse(tmp_path / "second", house.store)
    second.start()
    second.note("there")
    second.stop()
    house.open()
    house.note("here")
    house.close()
    house.start()
    assert house.notes() == ["common", "there"]
    (aside,) = house.conflict_files()
    assert notes_in(house.data_dir / aside) == ["common", "here"]
    (shown,) = conflicts(house.data_dir)
    assert (shown.id, shown.database) == (aside, "conversations")
    house.stop()
    house.start()
    assert len(conflicts(house.data_dir)) == 1
    dismiss(house.data_dir, shown.id)
    assert conflicts(house.data_dir) == ()
    assert (house.data_dir / aside).exists()
    house.stop()


def test_what_is_set_aside_is_on_the_disk_before_the_local_file_goes(
    house: BucketHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.store.put("conversations.db", somebody_elses_copy(tmp_path / "theirs", "conversations", "theirs"))
    house.store.put("bot_configs.db", somebody_elses_copy(tmp_path / "theirs_too", "bot_configs", "theirs"))
    house.open()
    house.note("ours")
    house.close()
    synced: list[int] = []
    fsync = os.fsync

    def noted(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    # A loss of power cannot be had here: the system's own call is watched instead.
    monkeypatch.setattr(os, "fsync", noted)
    house.restore()
    asides = house.conflict_files()
    assert len(asides) == 2
    for name in asides:
        assert (house.data_dir / name).stat().st_ino in synced


def test_a_start_that_was_ended_before_it_made_the_files_is_made_again(house: BucketHouse) -> None:
    house.restore()
    house.start()
    house.note("first")
    assert house.stop()
    assert house.notes() == ["first"]


def test_a_file_nobody_knows_against_a_bucket_with_data_is_set_aside(
    house: BucketHouse, tmp_path: Path
) -> None:
    other = BucketHouse(tmp_path / "other", house.store)
    other.start()
    other.note("in the bucket")
    other.stop()
    house.open()
    house.note("here before")
    house.close()
    house.start()
    assert house.notes() == ["in the bucket"]
    # bot_configs.db has the same content on both sides: that is no conflict.
    assert [conflict.database for conflict in conflicts(house.data_dir)] == ["conversations"]
    house.stop()


def test_a_file_nobody_knows_is_adopted_by_an_empty_bucket(house: BucketHouse, tmp_path: Path) -> None:
    house.open()
    house.note("from before the bucket")
    house.close()
    house.start()
    assert house.notes() == ["from before the bucket"]
    house.stop()
    assert notes_in_object(house.store, "conversations.db", tmp_path / "x") == ["from before the bucket"]


def test_a_bucket_that_was_emptied_is_not_filled_until_a_person_says_so(
    house: BucketHouse, tmp_path: Path
) -> None:
    house.start()
    house.note("kept")
    house.stop()
    house.store.delete("conversations.db")
    house.store.delete("bot_configs.db")
    before = files(house.data_dir)
    with pytest.raises(Unavailable, match=r"emptied or exchanged.*roost backup now --adopt") as refused:
        house.restore()
    assert refused.value.retryable
    assert files(house.data_dir) == before
    assert list(house.store.list().items) == []
    request_adoption(house.data_dir)
    house.start()
    assert house.notes() == ["kept"]
    house.stop()
    assert notes_in_object(house.store, "conversations.db", tmp_path / "x") == ["kept"]
    house.restore()


class FirstPageEmpty(DirectoryStore):
    """Cloud Storage may answer with an empty page that others follow."""

    def list(
        self, prefix: str = "", *, start_offset: str = "", page_token: str | None = None, limit: int = 1000
    ) -> ListPage:
        if page_token is None:
            return ListPage((), "more")
        return super().list(prefix, start_offset=start_offset, limit=limit)


def test_an_empty_page_that_others_follow_is_not_taken_for_an_empty_bucket(tmp_path: Path) -> None:
    (tmp_path / "bucket").mkdir()
    store = FirstPageEmpty(tmp_path / "bucket", SystemClock())
    store.put("somebody's.txt", b"theirs")
    with pytest.raises(Unavailable, match="is not empty"):
        BucketHouse(tmp_path / "data", store).restore()


def test_what_a_first_start_left_that_died_with_its_disk_keeps_nobody_out(house: BucketHouse) -> None:
    for database in ("conversations", "bot_configs"):
        house.store.put(snapshot(database, 1, 0), b"a base snapshot")
    house.start()
    house.note("first")
    assert house.stop()
    assert house.notes() == ["first"]


def test_a_bucket_with_a_later_snapshot_alone_is_not_taken_for_an_empty_one(house: BucketHouse) -> None:
    house.store.put(snapshot("conversations", 1, 7), b"of an epoch whose document is gone")
    with pytest.raises(Unavailable, match="is not empty"):
        house.start()


def test_a_bucket_with_other_things_is_not_taken_for_an_empty_one(house: BucketHouse) -> None:
    house.store.put("holiday/photo.jpg", b"jpeg")
    with pytest.raises(Unavailable, match="is not empty and holds no conversations.db"):
        house.restore()
    assert files(house.data_dir) == {}
    request_adoption(house.data_dir)
    house.start()
    house.stop()
    assert house.store.get("holiday/photo.jpg") == b"jpeg"


def plain_sqlite(tmp_path: Path) -> bytes:
    path = tmp_path / "foreign.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE conversations (question TEXT)")
        db.commit()
    return path.read_bytes()


def newer_schema(tmp_path: Path) -> bytes:
    path = tmp_path / "newer.db"
    path.write_bytes(somebody_elses_copy(tmp_path / "newer", "bot_configs"))
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version=9999")
    return path.read_bytes()


def half_of_one(tmp_path: Path) -> bytes:
    whole = somebody_elses_copy(tmp_path / "half", "bot_configs", "a" * 50_000)
    return whole[: len(whole) // 2]


def scrambled(tmp_path: Path) -> bytes:
    whole = bytearray(somebody_elses_copy(tmp_path / "scrambled", "bot_configs", "a" * 50_000))
    whole[5000:30000] = b"\xff" * 25000
    return bytes(whole)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda tmp_path: b"<html>not a database</html>", "is not a SQLite file"),
        (lambda tmp_path: b"", "is not a SQLite file"),
        (plain_sqlite, "not Roost's"),
        (newer_schema, "written by a newer Roost"),
        (half_of_one, "is damaged"),
        (scrambled, "is damaged"),
    ],
)
@pytest.mark.parametrize("with_local_files", [False, True])
def test_an_object_that_must_not_be_used_changes_nothing(
    house: BucketHouse, tmp_path: Path, make: object, sentence: str, with_local_files: bool
) -> None:
    house.start()
    house.note("mine")
    house.stop()
    if not with_local_files:
        house.lose()
    # conversations.db is in order and newer: it must not be restored alone.
    house.store.put("conversations.db", somebody_elses_copy(tmp_path / "theirs", "conversations", "theirs"))
    house.store.put("bot_configs.db", make(tmp_path))  # type: ignore[operator]
    local, remote = files(house.data_dir), [item.generation for item in house.store.list().items]
    with pytest.raises(Unavailable, match=sentence):
        house.restore()
    assert files(house.data_dir).keys() - {"conversations.db-shm", "conversations.db-wal"} >= local.keys()
    assert house.conflict_files() == []
    if with_local_files:
        assert house.notes() == ["mine"]
    assert [item.generation for item in house.store.list().items] == remote


def test_a_copy_made_by_other_hands_is_restored_and_known_afterwards(
    house: BucketHouse, tmp_path: Path
) -> None:
    for database in ("conversations", "bot_configs"):
        house.store.put(f"{database}.db", somebody_elses_copy(tmp_path / database, database, "by hand"))
    house.start()
    assert house.notes() == ["by hand"]
    house.stop()
    house.store.put("conversations.db", somebody_elses_copy(tmp_path / "again", "conversations", "newer"))
    house.start()
    assert house.notes() == ["newer"]
    house.stop()


def test_a_stale_log_beside_a_missing_database_does_not_spoil_the_restored_one(house: BucketHouse) -> None:
    house.start()
    house.note("good")
    house.stop()
    house.lose()
    (house.data_dir / "conversations.db-wal").write_bytes(b"\x37\x7f\x06\x82" + b"junk" * 2000)
    (house.data_dir / "conversations.db-shm").write_bytes(b"\0" * 32768)
    house.start()
    assert house.notes() == ["good"]
    house.stop()


# The client library forgets to close a connection that broke in the middle of a download.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_arrives_damaged_is_fetched_again(cloud_house: BucketHouse, gcs: FakeGcs) -> None:
    cloud_house.start()
    cloud_house.note("x" * 100_000)
    cloud_house.stop()
    cloud_house.lose()
    gcs.fail("get", Fault(corrupt=True), Fault(truncate=True), Fault(reset=True), Fault(status=503))
    cloud_house.start()
    assert cloud_house.notes() == ["x" * 100_000]
    cloud_house.stop()


def test_a_damage_that_stays_is_named(cloud_house: BucketHouse, gcs: FakeGcs) -> None:
    cloud_house.start()
    cloud_house.stop()
    cloud_house.lose()
    gcs.fail("get", *[Fault(corrupt=True)] * 3)
    with pytest.raises(Unavailable, match="its checksum differs"):
        cloud_house.restore()
    assert files(cloud_house.data_dir) == {}


def test_without_local_files_an_unreachable_bucket_is_waited_for(
    cloud_house: BucketHouse, gcs: FakeGcs
) -> None:
    cloud_house.start()
    cloud_house.note("safe")
    cloud_house.stop()
    cloud_house.lose()
    gcs.forbidden = True
    with pytest.raises(Unavailable, match="Storage Object Admin") as refused:
        cloud_house.restore()
    assert refused.value.retryable
    gcs.forbidden = False
    objects = gcs.buckets.pop("roost")
    with pytest.raises(Unavailable, match="There is no bucket gs://roost"):
        cloud_house.restore()
    gcs.buckets["roost"] = objects
    cloud_house.start()
    assert cloud_house.notes() == ["safe"]
    cloud_house.stop()


def test_a_stop_ends_a_restore_and_the_next_start_makes_it(house: BucketHouse) -> None:
    house.start()
    house.note("safe")
    house.stop()
    house.lose()
    house.stopping.set()
    with pytest.raises(Unavailable, match="stopping"):
        house.restore()
    assert files(house.data_dir) == {}
    house.stopping.clear()
    house.start()
    assert house.notes() == ["safe"]
    house.stop()


def test_only_what_is_a_conflict_can_be_dismissed(tmp_path: Path) -> None:
    (tmp_path / "conversations.db").touch()
    for conflict_id in ("conversations.db", "../conversations.db", "conversations.db.conflict-20260101T0Z"):
        with pytest.raises(NotFound):
            dismiss(tmp_path, conflict_id)

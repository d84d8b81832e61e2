"""Copies while the databases are in use: what is shipped, when, onto what, and what is never overwritten."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from roost.errors import PreconditionFailed
from roost.replication.gcs import GcsStore
from roost.replication.markers import read_marker
from tests.fakes.bucket_house import BucketHouse, notes_in, notes_in_object, somebody_elses_copy
from tests.fakes.fake_gcs import FakeGcs, Fault


@pytest.fixture
def gcs() -> Iterator[FakeGcs]:
    with FakeGcs("roost") as gcs:
        yield gcs


@pytest.fixture
def house(tmp_path: Path, gcs: FakeGcs) -> Iterator[BucketHouse]:
    with closing(GcsStore("roost", None, gcs.url)) as store:
        yield BucketHouse(tmp_path / "data", store)


def puts(gcs: FakeGcs) -> list[str]:
    return [name for operation, name in gcs.requests if operation == "put"]


def test_only_what_changed_is_shipped(house: BucketHouse, gcs: FakeGcs) -> None:
    house.start()
    house.running.back_up()
    gcs.requests.clear()
    house.running.back_up()
    assert gcs.requests == []
    house.note("new")
    house.running.back_up()
    assert len(puts(gcs)) == 1
    before = gcs.generation("bot_configs.db")
    # A write that leaves everything as it was makes no new copy.
    house.databases["bot_configs"].write(lambda db: None)
    house.running.back_up()
    assert gcs.generation("bot_configs.db") == before
    house.stop()


def test_copies_follow_by_themselves(house: BucketHouse, tmp_path: Path) -> None:
    house.start(every_s=0.05)
    house.note("first")
    deadline_s = time.monotonic() + 10
    house.running.back_up()
    house.note("by itself")
    while notes_in_object(house.store, "conversations.db", tmp_path / "x") != ["first", "by itself"]:
        assert time.monotonic() < deadline_s
        time.sleep(0.02)
    house.stop()


def test_a_copy_under_load_is_a_whole_database(house: BucketHouse, tmp_path: Path) -> None:
    house.start()
    done = threading.Event()

    def load() -> None:
        number = 0
        while not done.is_set():
            house.note(str(number))
            number += 1

    writer = threading.Thread(target=load)
    writer.start()
    try:
        for round_number in range(5):
            house.running.back_up()
            noted = notes_in_object(house.store, "conversations.db", tmp_path / f"x{round_number}")
            assert noted == [str(number) for number in range(len(noted))]
    finally:
        done.set()
        writer.join()
    house.stop()


def test_an_answer_that_was_lost_after_the_upload_is_told_from_somebody_elses(
    house: BucketHouse, gcs: FakeGcs, tmp_path: Path
) -> None:
    house.start()
    house.note("one")
    gcs.fail("put", Fault(drop=True))
    assert house.running.back_up()
    house.note("two")
    assert house.running.back_up()
    assert notes_in_object(house.store, "conversations.db", tmp_path / "x") == ["one", "two"]
    assert house.running.trouble is None
    house.stop()


def test_killed_between_the_upload_and_its_answer_the_copy_is_known_as_ours(
    house: BucketHouse, gcs: FakeGcs, tmp_path: Path
) -> None:
    house.start()
    house.running.back_up()
    house.note("shipped, unanswered")
    # Every attempt to learn the outcome fails: the state a kill would leave.
    gcs.fail("put", Fault(drop=True))
    gcs.fail("put", *[Fault(reset=True)] * 40)
    assert not house.running.back_up()
    marker = read_marker(house.data_dir, "conversations")
    assert marker is not None
    assert marker.pending_sha256 is not None
    assert marker.generation < gcs.generation("conversations.db")
    house.note("after")
    house.image(tmp_path / "killed")
    house.close()
    gcs.clear_faults()
    killed = BucketHouse(tmp_path / "killed", house.store)
    killed.start()
    assert killed.notes() == ["shipped, unanswered", "after"]
    assert killed.conflict_files() == []
    assert killed.stop()
    assert notes_in_object(house.store, "conversations.db", tmp_path / "x") == [
        "shipped, unanswered",
        "after",
    ]


def test_the_same_process_goes_on_after_an_unknown_outcome(
    house: BucketHouse, gcs: FakeGcs, tmp_path: Path
) -> None:
    house.start()
    house.running.back_up()
    house.note("one")
    gcs.fail("put", Fault(drop=True))
    gcs.fail("put", *[Fault(reset=True)] * 40)
    assert not house.running.back_up()
    gcs.clear_faults()
    house.note("two")
    assert house.running.back_up()
    assert notes_in_object(house.store, "conversations.db", tmp_path / "x") == ["one", "two"]
    house.stop()


def test_a_copy_of_whoever_was_replaced_overwrites_nothing(
    house: BucketHouse, gcs: FakeGcs, tmp_path: Path
) -> None:
    """Fault 19: the copy of a later epoch stays."""
    house.start()
    house.running.back_up()
    newer = somebody_elses_copy(tmp_path / "theirs", "conversations", "theirs")
    gcs.place("conversations.db", newer, {"epoch": "2", "sha256": "0" * 64})
    house.note("stale")
    house.note("a bot", "bot_configs")
    assert not house.running.back_up()
    assert "Another Roost uses this bucket" in (house.running.trouble or "")
    assert house.running.failures_total == 1
    assert not house.stop()
    assert gcs.content("conversations.db") == newer
    # What keeps one from being copied does not cost the other.
    assert notes_in_object(house.store, "bot_configs.db", tmp_path / "x") == ["a bot"]


def test_a_copy_that_was_being_made_when_another_took_over_gives_up(
    house: BucketHouse, gcs: FakeGcs, tmp_path: Path
) -> None:
    """Fault 19: the object is at another generation than it was looked up at."""
    house.start()
    house.running.back_up()
    house.note("stale")
    newer = somebody_elses_copy(tmp_path / "theirs", "conversations", "theirs")
    looked = house.store.stat("conversations.db")
    gcs.place("conversations.db", newer, {"epoch": "2", "sha256": "0" * 64})
    with pytest.raises(PreconditionFailed):
        house.store.put("conversations.db", b"stale", if_generation_match=looked.generation)
    house.owns = False
    assert not house.running.back_up()
    assert gcs.content("conversations.db") == newer
    house.stop()


def test_what_somebody_else_put_there_is_kept_before_it_is_replaced(
    house: BucketHouse, gcs: FakeGcs, tmp_path: Path
) -> None:
    house.start()
    house.running.back_up()
    gcs.place("conversations.db", somebody_elses_copy(tmp_path / "theirs", "conversations", "theirs"))
    house.note("ours")
    assert house.running.back_up()
    assert notes_in_object(house.store, "conversations.db", tmp_path / "x") == ["ours"]
    (kept,) = house.conflict_files()
    assert notes_in(house.data_dir / kept) == ["theirs"]
    house.stop()


def test_a_copy_that_was_deleted_is_made_again(house: BucketHouse, gcs: FakeGcs, tmp_path: Path) -> None:
    house.start()
    house.running.back_up()
    gcs.buckets["roost"].pop("conversations.db")
    house.note("more")
    assert house.running.back_up()
    assert notes_in_object(house.store, "conversations.db", tmp_path / "x") == ["more"]
    house.stop()


def test_trouble_is_over_once_a_copy_succeeds(house: BucketHouse, gcs: FakeGcs) -> None:
    house.start()
    house.running.back_up()
    gcs.forbidden = True
    house.note("waiting")
    assert not house.running.back_up()
    assert "Storage Object Admin" in (house.running.trouble or "")
    gcs.forbidden = False
    assert house.running.back_up()
    assert house.running.trouble is None
    house.stop()


def test_two_writes_within_a_second_are_waited_for(house: BucketHouse, gcs: FakeGcs, tmp_path: Path) -> None:
    gcs.one_write_a_second = True
    house.start()
    house.running.back_up()
    house.note("soon after")
    # The library pauses at random and gives up after three seconds: a busy machine may need another try.
    assert any(house.running.back_up() for _ in range(4))
    assert notes_in_object(house.store, "conversations.db", tmp_path / "x") == ["soon after"]
    house.stop()


def test_a_large_copy_goes_up_in_parts(house: BucketHouse, gcs: FakeGcs, tmp_path: Path) -> None:
    house.start()
    for number in range(20):
        house.note(str(number) * 1_000_000)
    gcs.fail("put", Fault(), Fault(status=503))
    assert house.running.back_up()
    assert len(gcs.content("conversations.db")) > 20_000_000
    lengths = [len(note) for note in notes_in_object(house.store, "conversations.db", tmp_path / "x")]
    assert lengths == [1_000_000] * 10 + [2_000_000] * 10
    house.stop()


def test_a_stalled_bucket_fails_in_seconds(house: BucketHouse, gcs: FakeGcs) -> None:
    house.start()
    house.running.back_up()
    house.note("stuck")
    gcs.stall()
    began_s = time.monotonic()
    assert not house.running.back_up()
    assert time.monotonic() - began_s < 8
    assert house.notes() == ["stuck"]
    gcs.flow()
    house.stop()

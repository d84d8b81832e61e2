"""One suite for every object store: the folder, and Google's client library against a server of our own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from io import BytesIO
from pathlib import Path

import pytest

from roost.clock import SystemClock
from roost.errors import BucketMissing, BucketUnreachable, ObjectMissing, PreconditionFailed
from roost.replication.directory_store import DirectoryStore
from roost.replication.gcs import GcsStore
from roost.replication.object_store import ABSENT, ObjectStore
from tests.fakes.fake_gcs import FakeGcs, Fault


@pytest.fixture(params=["folder", "gcs"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ObjectStore]:
    if request.param == "folder":
        yield DirectoryStore(tmp_path, SystemClock())
    else:
        with FakeGcs("roost") as gcs, closing(GcsStore("roost", None, gcs.url)) as opened:
            yield opened


@pytest.fixture(params=["folder", "gcs"])
def nowhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ObjectStore]:
    if request.param == "folder":
        yield DirectoryStore(tmp_path / "absent", SystemClock())
    else:
        with FakeGcs("roost") as gcs, closing(GcsStore("absent", None, gcs.url)) as opened:
            yield opened


@pytest.mark.parametrize("size_bytes", [0, 1, 1000, 9 * 1024 * 1024])
def test_what_was_put_comes_back_with_its_metadata(store: ObjectStore, size_bytes: int) -> None:
    content = bytes(range(256)) * (size_bytes // 256) + b"x" * (size_bytes % 256)
    put = store.put("v1/log/1/0001.seg", BytesIO(content), metadata={"sha256": "abc", "schema": "1"})
    assert put.size_bytes == size_bytes
    assert dict(put.metadata) == {"sha256": "abc", "schema": "1"}
    assert store.stat("v1/log/1/0001.seg") == put
    assert store.get("v1/log/1/0001.seg") == content


def test_a_stream_is_stored_from_its_beginning(store: ObjectStore) -> None:
    stream = BytesIO(b"whole")
    stream.read(3)
    store.put("a", stream)
    assert store.get("a") == b"whole"


def test_ranges_are_half_open_and_end_with_the_object(store: ObjectStore) -> None:
    generation = store.put("a", b"0123456789").generation
    assert store.get("a", start=2, end=5) == b"234"
    assert store.get("a", start=8) == b"89"
    assert store.get("a", start=8, end=100, generation=generation) == b"89"
    assert store.get("a", start=10, end=20) == b""
    assert store.get("a", start=3, end=3) == b""


def test_generations_rise_also_over_a_deletion(store: ObjectStore) -> None:
    first = store.put("a", b"1").generation
    second = store.put("a", b"1").generation
    store.delete("a")
    third = store.put("a", b"1").generation
    assert 0 < first < second < third


def test_only_the_asked_generation_is_read(store: ObjectStore) -> None:
    first = store.put("a", b"1").generation
    store.put("a", b"2")
    with pytest.raises(ObjectMissing):
        store.get("a", generation=first)
    assert store.get("a") == b"2"


def test_a_put_on_another_generation_is_refused_and_changes_nothing(store: ObjectStore) -> None:
    first = store.put("a", b"1", if_generation_match=ABSENT)
    for stale in (ABSENT, first.generation - 1, first.generation + 1):
        with pytest.raises(PreconditionFailed) as refused:
            store.put("a", b"stale", if_generation_match=stale)
        assert not refused.value.retryable
    assert store.stat("a") == first
    second = store.put("a", b"2", if_generation_match=first.generation)
    assert store.get("a", generation=second.generation) == b"2"


def test_a_put_on_an_absent_object_with_a_generation_is_refused(store: ObjectStore) -> None:
    with pytest.raises(PreconditionFailed):
        store.put("a", b"1", if_generation_match=7)
    with pytest.raises(ObjectMissing):
        store.stat("a")


def test_of_many_that_create_one_object_one_wins(store: ObjectStore) -> None:
    won: list[int] = []
    begin = threading.Barrier(8)

    def create(number: int) -> None:
        begin.wait()
        try:
            store.put("a", str(number).encode(), if_generation_match=ABSENT)
        except PreconditionFailed:
            return
        won.append(number)

    threads = [threading.Thread(target=create, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(won) == 1
    assert store.get("a") == str(won[0]).encode()


def test_delete_keeps_to_its_generation(store: ObjectStore) -> None:
    generation = store.put("a", b"1").generation
    with pytest.raises(PreconditionFailed):
        store.delete("a", if_generation_match=generation + 1)
    store.delete("a", if_generation_match=generation)
    with pytest.raises(ObjectMissing):
        store.delete("a")


def test_an_absent_object_is_named_as_such(store: ObjectStore) -> None:
    for ask in (store.stat, store.get, store.delete):
        with pytest.raises(ObjectMissing):
            ask("absent")


def test_an_absent_bucket_is_told_from_an_absent_object(nowhere: ObjectStore) -> None:
    with pytest.raises(BucketMissing):
        nowhere.list()
    with pytest.raises(BucketMissing):
        nowhere.put("a", b"1")
    with pytest.raises(BucketMissing):
        nowhere.stat("a")


def test_a_list_is_in_order_by_prefix_offset_and_page(store: ObjectStore) -> None:
    assert store.list().items == []
    assert store.list().next_page_token is None
    for name in ("v1/log/2/1", "v1/log/1/2", "v1/log/1/10", "v1/lease.json", "conversations.db", "v1/log.x"):
        store.put(name, b"1")

    def names(**wanted: str) -> list[str]:
        return [item.name for item in store.list(**wanted).items]  # type: ignore[arg-type]

    assert names() == [
        "conversations.db",
        "v1/lease.json",
        "v1/log.x",
        "v1/log/1/10",
        "v1/log/1/2",
        "v1/log/2/1",
    ]
    assert names(prefix="v1/log/1/") == ["v1/log/1/10", "v1/log/1/2"]
    assert names(prefix="v1/log") == ["v1/log.x", "v1/log/1/10", "v1/log/1/2", "v1/log/2/1"]
    assert names(prefix="v1/log/", start_offset="v1/log/1/2") == ["v1/log/1/2", "v1/log/2/1"]
    assert names(prefix="nothing/here/") == []
    first = store.list(limit=4)
    assert [item.name for item in first.items] == names()[:4]
    rest = store.list(limit=4, page_token=first.next_page_token)
    assert [item.name for item in rest.items] == names()[4:]
    assert rest.next_page_token is None
    assert first.items[0] == store.stat("conversations.db")


@pytest.mark.parametrize("fault", [Fault(corrupt=True), Fault(truncate=True)], ids=["corrupt", "truncated"])
# The client library forgets to close a connection that broke in the middle of a download.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_object_that_arrives_damaged_is_not_believed(fault: Fault) -> None:
    with FakeGcs("roost") as gcs, closing(GcsStore("roost", None, gcs.url)) as store:
        store.put("v1/epochs/00000001.json", b'{"epoch": 1, "prev_last_seq": 7}')
        gcs.fail("get", fault)
        try:
            content = store.get("v1/epochs/00000001.json")
        except BucketUnreachable:
            content = store.get("v1/epochs/00000001.json")
        assert content == b'{"epoch": 1, "prev_last_seq": 7}'

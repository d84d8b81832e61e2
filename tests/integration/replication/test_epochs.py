"""The documents that begin epochs: damaged ones, and the tombstones that crash loops leave."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from roost.clock import SystemClock, SystemIds
from roost.errors import ObjectDamaged
from roost.replication.candidacy import Candidacy, Terms
from roost.replication.epochs import FEW, Epochs, close_number
from roost.replication.gcs import GcsStore
from roost.replication.layout import LEASE, epoch_document, segment
from roost.replication.lease import Holder
from roost.replication.taking_over import TakingOver
from roost.storage.adoption import request_adoption
from tests.fakes.fake_gcs import FakeGcs, Fault
from tests.fakes.log_house import LogHouse, contents
from tests.integration.replication.test_taking_over import take_over

TOMBSTONES = 200


@pytest.fixture
def gcs() -> Iterator[FakeGcs]:
    with FakeGcs("roost") as gcs:
        yield gcs


@pytest.fixture
def store(gcs: FakeGcs) -> Iterator[GcsStore]:
    with closing(GcsStore("roost", None, gcs.url)) as opened:
        yield opened


def exchange(gcs: FakeGcs, name: str, content: bytes) -> bytes:
    """Other content under the same metadata, as bits that fall over leave it; what was there."""
    with gcs.lock:
        stored = gcs.buckets["roost"][name]
    gcs.place(name, content, stored.metadata)
    return stored.content


def candidate(store: GcsStore, data_dir: Path) -> Candidacy:
    clock, stopping = SystemClock(), threading.Event()
    me = Holder("instance", "folder", "revision", clock.now())
    check = TakingOver(store, data_dir, me, clock, stopping).check
    return Candidacy(store, Terms(me, 1.5, {}, False), clock, SystemIds(clock), stopping, check, print)


@pytest.mark.parametrize(
    ("what", "damaged"),
    [
        (b'"owner":"folder"', b'"owner":"foldes"'),
        (b'"prev_last_seq":0', b'"prev_last_seq":1'),
        (b'"revision":"revision"', b'"revisinn":"revision"'),
    ],
)
def test_a_flipped_byte_in_an_epochs_document_names_it_and_stops_everything(
    gcs: FakeGcs, store: GcsStore, what: bytes, damaged: bytes, tmp_path: Path
) -> None:
    """Most still read as a document, and would tell another story."""
    house = LogHouse(tmp_path / "data", store)
    house.begin()
    house.note("kept")
    house.end()
    name = epoch_document(1)
    good = gcs.content(name)
    assert what in good
    exchange(gcs, name, good.replace(what, damaged))
    before = gcs.names()
    sentence = f"{name} in gs://roost is damaged: its checksum differs. Put a good copy in its place"
    with pytest.raises(ObjectDamaged, match=sentence):
        house.restored(tmp_path / "restored")
    with pytest.raises(ObjectDamaged, match=sentence):
        candidate(store, tmp_path / "data").take_now()
    assert gcs.names() == before
    with pytest.raises(ObjectDamaged, match=sentence):
        close_number(store, 1)
    exchange(gcs, name, good)
    house.restored(tmp_path / "restored")
    assert Epochs(store).newest is not None


def test_many_epochs_are_read_at_once_and_a_damaged_one_that_nobody_needs_harms_nothing(
    gcs: FakeGcs, store: GcsStore, tmp_path: Path
) -> None:
    house = LogHouse(tmp_path / "data", store)
    for _ in range(24):
        house.begin()
        house.end()
    gcs.place(epoch_document(0), b"rotten", {})
    gcs.fail("get", *[Fault(delay_s=0.05)] * 100)
    connections = gcs.connections
    with closing(GcsStore("roost", None, gcs.url)) as fresh:
        read = [document.epoch for document in Epochs(fresh).backwards()]
    assert read == list(range(24, 0, -1))
    assert gcs.connections - connections > FEW


def test_a_takeover_asks_no_more_for_all_that_crash_loops_have_left(
    gcs: FakeGcs, store: GcsStore, tmp_path: Path
) -> None:
    take_over(store, tmp_path / "data")
    before = len(gcs.requests)
    take_over(store, tmp_path / "data")
    asked = len(gcs.requests) - before
    # As many have taken the lease, and ended before their epoch began.
    for epoch in range(3, 3 + TOMBSTONES):
        assert close_number(store, epoch)
    lease = json.loads(store.get(LEASE)) | {"epoch": 2 + TOMBSTONES}
    store.put(LEASE, json.dumps(lease).encode())
    before = len(gcs.requests)
    begun = take_over(store, tmp_path / "data")
    assert begun.document.epoch == 3 + TOMBSTONES
    assert begun.document.prev_epoch == 2
    assert len(gcs.requests) - before == asked


def test_a_person_may_go_on_without_what_was_shipped_while_the_bucket_was_emptied(
    store: GcsStore, tmp_path: Path
) -> None:
    house = LogHouse(tmp_path / "data", store)
    take_over(store, house.data_dir)
    house.begin()
    house.note("kept")
    house.flush()
    house.die()
    late = segment(house.epoch, 1)
    for item in store.list().items:
        if item.name != late:
            store.delete(item.name)
    with pytest.raises(ObjectDamaged, match="is missing"):
        candidate(store, house.data_dir).take_now()
    request_adoption(house.data_dir)
    begun = take_over(store, house.data_dir)
    assert begun.document.epoch > house.epoch
    assert ("kept",) in contents(house.restored(tmp_path / "restored").files["conversations"])["notes"]
    assert late in [item.name for item in store.list().items]

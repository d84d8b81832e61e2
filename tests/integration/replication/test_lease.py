"""The lease, whoever waits for it, and taking over: in a folder and through the real client library."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from roost.clock import Clock, SystemClock, SystemIds
from roost.errors import BucketUnreachable, ObjectDamaged, Unavailable
from roost.replication.candidacy import Candidacy, Terms
from roost.replication.directory_store import DirectoryStore
from roost.replication.epochs import EpochDocument, Epochs, begin_epoch, close_number
from roost.replication.folder_id import folder_home, folder_id
from roost.replication.gcs import GcsStore
from roost.replication.layout import LEASE, WANT
from roost.replication.lease import (
    GRACE_S,
    HeldLease,
    Holder,
    LeaseDocument,
    LeaseLost,
    Patience,
    look,
    margin_s,
    parse_lease,
    take,
)
from roost.replication.log_reader import Log, end_segment
from roost.replication.object_store import ABSENT, ObjectStat, ObjectStore
from roost.replication.renewal import Renewal
from roost.replication.sealing import seal
from roost.replication.segment import Kind
from roost.replication.want import Requests, ask
from tests.fakes.fake_gcs import FakeGcs, Fault
from tests.fakes.log_house import LogHouse, contents, wait_until

AT = datetime(2026, 1, 1, tzinfo=UTC)
TTL_S = 30.0


class HandClock:
    """Moved by hand; its wall clock may be wrong by any amount."""

    def __init__(self, wrong_by: timedelta = timedelta()) -> None:
        self.s = 1000.0
        self._wrong_by = wrong_by

    def now(self) -> datetime:
        return AT + timedelta(seconds=self.s) + self._wrong_by

    def monotonic_s(self) -> float:
        return self.s


@pytest.fixture
def gcs() -> Iterator[FakeGcs]:
    with FakeGcs("roost") as gcs:
        yield gcs


@pytest.fixture(params=["folder", "gcs"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ObjectStore]:
    if request.param == "folder":
        (tmp_path / "bucket").mkdir()
        yield DirectoryStore(tmp_path / "bucket", SystemClock())
    else:
        gcs = request.getfixturevalue("gcs")
        with closing(GcsStore("roost", None, gcs.url)) as opened:
            yield opened


@pytest.fixture
def cloud(gcs: FakeGcs) -> Iterator[GcsStore]:
    with closing(GcsStore("roost", None, gcs.url)) as opened:
        yield opened


def holder(name: str, revision: str = "one") -> Holder:
    return Holder(name, f"folder of {name}", revision, AT, home="one machine's disk")


def held_by(
    store: ObjectStore, clock: Clock, name: str, epoch: int = 1, nonce: str | None = None
) -> HeldLease | None:
    document = LeaseDocument(epoch, nonce or f"nonce of {name}", holder(name), TTL_S, clock.now())
    return take(store, clock, look(store), document)


def require(lease: HeldLease | None) -> HeldLease:
    assert lease is not None
    return lease


def candidacy(
    store: ObjectStore,
    clock: Clock,
    name: str,
    revision: str = "one",
    *,
    may_ask: bool = True,
    schema: int = 1,
) -> Candidacy:
    terms = Terms(holder(name, revision), TTL_S, {"conversations": schema}, may_ask)
    ids = SystemIds(SystemClock())
    return Candidacy(store, terms, clock, ids, threading.Event(), lambda _: None, lambda *_: None)


def test_of_two_that_saw_the_same_one_gets_it(store: ObjectStore) -> None:
    """Fault 10: two newcomers race."""
    clock = HandClock()
    seen = look(store)
    documents = [LeaseDocument(1, name, holder(name), TTL_S, clock.now()) for name in ("a", "b")]
    got = [take(store, clock, seen, document) for document in documents]
    assert [lease is not None for lease in got] == [True, False]
    found = look(store).document
    assert found is not None
    assert found.nonce == "a"


def test_it_is_valid_from_the_beginning_of_the_last_renewal(store: ObjectStore) -> None:
    clock = HandClock()
    lease = require(held_by(store, clock, "a"))
    assert lease.valid()
    clock.s += TTL_S - margin_s(TTL_S) - 0.1
    assert lease.valid()
    clock.s += 0.2
    assert not lease.valid()
    lease.renew(lambda: False)
    assert lease.valid()


def test_what_a_slow_renewal_takes_is_taken_off_its_time(tmp_path: Path) -> None:
    clock = HandClock()

    class Slow(DirectoryStore):
        def put(self, *arguments: Any, **named: Any) -> ObjectStat:
            clock.s += 4
            return super().put(*arguments, **named)

    path = tmp_path / "slow"
    path.mkdir()
    lease = require(held_by(Slow(path, clock), clock, "a"))
    assert lease.renewed_s_ago == 4
    clock.s += 10
    lease.renew(lambda: False)
    assert lease.renewed_s_ago == 4


@pytest.mark.parametrize("ttl_s", [3, 4, 30, 600])
def test_whoever_is_silent_stops_before_anybody_else_may_begin(ttl_s: float) -> None:
    assert 0 < margin_s(ttl_s) < ttl_s / 2
    # Three renewals fit into what is left, so that one that is lost costs nothing.
    assert ttl_s - margin_s(ttl_s) > 2 * ttl_s / 3


@pytest.mark.parametrize("hours", [-1, 0, 1])
def test_clocks_an_hour_apart_change_nothing(store: ObjectStore, hours: int) -> None:
    """Fault 15."""
    own, other = HandClock(timedelta(hours=hours)), HandClock()
    lease = require(held_by(store, other, "a"))
    waiting = Patience(own, TTL_S, holder("b"))
    for _ in range(5):
        assert waiting.wait_s(look(store), new_bucket=False) > 0
        own.s += 10
        other.s += 10
        lease.renew(lambda: True)
    left_s = waiting.wait_s(look(store), new_bucket=False)
    assert TTL_S + GRACE_S / 2 <= left_s <= TTL_S + GRACE_S, (
        "of the time since it looked last half is allowed"
    )
    own.s += left_s - 0.1
    assert waiting.wait_s(look(store), new_bucket=False) > 0
    own.s += 0.2
    assert waiting.wait_s(look(store), new_bucket=False) == 0


def test_a_lease_that_would_last_for_years_is_waited_out_all_the_same(store: ObjectStore) -> None:
    clock = HandClock()
    document = LeaseDocument(1, "n", holder("a"), 1e12, clock.now() + timedelta(days=9999))
    store.put(LEASE, document.to_bytes())
    waiting = Patience(clock, TTL_S, holder("b"))
    assert waiting.wait_s(look(store), new_bucket=False) <= 600 + GRACE_S


def test_ones_own_folder_and_a_released_lease_are_not_waited_for(store: ObjectStore) -> None:
    clock = HandClock()
    lease = require(held_by(store, clock, "a"))
    assert Patience(clock, TTL_S, holder("a")).wait_s(look(store), new_bucket=False) == 0
    assert Patience(clock, TTL_S, holder("b")).wait_s(look(store), new_bucket=False) > 0
    lease.release(7)
    assert Patience(clock, TTL_S, holder("b")).wait_s(look(store), new_bucket=False) == 0
    found = look(store).document
    assert found is not None
    assert found.final_seq == 7
    assert not lease.valid()


@pytest.mark.parametrize(
    "garbage",
    [b"", b"\x00\xff", b"[]", b"{}", b'{"epoch": "x"}', b'{"epoch": 5, "state": "held"}', b"null", b"1e999"],
)
def test_garbage_is_no_lease_and_counts_as_held_by_somebody(store: ObjectStore, garbage: bytes) -> None:
    """Fault 23."""
    assert parse_lease(garbage) is None
    store.put(LEASE, garbage)
    clock = HandClock()
    waiting = Patience(clock, TTL_S, holder("a"))
    assert waiting.wait_s(look(store), new_bucket=False) == TTL_S + GRACE_S
    clock.s += TTL_S + GRACE_S
    assert waiting.wait_s(look(store), new_bucket=False) == 0


def test_one_that_was_replaced_is_told_at_its_next_renewal(store: ObjectStore) -> None:
    """Fault 13."""
    clock = HandClock()
    zombie = require(held_by(store, clock, "a"))
    require(held_by(store, clock, "b", epoch=2))
    with pytest.raises(LeaseLost, match="b "):
        zombie.renew(lambda: True)
    assert not zombie.valid()
    with pytest.raises(LeaseLost):
        zombie.release(3)
    found = look(store).document
    assert found is not None
    assert not found.released


def test_a_lost_lease_is_written_anew_while_the_epoch_stands(store: ObjectStore) -> None:
    """Fault 23."""
    clock = HandClock()
    lease = require(held_by(store, clock, "a"))
    store.delete(LEASE)
    lease.renew(lambda: True)
    store.put(LEASE, b"garbage")
    lease.renew(lambda: True)
    found = look(store).document
    assert found is not None
    assert found.holder.instance == "a"
    store.delete(LEASE)
    with pytest.raises(LeaseLost):
        lease.renew(lambda: False)


def test_a_renewal_under_way_does_not_take_a_released_lease_back(store: ObjectStore) -> None:
    lease = require(held_by(store, HandClock(), "a"))
    lease.release(3)
    with pytest.raises(LeaseLost):
        lease.renew(lambda: True)
    found = look(store).document
    assert found is not None
    assert found.released


def test_a_lost_lease_is_not_for_whoever_a_later_epoch_has_replaced(store: ObjectStore) -> None:
    """Faults 13 and 23 together: a process is resumed, and the lease that would have told it is gone."""
    begin_epoch(store, document_of(1))
    zombie = HeldLease(store, SystemClock(), LeaseDocument(1, "n", holder("a"), 1.5, AT), 1, 0.0)
    renewal = Renewal(store, zombie, Requests(store, holder("a")), SystemClock())
    renewal.begin()
    begin_epoch(store, replace(document_of(2, "another"), prev_epoch=1))
    renewal.start()
    wait_until(lambda: renewal.lost is not None, "the zombie is told")
    assert not zombie.valid()
    assert look(store).generation == ABSENT


def test_lost_answers_neither_lose_the_lease_nor_make_it_last_longer(cloud: GcsStore, gcs: FakeGcs) -> None:
    """Fault 17: written, and the answer lost."""
    clock = HandClock()
    gcs.fail("put", Fault(drop=True))
    lease = require(held_by(cloud, clock, "a"))
    for _ in range(3):
        gcs.fail("put", Fault(drop=True))
        lease.renew(lambda: False)
    # A renewal that may have arrived counts from when the next one began.
    gcs.fail("put", Fault(drop=True), *[Fault(reset=True)] * 40)
    with pytest.raises(BucketUnreachable):
        lease.renew(lambda: False)
    gcs.clear_faults()
    clock.s += 10
    assert lease.renewed_s_ago == 10
    lease.renew(lambda: False)
    assert lease.renewed_s_ago == 0
    assert require(lease).valid()


def test_the_lease_is_taken_back_to_nobody_who_lost_the_race_by_a_lost_answer(
    cloud: GcsStore, gcs: FakeGcs
) -> None:
    clock = HandClock()
    seen = look(cloud)
    require(held_by(cloud, clock, "a"))
    gcs.fail("put", Fault(reset=True))
    document = LeaseDocument(1, "b", holder("b"), TTL_S, clock.now())
    assert take(cloud, clock, seen, document) is None


def test_a_want_is_heard_once_and_only_from_another_revision(store: ObjectStore) -> None:
    ask(store, holder("early", "zero"))
    requests = Requests(store, holder("a", "one"))
    requests.begin()
    assert requests.newcomer() is None, "asked before this tenure"
    ask(store, holder("b", "one"))
    assert requests.newcomer() is None, "the same revision"
    ask(store, holder("a", "two"))
    assert requests.newcomer() is None, "itself"
    ask(store, holder("c", "two"))
    assert requests.newcomer() == "two"
    assert requests.newcomer() is None
    store.put(WANT, b"garbage")
    assert requests.newcomer() is None
    store.delete(WANT)
    assert requests.newcomer() is None


def test_only_a_newcomer_asks(store: ObjectStore) -> None:
    """Fault 30: no ping-pong between revisions. Fault 31: two of one revision do not disturb each other."""
    clock = HandClock()
    old = require(held_by(store, clock, "a"))
    bystander = candidacy(store, clock, "same revision")
    yielded = candidacy(store, clock, "has had it", "zero", may_ask=False)
    for each in (bystander, yielded):
        each.look_once()
    assert not store.list(WANT).items
    newcomer = candidacy(store, clock, "b", "two")
    newcomer.look_once()
    assert json.loads(store.get(WANT))["instance"] == "b"
    store.delete(WANT)
    old.release(None)
    require(take(store, clock, look(store), LeaseDocument(2, "n2", holder("c", "three"), TTL_S, clock.now())))
    # It was here before the newer one came, and does not want the lease back for its revision.
    bystander.look_once()
    assert not store.list(WANT).items
    newcomer.look_once()
    assert json.loads(store.get(WANT))["instance"] == "b", "whoever was faster is asked too"


def test_an_older_roost_neither_asks_for_nor_takes_what_a_newer_one_wrote(store: ObjectStore) -> None:
    """Fault 30: a roll back over a change of the schema."""
    clock = HandClock()
    newer = LeaseDocument(1, "n", holder("a", "two"), TTL_S, clock.now(), schemas={"conversations": 9})
    lease = require(take(store, clock, look(store), newer))
    older = candidacy(store, clock, "b", "one", schema=8)
    with pytest.raises(Unavailable, match="written by a newer Roost"):
        older.look_once()
    lease.release(None)
    with pytest.raises(Unavailable, match="written by a newer Roost"):
        older.take_now()
    assert not store.list(WANT).items


def test_a_command_does_not_wait_for_a_bucket_in_use(store: ObjectStore) -> None:
    clock = HandClock()
    require(held_by(store, clock, "a"))
    with pytest.raises(Unavailable, match="--server") as refused:
        candidacy(store, clock, "b").take_now()
    assert refused.value.code == "bucket_in_use"


def document_of(epoch: int, owner: str = "folder") -> EpochDocument:
    return EpochDocument(epoch, None, 0, {}, {}, owner, "instance", "one", AT)


def test_an_epoch_begins_once_and_not_after_it_was_closed(store: ObjectStore) -> None:
    """Fault 11: a newcomer that died after it took the lease can never begin late."""
    assert begin_epoch(store, document_of(1))
    assert begin_epoch(store, document_of(1)), "the same again"
    assert not begin_epoch(store, document_of(1, "another"))
    assert close_number(store, 2)
    assert close_number(store, 2)
    assert not begin_epoch(store, document_of(2))
    assert not close_number(store, 1)
    assert begin_epoch(store, replace(document_of(3), prev_epoch=1))
    epochs = Epochs(store)
    assert epochs.newest is not None
    assert epochs.newest.epoch == 3
    assert [each.epoch for each in epochs.backwards()] == [3, 1]
    after = epochs.after(1)
    assert after is not None
    assert after.epoch == 3
    assert 2 in epochs
    assert epochs.find(2) is None


def test_epochs_are_numbered_above_segments_that_somebody_left(store: ObjectStore) -> None:
    store.put("v1/log/00000007/000000000001.seg", b"left behind")
    lease = candidacy(store, HandClock(), "a").take_now()
    assert lease.epoch == 8


def test_a_log_that_lacks_the_end_of_which_the_lease_tells_is_not_gone_on_with(store: ObjectStore) -> None:
    clock = HandClock()
    lease = require(held_by(store, clock, "a"))
    begun = document_of(1)
    assert begin_epoch(store, begun)
    mark = end_segment(Kind.CLEAN_END, 1, Log(store).head(begun), AT)
    lease.release(1)
    other = candidacy(store, clock, "b", "two")
    with pytest.raises(ObjectDamaged, match="lacks its end"):
        other.look_once()
    store.put(mark.name, mark.content, metadata=mark.metadata)
    taken, _ = other.look_once()
    assert require(taken).epoch == 2


def test_a_lease_with_a_number_from_elsewhere_is_not_followed(store: ObjectStore) -> None:
    """Fault 23: a lease from the future costs no millions of tombstones."""
    begin_epoch(store, document_of(4))
    strange = LeaseDocument(10**9, "n", holder("a"), TTL_S, AT, released=True)
    store.put(LEASE, strange.to_bytes())
    assert candidacy(store, HandClock(), "b").take_now().epoch == 5


def test_a_copied_folder_has_an_id_of_its_own(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    assert folder_id(one, "first") == "first"
    assert folder_id(one, "later") == "first"
    (two / "folder.id").write_bytes((one / "folder.id").read_bytes())
    assert folder_id(two, "second") == "second"
    (one / "folder.id").write_text("scrambled")
    assert folder_id(one, "third") == "third"


def test_a_folder_on_another_machine_waits_though_it_has_the_same_id(store: ObjectStore) -> None:
    """An image of the disk, as of a cloned machine: its lock says nothing about the one it is an image of."""
    clock = HandClock()
    require(held_by(store, clock, "a"))
    for home in ("another machine's disk", ""):
        clone = replace(holder("a"), home=home)
        assert Patience(clock, TTL_S, clone).wait_s(look(store), new_bucket=False) > 0
    silent = replace(holder("a"), home="")
    document = LeaseDocument(2, "n", silent, TTL_S, clock.now())
    store.put(LEASE, document.to_bytes())
    assert Patience(clock, TTL_S, silent).wait_s(look(store), new_bucket=False) > 0


def test_where_a_folder_lies_stays_the_same_while_the_kernel_runs(tmp_path: Path) -> None:
    assert folder_home(tmp_path) == folder_home(tmp_path)
    assert folder_home(tmp_path) != folder_home(Path("/proc"))


@pytest.mark.parametrize("seed", range(2))
def test_a_holder_that_ships_while_it_is_sealed_is_fenced_and_nothing_shipped_is_lost(
    store: ObjectStore, tmp_path: Path, seed: int
) -> None:
    """Fault 14: what was in the bucket before the seal counts, and nothing after it."""
    house = LogHouse(tmp_path / "zombie", store, interval_s=0.002)
    house.begin()
    shipped: list[str] = []
    done = threading.Event()

    def load() -> None:
        number = 0
        while not done.is_set():
            house.note(f"{seed} {number}")
            if house.running.flush(10):
                shipped.append(f"{seed} {number}")
            number += 1
            # Ever slower, as a holder that was replaced stops in the end: it is not raced for ever.
            done.wait(0.002 * number)

    writer = threading.Thread(target=load)
    writer.start()
    wait_until(lambda: len(shipped) >= 3 + seed * 3, "something is shipped")
    epochs = Epochs(store)
    newest = epochs.newest
    assert newest is not None
    head = seal(store, Log(store, epochs), newest, SystemClock().now())
    before = list(shipped)
    assert head.ended is Kind.SEAL
    try:
        wait_until(lambda: bool(house.fenced), "the holder that was replaced is fenced")
    finally:
        done.set()
    house.running.abandon()
    writer.join()
    house.die()
    again = seal(store, Log(store), newest, SystemClock().now())
    assert (again.seq, again.sha256) == (head.seq, head.sha256), "nothing came after the seal"
    restored = house.restored(tmp_path / "restored")
    kept = [row[0] for row in contents(restored.files["conversations"])["notes"]]
    assert set(before) <= set(kept)
    assert set(shipped) <= set(kept)

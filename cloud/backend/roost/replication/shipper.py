"""Ships what is committed to the bucket, for as long as this process holds the epoch."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from roost.clock import Clock
from roost.errors import BucketUnreachable, ObjectMissing, PreconditionFailed, RoostError, Unavailable
from roost.replication.collection import collect
from roost.replication.draining import Draining, Replicated
from roost.replication.epochs import EpochDocument
from roost.replication.layout import SHA256
from roost.replication.object_store import ABSENT, ObjectStore
from roost.replication.pages import PageHashes
from roost.replication.reached import Reached
from roost.replication.segment import PackedSegment, Position
from roost.replication.snapshot_objects import put_snapshot
from roost.replication.snapshots import SnapshotTaker
from roost.replication.spool import Cover, Rebase, Spool, Waiting

log = logging.getLogger("roost.replication")

SPOOL_BYTES = 32 * 1024 * 1024
WAL_LIMIT_BYTES = 256 * 1024 * 1024
"""Of what is on this disk alone. Writes are refused beyond it."""

BACK_OFF_S = (0.1, 2.0)
"""The first pause after a failure, and the longest."""

MEND_AGAIN_AFTER_S = 30.0
JOIN_S = 0.5
"""A stop has little time, and what still runs then can do no harm."""


@dataclass(frozen=True, slots=True)
class ShippingStanding:
    """`lag_s` is the age of the oldest write that may not be in the bucket, 0 when there is none;
    `bytes_waiting` at most what of it waits, in memory and on this disk. `trouble` says, for people, why the
    last attempt failed. `rebases_total` counts the fresh snapshots that were needed because the log of a
    database could not be followed any more.
    """

    epoch: int
    seq: int
    lag_s: float
    bytes_waiting: int
    last_shipped_at: datetime | None
    trouble: str | None
    snapshots: int
    segments_total: int
    bytes_total: int
    failures_total: int
    rebases_total: int


class _Fenced(Exception):
    """A place in the log is taken by somebody else's object."""


class Shipper:
    """One for each tenure. `fenced` is called once, from the shipper's own thread, when somebody else has
    ended or continued this epoch's log: nothing more will be shipped.
    """

    def __init__(
        self,
        store: ObjectStore,
        databases: Mapping[str, Replicated],
        clock: Clock,
        interval_s: float,
        fenced: Callable[[str], None],
        spool_bytes: int = SPOOL_BYTES,
        wal_limit_bytes: int = WAL_LIMIT_BYTES,
    ) -> None:
        self._store = store
        self._databases = databases
        self._clock = clock
        self._interval_s = interval_s
        self._fenced = fenced
        self._spool = Spool(spool_bytes)
        self._wal_limit_bytes = wal_limit_bytes
        self._draining: Draining | None = None
        self._snapshots: SnapshotTaker | None = None
        self._reached: Reached | None = None
        self._epoch = 0
        self._behind = False
        self._over = False
        self._kicked = threading.Event()
        self._progress = threading.Condition()
        self._shipped_seq = 0
        self._last_shipped_at: datetime | None = None
        self._trouble: str | None = None
        self._segments = self._bytes = self._failures = self._rebases = 0
        self._mend_after_s = 0.0
        self._thread = threading.Thread(target=self._run, name="shipper", daemon=True)

    def begin(self, document: EpochDocument, hashes: Mapping[str, PageHashes]) -> None:
        """Starts shipping. `document` is in the bucket, and `hashes` are of the settled files before they
        were opened; what has been committed since then is in their logs.
        """
        self._epoch = document.epoch
        for database in self._databases.values():
            # What a kill has left of a snapshot.
            for leftover in database.path.parent.glob(f"{database.path.name}.snapshot*"):
                leftover.unlink(missing_ok=True)
            for leftover in database.path.parent.glob(f"{database.path.name}.rebasing*"):
                leftover.unlink(missing_ok=True)
        self._draining = Draining(document, self._databases, hashes, self._clock, self._spool)
        self._snapshots = SnapshotTaker(
            self._store,
            self._draining,
            {name: database.path for name, database in self._databases.items()},
            self._clock,
            self._arrived,
            lambda: collect(self._store, tuple(self._databases), self._clock.now()),
        )
        folder = next(iter(self._databases.values())).path.parent
        self._reached = Reached(folder, Position(document.epoch, 0))
        self._thread.start()
        self._snapshots.start()

    def admit(self) -> None:
        """Raises Unavailable while so much waits that nothing more may be accepted."""
        if self._behind:
            raise Unavailable(
                "The backup is behind: the bucket takes less than is written. Writing goes on once it has "
                "caught up.",
                code="backup_behind",
                retry_after_s=5,
            )

    def before_checkpoint(self, database: str) -> bool:
        """For `Database.guard`: on the writer's thread, whether a checkpoint loses nothing now."""
        if self._over:
            return True
        if self._draining is None:
            return False
        self._look_behind(self._draining)
        if self._draining.before_checkpoint(database):
            return True
        self._kicked.set()
        return False

    def after_checkpoint(self, database: str, frames: int) -> None:
        """For `Database.guard`."""
        if self._draining is not None and not self._over:
            self._draining.after_checkpoint(database, frames)

    def flush(self, timeout_s: float) -> bool:
        """Whether everything that was committed before this call is in the bucket."""
        wanted_s = self._clock.monotonic_s()
        self._kicked.set()
        return self._wait(lambda: self._covers(wanted_s), timeout_s)

    def end(self, timeout_s: float, *, clean: bool) -> int | None:
        """Ships what is left, with the mark that nothing follows if `clean`, and stops. The databases are
        frozen by then, and closed only afterwards. The number of the log's last object, None when something
        is missing in the bucket.
        """
        deadline_s = self._clock.monotonic_s() + timeout_s
        complete = self.flush(timeout_s)
        if complete and clean and self._draining is not None:
            self._draining.end()
            seq = self._draining.seq
            self._kicked.set()
            complete = self._wait(
                lambda: self._shipped_seq >= seq, max(0.0, deadline_s - self._clock.monotonic_s())
            )
        seq = self._shipped_seq
        self.abandon()
        if self._snapshots is not None:
            self._snapshots.stop(JOIN_S)
        if self._thread.is_alive():
            self._thread.join(JOIN_S)
        return seq if complete else None

    def abandon(self) -> None:
        """Ships nothing more. An upload that is under way may still arrive."""
        with self._progress:
            self._over = True
            self._progress.notify_all()
        self._kicked.set()
        if self._snapshots is not None:
            self._snapshots.stop(0)

    def snapshot_now(self) -> None:
        """Has a snapshot of every database taken soon."""
        if self._snapshots is not None:
            self._snapshots.want()

    def standing(self) -> ShippingStanding:
        draining, snapshots = self._draining, self._snapshots
        waiting = lag_s = 0.0
        if draining is not None:
            covered = self._spool.covered
            if covered.commits != draining.commits() or self._spool.first() is not None or draining.broken:
                lag_s = max(0.0, self._clock.monotonic_s() - covered.at_s)
                waiting = self._spool.bytes + draining.waiting_bytes()
        return ShippingStanding(
            self._epoch,
            self._shipped_seq,
            lag_s,
            int(waiting),
            self._last_shipped_at,
            self._trouble or (snapshots.trouble if snapshots else None),
            snapshots.taken_total if snapshots else 0,
            self._segments,
            self._bytes,
            self._failures,
            self._rebases,
        )

    def _run(self) -> None:
        draining = self._draining
        if draining is None:
            return
        # What was there at the beginning counts as waiting since then.
        self._spool.cover(Cover(self._clock.monotonic_s(), -1))
        failed, retry_at_s = 0, 0.0
        while not self._over:
            began_s = self._clock.monotonic_s()
            self._kicked.clear()
            try:
                complete = draining.drain()
                self._look_behind(draining)
                if began_s >= retry_at_s:
                    self._ship(draining, complete=complete)
                    failed = 0
                    self._say(None)
            except _Fenced as error:
                self.abandon()
                self._spool.clear()
                self._fenced(str(error))
                break
            except RoostError as error:
                if self._ended():
                    break
                self._failures += 1
                self._say(error.message)
                retry_at_s = self._clock.monotonic_s() + min(BACK_OFF_S[1], BACK_OFF_S[0] * 2**failed)
                failed = min(failed + 1, 10)
            except Exception:  # the thread's edge - shipping must go on, or people know why not
                if self._ended():
                    break
                log.exception("Shipping failed")
                self._failures += 1
                self._say("Shipping failed. See the log.")
                retry_at_s = self._clock.monotonic_s() + BACK_OFF_S[1]
            until_s = max(retry_at_s, began_s + (0.0 if failed else self._interval_s))
            self._kicked.wait(max(0.0, until_s - self._clock.monotonic_s()))
        draining.close()
        if self._reached is not None:
            self._reached.close()

    def _ship(self, draining: Draining, *, complete: bool) -> None:
        while (waiting := self._spool.first()) is not None and not self._over:
            self._put(waiting)
            if not complete and self._spool.bytes < self._spool.limit_bytes // 2:
                complete = draining.drain()
        self._mend(draining)
        with self._progress:
            self._progress.notify_all()
        if draining.displaced:
            raise Unavailable(
                f"Somebody removed the -wal file of {', '.join(draining.displaced)}. Restart Roost; what it "
                "has written is in the bucket.",
                code="log_removed",
            )

    def _mend(self, draining: Draining) -> None:
        """A snapshot in place of what cannot be told any more; what follows waits for it."""
        now_s = self._clock.monotonic_s()
        for name in draining.broken:
            if now_s >= self._mend_after_s:
                self._mend_after_s = now_s + MEND_AGAIN_AFTER_S
                draining.rebase(name, self._going_on)
                self._mend_after_s = 0.0
                self._rebases += 1
                self._kicked.set()

    def _put(self, waiting: Waiting) -> None:
        if waiting.rebase is not None:
            self._put_rebase(waiting, waiting.rebase)
        if self._reached is not None:
            self._reached.note(Position(self._epoch, waiting.seq))
        self._put_segment(waiting.segment)
        self._spool.shipped(waiting)
        if waiting.rebase is not None:
            waiting.rebase.snapshot.path.unlink(missing_ok=True)
        self._segments += 1
        self._bytes += len(waiting.segment.content)
        self._last_shipped_at = self._clock.now()
        with self._progress:
            self._shipped_seq = waiting.seq
            self._progress.notify_all()

    def _put_segment(self, segment: PackedSegment) -> None:
        try:
            self._store.put(
                segment.name, segment.content, if_generation_match=ABSENT, metadata=segment.metadata
            )
        except PreconditionFailed:
            # Ours, whose answer was lost, or somebody else's.
            self._require_ours(segment.name, segment.sha256)

    def _put_rebase(self, waiting: Waiting, rebase: Rebase) -> None:
        try:
            put_snapshot(
                self._store,
                rebase.database,
                Position(self._epoch, waiting.seq),
                rebase.snapshot,
                self._clock.now(),
                rebase.schema,
                rebased=True,
            )
        except PreconditionFailed as error:
            raise _Fenced(error.message) from error
        log.error("%s: a fresh snapshot has taken the place of what could not be followed", rebase.database)

    def _require_ours(self, name: str, sha256: str) -> None:
        try:
            there = self._store.stat(name)
        except ObjectMissing as error:
            raise BucketUnreachable(f"{name} in {self._store.place} comes and goes.") from error
        if there.metadata.get(SHA256) != sha256:
            raise _Fenced(f"{name} in {self._store.place} was written by somebody else.")

    def _arrived(self, seq: int) -> bool:
        """Waits until that segment is in the bucket; False when the tenure ends before."""
        with self._progress:
            self._progress.wait_for(lambda: self._shipped_seq >= seq or self._over)
            return self._shipped_seq >= seq

    def _covers(self, wanted_s: float) -> bool:
        covered = self._spool.covered
        return covered.commits >= 0 and covered.at_s >= wanted_s

    def _wait(self, reached: Callable[[], bool], timeout_s: float) -> bool:
        with self._progress:
            self._progress.wait_for(lambda: reached() or self._over, timeout_s)
            return reached()

    def _ended(self) -> bool:
        """Asked anew: another thread may have ended the tenure meanwhile."""
        return self._over

    def _look_behind(self, draining: Draining) -> None:
        self._behind = draining.waiting_bytes() > self._wal_limit_bytes

    def _going_on(self) -> None:
        if self._over:
            raise Unavailable("Roost is stopping.")

    def _say(self, trouble: str | None) -> None:
        if trouble is not None and trouble != self._trouble:
            log.error("Shipping to the bucket failed: %s", trouble)
        elif trouble is None and self._trouble is not None:
            log.info("%s has everything again", self._store.place)
        self._trouble = trouble

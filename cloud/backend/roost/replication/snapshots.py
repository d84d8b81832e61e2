"""Snapshots while the databases are being written: every hour, or every 2,000 segments."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

from roost.clock import Clock
from roost.errors import ObjectDamaged, RoostError
from roost.replication.draining import SHIPPING_FIRST, Draining, Taken
from roost.replication.log_reader import Log
from roost.replication.object_store import ObjectStore
from roost.replication.snapshot_objects import listed_snapshots, pack_snapshot, put_snapshot

log = logging.getLogger("roost.replication")

EVERY_S = 3600.0
EVERY_SEGMENTS = 2000
AGAIN_AFTER_S = 60.0
"""After a failure."""

LOOKED_AT_EVERY_S = 5.0
SHIPPING_FIRST_S = 0.5


class Stopped(Exception):
    """The tenure ended while a snapshot was made."""


class SnapshotTaker:
    """Its own thread, from `start` to `stop`. `arrived` waits until a segment is in the bucket."""

    def __init__(
        self,
        store: ObjectStore,
        draining: Draining,
        databases: Mapping[str, Path],
        clock: Clock,
        arrived: Callable[[int], bool],
        collect: Callable[[], object],
        every_s: float = EVERY_S,
        every_segments: int = EVERY_SEGMENTS,
    ) -> None:
        self._store = store
        self._draining = draining
        self._databases = databases
        self._clock = clock
        self._arrived = arrived
        self._collect = collect
        self._every_s = every_s
        self._every_segments = every_segments
        self._stopped = threading.Event()
        self._wanted = threading.Event()
        self._before = 0
        """Segments since the newest snapshot, in the epochs before this one."""
        self._taken_seq = 0
        self._taken_at: datetime | None = None
        self._known = False
        self.trouble: str | None = None
        self.taken_total = 0
        self._thread = threading.Thread(target=self._run, name="snapshots", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        self._stopped.set()
        self._wanted.set()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(timeout_s)

    def want(self) -> None:
        """Takes one soon, whenever the last was."""
        self._wanted.set()

    def take_all(self) -> None:
        """Every database at one position of the log. Raises RoostError, Stopped."""
        with ExitStack() as stack:
            taken = self._draining.take()
            for each in taken.values():
                stack.enter_context(each.opened)
            for database, each in taken.items():
                self._store_one(database, each)
        self.taken_total += 1

    def _run(self) -> None:
        wait_s, again = 0.0, False
        while not self._stopped.is_set():
            wanted = self._wanted.wait(wait_s) or again
            again = False
            if self._stopped.is_set():
                return
            self._wanted.clear()
            wait_s = min(LOOKED_AT_EVERY_S, self._every_s)
            try:
                if not self._known:
                    self._look()
                if wanted or self._due():
                    seq, at = self._draining.seq, self._clock.now()
                    self.take_all()
                    self._before, self._taken_seq, self._taken_at = 0, seq, at
                    self.trouble = None
                    self._collect_garbage()
            except Stopped:
                return
            except RoostError as error:
                if error.code == SHIPPING_FIRST:
                    wait_s = SHIPPING_FIRST_S
                    again = wanted
                    continue
                if self.trouble != error.message:
                    log.error("No snapshot could be taken: %s", error.message)
                self.trouble = error.message
                wait_s = AGAIN_AFTER_S
            except Exception:  # the thread's edge - segments go on, and people have to know
                log.exception("Taking a snapshot failed")
                self.trouble = "Taking a snapshot failed. See the log."
                wait_s = AGAIN_AFTER_S

    def _collect_garbage(self) -> None:
        try:
            self._collect()
        except ObjectDamaged as error:
            log.error("Nothing of the log is deleted: %s", error.message)
            self.trouble = error.message
        except RoostError as error:
            # What is left over costs a little, and goes after the next snapshot.
            log.warning("What the log does not need could not be deleted: %s", error.message)

    def _due(self) -> bool:
        since = self._before + self._draining.seq - self._taken_seq
        if since == 0:
            return False
        if since >= self._every_segments or self._taken_at is None:
            return True
        return (self._clock.now() - self._taken_at).total_seconds() >= self._every_s

    def _look(self) -> None:
        """How long ago the bucket's newest snapshots were taken, before this process."""
        chain = Log(self._store).epochs()
        if not chain:
            return
        known = {document.epoch for document in chain}
        newest = [
            next((each for each in listed_snapshots(self._store, name) if each.position.epoch in known), None)
            for name in self._databases
        ]
        self._known = True
        if any(each is None for each in newest):
            return
        oldest = min((each for each in newest if each is not None), key=lambda each: each.position)
        self._taken_at = oldest.at
        self._before = sum(
            after.prev_last_seq - (oldest.position.seq if after.prev_epoch == oldest.position.epoch else 0)
            for after in chain
            if after.prev_epoch is not None and after.prev_epoch >= oldest.position.epoch
        )
        if oldest.position.epoch == chain[-1].epoch:
            self._taken_seq = oldest.position.seq

    def _store_one(self, database: str, taken: Taken) -> None:
        path = self._databases[database]
        copy = path.with_name(f"{path.name}.snapshot")
        compressed = copy.with_name(copy.name + ".zst")
        try:
            taken.opened.copy_to(copy, self._going_on)
            schema = taken.opened.schema
            # The log of this database may begin anew from here on.
            taken.opened.close()
            packed = pack_snapshot(copy, compressed, self._going_on)
            copy.unlink()
            if packed.state != taken.state:
                self._draining.break_off(database, "a copy of it is not what was shipped")
                raise ObjectDamaged(
                    f"A copy of {database} differs from what was shipped. A fresh snapshot takes its place."
                )
            if not self._arrived(taken.position.seq):
                raise Stopped
            put_snapshot(self._store, database, taken.position, packed, taken.at, schema, rebased=False)
        finally:
            copy.unlink(missing_ok=True)
            compressed.unlink(missing_ok=True)

    def _going_on(self) -> None:
        if self._stopped.is_set():
            raise Stopped

"""One time of holding the lease, from the moment the databases are open to the moment another may write."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from roost.clock import Clock
from roost.domain.replication import LogStanding
from roost.errors import RemoteError, RoostError
from roost.replication.lease import GRACE_S, HeldLease, Sighting, look
from roost.replication.object_store import ObjectStore
from roost.replication.plain_copies import PlainCopies
from roost.replication.renewal import Renewal
from roost.replication.shipper import Shipper
from roost.services.readiness import Readiness, State
from roost.storage.data_folder import YIELDED
from roost.storage.database import Database

log = logging.getLogger("roost.replication")

WATCH_EVERY_S = 0.1
LOOK_EVERY_S = 1.0
HANDOVER_SHIPS_S = 10.0
SUSPENDED = "The bucket cannot be reached, so nothing can be changed now. What you see is still there."
MOVING = "Roost is moving to a new container."
SETTLED = "Another container runs Roost now. This one stands by."
SETTLED_AFTER = 4
"""Times the lease was seen to change since it was given up: the newcomer has had it for a while by then."""


@dataclass(frozen=True, slots=True)
class Duties:
    """What only the holder of the lease does. `pause` and `resume` are about what reaches others, the bots;
    `end` is for good. `restart` has the process begin anew, as one that waits for the lease.
    """

    pause: Callable[[], None]
    resume: Callable[[], None]
    end: Callable[[], None]
    restart: Callable[[], None]


class Tenure:
    """`watch` begins a thread that ends the duties when the lease is lost, asked for, or not renewed."""

    def __init__(
        self,
        store: ObjectStore,
        data_dir: Path,
        lease: HeldLease,
        renewal: Renewal,
        shipper: Shipper,
        copies: PlainCopies,
        databases: Mapping[str, Database],
        readiness: Readiness,
        clock: Clock,
    ) -> None:
        self._store = store
        self._data_dir = data_dir
        self._lease = lease
        self._renewal = renewal
        self._shipper = shipper
        self._copies = copies
        self._databases = databases
        self._readiness = readiness
        self._clock = clock
        self._stopping = threading.Event()
        self._closing = threading.Lock()
        self._closed = False
        self._fenced: str | None = None
        self._watcher: threading.Thread | None = None

    @property
    def copies(self) -> PlainCopies:
        return self._copies

    @property
    def trouble(self) -> str | None:
        return self._shipper.standing().trouble or self._renewal.trouble or self._copies.trouble

    def log_standing(self) -> LogStanding:
        standing = self._shipper.standing()
        return LogStanding(
            epoch=standing.epoch,
            seq=standing.seq,
            lag_s=standing.lag_s,
            bytes_waiting=standing.bytes_waiting,
            last_shipped_at=standing.last_shipped_at,
            segments_total=standing.segments_total,
            bytes_total=standing.bytes_total,
            failures_total=standing.failures_total,
        )

    def fence(self, reason: str) -> None:
        """The log is another's: nothing that is written from now on can ever be in it."""
        self._fenced = reason
        self._lease.end()

    def watch(self, duties: Duties) -> None:
        self._copies.start()
        self._watcher = threading.Thread(target=self._watch, args=(duties,), name="tenure", daemon=True)
        self._watcher.start()

    def flush(self, timeout_s: float) -> bool:
        """Whether everything that was committed is in the bucket."""
        return not self._closed and self._shipper.flush(timeout_s)

    def begin_stop(self, timeout_s: float) -> None:
        """What was written so far is brought to the bucket while the bots still end."""
        self._stopping.set()
        self._copies.stop()
        self._copies.say()
        if not self._closed:
            self._shipper.flush(timeout_s)

    def finish(self, timeout_s: float) -> None:
        """After the last write of all. Leaves the lease to the next one, if the bucket has everything."""
        self._stopping.set()
        watcher = self._watcher
        if watcher is not None and watcher is not threading.current_thread():
            watcher.join(timeout_s / 2)
        self._close("Roost is stopping. Try again in a moment.", "unavailable", timeout_s)

    def _close(self, reason: str, code: str, timeout_s: float) -> bool:
        """Ends the log and releases the lease. False when the bucket has not got everything."""
        with self._closing:
            if self._closed:
                return True
            for database in self._databases.values():
                database.freeze(reason, code)
            if self._fenced is not None or self._renewal.lost is not None:
                self._shipper.abandon()
                return False
            final_seq = self._shipper.end(timeout_s, clean=True)
            self._renewal.stop()
            if final_seq is None:
                log.error(
                    "%s has not got everything: the rest follows from this disk at the next start",
                    self._store.place,
                )
                return False
            self._closed = True
        try:
            self._lease.release(final_seq)
        except RoostError as error:
            log.warning("The lease was not released: %s", error.message)
        else:
            log.info("Released the lease of %s: epoch %d ended", self._store.place, self._lease.epoch)
        return True

    def _watch(self, duties: Duties) -> None:
        try:
            self._watch_on(duties)
        except Exception:  # the thread's edge - nobody else ends the duties when the lease does
            log.exception("Watching the lease failed")
            self._lease.end()
            self._restart(duties)

    def _watch_on(self, duties: Duties) -> None:
        paused = False
        while not self._stopping.wait(WATCH_EVERY_S):
            lost = self._fenced or self._renewal.lost
            if lost is not None:
                self._leave(duties, lost)
                return
            valid = self._lease.valid()
            if self._renewal.newcomer is not None and valid:
                self._hand_over(duties, self._renewal.newcomer)
                return
            if not valid and not paused:
                log.error("%s was not reached in time: bots and writes pause", self._store.place)
                self._readiness.withhold(State.STANDBY, self._suspended())
                duties.pause()
                paused = True
            elif valid and paused:
                log.info("%s is reached again: bots and writes go on", self._store.place)
                duties.resume()
                self._readiness.allow()
                paused = False
            elif paused:
                # Why is known only once a call has failed.
                self._readiness.withhold(State.STANDBY, self._suspended())

    def _suspended(self) -> str:
        cause = self._renewal.trouble
        if cause is None:
            return SUSPENDED
        return f"{cause} Until then nothing can be changed. What you see is still there."

    def _leave(self, duties: Duties, reason: str) -> None:
        """Another one took over, most likely while this process was stopped or cut off."""
        log.error("Nothing more is written here: %s", reason)
        self._lease.end()
        self._renewal.stop()
        self._readiness.withhold(State.STANDBY, f"{reason} This one stands by.")
        self._shipper.abandon()
        self._copies.give_up()
        duties.end()
        self._restart(duties)

    def _hand_over(self, duties: Duties, revision: str) -> None:
        began_s = self._clock.monotonic_s()
        log.info("Handing over to revision %s", revision)
        self._readiness.withhold(State.HANDOVER, MOVING)
        self._copies.stop()
        duties.end()
        # From here on this process asks nobody, whatever becomes of it.
        (self._data_dir / YIELDED).touch()
        if not self._close(MOVING, State.HANDOVER, HANDOVER_SHIPS_S):
            self._restart(duties)
            return
        log.info("Handed over in %.1f s", self._clock.monotonic_s() - began_s)
        self._copies.back_up()
        self._stand_by(duties)

    def _stand_by(self, duties: Duties) -> None:
        """Until nobody holds the lease any more, or the one that asked for it never took it."""
        self._readiness.withhold(State.STANDBY, f"{MOVING} This one stands by.")
        sighting: Sighting | None = None
        since_s = 0.0
        renewals = 0
        while not self._stopping.wait(LOOK_EVERY_S):
            try:
                found = look(self._store, sighting)
            except RemoteError:
                continue
            now_s = self._clock.monotonic_s()
            if sighting is None or found.generation != sighting.generation:
                since_s = now_s
                renewals += 1
                if renewals == SETTLED_AFTER:
                    self._readiness.withhold(State.STANDBY, SETTLED)
            sighting = found
            document = sighting.document
            anew = document is not None and document.released and document.epoch > self._lease.epoch
            if anew or now_s - since_s > self._lease.ttl_s + GRACE_S:
                log.info("Nobody holds the lease of %s any more", self._store.place)
                self._restart(duties)
                return

    def _restart(self, duties: Duties) -> None:
        if not self._stopping.is_set():
            (self._data_dir / YIELDED).touch()
            duties.restart()

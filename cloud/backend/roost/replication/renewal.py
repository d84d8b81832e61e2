"""Keeps the lease while it is held, and hears who asks for it. The only one that waits for the network."""

from __future__ import annotations

import logging
import threading

from roost.clock import Clock
from roost.errors import ObjectMissing, RemoteError, RoostError
from roost.replication.layout import EPOCHS, epoch_document
from roost.replication.lease import HeldLease, LeaseLost
from roost.replication.object_store import ObjectStore
from roost.replication.want import Requests

log = logging.getLogger("roost.replication")

HEAR_EVERY_S = 1.0
TRY_AGAIN_AFTER_S = 0.5


class Renewal:
    """A thread. `lost`, `newcomer` and `trouble` are read by others."""

    def __init__(self, store: ObjectStore, lease: HeldLease, requests: Requests, clock: Clock) -> None:
        self._store = store
        self._lease = lease
        self._requests = requests
        self._clock = clock
        self._ended = threading.Event()
        self._hearing = False
        self._begun = False
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)
        self.lost: str | None = None
        """Why the lease is another's, for people."""
        self.newcomer: str | None = None
        """The revision that asks for it."""
        self.trouble: str | None = None
        """Why the last renewal failed, for people."""

    def start(self) -> None:
        self._thread.start()

    def begin(self) -> None:
        """The epoch has begun: from now on its document must be there, and newcomers are heard."""
        self._begun = True

    def stop(self) -> None:
        self._ended.set()

    def _run(self) -> None:
        renew_at_s = self._clock.monotonic_s() + self._lease.renew_every_s
        hear_at_s = 0.0
        while not self._ended.is_set() and self.lost is None:
            now_s = self._clock.monotonic_s()
            if now_s >= renew_at_s:
                renewed = self._renew()
                renew_at_s = now_s + (self._lease.renew_every_s if renewed else TRY_AGAIN_AFTER_S)
            elif now_s >= hear_at_s and self.newcomer is None:
                self._hear()
                hear_at_s = now_s + HEAR_EVERY_S
            else:
                due_s = renew_at_s if self.newcomer is not None else min(renew_at_s, hear_at_s)
                self._ended.wait(due_s - now_s)

    def _renew(self) -> bool:
        try:
            self._lease.renew(self._epoch_stands)
        except LeaseLost as error:
            if not self._ended.is_set():
                self.lost = error.message
            return False
        except RoostError as error:
            if self.trouble != error.message:
                log.warning("The lease could not be renewed: %s", error.message)
            self.trouble = error.message
            return False
        except Exception:  # the thread's edge - a lease that is not renewed any more ends by itself
            log.exception("The lease could not be renewed")
            self.trouble = "The lease could not be renewed. The log says why."
            return False
        self.trouble = None
        return True

    def _epoch_stands(self) -> bool:
        if not self._begun:
            return True
        try:
            self._store.stat(epoch_document(self._lease.epoch))
        except ObjectMissing:
            return False
        # Of a later epoch, whose holder may have lost the same lease, this one must take nothing.
        later = self._store.list(EPOCHS, start_offset=epoch_document(self._lease.epoch + 1), limit=1)
        return not later.items

    def _hear(self) -> None:
        try:
            if not self._hearing:
                # Before anything else: what is asked from now on is asked of this process.
                self._requests.begin()
                self._hearing = True
            elif self._begun:
                self.newcomer = self._requests.newcomer()
        except RemoteError as error:
            log.debug("Who asks for the lease cannot be seen: %s", error.message)

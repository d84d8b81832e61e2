"""Waiting for the lease: for it to be given up, handed over on request, or not renewed any more."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from roost.clock import Clock, Ids
from roost.errors import ObjectDamaged, ObjectMissing, RemoteError, Unavailable
from roost.replication.epochs import EpochDocument, Epochs
from roost.replication.layout import LEASE, LOG, epoch_log, segment
from roost.replication.lease import HeldLease, Holder, LeaseDocument, Patience, Sighting, look, take
from roost.replication.object_store import ABSENT, ObjectStore
from roost.replication.want import ask

log = logging.getLogger("roost.replication")

LOOK_EVERY_S = 1.0
HANDOVER_LOOK_EVERY_S = 0.2
HANDOVER_TAKES_S = 15.0
"""After this a holder that was asked is not expected to answer from one moment to the next."""
ASK_AGAIN_AFTER_S = 30.0
RETRY_FIRST_S = 0.5
RETRY_AT_MOST_S = 10.0
STRANGE_AFTER = 1000
"""A lease whose epoch is that far from the last that began was not written by Roost."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What this process is, how long it may be silent, and the schemas it knows. `may_ask`: it was started by
    whoever deploys, and has not handed the lease over yet.
    """

    me: Holder
    ttl_s: float
    schemas: Mapping[str, int]
    may_ask: bool


class Candidacy:
    """`check` is called before the bucket is written to for the first time, and raises Unavailable when it
    must not be. `report` is told, for people, what is waited for, with the code of what is wrong, or None
    while another Roost is at work.
    """

    def __init__(
        self,
        store: ObjectStore,
        terms: Terms,
        clock: Clock,
        ids: Ids,
        stopping: threading.Event,
        check: Callable[[Epochs], None],
        report: Callable[[str, str | None], None],
    ) -> None:
        self._store = store
        self._terms = terms
        self._clock = clock
        self._ids = ids
        self._stopping = stopping
        self._check = check
        self._report = report
        self._patience = Patience(clock, terms.ttl_s, terms.me)
        self._newcomer: bool | None = None
        self._asked_at_s: float | None = None
        self._asked_nonce = ""
        self._said = ""
        self._seen: Sighting | None = None

    @property
    def holder(self) -> str | None:
        """Who held the lease when it was last looked at."""
        document = None if self._seen is None else self._seen.document
        return None if document is None or document.released else document.holder.instance

    def wait(self) -> HeldLease:
        """Raises Unavailable only when Roost stops."""
        pause_s = RETRY_FIRST_S
        while not self._stopping.is_set():
            try:
                lease, wait_s = self.look_once()
                if lease is not None:
                    return lease
                pause_s = RETRY_FIRST_S
            except (RemoteError, Unavailable) as error:
                self._tell(error.message, error.code)
                wait_s, pause_s = pause_s, min(pause_s * 2, RETRY_AT_MOST_S)
            self._stopping.wait(wait_s)
        raise Unavailable("Roost is stopping.")

    def take_now(self) -> HeldLease:
        """Raises Unavailable when another Roost is at work, or whatever keeps this one from beginning."""
        sighting = look(self._store)
        self._refuse_newer(sighting)
        if self._wait_s(sighting) > 0:
            who = _named(sighting.document)
            raise Unavailable(
                f"{who} uses {self._store.place} now. Speak to it with --server, or stop it first.",
                code="bucket_in_use",
            )
        lease = self._take(sighting)
        if lease is None:
            raise Unavailable(f"Another Roost has just begun to use {self._store.place}. Try again.")
        return lease

    def look_once(self) -> tuple[HeldLease | None, float]:
        """The lease, or after how many seconds to look again. Raises Unavailable, and as the store does."""
        sighting = self._seen = look(self._store, self._seen)
        self._refuse_newer(sighting)
        wait_s = self._wait_s(sighting)
        if wait_s == 0:
            return self._take(sighting), 0.0
        self._ask(sighting)
        asked = self._asked_at_s is not None
        self._tell(self._sentence(sighting.document, asked), None)
        now_s = self._clock.monotonic_s()
        soon = self._asked_at_s is not None and now_s - self._asked_at_s < HANDOVER_TAKES_S
        return None, min(wait_s, HANDOVER_LOOK_EVERY_S if soon else LOOK_EVERY_S)

    def _wait_s(self, sighting: Sighting) -> float:
        nobody = sighting.generation == ABSENT
        new_bucket = nobody and Epochs(self._store).newest is None
        return self._patience.wait_s(sighting, new_bucket=new_bucket)

    def _take(self, sighting: Sighting) -> HeldLease | None:
        epochs = Epochs(self._store)
        self._check(epochs)
        newest = epochs.newest
        self._require_end(newest, sighting.document)
        last = 0 if newest is None else newest.epoch
        epoch = self._above_every_log(last) + 1
        if sighting.document is not None and sighting.document.epoch - last < STRANGE_AFTER:
            epoch = max(epoch, sighting.document.epoch + 1)
        document = LeaseDocument(
            epoch,
            self._ids.new(),
            self._terms.me,
            self._terms.ttl_s,
            self._clock.now(),
            schemas=self._terms.schemas,
        )
        lease = take(self._store, self._clock, sighting, document)
        if lease is not None:
            log.info("Holding the lease of %s: epoch %d", self._store.place, epoch)
        return lease

    def _require_end(self, newest: EpochDocument | None, released: LeaseDocument | None) -> None:
        """Whoever gave the lease up has said how far the log went. Raises ObjectDamaged where it does not."""
        if newest is None or released is None or released.epoch != newest.epoch or not released.final_seq:
            return
        last = segment(newest.epoch, released.final_seq)
        try:
            self._store.stat(last)
        except ObjectMissing as error:
            raise ObjectDamaged(
                f"The log in {self._store.place} lacks its end: {last} is missing. Put it back, or remove "
                f"{LEASE} to go on without what came last.",
                code="log_gap",
            ) from error

    def _above_every_log(self, epoch: int) -> int:
        """No epoch begins among segments that somebody left without their epoch's document."""
        while True:
            page = self._store.list(LOG, start_offset=epoch_log(epoch + 1), limit=1)
            number = page.items[0].name.removeprefix(LOG).partition("/")[0] if page.items else ""
            if not number.isdigit() or int(number) <= epoch:
                return epoch
            epoch = int(number)

    def _ask(self, sighting: Sighting) -> None:
        """Asks a holder of another revision, unless the one that was met first was of this: then this process
        is no newcomer, and the other is.
        """
        document = sighting.document
        if document is None or document.released:
            return
        other = document.holder.revision != self._terms.me.revision
        if self._newcomer is None:
            self._newcomer = other and self._terms.may_ask
        if not (self._newcomer and other):
            return
        now_s = self._clock.monotonic_s()
        again = self._asked_at_s is None or now_s - self._asked_at_s > ASK_AGAIN_AFTER_S
        if document.nonce != self._asked_nonce or again:
            ask(self._store, self._terms.me)
            self._asked_at_s, self._asked_nonce = now_s, document.nonce
            log.info("Asked revision %s for the lease of %s", document.holder.revision, self._store.place)

    def _refuse_newer(self, sighting: Sighting) -> None:
        """Raises Unavailable for what a newer Roost has written: not even asked for."""
        written = {} if sighting.document is None else sighting.document.schemas
        for database, schema in self._terms.schemas.items():
            if written.get(database, 0) > schema:
                raise Unavailable(
                    f"What is in {self._store.place} was written by a newer Roost "
                    f"({_named(sighting.document)}). Run that one, or a newer one."
                )

    def _sentence(self, document: LeaseDocument | None, asked: bool) -> str:
        if document is None:
            return (
                f"The lease of {self._store.place} is gone or unreadable. Roost waits until nobody can hold "
                "it any more."
            )
        if asked:
            return f"{_named(document)} is handing over to this one."
        return f"{_named(document)} is at work. This one stands by, and takes over when it stops."

    def _tell(self, sentence: str, code: str | None) -> None:
        if sentence != self._said:
            self._said = sentence
            log.info("Standing by: %s", sentence)
        self._report(sentence, code)


def _named(document: LeaseDocument | None) -> str:
    if document is None:
        return "Another Roost"
    return f"Another Roost ({document.holder.instance}, revision {document.holder.revision})"

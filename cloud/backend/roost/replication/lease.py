"""Who may write to the bucket: one object, changed by compare-and-set, and everybody's own clock.

The lease decides who runs bots and acknowledges writes, that is, liveness. That nothing is lost does not hang
on it: the log refuses whoever was replaced. No wall clock decides anything; times in the lease are for
people.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from roost.clock import Clock, parse_timestamp, timestamp
from roost.errors import BucketUnreachable, ObjectMissing, PreconditionFailed, RoostError
from roost.replication.layout import LEASE
from roost.replication.object_store import ABSENT, ObjectStore

GRACE_S = 1.5
"""How much longer than its time a candidate lets a silent holder have. Looking and taking need the rest of
the 2 s within which a dead holder is replaced.
"""
TTL_AT_MOST_S = 600.0
"""A longer one is not believed: it would keep everybody waiting."""
ATTEMPTS = 3


class LeaseLost(RoostError):
    """Somebody else holds the lease now, or it was taken away together with the epoch."""

    default_code = "lease_lost"


@dataclass(frozen=True, slots=True)
class Holder:
    """A process. `folder` is its data folder's id and `home` where that lies, empty when nobody can tell;
    `revision` is the version it runs.
    """

    instance: str
    folder: str
    revision: str
    started_at: datetime
    home: str = ""

    def shares_folder(self, other: Holder) -> bool:
        """Whether both use the very same folder, so that its lock lets only one of them live."""
        return bool(self.home) and (self.folder, self.home) == (other.folder, other.home)


@dataclass(frozen=True, slots=True)
class LeaseDocument:
    """`nonce` is new each time the lease is taken, so that one's own write is known again when its answer was
    lost. `schemas` has the schema number of each database as the holder writes it. `final_seq` is what a
    released lease says about the end of its epoch's log.
    """

    epoch: int
    nonce: str
    holder: Holder
    ttl_s: float
    at: datetime
    schemas: Mapping[str, int] = field(default_factory=dict)
    released: bool = False
    final_seq: int | None = None

    def to_bytes(self) -> bytes:
        holder = {**asdict(self.holder), "started_at": timestamp(self.holder.started_at)}
        stored = {
            "epoch": self.epoch,
            "nonce": self.nonce,
            "holder": holder,
            "ttl_s": self.ttl_s,
            "at": timestamp(self.at),
            "schemas": dict(self.schemas),
            "state": "released" if self.released else "held",
            "final_seq": self.final_seq,
        }
        return json.dumps(stored, sort_keys=True).encode()


def parse_lease(content: bytes) -> LeaseDocument | None:
    """None for what is no lease."""
    try:
        stored: dict[str, Any] = json.loads(content)
        holder = stored["holder"]
        final_seq = stored["final_seq"]
        document = LeaseDocument(
            epoch=int(stored["epoch"]),
            nonce=str(stored["nonce"]),
            holder=Holder(
                str(holder["instance"]),
                str(holder["folder"]),
                str(holder["revision"]),
                parse_timestamp(holder["started_at"]),
                str(holder.get("home", "")),
            ),
            ttl_s=float(stored["ttl_s"]),
            at=parse_timestamp(stored["at"]),
            schemas={str(name): int(schema) for name, schema in stored["schemas"].items()},
            released=stored["state"] == "released",
            final_seq=None if final_seq is None else int(final_seq),
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return None
    return document if document.epoch > 0 and 0 < document.ttl_s < float("inf") else None


@dataclass(frozen=True, slots=True)
class Sighting:
    """The lease as it was found: `generation` ABSENT when there is none, `document` None also for garbage."""

    generation: int
    document: LeaseDocument | None


def look(store: ObjectStore, known: Sighting | None = None) -> Sighting:
    """`known` is what was seen before: fetched again only if it changed. Raises what the store raises."""
    for _ in range(ATTEMPTS):
        try:
            generation = store.stat(LEASE).generation
        except ObjectMissing:
            return Sighting(ABSENT, None)
        if known is not None and known.generation == generation:
            return known
        try:
            return Sighting(generation, parse_lease(store.get(LEASE, generation=generation)))
        except ObjectMissing:
            # Renewed in between.
            continue
    raise BucketUnreachable(f"{LEASE} in {store.place} changes too fast to be read.")


class Patience:
    """How long a candidate still has to wait: measured by its own clock since the lease was last renewed."""

    def __init__(self, clock: Clock, ttl_s: float, me: Holder) -> None:
        self._clock = clock
        self._ttl_s = ttl_s
        self._me = me
        self._generation: int | None = None
        self._since_s = 0.0
        self._looked_s = float("-inf")

    def wait_s(self, sighting: Sighting, *, new_bucket: bool) -> float:
        """0.0: it may be taken now. `new_bucket`: nobody has ever begun an epoch.

        A lease of this very folder is its own: the folder's lock proves that its holder is dead.
        """
        now_s = self._clock.monotonic_s()
        if sighting.generation != self._generation:
            # It changed since the last look: what the grace allows of that time is counted.
            looked_s = now_s if self._generation is None else self._looked_s
            self._generation, self._since_s = sighting.generation, max(looked_s, now_s - GRACE_S / 2)
        self._looked_s = now_s
        document = sighting.document
        if document is not None and (document.released or document.holder.shares_folder(self._me)):
            return 0.0
        if sighting.generation == ABSENT and new_bucket:
            return 0.0
        ttl_s = self._ttl_s if document is None else max(self._ttl_s, min(document.ttl_s, TTL_AT_MOST_S))
        return max(0.0, self._since_s + ttl_s + GRACE_S - now_s)


def take(store: ObjectStore, clock: Clock, sighting: Sighting, document: LeaseDocument) -> HeldLease | None:
    """The lease, when nobody else took it first. The document's epoch is above every one before."""
    began_s = clock.monotonic_s()
    try:
        generation = store.put(LEASE, document.to_bytes(), if_generation_match=sighting.generation).generation
    except (PreconditionFailed, BucketUnreachable):
        # Perhaps our own attempt, whose answer was lost.
        found = look(store)
        if found.document is None or found.document.nonce != document.nonce:
            return None
        generation = found.generation
    return HeldLease(store, clock, document, generation, began_s)


class HeldLease:
    """Thread-safe. `renew` and `release` wait for the network, `valid` does not."""

    def __init__(
        self, store: ObjectStore, clock: Clock, document: LeaseDocument, generation: int, renewed_at_s: float
    ) -> None:
        self._store = store
        self._clock = clock
        self._document = document
        self._generation = generation
        self._renewed_at_s = renewed_at_s
        self._changing = threading.Lock()
        self._over = False
        self._released = False

    @property
    def epoch(self) -> int:
        return self._document.epoch

    @property
    def holder(self) -> Holder:
        return self._document.holder

    @property
    def ttl_s(self) -> float:
        return self._document.ttl_s

    @property
    def renew_every_s(self) -> float:
        return self.ttl_s / 3

    @property
    def renewed_s_ago(self) -> float:
        return self._clock.monotonic_s() - self._renewed_at_s

    def valid(self) -> bool:
        """Whether bots may run and writes be acknowledged: until a margin before somebody else may think that
        this process is dead. Counts from the beginning of the last renewal that succeeded.
        """
        return not self._over and self.renewed_s_ago < self.ttl_s - margin_s(self.ttl_s)

    def renew(self, epoch_stands: Callable[[], bool]) -> None:
        """`epoch_stands` is asked when the lease is gone or garbage: whether this epoch's document is there.

        Raises LeaseLost, also after `release`, which a renewal under way must not undo; and what the store
        raises: then nothing is known, and it may be tried again.
        """
        with self._changing:
            if self._released:
                raise LeaseLost(f"The lease of {self._store.place} was given up.")
            self._write(self._document, epoch_stands)

    def release(self, final_seq: int | None) -> None:
        """Lets the next one take it without waiting. Raises as `renew`."""
        with self._changing:
            self._over = self._released = True
            self._write(replace(self._document, released=True, final_seq=final_seq), lambda: False)

    def end(self) -> None:
        """It is not valid any more, whatever the bucket says."""
        self._over = True

    def _write(self, document: LeaseDocument, epoch_stands: Callable[[], bool]) -> None:
        for _ in range(ATTEMPTS):
            began_s = self._clock.monotonic_s()
            document = replace(document, at=self._clock.now())
            try:
                self._generation = self._store.put(
                    LEASE, document.to_bytes(), if_generation_match=self._generation
                ).generation
            except PreconditionFailed:
                self._generation = self._own_generation(epoch_stands)
            else:
                self._renewed_at_s = began_s
                return
        raise BucketUnreachable(f"{LEASE} in {self._store.place} could not be renewed: it changes too fast.")

    def _own_generation(self, epoch_stands: Callable[[], bool]) -> int:
        """Where our own write, whose answer was lost, has left the lease."""
        found = look(self._store)
        if found.document is not None and found.document.nonce == self._document.nonce:
            return found.generation
        if found.document is None and epoch_stands():
            # Lost or overwritten by something that is no lease: nobody else may take it before its time.
            return found.generation
        self._over = True
        holder = None if found.document is None else found.document.holder
        who = f"{holder.instance} ({holder.revision})" if holder else "Nobody"
        raise LeaseLost(f"{who} holds the lease of {self._store.place} now.")


def margin_s(ttl_s: float) -> float:
    """How much earlier than a candidate takes over its holder stops."""
    return min(max(2.0, ttl_s / 6), ttl_s / 4)

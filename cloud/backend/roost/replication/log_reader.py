"""Where the log in the bucket begins and ends, and its segments, checked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from roost.clock import parse_timestamp
from roost.domain.replication import PageState
from roost.errors import BucketUnreachable, ObjectDamaged, ObjectMissing
from roost.replication.epochs import EpochDocument, Epochs
from roost.replication.layout import LOG, SHA256, epoch_document, epoch_log
from roost.replication.layout import segment as segment_name
from roost.replication.object_store import ObjectStat, ObjectStore
from roost.replication.segment import AT, KIND, Kind, PackedSegment, Position, Segment, pack, unpack

ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Head:
    """The end of an epoch's log: what its next object follows. `seq` is 0 and `sha256` the document's while
    there is none; `ended` tells that nothing can follow any more.
    """

    seq: int
    sha256: str
    states: Mapping[str, PageState]
    ended: Kind | None
    last_at: datetime


class Log:
    """The log as it is now. Every method raises what the store raises, and ObjectDamaged, which names the
    object.
    """

    def __init__(self, store: ObjectStore, epochs: Epochs | None = None) -> None:
        self._store = store
        self.documents = epochs or Epochs(store)

    def epochs(self) -> Sequence[EpochDocument]:
        """Those that lead to the newest, oldest first."""
        return list(self.documents.backwards())[::-1]

    def last_seq(self, epoch: int, known: int = 0) -> int:
        """The highest number in the epoch's log, 0 for none. `known` is one that is there, to look from."""
        last = known
        for stat in self.listed(epoch, known):
            last = max(last, seq_of(stat.name))
        return last

    def listed(self, epoch: int, first: int = 0) -> Iterator[ObjectStat]:
        """The epoch's segments from that number on, in order."""
        token: str | None = None
        while True:
            page = self._store.list(
                epoch_log(epoch), start_offset=segment_name(epoch, first), page_token=token
            )
            yield from (stat for stat in page.items if seq_of(stat.name) > 0)
            token = page.next_page_token
            if token is None:
                return

    def head(self, document: EpochDocument, known: int = 0) -> Head:
        seq = self.last_seq(document.epoch, known)
        if seq == 0:
            return Head(0, document.sha256, document.base, None, document.created)
        segment, sha256 = self.segment(Position(document.epoch, seq))
        ended = None if segment.kind is Kind.DATA else segment.kind
        return Head(seq, sha256, segment.states, ended, segment.at)

    def forsaken(self) -> int | None:
        """An epoch behind the newest that has segments of Roost's and no document, although nothing is
        shipped before that is there. What somebody else put between them does not count.
        """
        newest = self.documents.newest
        epoch = 0 if newest is None else newest.epoch
        while True:
            page = self._store.list(LOG, start_offset=epoch_log(epoch + 1), limit=1)
            number = page.items[0].name.removeprefix(LOG).partition("/")[0] if page.items else ""
            if not number.isdigit() or int(number) <= epoch:
                return None
            epoch = int(number)
            if {SHA256, KIND} <= page.items[0].metadata.keys() and not self._has_document(epoch):
                return epoch

    def _has_document(self, epoch: int) -> bool:
        """Also when it has begun just now."""
        try:
            self._store.stat(epoch_document(epoch))
        except ObjectMissing:
            return False
        return True

    def segment(self, position: Position) -> tuple[Segment, str]:
        """A segment and its SHA-256. Raises ObjectDamaged also where it is missing."""
        return fetch_segment(self._store, position)


def end_segment(kind: Kind, epoch: int, head: Head, at: datetime) -> PackedSegment:
    """The mark that ends `epoch` behind `head`."""
    return pack(Segment(kind, epoch, head.seq + 1, max(at, head.last_at), head.sha256, head.states))


def fetch_segment(
    store: ObjectStore, position: Position, stat: ObjectStat | None = None
) -> tuple[Segment, str]:
    """Raises ObjectDamaged for one that is missing, or is not what was put there."""
    content, sha256 = fetch_packed(store, position, stat)
    return read_segment(store, position, content), sha256


def fetch_packed(store: ObjectStore, position: Position, stat: ObjectStat | None = None) -> tuple[bytes, str]:
    """A segment as it lies there, and its SHA-256. Raises ObjectDamaged for one that is missing, or is not
    what was put there.
    """
    name = segment_name(position.epoch, position.seq)
    for attempt in range(ATTEMPTS):
        try:
            stat = stat or store.stat(name)
            content = store.get(name, generation=stat.generation)
        except ObjectMissing as error:
            raise missing_segment(store, position) from error
        except BucketUnreachable:
            if attempt == ATTEMPTS - 1:
                raise
            continue
        sha256 = hashlib.sha256(content).hexdigest()
        if stat.metadata.get(SHA256) == sha256:
            return content, sha256
    if stat is not None and SHA256 not in stat.metadata:
        raise _foreign(store, name, "it was not written by Roost, or lost its metadata")
    raise damaged(store, name, "its checksum differs")


def read_segment(store: ObjectStore, position: Position, content: bytes) -> Segment:
    """Raises ObjectDamaged for what is not that segment."""
    name = segment_name(position.epoch, position.seq)
    try:
        segment = unpack(content)
    except ValueError as error:
        raise damaged(store, name, str(error)) from error
    if segment.position != position:
        raise _foreign(store, name, f"it is segment {segment.seq} of epoch {segment.epoch}")
    return segment


def missing_segment(store: ObjectStore, position: Position) -> ObjectDamaged:
    return ObjectDamaged(
        f"The log in {store.place} has a gap: {segment_name(position.epoch, position.seq)} is missing. "
        "Put it back, or restore to a moment before it with `roost backup restore --at`.",
        code="log_gap",
    )


def missing_epoch(store: ObjectStore, epoch: int) -> ObjectDamaged:
    return ObjectDamaged(
        f"The log in {store.place} has a gap: {epoch_document(epoch)} is missing, and nothing before it can "
        "be restored. Put it back.",
        code="log_gap",
    )


def forsaken_epoch(store: ObjectStore, epoch: int) -> ObjectDamaged:
    return ObjectDamaged(
        f"The log in {store.place} has a gap: {epoch_document(epoch)} is missing, and what is in "
        f"{epoch_log(epoch)} cannot be had without it. Put it back, restore to a moment before it with "
        "`roost backup restore --at`, or move that folder away to go on without what is in it.",
        code="log_gap",
    )


def damaged(store: ObjectStore, name: str, why: str) -> ObjectDamaged:
    return ObjectDamaged(
        f"{name} in {store.place} is damaged: {why}. Put a good copy of it in its place, or restore to a "
        "moment before it with `roost backup restore --at`."
    )


def _foreign(store: ObjectStore, name: str, why: str) -> ObjectDamaged:
    return ObjectDamaged(
        f"{name} in {store.place} does not belong to the log: {why}. See who put it there, then remove it or "
        "move it away. If it took a segment's place, put that back, or restore to a moment before it with "
        "`roost backup restore --at`.",
        code="foreign_segment",
    )


def seq_of(name: str) -> int:
    """0 for a name that is no segment's."""
    number = name.rpartition("/")[2].removesuffix(".seg")
    return int(number) if number.isdigit() and name.endswith(".seg") else 0


def time_of(stat: ObjectStat) -> datetime | None:
    """When what an object of the log holds was committed; None where its writer told none."""
    try:
        return parse_timestamp(stat.metadata[AT])
    except (KeyError, ValueError):
        return None

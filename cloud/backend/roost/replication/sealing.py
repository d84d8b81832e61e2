"""Ends the log of an epoch for whoever comes after: from then on its former holder's uploads fail."""

from __future__ import annotations

import logging
from datetime import datetime

from roost.errors import BucketUnreachable, PreconditionFailed
from roost.replication.epochs import EpochDocument
from roost.replication.log_reader import Head, Log, end_segment
from roost.replication.object_store import ABSENT, ObjectStore
from roost.replication.segment import Kind, Position

log = logging.getLogger("roost.replication")

RACES_AT_MOST = 1000
"""A holder that has been replaced ships until its next renewal at most."""


def seal(store: ObjectStore, reader: Log, document: EpochDocument, at: datetime) -> Head:
    """The end of the epoch's log, which is ended now. May be repeated, by several at once.

    Where the next slot was taken the former holder was faster: its segment counts, and the one behind it is
    tried. Raises what the store raises, and ObjectDamaged.
    """
    head = reader.head(document)
    for _ in range(RACES_AT_MOST):
        if head.ended is not None:
            return head
        mark = end_segment(Kind.SEAL, document.epoch, head, at)
        try:
            store.put(mark.name, mark.content, if_generation_match=ABSENT, metadata=mark.metadata)
        except PreconditionFailed:
            log.info("Epoch %d went on to segment %d while it was sealed", document.epoch, head.seq + 1)
        head = _behind(reader, document.epoch, head.seq + 1)
    raise BucketUnreachable(
        f"Epoch {document.epoch} in {store.place} could not be sealed: it goes on and on."
    )


def _behind(reader: Log, epoch: int, seq: int) -> Head:
    segment, sha256 = reader.segment(Position(epoch, seq))
    ended = None if segment.kind is Kind.DATA else segment.kind
    return Head(seq, sha256, segment.states, ended, segment.at)

"""Looks at everything the log has, without restoring it: which snapshots hold, and where there are gaps."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from roost.errors import ObjectDamaged, ObjectMissing, Unavailable
from roost.replication.collection import collected_until
from roost.replication.epochs import EpochDocument
from roost.replication.fetching_ahead import fetched_ahead
from roost.replication.layout import segment as segment_name
from roost.replication.log_reader import (
    Log,
    damaged,
    forsaken_epoch,
    missing_epoch,
    read_segment,
    seq_of,
)
from roost.replication.object_store import ObjectStore
from roost.replication.segment import Position
from roost.replication.snapshot_objects import Snapshot, fetch_snapshot, listed_snapshots
from roost.replication.vouching import vouch


@dataclass(frozen=True, slots=True)
class SnapshotReport:
    """`trouble` says, for people, why a restore cannot use it; None when it can."""

    name: str
    database: str
    position: Position
    at: datetime
    size_bytes: int
    trouble: str | None


@dataclass(frozen=True, slots=True)
class Gap:
    """A segment that is missing or damaged. Nothing behind it can be restored from a snapshot before it."""

    position: Position
    trouble: str


@dataclass(frozen=True, slots=True)
class Verification:
    """`restorable` tells whether the log's end can be restored: for each database a snapshot holds, and no
    gap is behind it.
    """

    snapshots: Sequence[SnapshotReport]
    gaps: Sequence[Gap]
    epochs: int
    segments: int
    restorable: bool


@dataclass(frozen=True, slots=True)
class Looked:
    """Objects looked at so far."""

    objects: int


def verify(
    store: ObjectStore, stopping: threading.Event, progress: Callable[[Looked], None] = lambda _: None
) -> Verification:
    """Downloads and checks every snapshot and every segment. Raises what the store raises, ObjectDamaged for
    the epochs' documents, Unavailable when Roost stops or there is no room for a snapshot.
    """
    log = Log(store)
    chain = log.epochs()
    if not chain:
        raise ObjectMissing(f"There is no log in {store.place}.")
    looked = 0

    def look() -> None:
        nonlocal looked
        looked += 1
        progress(Looked(looked))
        if stopping.is_set():
            raise Unavailable("Roost is stopping.")

    snapshots = {database: listed_snapshots(store, database) for database in chain[-1].base}
    reports = [
        report
        for database, found in snapshots.items()
        for report in _snapshots(store, log, chain, database, found, stopping, look)
    ]
    ends = {before.epoch: after.prev_last_seq for before, after in pairwise(chain)}
    # Before it only single segments are kept, for the snapshots that stand on them.
    floor = collected_until(log, chain, snapshots, log.head(chain[-1]).last_at) or Position(chain[0].epoch, 0)
    gaps: list[Gap] = []
    missing = log.documents.missing()
    if missing is not None:
        gaps.append(Gap(Position(missing, 0), missing_epoch(store, missing).message))
    forsaken = log.forsaken()
    if forsaken is not None:
        gaps.append(Gap(Position(forsaken, 0), forsaken_epoch(store, forsaken).message))
    segments = 0
    for document in chain:
        if document.epoch < floor.epoch:
            continue
        first = max(1, floor.seq) if document.epoch == floor.epoch else 1
        count, found_gaps = _segments(store, log, document, first, ends.get(document.epoch), stopping, look)
        segments += count
        gaps += found_gaps
    return Verification(
        tuple(reports),
        tuple(gaps),
        len(chain),
        segments,
        all(_reaches_the_end(reports, gaps, database) for database in chain[-1].base),
    )


def _snapshots(
    store: ObjectStore,
    log: Log,
    chain: Sequence[EpochDocument],
    database: str,
    snapshots: Sequence[Snapshot],
    stopping: threading.Event,
    look: Callable[[], None],
) -> Iterator[SnapshotReport]:
    with tempfile.TemporaryDirectory(prefix="roost-verify-") as folder:
        for found in snapshots:
            trouble = _trouble(store, log, chain, found, Path(folder) / "snapshot.db", stopping)
            yield SnapshotReport(
                found.stat.name, database, found.position, found.at, found.stat.size_bytes, trouble
            )
            look()


def _trouble(
    store: ObjectStore,
    log: Log,
    chain: Sequence[EpochDocument],
    found: Snapshot,
    target: Path,
    stopping: threading.Event,
) -> str | None:
    try:
        vouch(log, chain, found)
        fetch_snapshot(store, found, target, stopping)
    except (ObjectDamaged, ObjectMissing) as error:
        return error.message
    finally:
        target.unlink(missing_ok=True)
    return None


def _segments(
    store: ObjectStore,
    log: Log,
    document: EpochDocument,
    first: int,
    end: int | None,
    stopping: threading.Event,
    look: Callable[[], None],
) -> tuple[int, list[Gap]]:
    """How many an epoch has, and its gaps from `first` on."""
    listed = {seq_of(stat.name): stat for stat in log.listed(document.epoch)}
    last = max(listed, default=0) if end is None else end
    gaps: list[Gap] = []
    before = document.sha256 if first == 1 else None
    for position, packed in fetched_ahead(store, document.epoch, first, last, listed, stopping):
        look()
        try:
            content, sha256 = packed()
            segment = read_segment(store, position, content)
            if before is not None and segment.prev_sha256 != before:
                name = segment_name(document.epoch, position.seq)
                raise damaged(store, name, "it does not follow the one before it")
        except ObjectDamaged as error:
            gaps.append(Gap(position, error.message))
            before = None
        else:
            before = sha256
    return len(listed), gaps


def _reaches_the_end(reports: Sequence[SnapshotReport], gaps: Sequence[Gap], database: str) -> bool:
    usable = [each.position for each in reports if each.database == database and each.trouble is None]
    return bool(usable) and not any(gap.position > max(usable) for gap in gaps)

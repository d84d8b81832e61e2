"""Whether the log itself confirms what a snapshot says about itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from roost.domain.replication import PageState
from roost.errors import ObjectDamaged
from roost.replication.epochs import EpochDocument
from roost.replication.log_reader import Log
from roost.replication.segment import Position
from roost.replication.snapshot_objects import Snapshot


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What the log says about a position: the states, the snapshots that took a database's place there, the
    SHA-256 that the next segment names, and when it was committed.
    """

    states: Mapping[str, PageState]
    snapshots: Mapping[str, str]
    sha256: str
    at: datetime


def confirmed(log: Log, chain: Sequence[EpochDocument], position: Position) -> Confirmed:
    """Raises ObjectDamaged when the log does not have it."""
    document = next((each for each in chain if each.epoch == position.epoch), None)
    if document is None:
        raise ObjectDamaged(f"The log has no epoch {position.epoch}.", code="log_gap")
    if position.seq == 0:
        named = {name: snapshot for name, snapshot in document.base_snapshots.items() if snapshot}
        return Confirmed(document.base, named, document.sha256, document.created)
    segment, sha256 = log.segment(position)
    return Confirmed(segment.states, segment.rebased, sha256, segment.at)


def vouch(log: Log, chain: Sequence[EpochDocument], snapshot: Snapshot) -> None:
    """Raises ObjectDamaged for a snapshot that the log does not confirm: it is somebody else's, or its maker
    ended before the log reached it.
    """
    said = confirmed(log, chain, snapshot.position)
    name = snapshot.stat.name
    if said.states.get(snapshot.database) != snapshot.state:
        raise ObjectDamaged(f"{name} is of no use: the log says otherwise about that moment.")
    if snapshot.rebased and said.snapshots.get(snapshot.database) != name:
        raise ObjectDamaged(f"{name} is of no use: the log does not name it.")

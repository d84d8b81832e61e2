"""The last segment until a moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from roost.clock import timestamp
from roost.errors import NotFound
from roost.replication.collection import collected_until
from roost.replication.epochs import EpochDocument
from roost.replication.log_reader import Log, seq_of, time_of
from roost.replication.segment import Position
from roost.replication.snapshot_objects import Snapshot


def position_at(
    log: Log, chain: Sequence[EpochDocument], ends: Mapping[int, int], moment: datetime
) -> Position:
    """Of the epochs in `chain`, which end at `ends`, the last that began until then, and in it the last
    segment that was committed until then: within an epoch times never run back.

    Raises NotFound when the log begins later.
    """
    for document in reversed(chain):
        if document.created > moment:
            continue
        return Position(document.epoch, _last_until(log, document.epoch, ends[document.epoch], moment))
    raise NotFound(
        f"The log in the bucket begins at {timestamp(chain[0].created)}: later than {timestamp(moment)}. "
        "Choose a later moment."
    )


def kept_at(
    log: Log,
    chain: Sequence[EpochDocument],
    ends: Mapping[int, int],
    snapshots: Mapping[str, Sequence[Snapshot]],
    found: Position,
) -> Position:
    """`found`, where every moment is kept. Before that, where there are snapshots alone: the newest of them
    until then which every database has.

    Raises NotFound when all that is kept is later.
    """
    floor = collected_until(log, chain, snapshots, log.head(chain[-1]).last_at)
    if floor is None or found >= floor:
        return found
    kept = [
        {each.position: each.at for each in listed if each.position.seq <= ends.get(each.position.epoch, -1)}
        for listed in snapshots.values()
    ]
    together = set.intersection(*map(set, kept))
    earlier = [position for position in together if position <= found]
    if earlier:
        return max(earlier)
    oldest = kept[0][min(together, default=max(kept[0]))]
    raise NotFound(
        f"The bucket keeps nothing of that time any more: its oldest snapshot is of {timestamp(oldest)}. "
        "Choose that moment, or a later one."
    )


def _last_until(log: Log, epoch: int, last: int, moment: datetime) -> int:
    """By halving. A segment that is not kept any more counts as earlier than all that are."""
    low, high = 0, last
    while low < high:
        middle = (low + high + 1) // 2
        stat = next(log.listed(epoch, middle), None)
        if stat is None or seq_of(stat.name) > last:
            high = middle - 1
            continue
        at = time_of(stat)
        if at is None or at > moment:
            # The first that is kept, from `middle` on, is later already.
            high = middle - 1
        else:
            low = max(middle, seq_of(stat.name))
    return low

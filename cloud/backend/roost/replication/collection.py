"""What of the log is not needed any more, and goes.

Kept are: what every moment of the last seven days can be restored from, one set of snapshots for each of the
last thirty days, all of the last day, and the two newest with everything behind them, however old they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from roost.errors import ObjectDamaged, ObjectMissing, PreconditionFailed
from roost.replication.epochs import EpochDocument
from roost.replication.layout import EPOCHS, LOG
from roost.replication.log_reader import Log, missing_epoch, seq_of, time_of
from roost.replication.object_store import ObjectStat, ObjectStore
from roost.replication.segment import Position
from roost.replication.snapshot_objects import Snapshot, listed_snapshots
from roost.replication.vouching import vouch

SEGMENTS_FOR = timedelta(days=7)
SNAPSHOTS_FOR = timedelta(days=30)
EVERY_SNAPSHOT_FOR = timedelta(days=1)
NEWEST_KEPT = 2
DELETED_AT_ONCE = 5000
"""More than comes in between two snapshots, so that what is left over shrinks."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """`snapshots` by name. No segment from `floor` on goes, nor one that a kept snapshot stands on."""

    snapshots: frozenset[str]
    stood_on: frozenset[Position]
    floor: Position
    oldest_epoch: int


def collect(store: ObjectStore, databases: Sequence[str], now: datetime, limit: int = DELETED_AT_ONCE) -> int:
    """Deletes at most `limit` objects that are proven superfluous; how many. What cannot be proven stays: a
    snapshot counts only where the log confirms it. Raises what the store raises, ObjectDamaged.
    """
    log = Log(store)
    chain = log.epochs()
    if not chain:
        return 0
    missing = log.documents.missing()
    if missing is not None:
        # What hangs on it is not superfluous: it can be had again.
        raise missing_epoch(store, missing)
    listed = {name: listed_snapshots(store, name) for name in databases}
    on_chain = _on_chain(chain, listed)
    kept = _kept(log, chain, on_chain, now)
    if kept is None:
        return 0
    # The few large ones first: segments alone may be as many as go at once.
    superfluous = [
        *_snapshots(listed, kept, chain[-1].epoch, now - SEGMENTS_FOR),
        *_epochs(store, kept),
        *_segments(store, kept, now - SEGMENTS_FOR),
    ]
    deleted = 0
    for stat in superfluous[:limit]:
        try:
            store.delete(stat.name, if_generation_match=stat.generation)
        except (ObjectMissing, PreconditionFailed):
            continue
        deleted += 1
    return deleted


def collected_until(
    log: Log,
    chain: Sequence[EpochDocument],
    listed: Mapping[str, Sequence[Snapshot]],
    now: datetime,
) -> Position | None:
    """Segments before it may have been collected; None while none may. Raises what the store raises."""
    kept = _kept(log, chain, _on_chain(chain, listed), now)
    return None if kept is None else kept.floor


def _kept(
    log: Log,
    chain: Sequence[EpochDocument],
    snapshots: Mapping[str, Sequence[Snapshot]],
    now: datetime,
) -> _Kept | None:
    """None while nothing may go."""
    kept: dict[str, Snapshot] = {}
    floors: list[Position] = []
    together = set.intersection(*({each.position for each in found} for found in snapshots.values()))
    for found in snapshots.values():
        newest, before_window = _needed(log, chain, found, now - SEGMENTS_FOR)
        if len(newest) < NEWEST_KEPT or before_window is None:
            return None
        floors.append(min(newest[-1].position, before_window.position))
        for each in (*newest, before_window, *_daily(found, together, now)):
            kept[each.stat.name] = each
    floor = min(floors)
    for found in snapshots.values():
        # Segments behind the floor name them.
        kept.update({each.stat.name: each for each in found if each.rebased and each.position >= floor})
    return _Kept(
        frozenset(kept),
        frozenset(each.position for each in kept.values()),
        floor,
        min(floor.epoch, *(each.position.epoch for each in kept.values())),
    )


def _needed(
    log: Log, chain: Sequence[EpochDocument], found: Sequence[Snapshot], window: datetime
) -> tuple[list[Snapshot], Snapshot | None]:
    """The newest that the log confirms, and the newest of them from before the time until which every moment
    can be restored.
    """
    newest: list[Snapshot] = []
    for each in found:
        if len(newest) == NEWEST_KEPT and each.at > window:
            continue
        try:
            vouch(log, chain, each)
        except ObjectDamaged:
            continue
        if len(newest) < NEWEST_KEPT:
            newest.append(each)
        if each.at <= window:
            return newest, each
    return newest, None


def _daily(found: Sequence[Snapshot], together: set[Position], now: datetime) -> Iterator[Snapshot]:
    """Every one of the last day, and of each earlier day the newest that all databases have."""
    days: set[str] = set()
    for each in found:
        if each.at > now - EVERY_SNAPSHOT_FOR:
            yield each
        elif each.at > now - SNAPSHOTS_FOR and each.position in together:
            day = each.at.date().isoformat()
            if day not in days:
                days.add(day)
                yield each


def _on_chain(
    chain: Sequence[EpochDocument], listed: Mapping[str, Sequence[Snapshot]]
) -> dict[str, list[Snapshot]]:
    ends = {before.epoch: after.prev_last_seq for before, after in pairwise(chain)}
    newest = chain[-1].epoch
    return {
        name: [
            each
            for each in found
            if each.position.epoch == newest or each.position.seq <= ends.get(each.position.epoch, -1)
        ]
        for name, found in listed.items()
    }


def _segments(store: ObjectStore, kept: _Kept, before: datetime) -> Iterator[ObjectStat]:
    """Oldest first, up to the first that is young enough to stay."""
    for stat in _listed(store, LOG):
        position = _position(stat.name)
        if position is None:
            continue
        at = time_of(stat)
        if position >= kept.floor or at is None or at >= before:
            return
        if position not in kept.stood_on:
            yield stat


def _snapshots(
    listed: Mapping[str, Sequence[Snapshot]], kept: _Kept, newest_epoch: int, before: datetime
) -> Iterator[ObjectStat]:
    for found in listed.values():
        for each in found:
            if each.stat.name in kept.snapshots or each.position.epoch > newest_epoch:
                continue
            # What still is rebased behind the floor belongs to an epoch that never began.
            if each.position < kept.floor or not each.rebased or each.at < before:
                yield each.stat


def _epochs(store: ObjectStore, kept: _Kept) -> Iterator[ObjectStat]:
    for stat in _listed(store, EPOCHS):
        number = stat.name.removeprefix(EPOCHS).removesuffix(".json")
        if number.isdigit() and int(number) < kept.oldest_epoch:
            yield stat


def _listed(store: ObjectStore, prefix: str) -> Iterator[ObjectStat]:
    token: str | None = None
    while True:
        page = store.list(prefix, page_token=token)
        yield from page.items
        token = page.next_page_token
        if token is None:
            return


def _position(name: str) -> Position | None:
    epoch = name.removeprefix(LOG).partition("/")[0]
    seq = seq_of(name)
    return Position(int(epoch), seq) if epoch.isdigit() and seq else None

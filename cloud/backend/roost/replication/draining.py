"""From what SQLite committed to segments in the spool, by whichever thread comes first."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypeVar

from roost.clock import Clock
from roost.domain.replication import PageState
from roost.errors import Unavailable
from roost.replication.epochs import EpochDocument
from roost.replication.layout import snapshot as snapshot_name
from roost.replication.pages import PageHashes, apply_change
from roost.replication.segment import Kind, PageChange, Position, Segment, pack
from roost.replication.snapshot_objects import pack_snapshot
from roost.replication.spool import Cover, Rebase, Spool, Waiting
from roost.replication.wal import Break, Changes, Unsettled, WalReader
from roost.storage.exact_copies import OpenedState

log = logging.getLogger("roost.replication")

PART_BYTES = 8 * 1024 * 1024
"""Of page images in one segment. A transaction with more of them is shipped in several."""

LEFT_TO_THE_WRITER_BYTES = 512 * 1024
"""The writer's thread takes no more than this before a checkpoint, so that no caller waits for it long."""

INSIST_AT_BYTES = 64 * 1024 * 1024
"""A log of this size is taken by the writer's thread after all."""

ATTEMPTS = 5

SHIPPING_FIRST = "shipping_first"
"""The code of an error that passes by itself, once what is written just now is shipped."""

T = TypeVar("T")


class Replicated(Protocol):
    """A database file that is being written: `storage.database.Database`."""

    path: Path

    @property
    def commits(self) -> int:
        """Rises with every transaction that was stored."""
        ...

    def exclusively(self, run: Callable[[], T]) -> T: ...

    def opened_state(self) -> OpenedState: ...


@dataclass(slots=True)
class _Source:
    """One database. `broken` says why what was written cannot be told any more, until a snapshot mends it."""

    name: str
    database: Replicated
    reader: WalReader
    hashes: PageHashes
    broken: str | None = None


@dataclass(slots=True)
class _Group:
    """A transaction that is too large for a segment, on its way. `left` are the pages still to go."""

    source: _Source
    changes: Changes
    left: list[int]
    begun: bool = False


@dataclass(slots=True)
class Taken:
    """A database held open at a position of the log, where it is said to hold `state`."""

    opened: OpenedState
    position: Position
    state: PageState
    at: datetime


@dataclass(slots=True)
class _Chain:
    """The last segment that was made."""

    seq: int
    sha256: str
    at: datetime
    states: dict[str, PageState] = field(default_factory=dict)


class Draining:
    """Thread-safe. The segments are made in order, under one lock, which is never held while the writer's
    thread is waited for.
    """

    def __init__(
        self,
        document: EpochDocument,
        databases: Mapping[str, Replicated],
        hashes: Mapping[str, PageHashes],
        clock: Clock,
        spool: Spool,
    ) -> None:
        self._epoch = document.epoch
        self._clock = clock
        self._spool = spool
        self._lock = threading.Lock()
        self._sources = {
            name: _Source(name, database, WalReader(database.path), hashes[name].copy())
            for name, database in databases.items()
        }
        states = {name: source.hashes.state for name, source in self._sources.items()}
        self._last = _Chain(0, document.sha256, document.created, states)
        self._group: _Group | None = None
        self._more = False
        """Whether another `_drain` would take more at once."""

    @property
    def seq(self) -> int:
        """The number of the last segment that was made."""
        return self._last.seq

    @property
    def broken(self) -> Mapping[str, str]:
        """The databases that need a snapshot in place of what cannot be told any more, and why."""
        return {name: source.broken for name, source in self._sources.items() if source.broken is not None}

    @property
    def displaced(self) -> Sequence[str]:
        """Databases whose log somebody removed."""
        return [name for name, source in self._sources.items() if source.reader.displaced()]

    def waiting_bytes(self) -> int:
        """At most what is on this disk alone, and not in the spool."""
        return sum(source.reader.waiting_bytes() for source in self._sources.values())

    def commits(self) -> int:
        return sum(source.database.commits for source in self._sources.values())

    def drain(self) -> bool:
        """Takes what is committed; False when something had to be left."""
        while True:
            # A part at a time: whoever waits for the lock is a writer, and people wait for it.
            with self._lock:
                cover = Cover(self._clock.monotonic_s(), self.commits())
                complete = self._drain(list(self._sources.values()))
                if complete:
                    self._spool.cover(cover)
                if complete or self._spool.full or not self._more:
                    return complete

    def before_checkpoint(self, database: str) -> bool:
        """On the writer's thread: whether everything is taken, so that a checkpoint loses nothing. False too
        where another thread had better take it first.
        """
        source = self._sources[database]
        insisting = source.reader.size_bytes() >= INSIST_AT_BYTES
        if not insisting and source.reader.waiting_bytes() > LEFT_TO_THE_WRITER_BYTES:
            return False
        if not self._lock.acquire(blocking=insisting):
            return False
        try:
            if self._group is not None or not self._drain([source]):
                return False
            source.reader.drained()
            return True
        finally:
            self._lock.release()

    def after_checkpoint(self, database: str, frames: int) -> None:
        """On the writer's thread: `frames` are all that SQLite knows of. Were they not all taken, something
        that was committed cannot be read from the log.
        """
        source = self._sources[database]
        with self._lock:
            if source.broken is not None or frames < 0 or source.reader.has_frames(frames):
                return
            # Another program may have written between the last reading and the checkpoint.
            if self._group is None and self._drain([source]) and source.reader.has_frames(frames):
                source.reader.drained()
            else:
                self._break(source, "SQLite has committed what cannot be read from its log")

    def take(self) -> Mapping[str, Taken]:
        """Every database as it is after one and the same segment, held open. Waits for the writers' threads.

        Raises Unavailable while something is left in the way.
        """

        def waiting_for(sources: list[_Source]) -> Mapping[str, Taken]:
            if sources:
                return sources[0].database.exclusively(lambda: waiting_for(sources[1:]))
            with self._lock:
                if self._group is not None or not self._drain(list(self._sources.values())):
                    raise _shipping_first()
                return self._open_all()

        self.drain()
        return waiting_for(list(self._sources.values()))

    def _open_all(self) -> Mapping[str, Taken]:
        position = Position(self._epoch, self._last.seq)
        taken: dict[str, Taken] = {}
        try:
            for source in self._sources.values():
                opened = source.database.opened_state()
                taken[source.name] = Taken(opened, position, source.hashes.state, self._last.at)
                if source.reader.scan(source.hashes.state.pages) is not None:
                    raise Unavailable(f"Another program writes {source.database.path.name}.", retry_after_s=1)
        except BaseException:  # cleaned up and raised on - whatever it was
            for each in taken.values():
                each.opened.close()
            raise
        return taken

    def break_off(self, database: str, why: str) -> None:
        """What the log says about a database does not hold: a snapshot has to take its place."""
        with self._lock:
            self._break(self._sources[database], why)

    def rebase(self, database: str, going_on: Callable[[], None]) -> None:
        """Makes the snapshot that mends a broken database, and the segment that names it. Raises Unavailable
        when the disk is full or another program keeps writing.
        """
        source = self._sources[database]
        copy = source.database.path.with_name(f"{source.database.path.name}.rebasing")
        packed_path = copy.with_name(copy.name + ".zst")
        try:
            with source.database.exclusively(lambda: self._open_anew(source)) as opened:
                opened.copy_to(copy, going_on)
                schema = opened.schema
            packed = pack_snapshot(copy, packed_path, going_on)
        finally:
            copy.unlink(missing_ok=True)
        with self._lock:
            if self._group is not None:
                packed.path.unlink(missing_ok=True)
                raise _shipping_first()
            source.hashes = packed.hashes
            source.broken = None
            name = snapshot_name(database, self._epoch, self._last.seq + 1)
            self._add(
                states=self._states(), rebased={database: name}, rebase=Rebase(database, packed, schema)
            )

    def end(self) -> None:
        """Adds the mark behind which nothing follows."""
        with self._lock:
            self._add(states=self._last.states, kind=Kind.CLEAN_END)

    def close(self) -> None:
        for source in self._sources.values():
            source.reader.close()

    def _open_anew(self, source: _Source) -> OpenedState:
        """On the writer's thread: the file as it is, with the position behind it."""
        with self._lock:
            if source.reader.displaced():
                raise Unavailable(
                    f"Somebody removed {source.database.path.name}-wal while Roost was running. "
                    "Restart Roost; what it has written is in the bucket.",
                    code="log_removed",
                )
            for _ in range(ATTEMPTS):
                source.reader.restart()
                changes = source.reader.scan(0)
                if isinstance(changes, Changes):
                    source.reader.advance(changes)
                opened = source.database.opened_state()
                if source.reader.scan(0) is None:
                    return opened
                opened.close()
        raise Unavailable(f"Another program keeps writing {source.database.path.name}. Close it.")

    def _drain(self, sources: list[_Source]) -> bool:
        """With the lock held: takes everything, or the next part of a large transaction."""
        self._more = False
        if self._spool.full:
            return False
        if self._group is not None:
            self._go_on(self._group)
            self._more = True
            return False
        scanned = [(source, self._scan(source)) for source in sources]
        found = [(source, changes) for source, changes in scanned if isinstance(changes, Changes)]
        if sum(_size(changes) for _, changes in found) <= PART_BYTES:
            self._make_segment(found)
        else:
            # Each for itself, the small one first.
            source, changes = min(found, key=lambda each: _size(each[1]))
            if _size(changes) <= PART_BYTES:
                self._make_segment([(source, changes)])
                source, changes = max(found, key=lambda each: _size(each[1]))
            self._group = _Group(source, changes, sorted(changes.offsets))
            self._go_on(self._group)
            self._more = True
            return False
        return all(source.broken is None for source in sources) and not any(
            isinstance(changes, Unsettled) for _, changes in scanned
        )

    def _scan(self, source: _Source) -> Changes | Unsettled | None:
        if source.broken is not None:
            return None
        changes = source.reader.scan(source.hashes.state.pages)
        if isinstance(changes, Changes):
            if changes.after.generation.page_size == source.hashes.page_size:
                return changes
            changes = Break("its pages have another size")
        if isinstance(changes, Break):
            self._break(source, changes.reason)
            return None
        return changes

    def _make_segment(self, found: list[tuple[_Source, Changes]]) -> None:
        """One with all of them."""
        changed: dict[str, PageChange] = {}
        for source, changes in found:
            numbers = sorted(changes.offsets)
            images = source.reader.images(changes, numbers)
            if isinstance(images, Break):
                self._break(source, images.reason)
                continue
            change = PageChange(changes.floor, changes.pages, dict(zip(numbers, images, strict=True)))
            apply_change(source.hashes, change)
            source.reader.advance(changes)
            changed[source.name] = change
        if changed:
            self._add(states=self._states(), changes=changed)

    def _go_on(self, group: _Group) -> None:
        """The next part of a large transaction."""
        source, changes = group.source, group.changes
        at_once = PART_BYTES // changes.after.generation.page_size
        numbers, group.left = group.left[:at_once], group.left[at_once:]
        images = source.reader.images(changes, numbers)
        if isinstance(images, Break):
            self._break(source, images.reason)
            return
        # In the first part alone the file shrinks.
        floor = changes.pages if group.begun else changes.floor
        group.begun = True
        change = PageChange(floor, changes.pages, dict(zip(numbers, images, strict=True)))
        apply_change(source.hashes, change)
        if group.left:
            self._add(states=self._last.states, changes={source.name: change}, more=True)
            return
        source.reader.advance(changes)
        self._group = None
        self._add(states=self._states(), changes={source.name: change})

    def _break(self, source: _Source, why: str) -> None:
        if self._group is not None and self._group.source is source:
            self._group = None
        if source.broken is None:
            log.error("What was written to %s cannot be followed any more: %s.", source.name, why)
            source.broken = why

    def _states(self) -> dict[str, PageState]:
        return {
            name: source.hashes.state if source.broken is None else self._last.states[name]
            for name, source in self._sources.items()
        }

    def _add(
        self,
        *,
        states: dict[str, PageState],
        kind: Kind = Kind.DATA,
        changes: Mapping[str, PageChange] | None = None,
        more: bool = False,
        rebased: Mapping[str, str] | None = None,
        rebase: Rebase | None = None,
    ) -> None:
        at = max(self._clock.now(), self._last.at)
        seq = self._last.seq + 1
        segment = Segment(
            kind, self._epoch, seq, at, self._last.sha256, states, changes or {}, more, rebased or {}
        )
        packed = pack(segment)
        self._last = _Chain(seq, packed.sha256, at, states)
        self._spool.add(Waiting(packed, seq, rebase))


def _shipping_first() -> Unavailable:
    return Unavailable("What is written has to be shipped first.", code=SHIPPING_FIRST, retry_after_s=1)


def _size(changes: Changes) -> int:
    return len(changes.offsets) * changes.after.generation.page_size

"""Databases out of the log: the newest snapshot that holds, then what came after it, checked step by step."""

from __future__ import annotations

import logging
import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

from roost.domain.replication import PageState
from roost.errors import ObjectDamaged, ObjectMissing
from roost.replication.epochs import EpochDocument
from roost.replication.fetching_ahead import fetched_ahead
from roost.replication.layout import segment as segment_name
from roost.replication.log_reader import (
    Log,
    damaged,
    missing_epoch,
    missing_segment,
    read_segment,
    seq_of,
)
from roost.replication.moments import kept_at, position_at
from roost.replication.object_store import ObjectStat, ObjectStore
from roost.replication.pages import PageHashes, apply_change
from roost.replication.segment import Kind, PageChange, Position, Segment, pack, unpack
from roost.replication.snapshot_objects import (
    Snapshot,
    disk_full,
    fetch_snapshot,
    find_snapshot,
    listed_snapshots,
)
from roost.replication.vouching import confirmed, vouch
from roost.storage.copies import check_copy

log = logging.getLogger("roost.replication")

HELD_AT_MOST_BYTES = 32 * 1024 * 1024
"""Of a transaction in several segments; what is more waits on disk."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Segments applied, of how many there are."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class RestoredLog:
    """Checked files `<database>.db.restoring`, on disk, that are the log at `position`; `at` is when its last
    transactions were committed. `passed_over` says which snapshots were of no use, and why.
    """

    position: Position
    at: datetime
    files: Mapping[str, Path]
    hashes: Mapping[str, PageHashes]
    passed_over: Sequence[str]

    @property
    def states(self) -> Mapping[str, PageState]:
        return {name: hashes.state for name, hashes in self.hashes.items()}


class LogRestore:
    """Reads, and changes nothing but its own files in the folder it is given."""

    def __init__(self, store: ObjectStore, stopping: threading.Event) -> None:
        self._store = store
        self._stopping = stopping

    def restore(
        self,
        target_dir: Path,
        *,
        upto: Position | datetime | None = None,
        progress: Callable[[Progress], None] = lambda _: None,
    ) -> RestoredLog:
        """The log's end, or as it was behind a segment, or behind the last transaction until a time.

        Raises ObjectDamaged, with the object and the remedy, when a part of the log that is needed is missing
        or damaged; NotFound when it does not reach back so far; Unavailable when the disk is full or Roost
        stops; and what the store raises. Then no file of it is left.
        """
        with ExitStack() as stack:
            run = _Run(self._store, self._stopping, target_dir, stack)
            try:
                restored = run.restore(upto, progress)
                stack.close()
                for database, path in restored.files.items():
                    check_copy(path, database, f"{database} out of the log in {self._store.place}")
            except OSError as error:
                run.discard()
                raise disk_full(target_dir, error) from error
            except BaseException:  # cleaned up and raised on - whatever it was
                run.discard()
                raise
            return restored


class _Run:
    def __init__(
        self, store: ObjectStore, stopping: threading.Event, target_dir: Path, stack: ExitStack
    ) -> None:
        self._store = store
        self._stopping = stopping
        self._target_dir = target_dir
        self._stack = stack
        self._log = Log(store)
        self._chain = self._log.epochs()
        if not self._chain:
            raise ObjectMissing(f"There is no log in {store.place}.")
        self._ends = {
            document.epoch: after.prev_last_seq
            for document, after in zip(self._chain, self._chain[1:], strict=False)
        }
        self._files: dict[str, _Restoring] = {}
        self._passed_over: list[str] = []
        self._newest_listed: dict[int, ObjectStat] = {}
        """Of the newest epoch, the segments from its newest snapshot on."""

    def restore(self, upto: Position | datetime | None, progress: Callable[[Progress], None]) -> RestoredLog:
        newest = self._chain[-1]
        snapshots = {name: listed_snapshots(self._store, name) for name in newest.base}
        known = max(
            (
                each.position.seq
                for listed in snapshots.values()
                for each in listed
                if each.position.epoch == newest.epoch
            ),
            default=0,
        )
        self._newest_listed = {seq_of(stat.name): stat for stat in self._log.listed(newest.epoch, known)}
        self._ends[newest.epoch] = max(self._newest_listed, default=known)
        target = self._target(upto, snapshots)
        for name in newest.base:
            self._begin(name, snapshots[name], target)
        start = min(file.position for file in self._files.values())
        at = self._apply(start, target, progress)
        for file in self._files.values():
            file.finish()
        return RestoredLog(
            target,
            at,
            {name: file.path for name, file in self._files.items()},
            {name: file.hashes for name, file in self._files.items()},
            tuple(self._passed_over),
        )

    def discard(self) -> None:
        self._stack.close()
        for file in self._files.values():
            file.path.unlink(missing_ok=True)

    def _target(
        self, upto: Position | datetime | None, snapshots: Mapping[str, Sequence[Snapshot]]
    ) -> Position:
        if isinstance(upto, datetime):
            found = position_at(self._log, self._chain, self._ends, upto)
            return kept_at(self._log, self._chain, self._ends, snapshots, found)
        newest = self._chain[-1].epoch
        if upto is None:
            return Position(newest, self._ends[newest])
        if upto.seq > self._ends.get(upto.epoch, -1):
            raise missing_segment(self._store, upto)
        return upto

    def _begin(self, database: str, snapshots: Sequence[Snapshot], target: Position) -> None:
        """The newest snapshot that holds, before the target."""
        path = self._target_dir / f"{database}.db.restoring"
        for found in snapshots:
            if found.position > target or found.position.seq > self._ends.get(found.position.epoch, -1):
                continue
            try:
                vouch(self._log, self._chain, found)
                hashes = fetch_snapshot(self._store, found, path, self._stopping)
            except (ObjectDamaged, ObjectMissing) as error:
                log.error("A snapshot is passed over: %s", error.message)
                self._passed_over.append(error.message)
                continue
            self._files[database] = _Restoring(path, hashes, found.position, self._stack)
            return
        first = self._chain[0]
        if first.prev_epoch is None and database in first.base and first.base[database].pages == 0:
            path.write_bytes(b"")
            hashes = PageHashes(first.base[database].page_size)
            self._files[database] = _Restoring(path, hashes, Position(first.epoch, 0), self._stack)
            return
        if first.prev_epoch is not None and any(each.position.epoch < first.epoch for each in snapshots):
            raise missing_epoch(self._store, first.prev_epoch)
        because = " ".join(self._passed_over) or "There is none."
        raise ObjectDamaged(
            f"No snapshot of {database} in {self._store.place} can be used. {because} Put a good copy of one "
            "back.",
            code="no_snapshot",
        )

    def _apply(self, start: Position, target: Position, progress: Callable[[Progress], None]) -> datetime:
        """Everything behind `start` up to `target`; when the last of it was committed."""
        said = confirmed(self._log, self._chain, start)
        before, at = said.sha256, said.at
        spans = self._spans(start, target)
        total = sum(last - first + 1 for _, first, last in spans)
        done = 0
        for document, first, last in spans:
            if document.epoch != start.epoch:
                self._enter(document)
                before, at = document.sha256, max(at, document.created)
            group = _Group(self._stack)
            for segment, sha256 in self._fetched(document.epoch, first, last):
                if segment.prev_sha256 != before:
                    raise damaged(
                        self._store,
                        segment_name(segment.epoch, segment.seq),
                        "it does not follow the one before it",
                    )
                before, at = sha256, segment.at
                self._take(segment, group)
                done += 1
                progress(Progress(done, total))
        return at

    def _spans(self, start: Position, target: Position) -> list[tuple[EpochDocument, int, int]]:
        """The epochs from one to the other, each with the first and the last segment to be applied."""
        spans = []
        for document in self._chain:
            if start.epoch <= document.epoch <= target.epoch:
                first = start.seq + 1 if document.epoch == start.epoch else 1
                last = target.seq if document.epoch == target.epoch else self._ends[document.epoch]
                spans.append((document, first, last))
        return spans

    def _enter(self, document: EpochDocument) -> None:
        for database, file in self._files.items():
            beginning = Position(document.epoch, 0)
            if file.position >= beginning:
                continue
            name = document.base_snapshots.get(database)
            if name is not None:
                self._replace(database, name, beginning)
            elif file.hashes.state != document.base.get(database):
                raise self._broken(database, f"the epoch {document.epoch}")

    def _take(self, segment: Segment, group: _Group) -> None:
        if segment.rebased or segment.kind is not Kind.DATA:
            group.forget()
        if segment.more:
            group.hold(segment)
            return
        for each in (*group.released(), segment):
            for database, change in each.changes.items():
                if self._files[database].position < segment.position:
                    self._files[database].apply(change)
        for database, name in segment.rebased.items():
            if self._files[database].position < segment.position:
                self._replace(database, name, segment.position)
        for database, file in self._files.items():
            if file.position <= segment.position and file.hashes.state != segment.states.get(database):
                raise self._broken(database, segment_name(segment.epoch, segment.seq))

    def _replace(self, database: str, name: str, position: Position) -> None:
        found = find_snapshot(self._store, database, name)
        path = self._files[database].path
        self._files[database].close()
        hashes = fetch_snapshot(self._store, found, path, self._stopping)
        self._files[database] = _Restoring(path, hashes, position, self._stack)

    def _broken(self, database: str, where: str) -> ObjectDamaged:
        return ObjectDamaged(
            f"The log in {self._store.place} does not fit together: {database} is not what {where} says. "
            "Restore to a moment before it with `roost backup restore --at`.",
            code="log_gap",
        )

    def _fetched(self, epoch: int, first: int, last: int) -> Iterator[tuple[Segment, str]]:
        """In order. They are unpacked one by one, so that little is held."""
        listed = self._listed(epoch, first, last) if first <= last else {}
        for position, packed in fetched_ahead(self._store, epoch, first, last, listed, self._stopping):
            content, sha256 = packed()
            yield read_segment(self._store, position, content), sha256

    def _listed(self, epoch: int, first: int, last: int) -> Mapping[int, ObjectStat]:
        if epoch == self._chain[-1].epoch and first in self._newest_listed:
            return self._newest_listed
        listed: dict[int, ObjectStat] = {}
        for stat in self._log.listed(epoch, first):
            seq = seq_of(stat.name)
            if seq > last:
                break
            listed[seq] = stat
        return listed


class _Restoring:
    """A file on its way, which is the log at `position` or later."""

    def __init__(self, path: Path, hashes: PageHashes, position: Position, stack: ExitStack) -> None:
        self.path = path
        self.hashes = hashes
        self.position = position
        self._descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        self._open = True
        stack.callback(self.close)

    def apply(self, change: PageChange) -> None:
        size = self.hashes.page_size
        if change.floor < self.hashes.state.pages:
            # What comes back behind it was never written: zeros.
            os.ftruncate(self._descriptor, change.floor * size)
        if change.floor < self.hashes.state.pages or change.pages != self.hashes.state.pages:
            os.ftruncate(self._descriptor, change.pages * size)
        for number, image in change.images.items():
            os.pwrite(self._descriptor, image, (number - 1) * size)
        apply_change(self.hashes, change)

    def finish(self) -> None:
        os.fsync(self._descriptor)
        self.close()

    def close(self) -> None:
        if self._open:
            self._open = False
            os.close(self._descriptor)


class _Group:
    """The segments of a transaction that is not complete yet."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._held: list[int] = []
        self._file: IO[bytes] | None = None

    def hold(self, segment: Segment) -> None:
        if self._file is None:
            spooled = tempfile.SpooledTemporaryFile(HELD_AT_MOST_BYTES)  # noqa: SIM115 - the stack closes it
            self._file = self._stack.enter_context(spooled)
        content = pack(segment).content
        self._file.write(content)
        self._held.append(len(content))

    def released(self) -> Iterator[Segment]:
        if self._file is None:
            return
        self._file.seek(0)
        for size in self._held:
            yield unpack(self._file.read(size))
        self.forget()

    def forget(self) -> None:
        if self._file is not None:
            self._file.seek(0)
            self._file.truncate()
        self._held = []

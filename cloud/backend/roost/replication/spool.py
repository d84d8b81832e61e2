"""Segments that wait for the bucket, in memory and in order."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass

from roost.replication.segment import PackedSegment
from roost.replication.snapshot_objects import PackedSnapshot


@dataclass(frozen=True, slots=True)
class Rebase:
    """A snapshot that must be in the bucket before the segment that names it."""

    database: str
    snapshot: PackedSnapshot
    schema: int


@dataclass(slots=True)
class Waiting:
    """`covers` is what everything is in the bucket of once this segment is: None for a part that says
    nothing about it.
    """

    segment: PackedSegment
    seq: int
    rebase: Rebase | None = None
    covers: Cover | None = None


@dataclass(frozen=True, slots=True)
class Cover:
    """All transactions that ended before `at_s` (monotonic), `commits` of them in all."""

    at_s: float
    commits: int


class Spool:
    """Thread-safe."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self._lock = threading.Lock()
        self._waiting: deque[Waiting] = deque()
        self._bytes = 0
        self._covered = Cover(0.0, 0)

    @property
    def bytes(self) -> int:
        with self._lock:
            return self._bytes

    @property
    def full(self) -> bool:
        """Whether nothing more is taken. A single segment may exceed the limit, for it must go somehow."""
        with self._lock:
            return self._bytes >= self.limit_bytes

    @property
    def covered(self) -> Cover:
        """What is in the bucket."""
        with self._lock:
            return self._covered

    def add(self, waiting: Waiting) -> None:
        with self._lock:
            self._waiting.append(waiting)
            self._bytes += len(waiting.segment.content)

    def cover(self, cover: Cover) -> None:
        """All transactions until then are in what was added so far, or in the bucket."""
        with self._lock:
            if self._waiting:
                self._waiting[-1].covers = cover
            else:
                self._covered = cover

    def first(self) -> Waiting | None:
        with self._lock:
            return self._waiting[0] if self._waiting else None

    def shipped(self, waiting: Waiting) -> None:
        """The first one is in the bucket."""
        with self._lock:
            if self._waiting[0] is not waiting:
                raise ValueError("segments are shipped in order")
            self._waiting.popleft()
            self._bytes -= len(waiting.segment.content)
            if waiting.covers is not None:
                self._covered = waiting.covers

    def clear(self) -> None:
        with self._lock:
            for waiting in self._waiting:
                if waiting.rebase is not None:
                    waiting.rebase.snapshot.path.unlink(missing_ok=True)
            self._waiting.clear()
            self._bytes = 0

"""Reads what was committed from a database's `-wal` file, and from no other: closing a descriptor of the
database itself would drop SQLite's locks on it.

The format is https://www.sqlite.org/fileformat2.html#the_write_ahead_log. numpy is imported at the first use.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roost.storage.numpy_import import load_numpy

if TYPE_CHECKING:
    from numpy import uint32
    from numpy.typing import NDArray

    Words = NDArray[uint32]

HEADER_BYTES = 32
FRAME_HEADER_BYTES = 24
MAGIC = 0x377F0682
"""The last bit tells that checksums take the words as big endian."""

READ_AT_ONCE_BYTES = 4 * 1024 * 1024
_WORD = 0xFFFFFFFF

Checksum = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Generation:
    """One filling of the file. SQLite begins it anew, with other salts, once a checkpoint took everything."""

    page_size: int
    salts: tuple[int, int]
    big_endian: bool
    checksum: Checksum
    begun_anew: bool
    """Whether the connection that began it had itself begun one before. False proves nothing: another
    connection may have.
    """


@dataclass(frozen=True, slots=True)
class WalPosition:
    """Behind the last frame that was taken; `seal` is that frame's header."""

    generation: Generation
    frames: int
    checksum: Checksum
    seal: bytes

    @property
    def offset(self) -> int:
        return HEADER_BYTES + self.frames * (FRAME_HEADER_BYTES + self.generation.page_size)


@dataclass(frozen=True, slots=True)
class Changes:
    """What the transactions since a position have done together: where in the file the last image of each
    page is, how many pages there are now, and the fewest there were in between.
    """

    offsets: dict[int, int]
    pages: int
    floor: int
    after: WalPosition
    held: tuple[int, memoryview] | None
    """An offset, and what the file has from there, where that was little enough to keep."""


@dataclass(frozen=True, slots=True)
class Break:
    """What was written since the last position cannot be told any more, and why, for people."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unsettled:
    """A transaction is being committed at this very moment: look again."""


class WalReader:
    """Follows one database's log. Not thread-safe."""

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(database.name + "-wal")
        self._descriptor: int | None = None
        self._position: WalPosition | None = None
        self._drained: WalPosition | None = None
        self._from_the_beginning = True

    def scan(self, pages: int) -> Changes | Break | Unsettled | None:
        """What is committed beyond the position; None when there is nothing new. `pages` is the database's
        count at the position.
        """
        generation = self._generation()
        if generation is None:
            # Not begun, or being begun anew at this moment.
            return None
        position = self._position
        if position is None:
            if self._from_the_beginning and generation.begun_anew:
                return Break("another program moved the log into the file before it was first read")
            position = self._start_of(generation)
        elif generation != position.generation:
            if not self._follows(generation, position):
                return Break("another program moved the log into the file")
            position = self._start_of(generation)
        elif not self._sealed(position):
            return Break("what had been committed was overwritten")
        return self._changes(position, pages)

    def images(self, changes: Changes, numbers: list[int]) -> list[bytes] | Break:
        """Those pages of `changes`, as long as nothing has begun the log anew."""
        size = changes.after.generation.page_size
        images = []
        for number in numbers:
            offset = changes.offsets[number]
            if changes.held is not None:
                start = offset - changes.held[0]
                images.append(bytes(changes.held[1][start : start + size]))
            else:
                images.append(self._read(offset, size))
        if changes.held is None and (
            self._generation() != changes.after.generation or any(len(image) != size for image in images)
        ):
            return Break("another program began the log anew while it was read")
        return images

    def advance(self, changes: Changes) -> None:
        self._position = changes.after

    def drained(self) -> None:
        """To be called when everything is taken and the next thing to happen is our own checkpoint: the log
        may then begin anew.
        """
        self._drained = self._position

    def has_frames(self, count: int) -> bool:
        """Whether that is how many frames were taken since the log began anew."""
        return count == (self._position.frames if self._position else 0)

    def restart(self) -> None:
        """Forgets the position: the next scan begins with whatever the file has."""
        self._position = self._drained = None
        self._from_the_beginning = False

    def waiting_bytes(self) -> int:
        """At most what lies beyond the position: a part of the file may be left from earlier."""
        return max(0, self.size_bytes() - (self._position.offset if self._position else 0))

    def size_bytes(self) -> int:
        try:
            return self._path.stat().st_size
        except FileNotFoundError:
            return 0

    def displaced(self) -> bool:
        """Whether somebody removed the file: SQLite goes on writing the one that is followed here, and nobody
        else sees it.
        """
        if self._descriptor is None:
            return False
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return True
        held = os.fstat(self._descriptor)
        return (found.st_dev, found.st_ino) != (held.st_dev, held.st_ino)

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _changes(self, position: WalPosition, pages: int) -> Changes | Unsettled | None:
        """Reads on in parts, and stops at the last commit."""
        collected = _Collected(position, pages)
        part, parts = b"", 0
        for frames in self._frames(position, None):
            collected.add(frames)
            part, parts = frames.part, parts + 1
        if collected.committed is None:
            return None
        if not self._stands(collected.last_began, collected.committed):
            return Unsettled()
        held = (position.offset, memoryview(part)) if parts == 1 else None
        return Changes(collected.offsets, collected.pages, collected.floor, collected.committed, held)

    def _stands(self, began: WalPosition, ended: WalPosition) -> bool:
        """Whether a transaction's frames read the same once more. While SQLite commits one that outgrew its
        cache it rewrites frames in place, and a single reading may mix the two.
        """
        at = began
        for frames in self._frames(began, ended):
            at = frames.position(frames.count)
        return at == ended

    def _frames(self, start: WalPosition, end: WalPosition | None) -> Iterator[_Frames]:
        """The valid frames from `start` on, a part at a time."""
        frame_bytes = FRAME_HEADER_BYTES + start.generation.page_size
        at = start
        while end is None or at.frames < end.frames:
            size = READ_AT_ONCE_BYTES
            if end is not None:
                size = min(size, (end.frames - at.frames) * frame_bytes)
            frames = _Frames(self._read(at.offset, size), at)
            if frames.count:
                yield frames
            if not frames.cut:
                return
            at = frames.position(frames.count)

    def _follows(self, generation: Generation, position: WalPosition) -> bool:
        """Whether nothing can have been lost between the two. SQLite counts the first salt up by one whenever
        it begins the log anew. The header's own number of checkpoints is each connection's own, and no help.
        """
        before = position.generation
        return (
            self._drained == position
            and generation.page_size == before.page_size
            and generation.salts[0] == (before.salts[0] + 1) & _WORD
        )

    def _generation(self) -> Generation | None:
        header = self._read(0, HEADER_BYTES)
        if len(header) < HEADER_BYTES:
            return None
        magic, _, page_size, checkpoints, salt1, salt2, sum1, sum2 = struct.unpack(">8I", header)
        if magic & ~1 != MAGIC or page_size < 512 or page_size > 65536 or page_size & (page_size - 1):
            return None
        big_endian = bool(magic & 1)
        if _header_checksum(header[:24], big_endian=big_endian) != (sum1, sum2):
            return None
        return Generation(page_size, (salt1, salt2), big_endian, (sum1, sum2), checkpoints > 0)

    def _start_of(self, generation: Generation) -> WalPosition:
        return WalPosition(generation, 0, generation.checksum, b"")

    def _sealed(self, position: WalPosition) -> bool:
        """Whether the last frame that was taken is still there: one whose commit failed at the very end is
        overwritten.
        """
        if position.frames == 0:
            return True
        start = position.offset - FRAME_HEADER_BYTES - position.generation.page_size
        return self._read(start, FRAME_HEADER_BYTES) == position.seal

    def _read(self, offset: int, size: int) -> bytes:
        if self._descriptor is None:
            try:
                self._descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                return b""
        return os.pread(self._descriptor, size, offset)


class _Collected:
    """What the commits so far add up to."""

    def __init__(self, position: WalPosition, pages: int) -> None:
        self.offsets: dict[int, int] = {}
        self.pages = pages
        self.floor = pages
        self.committed: WalPosition | None = None
        self.last_began = position
        """Where the last transaction that is committed began."""
        self._pending: dict[int, int] = {}
        self._pending_began = position

    def add(self, frames: _Frames) -> None:
        first = 0
        for index, pages in frames.commits():
            self._pending.update(frames.offsets(first, index + 1))
            self.offsets.update(self._pending)
            if pages < self.pages or max(self._pending) > pages:
                self.offsets = {number: at for number, at in self.offsets.items() if number <= pages}
            self._pending = {}
            self.pages = pages
            self.floor = min(self.floor, pages)
            self.last_began = self._pending_began
            self.committed = self._pending_began = frames.position(index + 1)
            first = index + 1
        self._pending.update(frames.offsets(first, frames.count))


class _Frames:
    """The valid frames at the beginning of `part`, which the file has at the position `at`."""

    def __init__(self, part: bytes, at: WalPosition) -> None:
        self.part = part
        self._at = at
        self._frame_bytes = FRAME_HEADER_BYTES + at.generation.page_size
        self._there = len(part) // self._frame_bytes
        self._sums: Any = None
        self._numbers: list[int] = []
        self._sizes: list[int] = []
        self.count = self._validate() if self._there else 0

    @property
    def cut(self) -> bool:
        """Whether there may be more in the next part."""
        return 0 < self.count == self._there

    def commits(self) -> Iterator[tuple[int, int]]:
        """The frames that end a transaction, each with the database's count of pages after it."""
        return ((index, size) for index, size in enumerate(self._sizes) if size)

    def offsets(self, start: int, stop: int) -> dict[int, int]:
        """The last image of each page in these frames."""
        first = self._at.offset + FRAME_HEADER_BYTES
        return {
            number: first + index * self._frame_bytes
            for index, number in enumerate(self._numbers[start:stop], start)
        }

    def position(self, count: int) -> WalPosition:
        """Behind that many of these frames."""
        start = (count - 1) * self._frame_bytes
        return WalPosition(
            self._at.generation,
            self._at.frames + count,
            (int(self._sums[count - 1, 0]), int(self._sums[count - 1, 1])),
            self.part[start : start + FRAME_HEADER_BYTES],
        )

    def _validate(self) -> int:
        """Every checksum at once: each is a linear map, modulo 2^32, of the one before and of its frame."""
        load_numpy()
        import numpy as np

        generation = self._at.generation
        shape = (self._there, self._frame_bytes // 4)
        fields = np.frombuffer(self.part, ">u4", shape[0] * shape[1]).reshape(shape)[:, :6].astype(np.uint32)
        salted = (fields[:, 2] == generation.salts[0]) & (fields[:, 3] == generation.salts[1])
        count = _leading(salted)
        if count == 0:
            return 0
        order = ">u4" if generation.big_endian else "<u4"
        words = np.frombuffer(self.part, order, count * shape[1]).reshape(count, shape[1])
        words = words.astype(np.uint32, copy=False)
        carried, weights = _checksum_map(shape[1] - 4)
        self._sums = fields[:count, 4:6]
        before = np.vstack([np.array([self._at.checksum], np.uint32), self._sums[:-1]])
        expected = words[:, :2] @ weights[:2] + words[:, 6:] @ weights[2:] + before @ carried
        count = _leading((expected == self._sums).all(axis=1))
        self._numbers = fields[:count, 0].tolist()
        self._sizes = fields[:count, 1].tolist()
        return count


def _leading(flags: Any) -> int:
    """How many are true before the first that is not."""
    return len(flags) if flags.all() else int(flags.argmin())


@lru_cache
def _checksum_map(words: int) -> tuple[Words, Words]:
    """SQLite's checksum of that many words as a linear map: what becomes of the checksum before (2 x 2), and
    what each word adds (words x 2).

    A pair of words (x, y) takes (s, t) to (s + t + x, s + 2t + x + y).
    """
    import numpy as np

    weights = np.zeros((words, 2), np.uint32)
    a, b, c, d = 1, 0, 0, 1
    for index in range(words - 2, -1, -2):
        weights[index] = ((a + b) & _WORD, (c + d) & _WORD)
        weights[index + 1] = (b, d)
        a, b, c, d = (a + b) & _WORD, (a + 2 * b) & _WORD, (c + d) & _WORD, (c + 2 * d) & _WORD
    return np.array([[a, c], [b, d]], np.uint32), weights


def _header_checksum(header: bytes, *, big_endian: bool) -> Checksum:
    s = t = 0
    for x, y in struct.iter_unpack(">2I" if big_endian else "<2I", header):
        s = (s + t + x) & _WORD
        t = (t + s + y) & _WORD
    return s, t

"""What a database holds, as one number: the rolling page checksum.

It is the exclusive or, over the pages n = 1, 2, …, of BLAKE2b-64 over n (8 bytes, little endian) and page n.
A page that was never written is zeros. Counters in the first page, which SQLite changes when a file is copied
or its journal mode is, count as zeros. The checksum follows from what was written alone, so that each change
costs as much as the pages it touches.
"""

from __future__ import annotations

import hashlib
from array import array
from pathlib import Path

from roost.domain.replication import PageState
from roost.errors import DatabaseUnreadable
from roost.replication.segment import PageChange

COUNTERS = ((18, 20), (24, 28), (40, 44), (92, 100))
"""Journal mode, change counter, schema cookie, and the versions that are valid for them
(https://www.sqlite.org/fileformat2.html#the_database_header).
"""

READ_AT_ONCE_BYTES = 4 * 1024 * 1024
_HEADER_BYTES = 100


class PageHashes:
    """A hash for each page of a database, and their exclusive or. Not thread-safe."""

    __slots__ = ("_checksum", "_hashes", "page_size")

    def __init__(self, page_size: int) -> None:
        self.page_size = page_size
        self._hashes = array("Q")
        self._checksum = 0

    @property
    def state(self) -> PageState:
        return PageState(self._checksum, len(self._hashes), self.page_size)

    def resize(self, pages: int) -> None:
        """Forgets the pages behind, or adds pages of zeros."""
        while len(self._hashes) > pages:
            self._checksum ^= self._hashes.pop()
        if len(self._hashes) < pages:
            zeros = bytes(self.page_size)
            for number in range(len(self._hashes) + 1, pages + 1):
                self._append(_hash(number, zeros))

    def put(self, number: int, page: bytes | memoryview) -> None:
        """Page `number`, counted from 1. Pages between the end and it are zeros."""
        count = len(self._hashes)
        hashed = _hash(number, page)
        if number > count:
            if number > count + 1:
                self.resize(number - 1)
            self._append(hashed)
            return
        self._checksum ^= self._hashes[number - 1] ^ hashed
        self._hashes[number - 1] = hashed

    def copy(self) -> PageHashes:
        other = PageHashes(self.page_size)
        other._hashes = self._hashes[:]
        other._checksum = self._checksum
        return other

    def _append(self, hashed: int) -> None:
        self._hashes.append(hashed)
        self._checksum ^= hashed


def page_hashes(path: Path) -> PageHashes:
    """Of a settled file that nobody has open in SQLite. Raises DatabaseUnreadable for what is not a file of
    whole pages.
    """
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
        page_size = int.from_bytes(header[16:18], "big")
        page_size = 65536 if page_size == 1 else page_size
        size_bytes = path.stat().st_size
        if page_size < 512 or page_size & (page_size - 1) or size_bytes % page_size:
            raise DatabaseUnreadable(
                f"{path.name} is damaged or not a SQLite file. Put a good copy in its place."
            )
        hashes = PageHashes(page_size)
        file.seek(0)
        while part := file.read(READ_AT_ONCE_BYTES):
            add_pages(hashes, part)
    return hashes


def add_pages(hashes: PageHashes, part: bytes) -> None:
    """Whole pages, behind those that are there."""
    number = hashes.state.pages
    view = memoryview(part)
    for start in range(0, len(part), hashes.page_size):
        number += 1
        hashes.put(number, view[start : start + hashes.page_size])


def apply_change(hashes: PageHashes, change: PageChange) -> None:
    if change.floor < hashes.state.pages:
        hashes.resize(change.floor)
    hashes.resize(change.pages)
    for number, image in change.images.items():
        hashes.put(number, image)


def _hash(number: int, page: bytes | memoryview) -> int:
    digest = hashlib.blake2b(number.to_bytes(8, "little"), digest_size=8)
    if number == 1:
        cleared = bytearray(page)
        for start, end in COUNTERS:
            cleared[start:end] = bytes(end - start)
        digest.update(cleared)
    else:
        digest.update(page)
    return int.from_bytes(digest.digest(), "little")

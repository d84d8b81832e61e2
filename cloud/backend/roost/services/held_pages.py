"""The pages that a crawl has read and not yet given to the index: a few in memory, all others on disk."""

from __future__ import annotations

from collections.abc import Iterator

from roost.domain.documents import ExtractedPage
from roost.storage.database import Database
from roost.storage.held_pages import drop_held_pages, hold_pages, read_held_pages

MEMORY_LIMIT = 2_000_000  # characters


class HeldPages:
    """The held pages of one source, in the order they came. `database` is knowledge.db."""

    def __init__(self, database: Database, source_id: str, memory_limit: int = MEMORY_LIMIT) -> None:
        self._database = database
        self._source_id = source_id
        self._memory_limit = memory_limit
        self._recent: list[ExtractedPage] = []
        self._recent_size = 0
        self._on_disk = 0
        # Of a crawl that was cut off.
        self._forget()

    def __len__(self) -> int:
        return self._on_disk + len(self._recent)

    @property
    def full(self) -> bool:
        """Whether memory would take no more: a good moment to give the pages away."""
        return self._on_disk > 0 or self._recent_size > self._memory_limit // 2

    def add(self, page: ExtractedPage) -> None:
        """Raises Unavailable when the disk is full or Roost is stopping."""
        self._recent.append(page)
        self._recent_size += sum(len(section.body) + len(section.heading) for section in page.sections)
        if self._recent_size > self._memory_limit:
            first, recent = self._on_disk, self._recent
            self._database.write(lambda db: hold_pages(db, self._source_id, first, recent))
            self._on_disk += len(recent)
            self._recent, self._recent_size = [], 0

    def batches(self, size: int) -> Iterator[list[ExtractedPage]]:
        """All held pages, at most `size` at once; at the end none is held any more."""
        for start in range(0, self._on_disk, size):
            with self._database.read() as db:
                batch = read_held_pages(db, self._source_id, start - 1, size)
            yield batch
        for start in range(0, len(self._recent), size):
            yield self._recent[start : start + size]
        self.discard()

    def discard(self) -> None:
        """Nothing is held any more."""
        self._recent, self._recent_size = [], 0
        if self._on_disk:
            self._on_disk = 0
            self._forget()

    def _forget(self) -> None:
        self._database.write(lambda db: drop_held_pages(db, self._source_id))

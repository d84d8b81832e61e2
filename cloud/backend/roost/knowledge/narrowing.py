"""Searches in some of the sources, as good as in an index of their own and about as fast as in all.

A filter makes ChromaDB and FTS5 several times slower, for each gathers every row of the sources before it
searches. So a small source is searched vector by vector; in a large one more is asked for without a filter,
and what belongs to the sources is kept: the first of those are the very same. Where too few remain, the
filter is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from roost.storage import chunks
from roost.storage.chunks import Snapshot, Term

if TYPE_CHECKING:
    from roost.knowledge.embeddings import Vector

SMALL_SOURCES = 600  # chunks whose vectors are read and compared in some 4 ms
ASKED_FOR = (2.0, 8.0)  # times what would do if the sources' passages were spread evenly
ASKED_FOR_AT_MOST = 1_600
ROWS_REMEMBERED = 20_000


class RowSources:
    """To which source a row belongs, which never changes; remembered, for the same rows are met again."""

    def __init__(self, remembered: int = ROWS_REMEMBERED) -> None:
        self._remembered = remembered
        self._known: dict[int, str] = {}

    def kept(self, db: Snapshot, rows: Sequence[int], source_ids: Sequence[str]) -> list[int]:
        """Those of `rows` that belong to the sources, in their order."""
        known = self._known
        unknown = [row for row in rows if row not in known]
        if unknown:
            if len(known) + len(unknown) > self._remembered:
                # Another search may be reading the old table.
                known = {row: known[row] for row in rows if row in known}
            known.update(chunks.sources_of_rows(db, unknown))
            self._known = known
        wanted = set(source_ids)
        return [row for row in rows if known.get(row) in wanted]


@dataclass(frozen=True, slots=True)
class Narrowed:
    """Some of the sources, with the number of `chunks` in them and in the whole index (`of_chunks`)."""

    source_ids: Sequence[str]
    chunks: int
    of_chunks: int
    row_sources: RowSources

    def best_by_words(self, db: Snapshot, terms: Sequence[Term], limit: int) -> Mapping[int, float]:
        """As `chunks.best_by_words`."""
        for asked_for in self._asked_for(limit)[:1]:
            found = chunks.best_by_words(db, terms, asked_for)
            kept = self.row_sources.kept(db, list(found), self.source_ids)
            if len(kept) >= limit or len(found) < asked_for:
                return {row: found[row] for row in kept[:limit]}
        return chunks.best_by_words(db, terms, limit, self.source_ids)

    def nearest(
        self,
        db: Snapshot,
        model: str,
        vector: Vector,
        limit: int,
        ask: Callable[[int, Sequence[str] | None], list[int]],
    ) -> list[int]:
        """The rows nearest to `vector`, the nearest first. `ask(limit, source_ids)` asks the vector index."""
        if self.chunks <= SMALL_SOURCES:
            found = cosines(vector, chunks.vectors_of_sources(db, model, self.source_ids))
            return sorted(found, key=lambda row: (-found[row], row))[:limit]
        for asked_for in self._asked_for(limit):
            kept = self.row_sources.kept(db, ask(asked_for, None), self.source_ids)
            if len(kept) >= limit:
                return kept[:limit]
        return ask(limit, self.source_ids)

    def _asked_for(self, limit: int) -> list[int]:
        """How many to ask for without a filter to have `limit` left: first so many, then so many."""
        if self.chunks == 0:
            return []
        even = limit * self.of_chunks / self.chunks
        return [int(even * times) for times in ASKED_FOR if even * times <= ASKED_FOR_AT_MOST]


def cosines(vector: Vector, stored: Mapping[int, bytes]) -> dict[int, float]:
    """Exact cosines of stored unit vectors."""
    import numpy as np

    if not stored:
        return {}
    matrix = np.frombuffer(b"".join(stored.values()), dtype=np.float16).reshape(len(stored), -1)
    return dict(zip(stored, (matrix.astype(np.float32) @ vector).tolist(), strict=True))

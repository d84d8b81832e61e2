"""Finds the passages that answer a question: the best by words and the best by meaning, scored together.

Everything it needs to know stands in knowledge.db, so that it follows the index without being told. Until the
vector index is open, and while parts of it are missing, words find the candidates and stored vectors still
rank them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from roost.domain.documents import Chunk, Confidence, Passage, Retrieval
from roost.knowledge import confidence, fusion
from roost.knowledge.chroma_index import ChromaIndex, VectorIndexDamaged
from roost.knowledge.chunking import storable
from roost.knowledge.embeddings import Embedder, QueryVectors
from roost.knowledge.narrowing import Narrowed, RowSources, cosines
from roost.knowledge.query_words import query_words
from roost.knowledge.spelling import Reading, Spelling
from roost.storage import chunks, foreign_matches
from roost.storage.chunks import Snapshot, Term
from roost.storage.database import Database
from roost.storage.foreign_matches import ForeignMatches

if TYPE_CHECKING:
    from roost.knowledge.embeddings import Vector

CANDIDATES = 50
PREVIOUS_LIMIT = (
    500  # characters of the turn before: it gives the subject, and must not push out the question
)
PREFIX_FROM = 4  # letters a word needs to stand for the words that begin with it
COUNTS_KEPT = 5_000
SEARCHES_AT_ONCE = 4
"""A burst is answered sooner when few questions are searched for at once: each reads through a connection
that is kept, and most of a search holds Python's lock.
"""


@dataclass(frozen=True, slots=True)
class _Words:
    """What a search by words gave, and how much its best match is worth (0..1)."""

    scores: Mapping[int, float]
    evidence: float


@dataclass(frozen=True, slots=True)
class _Index:
    """What is known of one version of the index."""

    version: int
    chunks: int
    foreign: ForeignMatches | None


class FusedRetriever:
    """Implements `roost.services.ports.Retriever`. `on_damage` is called when the vector index turns out to
    be unusable.
    """

    def __init__(
        self, database: Database, embedder: Embedder, vector_index: ChromaIndex, on_damage: Callable[[], None]
    ) -> None:
        self._database = database
        self._embedder = embedder
        self._queries = QueryVectors(embedder)
        self._vector_index = vector_index
        self._on_damage = on_damage
        self._counts: dict[Term, int] = {}
        self._counts_version = -1
        self._index: _Index | None = None
        self._sizes: Mapping[str, int] | None = None
        self._row_sources = RowSources()
        self._spelling = Spelling(database, embedder)
        self._counting = threading.Lock()
        self._searching = threading.BoundedSemaphore(SEARCHES_AT_ONCE)

    def stop(self) -> None:
        """Ends what reads the database by itself, so that it can be closed; questions are still answered."""
        self._spelling.stop()

    def retrieve(
        self,
        question: str,
        *,
        previous: str | None = None,
        source_ids: Sequence[str] | None = None,
        limit: int = 8,
    ) -> Retrieval:
        """The passages that answer `question`, best first; see `fusion` for the scores and `confidence` for
        the confidence.

        With `previous`, the user turn before, the question is searched for alone and together with it. Raises
        StorageError.
        """
        question = storable(question)
        together = (
            f"{storable(previous)[:PREVIOUS_LIMIT]}\n{question}" if previous and previous.strip() else None
        )
        with self._searching, self._database.read() as db:
            record = chunks.read_index(db)
            index = self._known(db, record.version)
            if index.chunks == 0:
                return Retrieval(question, (), Confidence.REFUSE, index.version, ready=False)
            narrowed = self._narrowed(db, index, source_ids)
            read = self._read(db, question, index)
            read_together = None if together is None else self._read(db, together, index)
            vector = self._vector(read, read_together)
            words = self._search_words(db, read, read_together, index, narrowed)
            near = self._nearest(db, record.collection, vector, narrowed)
            candidates = list(dict.fromkeys((*words.scores, *near)))
            meaning = _meaning(vector, chunks.read_vectors(db, self._embedder.model, candidates, source_ids))
            best = fusion.fuse(meaning, words.scores, words.evidence, index.chunks)[: 2 * limit]
            found = chunks.read_chunks(db, [row for row, _ in best])
        return Retrieval(
            query=question,
            passages=_passages(best, found)[:limit],
            confidence=_confidence(meaning, words, index.foreign, follow_up=together is not None),
            index_version=index.version,
            ready=True,
        )

    def search(
        self, query: str, limit: int = 10, source_ids: Sequence[str] | None = None
    ) -> tuple[Passage, ...]:
        """The nearest passages whatever their confidence, for people who search the knowledge themselves."""
        return self.retrieve(query, limit=limit, source_ids=source_ids).passages

    def _vector(self, question: Reading, together: Reading | None) -> Vector | None:
        """The question's unit vector, blended with that of the follow-up; None while there is no model."""
        if self._embedder.missing() is not None:
            return None
        vector = self._queries.embed(question.text)
        if together is None:
            return vector
        weight = fusion.LAST_TURN_WEIGHT
        blended: Vector = weight * vector + (1 - weight) * self._queries.embed(together.text)
        blended /= max(float(blended @ blended) ** 0.5, 1e-12)
        return blended

    def _search_words(
        self,
        db: Snapshot,
        question: Reading,
        together: Reading | None,
        index: _Index,
        narrowed: Narrowed | None,
    ) -> _Words:
        last = self._words(db, question, index, narrowed)
        if together is None:
            return last
        both = self._words(db, together, index, narrowed)
        weight = fusion.LAST_TURN_WEIGHT
        return _Words(
            scores=fusion.blend(last.scores, both.scores),
            evidence=weight * last.evidence + (1 - weight) * both.evidence,
        )

    def _read(self, db: Snapshot, question: str, index: _Index) -> Reading:
        return self._spelling.read(question, lambda word: self._count(db, Term(word), index.version))

    def _words(self, db: Snapshot, query: Reading, index: _Index, narrowed: Narrowed | None) -> _Words:
        terms, counts = [], []
        for word in query_words(query.text):
            term = Term(word)
            count = self._count(db, term, index.version)
            if count == 0 and len(word) >= PREFIX_FROM:
                term = Term(word, prefix=True)
                count = self._count(db, term, index.version)
            if count:
                terms.append(term)
            if word.isalnum():
                # A guessed word helps the search, and counts for the evidence as the unknown one it is.
                counts.append(0 if word in query.guessed else count)
        best_by_words = chunks.best_by_words if narrowed is None else narrowed.best_by_words
        scores = best_by_words(db, terms, CANDIDATES)
        return _Words(
            scores, fusion.lexical_evidence(max(scores.values(), default=0.0), counts, index.chunks)
        )

    def _count(self, db: Snapshot, term: Term, version: int) -> int:
        """In how many chunks the term stands, remembered as long as the index does not change."""
        with self._counting:
            self._forget_old_counts(version)
            known = self._counts.get(term)
        if known is not None:
            return known
        count = chunks.count_matches(db, term)
        with self._counting:
            if version == self._counts_version:
                self._counts[term] = count
        return count

    def _known(self, db: Snapshot, version: int) -> _Index:
        with self._counting:
            self._forget_old_counts(version)
            known = self._index
        if known is not None:
            return known
        known = _Index(version, chunks.count_chunks(db), foreign_matches.read(db, self._embedder.model))
        self._spelling.follow(chunks.newest_row(db))
        with self._counting:
            if version == self._counts_version:
                self._index = known
        return known

    def _forget_old_counts(self, version: int) -> None:
        if version != self._counts_version or len(self._counts) > COUNTS_KEPT:
            self._counts.clear()
            self._index = None
            self._sizes = None
            self._counts_version = version

    def _narrowed(self, db: Snapshot, index: _Index, source_ids: Sequence[str] | None) -> Narrowed | None:
        if source_ids is None:
            return None
        with self._counting:
            self._forget_old_counts(index.version)
            sizes = self._sizes
        if sizes is None:
            sizes = chunks.count_chunks_by_source(db)
            with self._counting:
                if index.version == self._counts_version:
                    self._sizes = sizes
        inside = sum(sizes.get(source_id, 0) for source_id in set(source_ids))
        return Narrowed(source_ids, inside, index.chunks, self._row_sources)

    def _nearest(
        self, db: Snapshot, collection: str | None, vector: Vector | None, narrowed: Narrowed | None
    ) -> list[int]:
        if vector is None or collection is None or not self._vector_index.opened:
            return []

        def ask(limit: int, source_ids: Sequence[str] | None) -> list[int]:
            return self._vector_index.nearest(collection, vector, limit, source_ids)

        try:
            if narrowed is None:
                return ask(CANDIDATES, None)
            return narrowed.nearest(db, self._embedder.model, vector, CANDIDATES, ask)
        except VectorIndexDamaged:
            # Words answer meanwhile; the indexer says in the log what happened and builds it again.
            self._on_damage()
            return []


def _meaning(vector: Vector | None, stored: Mapping[int, bytes | None]) -> dict[int, float | None]:
    """Exact cosines of the stored vectors; None where there is none."""
    meaning: dict[int, float | None] = dict.fromkeys(stored)
    if vector is not None:
        meaning.update(cosines(vector, {row: blob for row, blob in stored.items() if blob is not None}))
    return meaning


def _confidence(
    meaning: Mapping[int, float | None], words: _Words, foreign: ForeignMatches | None, *, follow_up: bool
) -> Confidence:
    """By meaning and words; by words alone too where passages that match have no vector (yet)."""
    known = [cosine for cosine in meaning.values() if cosine is not None]
    by_both = Confidence.REFUSE
    if known:
        by_both = confidence.confidence(max(known), words.evidence, foreign, follow_up=follow_up)
        if len(known) == len(meaning):
            return by_both
    order = (Confidence.REFUSE, Confidence.HEDGE, Confidence.ANSWER)
    return max(by_both, confidence.confidence_by_words(words.evidence), key=order.index)


def _passages(best: Sequence[tuple[int, float]], found: Mapping[int, Chunk]) -> tuple[Passage, ...]:
    """Each page's passage once, also where two sources hold the same page."""
    passages: dict[str, Passage] = {}
    for row, score in best:
        if row in found:
            passages.setdefault(found[row].id, _passage(found[row], score))
    return tuple(passages.values())


def _passage(chunk: Chunk, score: float) -> Passage:
    return Passage(
        chunk_id=chunk.id,
        source_id=chunk.source_id,
        url=f"{chunk.url}#{chunk.anchor}" if chunk.anchor else chunk.url,
        title=chunk.title,
        heading=chunk.heading_path[-1] if chunk.heading_path else "",
        text=chunk.text,
        score=max(0.0, min(1.0, score)),
    )

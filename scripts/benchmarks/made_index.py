"""Indexes of any size, made in minutes: passages of words drawn from real pages, vectors near real ones."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from roost.domain.documents import ExtractedPage, Section
from roost.knowledge.chroma_index import ChromaIndex
from roost.knowledge.embeddings import MiniLmEmbedder
from roost.knowledge.indexer import PAUSE_S, KnowledgeIndexer
from roost.knowledge.retriever import FusedRetriever
from roost.storage import chunks
from roost.storage.chunks import Snapshot
from roost.storage.database import Database

WORDS_A_PASSAGE = 110
PASSAGES_A_PAGE = 10
PAGES_AT_ONCE = 100
SOURCE = "made"


@dataclass(frozen=True, slots=True)
class MadeIndex:
    database: Database
    embedder: MiniLmEmbedder
    vector_index: ChromaIndex
    indexer: KnowledgeIndexer
    retriever: FusedRetriever

    def with_another_indexer(self) -> MadeIndex:
        """One that has stopped does not start again."""
        indexer = KnowledgeIndexer(self.database, self.embedder, self.vector_index, lambda *_: None)
        return replace(self, indexer=indexer)

    def complete(self) -> bool:
        """Every chunk stands in the live collection, and nothing else does."""
        with self.database.read() as db:
            record, size = chunks.read_index(db), chunks.count_chunks(db)
            if record.collection is None or record.building or chunks.removed_rows(db, 1):
                return False
            return chunks.count_placed(db, record.collection) == size

    def wait_complete(self, within_s: float = 3_600) -> None:
        ends_s = time.monotonic() + within_s
        while not self.complete():
            if time.monotonic() > ends_s:
                raise TimeoutError("the index was not complete in time")
            time.sleep(0.1)


@contextmanager
def made_index(
    folder: Path,
    embedder: MiniLmEmbedder,
    size: int,
    texts: Sequence[ExtractedPage],
    pause_s: float = PAUSE_S,
) -> Iterator[MadeIndex]:
    """An index of `size` chunks in `folder`, filled where it is not yet; nothing runs."""
    database = Database(folder / "knowledge.db", "knowledge", "NORMAL")
    database.open()
    vector_index = ChromaIndex(folder / "chroma_db")
    indexer = KnowledgeIndexer(database, embedder, vector_index, lambda *_: None, pause_s=pause_s)
    retriever = FusedRetriever(database, embedder, vector_index, indexer.rebuild_vector_index)
    index = MadeIndex(database, embedder, vector_index, indexer, retriever)
    try:
        fill(database, indexer, embedder, size, texts)
        yield index
    finally:
        indexer.stop()
        vector_index.close()
        database.close()


def fill_folder(
    folder: Path, embedder: MiniLmEmbedder, size: int, texts: Sequence[ExtractedPage], source_id: str
) -> None:
    """The same for the data folder of a server that does not run."""
    database = Database(folder / "knowledge.db", "knowledge", "NORMAL")
    database.open()
    try:
        indexer = KnowledgeIndexer(database, embedder, ChromaIndex(folder / "chroma_db"), lambda *_: None)
        fill(database, indexer, embedder, size, texts, source_id)
    finally:
        database.close()


def fill(
    database: Database,
    indexer: KnowledgeIndexer,
    embedder: MiniLmEmbedder,
    size: int,
    texts: Sequence[ExtractedPage],
    source_id: str = SOURCE,
) -> None:
    """Adds chunks until there are `size`, with their vectors, which are not in the vector index yet."""
    if indexer.state().chunks >= size and indexer.state().vectors >= size:
        return
    chance, noise = random.Random(11), np.random.default_rng(11)
    words = [word for page in texts for section in page.sections for word in section.body.split()]
    real = [embedder.embed(" ".join(chance.choices(words, k=30))) for _ in range(300)]
    number = 0
    while (there := indexer.state().chunks) < size:
        wanted = min(PAGES_AT_ONCE, -(-(size - there) // PASSAGES_A_PAGE))
        pages = []
        for _ in range(wanted):
            sections = tuple(
                Section(2, f"Part {part}", f"part-{part}", " ".join(chance.choices(words, k=WORDS_A_PASSAGE)))
                for part in range(PASSAGES_A_PAGE)
            )
            pages.append(ExtractedPage(f"https://made.example/{number}", f"Made {number}", sections, ()))
            number += 1
        indexer.replace(source_id, pages, [])
    model = embedder.model
    row = 0
    while True:
        with database.read() as db:
            waiting, row = chunks.unembedded(db, model, 5_000, row)
        if not waiting:
            return
        vectors = {}
        for sha256 in waiting:
            near = chance.choice(real) + noise.normal(scale=0.03, size=embedder.dimension)
            vectors[sha256] = (near / np.linalg.norm(near)).astype(np.float16).tobytes()
        database.write(partial(_store, model, vectors))


def _store(model: str, vectors: Mapping[str, bytes], db: Snapshot) -> None:
    chunks.store_vectors(db, model, vectors)

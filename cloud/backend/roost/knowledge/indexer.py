"""Keeps the index in step with the pages: words at once, meaning in a thread of its own that can be killed at
any moment.

What is to be done is never remembered apart: it is what knowledge.db lacks (chunks without a vector, vectors
that are in no collection, rows that are gone). Small changes go into the live collection, for a search joins
every hit to the chunks of its own snapshot: a row that came too early or left too late cannot show. A
collection is built beside and exchanged only when the old one would be wrong or has grown fat: another model,
damage, or more rows removed than kept.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from roost.domain.documents import Chunk, EmbeddingProgress, ExtractedPage, IndexState
from roost.errors import RoostError
from roost.knowledge.chroma_index import ChromaIndex, VectorIndexDamaged
from roost.knowledge.chunking import chunk_page, embedded_text, storable, text_sha256
from roost.knowledge.embeddings import Embedder
from roost.knowledge.foreign_questions import is_due, measure
from roost.knowledge.query_words import identifier_words
from roost.storage import chunks, foreign_matches
from roost.storage.chunks import IndexedChunk
from roost.storage.database import Database
from roost.storage.numpy_import import load_numpy

if TYPE_CHECKING:
    from roost.knowledge.embeddings import Vector

EMBEDDED_AT_ONCE = 25
READ_AT_ONCE = 500
PLACED_AT_ONCE = 25  # ChromaDB holds the interpreter for as long as a write takes
PAUSE_S = 0.02
REBUILT_AFTER_REMOVALS = 5_000  # ChromaDB keeps 1.5 to 5 MB for every 1,000 rows that were removed and added
SPARE_VECTORS = 5_000
STOP_WITHIN_S = 0.9
RETRY_FIRST_S = 1.0
RETRY_AT_MOST_S = 300.0
NICENESS = 10

_log = logging.getLogger(__name__)


class KnowledgeIndexer:
    """Implements `roost.services.ports.PageIndex`. `on_progress(vectors, chunks)` is called in the embedding
    thread, before the first portion and after each.
    """

    def __init__(
        self,
        database: Database,
        embedder: Embedder,
        vector_index: ChromaIndex,
        on_progress: Callable[[int, int], None],
        pause_s: float = PAUSE_S,
    ) -> None:
        self._database = database
        self._embedder = embedder
        self._vector_index = vector_index
        self._on_progress = on_progress
        self._pause_s = pause_s
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._damaged = threading.Event()
        self._adopted = False
        self._trouble: str | None = None
        self._announced: tuple[int, int] | None = None
        self._crawl_ended = threading.Event()
        # What is there is told of at the start; after that, what each crawl came to.
        self._crawl_ended.set()
        self._backlog: dict[str, Chunk] = {}
        # Every chunk up to the first row has its vector; up to the second it has, or stands in the backlog.
        self._embedded_row = 0
        self._backlog_row = 0
        # What vectors are left over is looked for at the start and after something was removed.
        self._may_have_spare = True
        self._waiting: dict[str, EmbeddingProgress] = {}
        self._embedded = 0
        self._size = 0
        self._counted: tuple[int, int, int] | None = None
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._model_thread: ThreadPoolExecutor

    def start(self) -> None:
        """Begins to embed what is missing, once and for all: not after `stop`. Nothing heavy is loaded while
        there are no chunks.
        """
        with self._starting:
            # A stop may come in the middle of a start: the lease was asked for at once.
            if self._stopping.is_set() or self._thread is not None:
                return
            self._wake.set()
            thread = threading.Thread(target=self._run, name="embedding", daemon=True)
            thread.start()
            self._thread = thread

    def stop(self) -> None:
        """Returns within a second; what was not done is taken up by whoever starts next."""
        with self._starting:
            self._stopping.set()
            thread = self._thread
        self._wake.set()
        if thread is not None:
            thread.join(STOP_WITHIN_S)

    def replace(self, source_id: str, changed: Sequence[ExtractedPage], removed_urls: Sequence[str]) -> None:
        """Makes the pages searchable by words before it returns; only new or changed passages are embedded
        again.

        Raises Unavailable when the disk is full or Roost is stopping; then nothing is changed.
        """
        pages = {storable(page.url): self._indexed(source_id, page) for page in changed}
        if self._database.write(lambda db: chunks.change_pages(db, source_id, pages, removed_urls)):
            self._wake.set()

    def remove_source(self, source_id: str) -> None:
        """Nothing of the source is found any more when this returns. Raises Unavailable as `replace` does."""
        if self._database.write(lambda db: chunks.remove_source(db, source_id)):
            self._wake.set()

    def crawl_ended(self) -> None:
        """A crawl has made its last change: once all of it is embedded, the log says so."""
        self._crawl_ended.set()
        self._wake.set()

    def embedding(self) -> Mapping[str, EmbeddingProgress]:
        """The sources whose passages wait for their vectors."""
        return self._waiting

    def rebuild_vector_index(self) -> None:
        """Says that the vector index proved unusable. It is built again from the stored vectors; returns at
        once.
        """
        self._damaged.set()
        self._wake.set()

    def state(self) -> IndexState:
        model = self._embedder.model
        with self._database.read() as db:
            index = chunks.read_index(db)
            counted = self._counted
            if counted is None or counted[0] != index.version:
                size = chunks.count_chunks(db)
                embedded = chunks.count_embedded(db, model) if size else 0
                counted = self._counted = (index.version, size, embedded)
        _, size, embedded = counted
        missing = self._embedder.missing()
        reason = missing or self._trouble
        if reason is None and embedded < size:
            reason = (
                f"Search by meaning is being prepared: {embedded} of {size} passages."
                " Search by words works already."
            )
        return IndexState(size, embedded, index.version, size > 0, None if missing else model, reason)

    def _indexed(self, source_id: str, page: ExtractedPage) -> list[IndexedChunk]:
        indexed = []
        for chunk in chunk_page(source_id, page, self._embedder.count_tokens):
            text = embedded_text(chunk.title, chunk.heading_path, chunk.text)
            names = identifier_words((chunk.breadcrumb, chunk.text))
            indexed.append(IndexedChunk(chunk, names, text_sha256(text)))
        return indexed

    def _run(self) -> None:
        # A thread of low priority must not hold the interpreter, as a write to ChromaDB does for its whole
        # length, nor start ChromaDB's own threads, which take after it: only the model runs at low priority.
        with ThreadPoolExecutor(1, "embedding-model", _lower_priority) as self._model_thread:
            self._work()

    def _work(self) -> None:
        retry_s = RETRY_FIRST_S
        while not self._stopping.is_set():
            self._wake.wait()
            self._wake.clear()
            try:
                self._catch_up()
            except VectorIndexDamaged as damage:
                _log.warning("Vector index damaged, rebuilding it", extra={"reason": damage.message})
                self._damaged.set()
            except RoostError as error:
                self._note(error.message)
            except Exception:  # noqa: BLE001 - the thread's edge - search by words goes on, and this is tried again
                if not self._stopping.is_set():
                    _log.exception("Embedding failed")
                    self._note(
                        "Search by meaning stopped with an error; see the log. It is tried again by itself."
                    )
            else:
                self._trouble = None
                retry_s = RETRY_FIRST_S
                continue
            # What was taken from it and not stored must be found again.
            self._backlog.clear()
            self._stopping.wait(retry_s)
            retry_s = min(RETRY_AT_MOST_S, 2 * retry_s)
            self._wake.set()

    def _note(self, trouble: str) -> None:
        if not self._stopping.is_set() and trouble != self._trouble:
            _log.warning("Index waits", extra={"reason": trouble})
        self._trouble = trouble

    def _catch_up(self) -> None:
        """Does all that is missing, in portions, until nothing is or Roost stops."""
        if self._damaged.is_set():
            self._discard_vector_index()
        with self._database.read() as db:
            record = chunks.read_index(db)
            idle = chunks.count_chunks(db) == 0 and record.collection is None
        if idle:
            return
        if self._embedder.missing() is None:
            self._adopt()
            while not self._stopping.is_set() and (
                self._embed_some() | self._place_some() | self._remove_some()
            ):
                self._stopping.wait(self._pause_s)
            if self._stopping.is_set():
                return
            self._complete()
            self._measure()
            self._embedder.embed("the first question finds the model loaded")
        self._announce()

    def _measure(self) -> None:
        """How near foreign questions come, where the index has changed much since that was measured."""
        model = self._embedder.model
        with self._database.read() as db:
            name, size = chunks.read_index(db).collection, chunks.count_chunks(db)
            known = foreign_matches.read(db, model)
        if name is None or not is_due(known, size):
            return
        measured = measure(
            self._embedder, lambda vector: self._best_cosine(name, vector), size, self._stopping.is_set
        )
        if measured is not None:
            self._database.write(lambda db: foreign_matches.store(db, model, measured))

    def _best_cosine(self, name: str, vector: Vector) -> float | None:
        import numpy as np

        rows = self._vector_index.nearest(name, vector, 1)
        with self._database.read() as db:
            stored = chunks.read_vectors(db, self._embedder.model, rows).values()
        return max(
            (
                float(np.frombuffer(blob, dtype=np.float16).astype(np.float32) @ vector)
                for blob in stored
                if blob
            ),
            default=None,
        )

    def _announce(self) -> None:
        if not self._crawl_ended.is_set():
            return
        self._crawl_ended.clear()
        with self._database.read() as db:
            now = (chunks.read_index(db).version, chunks.count_chunks(db))
        if now != self._announced:
            self._announced = now
            _log.info("Index ready: %d chunks", now[1])

    def _embed_some(self) -> bool:
        """Embeds one portion; False when every chunk has its vector."""
        import numpy as np

        model = self._embedder.model
        if not self._backlog:
            with self._database.read() as db:
                self._backlog, self._backlog_row = chunks.unembedded(
                    db, model, READ_AT_ONCE, self._embedded_row
                )
                if self._backlog:
                    self._count_waiting(chunks.count_embedded_by_source(db, model))
        vectors: dict[str, bytes] = {}
        sources: list[str] = []
        while self._backlog and len(vectors) < EMBEDDED_AT_ONCE and not self._stopping.is_set():
            sha256, chunk = self._backlog.popitem()
            sources.append(chunk.source_id)
            text = embedded_text(chunk.title, chunk.heading_path, chunk.text)
            vector = self._model_thread.submit(self._embedder.embed, text).result()
            vectors[sha256] = vector.astype(np.float16).tobytes()
        if not vectors:
            if self._stopping.is_set():
                return False
            if self._waiting:
                self._waiting = {}
                self._on_progress(self._size, self._size)
            self._embedded_row = self._backlog_row
            return False
        self._database.write(lambda db: chunks.store_vectors(db, model, vectors))
        if not self._backlog:
            self._embedded_row = self._backlog_row
        self._embedded = min(self._size, self._embedded + len(vectors))
        waiting = dict(self._waiting)
        for source_id, count in Counter(sources).items():
            if source_id in waiting:
                before = waiting[source_id]
                after = replace(before, done=min(before.total, before.done + count))
                waiting[source_id] = after
        # A new table each time: whoever reads holds a whole one.
        self._waiting = {source: state for source, state in waiting.items() if state.done < state.total}
        self._on_progress(self._embedded, self._size)
        return True

    def _count_waiting(self, counts: Mapping[str, tuple[int, int]]) -> None:
        self._embedded = sum(embedded for embedded, _ in counts.values())
        self._size = sum(size for _, size in counts.values())
        self._waiting = {
            source_id: EmbeddingProgress(embedded, size)
            for source_id, (embedded, size) in counts.items()
            if embedded < size
        }
        # Also at the beginning, so that whoever saw the stage begin is told when it has ended.
        self._on_progress(self._embedded, self._size)

    def _place_some(self) -> bool:
        """Puts one portion of vectors into the collection that is being filled; False when it is complete."""
        load_numpy()
        import numpy as np

        name = self._filling()
        with self._database.read() as db:
            waiting = chunks.unplaced(db, self._embedder.model, name, PLACED_AT_ONCE)
        if not waiting:
            return False
        rows = [placed.row for placed in waiting]
        self._vector_index.put(
            name,
            rows,
            [placed.source_id for placed in waiting],
            [np.frombuffer(placed.vector, dtype=np.float16).astype(np.float32) for placed in waiting],
        )
        self._database.write(lambda db: chunks.mark_placed(db, name, rows))
        return True

    def _remove_some(self) -> bool:
        """Takes one portion of removed rows out of the vector index; False when none is left."""
        with self._database.read() as db:
            rows = chunks.removed_rows(db, PLACED_AT_ONCE)
            record = chunks.read_index(db)
        if not rows:
            return False
        for name in filter(None, (record.collection, record.building)):
            self._vector_index.remove(name, rows)
        self._database.write(lambda db: chunks.forget_removed(db, rows))
        self._may_have_spare = True
        return True

    def _filling(self) -> str:
        """The collection that new vectors go to; begins one where there is none, or the live one has grown
        fat.
        """
        with self._database.read() as db:
            record = chunks.read_index(db)
            fat = (
                record.removed_since_built > REBUILT_AFTER_REMOVALS
                and record.removed_since_built > chunks.count_chunks(db)
            )
        if record.building is not None:
            return record.building
        if record.collection is not None and not fat:
            return record.collection
        name = f"{self._family()}_{record.version}"
        if name in self._vector_index.collections():
            self._vector_index.drop(name)
        self._vector_index.create(name)
        # With nothing live there is nothing to hide: the new collection answers while it fills.
        point = chunks.move_pointer if record.collection is None else chunks.begin_collection
        self._database.write(lambda db: point(db, name))
        return name

    def _complete(self) -> None:
        """Moves the pointer to a collection that is filled, drops what nobody asks any more, forgets unused
        vectors.
        """
        with self._database.read() as db:
            record = chunks.read_index(db)
        if record.building is not None:
            name = record.building
            self._database.write(lambda db: chunks.move_pointer(db, name))
            if record.collection is not None:
                self._vector_index.drop(record.collection)
        if self._may_have_spare:
            self._may_have_spare = False
            model = self._embedder.model
            self._database.write(lambda db: chunks.forget_unused_vectors(db, model, SPARE_VECTORS))

    def _adopt(self) -> None:
        """Opens the vector index and checks, once, that it holds what knowledge.db says. Raises
        VectorIndexDamaged.
        """
        if self._adopted:
            return
        self._vector_index.open()
        with self._database.read() as db:
            record = chunks.read_index(db)
            expected = {
                name: chunks.count_placed(db, name) for name in (record.collection, record.building) if name
            }
        there = self._vector_index.collections()
        for name, count in expected.items():
            if name not in there or self._vector_index.count(name) < count:
                raise VectorIndexDamaged("The vector index lacks rows that it held.")
        for name in set(there) - set(expected):
            self._vector_index.drop(name)
        if record.collection is not None and not record.collection.startswith(self._family() + "_"):
            # Another model's vectors: its collection is of no use to questions of this one.
            self._vector_index.drop(record.collection)
            self._database.write(chunks.forget_collections)
        self._adopted = True

    def _discard_vector_index(self) -> None:
        self._vector_index.discard()
        self._database.write(chunks.forget_collections)
        self._adopted = False
        self._damaged.clear()

    def _family(self) -> str:
        """The beginning of the names of this model's collections."""
        return f"kb_{re.sub('[^A-Za-z0-9]+', '-', self._embedder.model)}_{self._embedder.dimension}"


def _lower_priority() -> None:
    """On Linux a thread has a priority of its own: answering people comes before embedding."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)

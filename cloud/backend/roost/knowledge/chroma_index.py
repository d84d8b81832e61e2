"""Nearest vectors by ChromaDB, embedded in this process. A cache: whatever happens to its folder, the vectors
are in knowledge.db.

Facts of ChromaDB 1.5 that this rests on: after `fork()` every call hangs, so it is opened in the serving
process only; a write of many rows holds the interpreter for its whole length, so rows come in small portions;
its errors derive from Exception.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roost.errors import DatabaseUnreadable
from roost.storage.numpy_import import load_numpy

if TYPE_CHECKING:
    from roost.knowledge.embeddings import Vector

SPACE = "cosine"
SEARCH_WIDTH = 100  # HNSW's ef_search: twice the neighbours that are asked for
ROWS_IN_MEMORY = 1_000  # rows Chroma keeps beside its graph before it writes that out


class VectorIndexDamaged(DatabaseUnreadable):
    """The folder is corrupt, gone, or does not hold what it should: rebuild it."""

    default_code = "vector_index_damaged"


class ChromaIndex:
    """Collections of row numbers with their vectors, in one folder. Safe to call from several threads once
    opened.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._opening = threading.Lock()
        self._client: Any = None
        self._collections: dict[str, Any] = {}

    @property
    def opened(self) -> bool:
        """Opening imports ChromaDB, which takes seconds of CPU: a question never waits for that."""
        return self._client is not None

    def open(self) -> None:
        """Raises VectorIndexDamaged when the folder cannot be read."""
        with self._opening:
            if self._client is not None:
                return
            load_numpy()
            with self._damage():
                import chromadb
                from chromadb.config import Settings

                self._folder.mkdir(parents=True, exist_ok=True)
                self._client = chromadb.PersistentClient(
                    str(self._folder), settings=Settings(anonymized_telemetry=False, allow_reset=False)
                )

    def close(self) -> None:
        with self._opening:
            if self._client is None:
                return
            client, self._client = self._client, None
            self._collections = {}
            with self._damage():
                client.close()

    def discard(self) -> None:
        """Closes what is open and deletes the folder, so that `open()` begins anew."""
        with self._opening:
            self._client = None
            self._collections = {}
            from chromadb.api.shared_system_client import SharedSystemClient

            # The library keeps a system for each path, a broken one too.
            SharedSystemClient.clear_system_cache()
            shutil.rmtree(self._folder, ignore_errors=True)

    def collections(self) -> list[str]:
        with self._damage():
            return [collection.name for collection in self._opened().list_collections()]

    def create(self, name: str) -> None:
        with self._damage():
            self._opened().create_collection(
                name,
                embedding_function=None,
                configuration={
                    "hnsw": {"space": SPACE, "ef_search": SEARCH_WIDTH, "sync_threshold": ROWS_IN_MEMORY}
                },
            )

    def drop(self, name: str) -> None:
        with self._damage():
            self._collections.pop(name, None)
            self._opened().delete_collection(name)

    def count(self, name: str) -> int:
        with self._damage():
            return int(self._collection(name).count())

    def put(
        self, name: str, rows: Sequence[int], source_ids: Sequence[str], vectors: Sequence[Vector]
    ) -> None:
        """Adds or replaces a small portion of rows."""
        with self._damage():
            self._collection(name).upsert(
                ids=[str(row) for row in rows],
                embeddings=list(vectors),
                metadatas=[{"source_id": source_id} for source_id in source_ids],
            )

    def remove(self, name: str, rows: Sequence[int]) -> None:
        """Rows that are not there are no error."""
        with self._damage():
            self._collection(name).delete(ids=[str(row) for row in rows])

    def nearest(
        self, name: str, vector: Vector, limit: int, source_ids: Sequence[str] | None = None
    ) -> list[int]:
        """Row numbers, the most similar first."""
        if source_ids is not None and not source_ids:
            return []
        with self._damage():
            found = self._collection(name).query(
                query_embeddings=[vector],
                n_results=limit,
                where=None if source_ids is None else {"source_id": {"$in": list(source_ids)}},
                include=[],
            )
            return [int(row) for row in found["ids"][0]]

    def _opened(self) -> Any:
        if self._client is None:
            raise VectorIndexDamaged("The vector index is not open. It is opened again by itself.")
        return self._client

    def _collection(self, name: str) -> Any:
        """Looked up once: that costs a third of a search."""
        known = self._collections.get(name)
        if known is None:
            known = self._collections[name] = self._opened().get_collection(name, embedding_function=None)
        return known

    @contextmanager
    def _damage(self) -> Iterator[None]:
        try:
            yield
        except VectorIndexDamaged:
            raise
        except Exception as error:  # the library's edge - SQLite, Rust and the file system raise here
            raise VectorIndexDamaged(
                f"The vector index in {self._folder} cannot be used ({type(error).__name__}). It is"
                f" rebuilt by itself."
            ) from error

"""Passages, their full-text index, their vectors, and which vector collection is current. All in
knowledge.db.

The lexical side is FTS5 with Porter stemming; scores are bm25() with its sign turned, so that higher is
better.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import Connection, Row, bindparam, text

from roost.domain.documents import Chunk

# Words in a heading tell more about a passage than words in it; parts of identifiers tell less than whole
# words.
BREADCRUMB_WEIGHT = 2.0
TEXT_WEIGHT = 1.0
IDENTIFIER_WEIGHT = 0.5

VARIABLES_AT_ONCE = 500

# What a search reads from: one moment of knowledge.db, as `Database.read()` yields it.
Snapshot: TypeAlias = Connection


@dataclass(frozen=True, slots=True)
class IndexedChunk:
    """A passage with what is derived from it for searching."""

    chunk: Chunk
    identifiers: str
    embedded_sha256: str


@dataclass(frozen=True, slots=True)
class IndexRecord:
    """`version` grows with every change a search can see; `collection` is live, `building` is being filled
    beside it.
    """

    version: int
    collection: str | None
    building: str | None
    removed_since_built: int


@dataclass(frozen=True, slots=True)
class Term:
    """A word or an exact run of words to search for. `prefix` also finds words that begin with it."""

    words: str
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class PlacedVector:
    """A chunk's row number with its source and its vector, as the vector index takes them."""

    row: int
    source_id: str
    vector: bytes


def read_index(db: Connection) -> IndexRecord:
    row = db.execute(
        text("SELECT version, collection, building, removed_since_built FROM index_state WHERE id = 1")
    ).one()
    return IndexRecord(row.version, row.collection, row.building, row.removed_since_built)


def count_chunks(db: Connection) -> int:
    return int(db.execute(text("SELECT count(*) FROM chunks")).scalar_one())


def count_chunks_by_source(db: Connection) -> dict[str, int]:
    rows = db.execute(text("SELECT source_id, count(*) AS size FROM chunks GROUP BY source_id"))
    return {row.source_id: row.size for row in rows}


def count_embedded(db: Connection, model: str) -> int:
    """Chunks that have a vector of this model."""
    return int(
        db.execute(
            text(
                "SELECT count(*) FROM chunks JOIN vectors"
                " ON vectors.model = :model AND vectors.embedded_sha256 = chunks.embedded_sha256"
            ),
            {"model": model},
        ).scalar_one()
    )


def count_embedded_by_source(db: Connection, model: str) -> dict[str, tuple[int, int]]:
    """Of each source, how many of its chunks have a vector of this model, and how many there are."""
    rows = db.execute(
        text(
            "SELECT source_id, count(vectors.embedded_sha256) AS embedded, count(*) AS size FROM chunks"
            " LEFT JOIN vectors ON vectors.model = :model"
            " AND vectors.embedded_sha256 = chunks.embedded_sha256 GROUP BY source_id"
        ),
        {"model": model},
    )
    return {row.source_id: (row.embedded, row.size) for row in rows}


def change_pages(
    db: Connection,
    source_id: str,
    pages: Mapping[str, Sequence[IndexedChunk]],
    removed_urls: Iterable[str],
) -> bool:
    """Gives each page, by its address, these chunks and drops the removed pages. True when anything differs.

    Rows that stay the same are left alone, and with them their place in the vector index.
    """
    differs = False
    for url in removed_urls:
        differs |= _replace_page(db, source_id, url, ())
    for url, chunks in pages.items():
        differs |= _replace_page(db, source_id, url, chunks)
    if differs:
        _raise_version(db)
    return differs


def remove_source(db: Connection, source_id: str) -> bool:
    """True when there was anything to remove."""
    rows = db.execute(text("SELECT row FROM chunks WHERE source_id = :source_id"), {"source_id": source_id})
    gone = list(rows.scalars())
    _remove_rows(db, gone)
    if gone:
        _raise_version(db)
    return bool(gone)


_BEST_BY_WORDS = text(
    "SELECT rowid AS row, bm25(chunks_fts, :breadcrumb, :text, :identifiers) AS score FROM chunks_fts"
    " WHERE chunks_fts MATCH :match ORDER BY score LIMIT :limit"
)
# The + keeps the rows from FTS5, which would run the whole search again for each of them.
_BEST_BY_WORDS_IN_SOURCES = text(
    "SELECT rowid AS row, bm25(chunks_fts, :breadcrumb, :text, :identifiers) AS score FROM chunks_fts"
    " WHERE chunks_fts MATCH :match AND +rowid IN (SELECT row FROM chunks WHERE source_id IN :source_ids)"
    " ORDER BY score LIMIT :limit"
).bindparams(bindparam("source_ids", expanding=True))


def best_by_words(
    db: Connection, terms: Sequence[Term], limit: int, source_ids: Sequence[str] | None = None
) -> dict[int, float]:
    """The rows that hold any of the terms, best first, with their BM25 scores (above 0)."""
    if not terms or (source_ids is not None and not source_ids):
        return {}
    statement = _BEST_BY_WORDS if source_ids is None else _BEST_BY_WORDS_IN_SOURCES
    values: dict[str, object] = {
        "breadcrumb": BREADCRUMB_WEIGHT,
        "text": TEXT_WEIGHT,
        "identifiers": IDENTIFIER_WEIGHT,
        "match": " OR ".join(map(match_term, terms)),
        "limit": limit,
    }
    if source_ids is not None:
        values["source_ids"] = list(source_ids)
    return {row: -score for row, score in db.execute(statement, values).all()}


def count_matches(db: Connection, term: Term) -> int:
    """How many chunks hold the term."""
    return int(
        db.execute(
            text("SELECT count(*) FROM chunks_fts WHERE chunks_fts MATCH :match"), {"match": match_term(term)}
        ).scalar_one()
    )


def match_term(term: Term) -> str:
    """The term as a literal of FTS5's query language: nothing in it can act as an operator
    (sqlite.org/fts5.html, section 3.1).
    """
    quoted = '"' + term.words.replace("\x00", " ").replace('"', '""') + '"'
    return quoted + "*" if term.prefix else quoted


_CHUNK_COLUMNS = "row, id, source_id, url, title, heading_path, anchor, ordinal, text, embedded_sha256"
_CHUNKS_BY_ROW = text(
    f"SELECT {_CHUNK_COLUMNS} FROM chunks WHERE row IN (SELECT value FROM json_each(:rows))"  # noqa: S608 - two fixed texts
)


def read_chunks(db: Connection, rows: Sequence[int]) -> dict[int, Chunk]:
    """The chunks that (still) stand in these rows."""
    return {row.row: _chunk(row) for row in db.execute(_CHUNKS_BY_ROW, {"rows": json.dumps(list(rows))})}


_VECTORS_BY_ROW = text(
    "SELECT chunks.row, chunks.source_id, vectors.vector FROM chunks LEFT JOIN vectors"
    " ON vectors.model = :model AND vectors.embedded_sha256 = chunks.embedded_sha256"
    " WHERE chunks.row IN (SELECT value FROM json_each(:rows))"
)


def read_vectors(
    db: Connection, model: str, rows: Sequence[int], source_ids: Sequence[str] | None = None
) -> dict[int, bytes | None]:
    """The vectors of those rows that (still) exist, and belong to `source_ids` if given; None where one is
    not embedded yet.
    """
    placed = db.execute(_VECTORS_BY_ROW, {"model": model, "rows": json.dumps(list(rows))}).all()
    return {row: vector for row, source, vector in placed if source_ids is None or source in source_ids}


def newest_row(db: Connection) -> int:
    """The highest row there is; 0 where there is none."""
    return int(db.execute(text("SELECT coalesce(max(row), 0) FROM chunks")).scalar_one())


def texts_after(db: Connection, row: int, limit: int) -> tuple[list[str], int]:
    """What the next chunks beyond `row` say, with their headings; and up to which row that was."""
    found = db.execute(
        text("SELECT row, breadcrumb, text FROM chunks WHERE row > :row ORDER BY row LIMIT :limit"),
        {"row": row, "limit": limit},
    ).all()
    return [f"{entry.breadcrumb}\n{entry.text}" for entry in found], found[-1].row if found else row


_SOURCES_OF_ROWS = text("SELECT row, source_id FROM chunks WHERE row IN (SELECT value FROM json_each(:rows))")


def sources_of_rows(db: Connection, rows: Sequence[int]) -> dict[int, str]:
    """To which source each of the rows that (still) exist belongs."""
    found = db.execute(_SOURCES_OF_ROWS, {"rows": json.dumps(list(rows))})
    return {row: source_id for row, source_id in found.all()}  # noqa: C416 - rows are no tuples to mypy


def vectors_of_sources(db: Connection, model: str, source_ids: Sequence[str]) -> dict[int, bytes]:
    """The vectors of all rows of the sources, as far as they are embedded."""
    found = db.execute(
        text(
            # CROSS keeps this order of the tables: the sources are few, the vectors many.
            "SELECT chunks.row, vectors.vector FROM chunks CROSS JOIN vectors"
            " ON vectors.model = :model AND vectors.embedded_sha256 = chunks.embedded_sha256"
            " WHERE chunks.source_id IN (SELECT value FROM json_each(:source_ids))"
        ),
        {"model": model, "source_ids": json.dumps(list(source_ids))},
    )
    return {row: vector for row, vector in found.all()}  # noqa: C416 - rows are no tuples to mypy


def unembedded(db: Connection, model: str, limit: int, after_row: int = 0) -> tuple[dict[str, Chunk], int]:
    """Chunks beyond `after_row` that have no vector of this model, by the hash of the text to embed, each
    text once; and the row up to which there are no others.
    """
    rows = db.execute(
        text(
            f"SELECT {_CHUNK_COLUMNS} FROM chunks WHERE row > :after AND NOT EXISTS (SELECT 1 FROM vectors"  # noqa: S608 - fixed texts
            " WHERE model = :model AND vectors.embedded_sha256 = chunks.embedded_sha256)"
            " ORDER BY row LIMIT :limit"
        ),
        {"model": model, "limit": limit, "after": after_row},
    ).all()
    last = int(rows[-1].row) if len(rows) == limit else newest_row(db)
    return {row.embedded_sha256: _chunk(row) for row in rows}, max(last, after_row)


def store_vectors(db: Connection, model: str, vectors: Mapping[str, bytes]) -> None:
    """Keeps vectors by the hash of the text they were made of. From then on they rank what a search finds."""
    if vectors:
        _raise_version(db)
        db.execute(
            text(
                "INSERT OR REPLACE INTO vectors (model, embedded_sha256, vector) VALUES (:model,"
                " :embedded_sha256, :vector)"
            ),
            [
                {"model": model, "embedded_sha256": sha256, "vector": vector}
                for sha256, vector in vectors.items()
            ],
        )


def forget_unused_vectors(db: Connection, model: str, spare: int) -> None:
    """Drops vectors that no chunk uses, once there are more than `spare` of them beyond the used ones; other
    models' at once.
    """
    # < OR > instead of <> lets the index find them.
    db.execute(text("DELETE FROM vectors WHERE model < :model OR model > :model"), {"model": model})
    kept = int(db.execute(text("SELECT count(*) FROM vectors")).scalar_one())
    if kept > count_chunks(db) + spare:
        db.execute(
            text("DELETE FROM vectors WHERE embedded_sha256 NOT IN (SELECT embedded_sha256 FROM chunks)")
        )


def unplaced(db: Connection, model: str, collection: str, limit: int) -> list[PlacedVector]:
    """Embedded chunks that are not in `collection` yet."""
    return [
        PlacedVector(row.row, row.source_id, row.vector)
        for row in db.execute(
            text(
                # CROSS keeps this order of the tables, and < OR > instead of <> lets the index find the rows.
                "SELECT chunks.row, chunks.source_id, vectors.vector FROM chunks CROSS JOIN vectors"
                " ON vectors.model = :model AND vectors.embedded_sha256 = chunks.embedded_sha256"
                " WHERE chunks.collection IS NULL OR chunks.collection < :collection"
                " OR chunks.collection > :collection LIMIT :limit"
            ),
            {"model": model, "collection": collection, "limit": limit},
        )
    ]


def mark_placed(db: Connection, collection: str, rows: Sequence[int]) -> None:
    """Says that these rows stand in `collection`. A row removed meanwhile is noted for removal from there."""
    db.execute(
        text("UPDATE chunks SET collection = :collection WHERE row = :row"),
        [{"collection": collection, "row": row} for row in rows],
    )
    db.execute(
        text(
            "INSERT OR IGNORE INTO removed_chunks SELECT :row WHERE NOT EXISTS (SELECT 1 FROM chunks"
            " WHERE row = :row)"
        ),
        [{"row": row} for row in rows],
    )


def count_placed(db: Connection, collection: str) -> int:
    """How many chunks are marked as standing in `collection`."""
    return int(
        db.execute(
            text("SELECT count(*) FROM chunks WHERE collection = :collection"), {"collection": collection}
        ).scalar_one()
    )


def removed_rows(db: Connection, limit: int) -> list[int]:
    return list(
        db.execute(
            text("SELECT row FROM removed_chunks ORDER BY row LIMIT :limit"), {"limit": limit}
        ).scalars()
    )


def forget_removed(db: Connection, rows: Sequence[int]) -> None:
    """These rows are out of the vector index now."""
    db.execute(text("DELETE FROM removed_chunks WHERE row = :row"), [{"row": row} for row in rows])
    db.execute(
        text("UPDATE index_state SET removed_since_built = removed_since_built + :count WHERE id = 1"),
        {"count": len(rows)},
    )


def begin_collection(db: Connection, name: str) -> None:
    """A new collection is to be filled; questions still go to the live one."""
    db.execute(text("UPDATE index_state SET building = :name WHERE id = 1"), {"name": name})


def move_pointer(db: Connection, name: str) -> None:
    """The collection that was built is live from now on."""
    db.execute(
        text(
            "UPDATE index_state SET collection = :name, building = NULL, removed_since_built = 0,"
            " version = version + 1"
            " WHERE id = 1"
        ),
        {"name": name},
    )


def forget_collections(db: Connection) -> None:
    """There is no vector index any more; the vectors themselves are kept."""
    db.execute(text("UPDATE chunks SET collection = NULL WHERE collection IS NOT NULL"))
    db.execute(text("DELETE FROM removed_chunks"))
    db.execute(
        text(
            "UPDATE index_state SET collection = NULL, building = NULL, removed_since_built = 0, version"
            " = version + 1"
            " WHERE id = 1"
        )
    )


def _replace_page(db: Connection, source_id: str, url: str, chunks: Sequence[IndexedChunk]) -> bool:
    known = {
        (row.id, row.title, row.heading_path, row.anchor, row.text): row.row
        for row in db.execute(
            text(
                "SELECT row, id, title, heading_path, anchor, text FROM chunks"
                " WHERE source_id = :source_id AND url = :url"
            ),
            {"source_id": source_id, "url": url},
        )
    }
    fresh = [entry for entry in chunks if known.pop(_identity(entry.chunk), None) is None]
    _remove_rows(db, list(known.values()))
    _add(db, fresh)
    return bool(fresh or known)


def _raise_version(db: Connection) -> None:
    db.execute(text("UPDATE index_state SET version = version + 1 WHERE id = 1"))


def _chunk(row: Row[Any]) -> Chunk:
    return Chunk(
        id=row.id,
        source_id=row.source_id,
        url=row.url,
        title=row.title,
        heading_path=tuple(json.loads(row.heading_path)),
        anchor=row.anchor,
        ordinal=row.ordinal,
        text=row.text,
    )


def _identity(chunk: Chunk) -> tuple[str, str, str, str | None, str]:
    return (chunk.id, chunk.title, _path(chunk), chunk.anchor, chunk.text)


def _path(chunk: Chunk) -> str:
    return json.dumps(chunk.heading_path, ensure_ascii=False)


def _add(db: Connection, chunks: Sequence[IndexedChunk]) -> None:
    for entry in chunks:
        chunk = entry.chunk
        row = db.execute(
            text(
                "INSERT INTO chunks (id, source_id, url, title, heading_path, anchor, ordinal, text,"
                " breadcrumb, identifiers, embedded_sha256) VALUES (:id, :source_id, :url, :title,"
                " :heading_path, :anchor, :ordinal, :text, :breadcrumb, :identifiers, :embedded_sha256)"
                " RETURNING row"
            ),
            {
                "id": chunk.id,
                "source_id": chunk.source_id,
                "url": chunk.url,
                "title": chunk.title,
                "heading_path": _path(chunk),
                "anchor": chunk.anchor,
                "ordinal": chunk.ordinal,
                "text": chunk.text,
                "breadcrumb": chunk.breadcrumb,
                "identifiers": entry.identifiers,
                "embedded_sha256": entry.embedded_sha256,
            },
        ).scalar_one()
        db.execute(
            text(
                "INSERT INTO chunks_fts (rowid, breadcrumb, text, identifiers)"
                " VALUES (:row, :breadcrumb, :text, :identifiers)"
            ),
            {
                "row": row,
                "breadcrumb": chunk.breadcrumb,
                "text": chunk.text,
                "identifiers": entry.identifiers,
            },
        )


_NOTE_REMOVED = (
    "INSERT OR IGNORE INTO removed_chunks"
    " SELECT row FROM chunks WHERE row IN :rows AND collection IS NOT NULL"
)
_REMOVE_WORDS = (
    "INSERT INTO chunks_fts (chunks_fts, rowid, breadcrumb, text, identifiers)"
    " SELECT 'delete', row, breadcrumb, text, identifiers FROM chunks WHERE row IN :rows"
)
_REMOVE = "DELETE FROM chunks WHERE row IN :rows"


def _remove_rows(db: Connection, rows: Sequence[int]) -> None:
    for some in _portions(rows):
        for statement in (_NOTE_REMOVED, _REMOVE_WORDS, _REMOVE):
            db.execute(text(statement).bindparams(bindparam("rows", expanding=True)), {"rows": some})


def _portions(rows: Sequence[int]) -> Iterable[list[int]]:
    for start in range(0, len(rows), VARIABLES_AT_ONCE):
        yield list(rows[start : start + VARIABLES_AT_ONCE])

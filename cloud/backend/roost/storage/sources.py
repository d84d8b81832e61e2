"""Sources in bot_configs.db."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, Row

from roost.clock import parse_timestamp, timestamp
from roost.domain.documents import Source, SourceKind
from roost.errors import Conflict, NotFound
from roost.storage.statements import text

_COLUMNS = "id, kind, url, every_s, paused, owner_id, created_at"


def insert_source(db: Connection, source: Source) -> None:
    db.execute(
        text(
            "INSERT INTO sources (id, kind, url, every_s, paused, owner_id, created_at, updated_at)"
            " VALUES (:id, :kind, :url, :every_s, :paused, :owner_id, :at, :at)"
        ),
        {
            "id": source.id,
            "kind": source.kind.value,
            "url": source.url,
            "every_s": source.every_s,
            "paused": int(source.paused),
            "owner_id": source.owner_id,
            "at": timestamp(source.created_at),
        },
    )


def insert_source_once(db: Connection, source: Source) -> Source:
    """Inserts, or gives the source that has this id and this content already.

    Raises Conflict: `id_taken` when the id names another one, `source_exists` when the address is there.
    """
    same_id = next((known for known in list_sources(db) if known.id == source.id), None)
    if same_id is not None:
        if (same_id.kind, same_id.url, same_id.owner_id) != (source.kind, source.url, source.owner_id):
            raise Conflict(
                "This id names another source already. Use a new one.", code="id_taken", field="id"
            )
        return same_id
    if find_source(db, source.kind, source.url) is not None:
        raise Conflict(
            "This source was added already. Look for it in the list of sources.",
            code="source_exists",
            field="url",
        )
    insert_source(db, source)
    return get_source(db, source.id)


def insert_first_sources(db: Connection, wanted: Iterable[Source], at: datetime) -> list[Source]:
    """Inserts those, each address once, unless this was done before or somebody added sources already; gives
    what was inserted.
    """
    done = db.execute(
        text("INSERT OR IGNORE INTO done_once (what, at) VALUES ('first_sources', :at)"),
        {"at": timestamp(at)},
    )
    if done.rowcount == 0 or list_sources(db):
        return []
    inserted = []
    for source in wanted:
        if find_source(db, source.kind, source.url) is None:
            insert_source(db, source)
            inserted.append(source)
    return inserted


def change_source(
    db: Connection, source_id: str, every_s: int | None, paused: bool | None, at: datetime
) -> Source:
    """Sets what is not None. Raises NotFound."""
    db.execute(
        text(
            "UPDATE sources SET every_s = coalesce(:every_s, every_s), paused = coalesce(:paused, paused),"
            " updated_at = :at WHERE id = :id"
        ),
        {
            "id": source_id,
            "every_s": every_s,
            "paused": None if paused is None else int(paused),
            "at": timestamp(at),
        },
    )
    return get_source(db, source_id)


def delete_source(db: Connection, source_id: str) -> None:
    """Raises NotFound."""
    if db.execute(text("DELETE FROM sources WHERE id = :id"), {"id": source_id}).rowcount == 0:
        raise no_such_source()


def get_source(db: Connection, source_id: str) -> Source:
    """Raises NotFound."""
    row = db.execute(text(f"SELECT {_COLUMNS} FROM sources WHERE id = :id"), {"id": source_id}).one_or_none()  # noqa: S608 - fixed columns
    if row is None:
        raise no_such_source()
    return _source(row)


def find_source(db: Connection, kind: SourceKind, url: str | None) -> Source | None:
    """The source of this kind that already reads this address."""
    row = db.execute(
        text(f"SELECT {_COLUMNS} FROM sources WHERE kind = :kind AND coalesce(url, '') = coalesce(:url, '')"),  # noqa: S608 - fixed columns
        {"kind": kind.value, "url": url},
    ).one_or_none()
    return _source(row) if row is not None else None


def list_sources(db: Connection) -> list[Source]:
    """All of them, oldest first."""
    rows = db.execute(text(f"SELECT {_COLUMNS} FROM sources ORDER BY created_at, id"))  # noqa: S608 - fixed columns
    return [_source(row) for row in rows]


def no_such_source() -> NotFound:
    return NotFound("There is no such source. It may have been deleted; look at the list of sources.")


def _source(row: Row[tuple[object, ...]]) -> Source:
    return Source(
        id=row.id,
        kind=SourceKind(row.kind),
        url=row.url,
        every_s=row.every_s,
        paused=bool(row.paused),
        owner_id=row.owner_id,
        created_at=parse_timestamp(row.created_at),
    )

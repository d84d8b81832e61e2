"""Fetched pages and the state of crawls in knowledge.db, which is a cache."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from sys import intern

from sqlalchemy import Connection, Row

from roost.clock import parse_timestamp, timestamp
from roost.domain.documents import PageRecord, PageStatus
from roost.storage.held_pages import drop_held_pages
from roost.storage.statements import text

_COLUMNS = (
    "source_id, url, title, status, reason, etag, last_modified, content_sha256, missed_crawls, fetched_at,"
    " listed_at, list_honest"
)


@dataclass(frozen=True, slots=True)
class CrawlRecord:
    """How the last crawl of a source went. `failures` counts failed crawls in a row."""

    source_id: str
    started_at: datetime
    success_at: datetime | None
    next_at: datetime | None
    failures: int
    reason: str | None
    done: int
    total: int
    failed: int


def save_pages(db: Connection, records: Iterable[PageRecord]) -> None:
    """Inserts or replaces each record."""
    rows = [
        {
            "source_id": record.source_id,
            "url": record.url,
            "title": record.title,
            "status": record.status.value,
            "reason": record.reason,
            "etag": record.etag,
            "last_modified": record.last_modified,
            "content_sha256": record.content_sha256,
            "missed_crawls": record.missed_crawls,
            "fetched_at": timestamp(record.fetched_at),
            "listed_at": record.listed_at,
            "list_honest": None if record.list_honest is None else int(record.list_honest),
            "links": zlib.compress("\n".join(record.links).encode(), 6) if record.links else b"",
        }
        for record in records
    ]
    if rows:
        db.execute(
            text(
                f"INSERT OR REPLACE INTO pages ({_COLUMNS}, links)"  # noqa: S608 - fixed columns
                " VALUES (:source_id, :url, :title, :status, :reason, :etag, :last_modified,"
                " :content_sha256, :missed_crawls, :fetched_at, :listed_at, :list_honest, :links)"
            ),
            rows,
        )


def confirm_pages(db: Connection, source_id: str, urls: Sequence[str], at: datetime) -> None:
    """The site said of these pages that they are as they were."""
    if urls:
        db.execute(
            text("UPDATE pages SET fetched_at = :at WHERE source_id = :source_id AND url = :url"),
            [{"source_id": source_id, "url": url, "at": timestamp(at)} for url in urls],
        )


def delete_pages(db: Connection, source_id: str, urls: Sequence[str]) -> None:
    if urls:
        db.execute(
            text("DELETE FROM pages WHERE source_id = :source_id AND url = :url"),
            [{"source_id": source_id, "url": url} for url in urls],
        )


def delete_pages_of_source(db: Connection, source_id: str) -> None:
    """Forgets its crawls too, and what they held back."""
    drop_held_pages(db, source_id)
    db.execute(text("DELETE FROM pages WHERE source_id = :source_id"), {"source_id": source_id})
    db.execute(text("DELETE FROM crawls WHERE source_id = :source_id"), {"source_id": source_id})


def known_pages(db: Connection, source_id: str) -> dict[str, PageRecord]:
    """Every remembered page of a source by its address, with its links."""
    rows = db.execute(
        text(f"SELECT {_COLUMNS}, links FROM pages WHERE source_id = :source_id"),  # noqa: S608 - fixed columns
        {"source_id": source_id},
    )
    return {row.url: _page(row, _links(row.links)) for row in rows}


def list_pages(
    db: Connection, source_id: str, status: PageStatus | None, after_url: str, limit: int
) -> list[PageRecord]:
    """At most `limit` pages in the order of their addresses, beyond `after_url`, without their links."""
    rows = db.execute(
        text(
            f"SELECT {_COLUMNS} FROM pages WHERE source_id = :source_id AND url > :after"  # noqa: S608 - fixed columns
            " AND (:status IS NULL OR status = :status) ORDER BY url LIMIT :limit"
        ),
        {
            "source_id": source_id,
            "after": after_url,
            "status": status.value if status else None,
            "limit": limit,
        },
    )
    return [_page(row, ()) for row in rows]


def searchable_pages(db: Connection) -> dict[str, int]:
    """How many pages of each source answers come from: those with text, read now or kept from before."""
    rows = db.execute(
        text(
            "SELECT source_id, count(*) AS pages FROM pages"
            " WHERE content_sha256 IS NOT NULL GROUP BY source_id"
        )
    )
    return {row.source_id: row.pages for row in rows}


def sources_with_pages(db: Connection) -> set[str]:
    """Every source that this database remembers anything of."""
    rows = db.execute(text("SELECT source_id FROM pages UNION SELECT source_id FROM crawls"))
    return {row.source_id for row in rows}


def save_crawl(db: Connection, record: CrawlRecord) -> None:
    db.execute(
        text(
            "INSERT OR REPLACE INTO crawls"
            " (source_id, started_at, success_at, next_at, failures, reason, done, total, failed) VALUES"
            " (:source_id, :started_at, :success_at, :next_at, :failures, :reason, :done, :total, :failed)"
        ),
        {
            "source_id": record.source_id,
            "started_at": timestamp(record.started_at),
            "success_at": timestamp(record.success_at) if record.success_at else None,
            "next_at": timestamp(record.next_at) if record.next_at else None,
            "failures": record.failures,
            "reason": record.reason,
            "done": record.done,
            "total": record.total,
            "failed": record.failed,
        },
    )


def crawl_records(db: Connection) -> dict[str, CrawlRecord]:
    """The last crawl of each source that was ever crawled."""
    rows = db.execute(
        text(
            "SELECT source_id, started_at, success_at, next_at, failures, reason, done, total, failed"
            " FROM crawls"
        )
    )
    return {
        row.source_id: CrawlRecord(
            source_id=row.source_id,
            started_at=parse_timestamp(row.started_at),
            success_at=parse_timestamp(row.success_at) if row.success_at else None,
            next_at=parse_timestamp(row.next_at) if row.next_at else None,
            failures=row.failures,
            reason=row.reason,
            done=row.done,
            total=row.total,
            failed=row.failed,
        )
        for row in rows
    }


def _links(packed: bytes) -> tuple[str, ...]:
    # Pages of one site lead to the same addresses: one copy of each text will do.
    return tuple(intern(url) for url in zlib.decompress(packed).decode().split("\n")) if packed else ()


def _page(row: Row[tuple[object, ...]], links: tuple[str, ...]) -> PageRecord:
    return PageRecord(
        source_id=row.source_id,
        url=row.url,
        title=row.title,
        status=PageStatus(row.status),
        reason=row.reason,
        etag=row.etag,
        last_modified=row.last_modified,
        content_sha256=row.content_sha256,
        missed_crawls=row.missed_crawls,
        fetched_at=parse_timestamp(row.fetched_at),
        links=links,
        listed_at=row.listed_at,
        list_honest=None if row.list_honest is None else bool(row.list_honest),
    )

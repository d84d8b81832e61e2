"""Pages that a crawl has read and may not show yet, on disk instead of in memory."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence

from sqlalchemy import Connection

from roost.domain.documents import ExtractedPage, Section
from roost.storage.statements import text


def hold_pages(db: Connection, source_id: str, first_number: int, pages: Sequence[ExtractedPage]) -> None:
    """Keeps the pages under `first_number` and those after it."""
    db.execute(
        text("INSERT INTO held_pages (source_id, number, page) VALUES (:source_id, :number, :page)"),
        [
            {"source_id": source_id, "number": number, "page": zlib.compress(_packed(page), 1)}
            for number, page in enumerate(pages, first_number)
        ],
    )


def read_held_pages(db: Connection, source_id: str, after_number: int, limit: int) -> list[ExtractedPage]:
    """At most `limit` of the pages held beyond `after_number`, in the order they came."""
    rows = db.execute(
        text(
            "SELECT page FROM held_pages WHERE source_id = :source_id AND number > :after"
            " ORDER BY number LIMIT :limit"
        ),
        {"source_id": source_id, "after": after_number, "limit": limit},
    )
    return [_unpacked(page) for page in rows.scalars()]


def drop_held_pages(db: Connection, source_id: str) -> None:
    db.execute(text("DELETE FROM held_pages WHERE source_id = :source_id"), {"source_id": source_id})


def _packed(page: ExtractedPage) -> bytes:
    sections = [(section.level, section.heading, section.anchor, section.body) for section in page.sections]
    return json.dumps([page.url, page.title, sections, page.links]).encode("ascii")


def _unpacked(page: bytes) -> ExtractedPage:
    url, title, sections, links = json.loads(zlib.decompress(page))
    return ExtractedPage(url, title, tuple(Section(*section) for section in sections), tuple(links))

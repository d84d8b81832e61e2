"""The shipped manual as a source."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from roost.clock import SystemClock
from roost.domain.documents import CrawlProgress, PageRecord, PageStatus, Source, SourceKind
from roost.domain.page_text import content_sha256
from roost.knowledge.manual_pages import ManualCrawler, manual_pages
from roost.services.ports import PageRead, PageUnchanged
from roost.web import manual

SOURCE = Source("m", SourceKind.MANUAL, None, 86_400, False, "owner", datetime(2026, 1, 1, tzinfo=UTC))


def test_every_page_is_read_once_and_then_known() -> None:
    progress: list[CrawlProgress] = []
    first = list(ManualCrawler().crawl(SOURCE, {}, progress.append, lambda: False))
    read = [event.page for event in first if isinstance(event, PageRead)]
    assert len(read) == len(first) >= 5
    assert progress[-1].total == len(read)
    assert all(page.title and page.sections for page in read)
    known = {
        page.url: PageRecord(
            "m",
            page.url,
            page.title,
            PageStatus.OK,
            None,
            None,
            None,
            content_sha256(page),
            0,
            SystemClock().now(),
        )
        for page in read
    }
    again = list(ManualCrawler().crawl(SOURCE, known, progress.append, lambda: False))
    assert all(isinstance(event, PageUnchanged) for event in again)
    assert len(again) == len(read)
    assert list(ManualCrawler().crawl(SOURCE, {}, progress.append, lambda: True)) == []


def test_every_citation_of_the_manual_leads_to_a_place_on_its_page() -> None:
    cited = {
        page.url: [section.anchor for section in page.sections if section.level > 1]
        for page in manual_pages()
    }
    assert sum(map(len, cited.values())) > 20
    for url, anchors in cited.items():
        rendered = manual._rendered(url.removeprefix("/manual/"))
        assert rendered is not None
        assert re.findall(r'<h[2-6] id="([^"]+)"', rendered[1]) == anchors

"""Roost's own user manual as a source: read from the package, so that a first answer needs no network."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib import resources

from roost.domain.documents import CrawlProgress, CrawlStage, ExtractedPage, PageRecord, Source
from roost.domain.page_text import content_sha256
from roost.knowledge.markdown_pages import markdown_sections, markdown_title
from roost.services.ports import CrawlEvent, PageRead, PageUnchanged

MANUAL_PREFIX = "/manual/"


class ManualCrawler:
    """Yields the shipped pages, whose addresses are relative to the server. Implements the port Crawler."""

    def check_address(self, url: str) -> str:
        return url

    def crawl(
        self,
        source: Source,
        known: Mapping[str, PageRecord],
        report: Callable[[CrawlProgress], None],
        cancelled: Callable[[], bool],
    ) -> Iterator[CrawlEvent]:
        """Never fails: the pages come with the program."""
        pages = manual_pages()
        for done, page in enumerate(pages):
            if cancelled():
                return
            report(CrawlProgress(source.id, CrawlStage.FETCHING, done, len(pages), 0))
            record = known.get(page.url)
            if record is not None and record.content_sha256 == content_sha256(page):
                yield PageUnchanged(page.url)
            else:
                yield PageRead(page, None, None)


def manual_pages() -> list[ExtractedPage]:
    """Every page of the manual, in the order of their names."""
    files = (
        file for file in resources.files("roost").joinpath("manual").iterdir() if file.name.endswith(".md")
    )
    return [_page(file.name.removesuffix(".md"), file.read_text("utf-8")) for file in sorted(files, key=str)]


def _page(name: str, text: str) -> ExtractedPage:
    title = markdown_title(text) or name.replace("-", " ").capitalize()
    return ExtractedPage(f"{MANUAL_PREFIX}{name}", title, markdown_sections(text), ())

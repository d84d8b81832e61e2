"""One crawl of one site: robots.txt, its lists, then links breadth first, within bounds it reports."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from roost.domain.documents import (
    CrawlProgress,
    CrawlStage,
    ExtractedPage,
    PageRecord,
    PageStatus,
    Source,
    SourceKind,
)
from roost.domain.page_text import content_sha256
from roost.errors import AddressRefused, RemoteError, RemoteRejected, RemoteUnreachable
from roost.knowledge import gitbook
from roost.knowledge.addresses import WebAddress
from roost.knowledge.canonical import Copies
from roost.knowledge.extraction import Extraction, extract
from roost.knowledge.feeds import Article, feed_home, feed_links, read_feeds, usual_feeds
from roost.knowledge.fetcher import FEED_TYPES, PAGE_ACCEPT, PAGE_TYPES, Fetched, NotModified
from roost.knowledge.listing import ListedTimes
from roost.knowledge.page_wishes import wishes
from roost.knowledge.robots import Robots, read_robots
from roost.knowledge.scope import Scope
from roost.knowledge.sitemaps import read_sitemaps
from roost.services.ports import CrawlEvent, CrawlNote, PageFailed, PageRead, PageUnchanged

if TYPE_CHECKING:
    from roost.knowledge.fetch_session import FetchSession

UNREACHABLE_LIMIT = 8
PATIENCE_S = 30.0

FORBIDDEN = "The site's robots.txt asks to leave this page alone."
LED_OUT = "The page now leads out of the source."
SOFT_404 = "The page says that it does not exist."
COPY = "The page names another address of the source as its own."
NOINDEX = "The page asks not to be indexed (noindex)."


class SiteCrawl:
    """`begin()`, then `follow()`; `known` are the pages of earlier crawls."""

    def __init__(
        self,
        session: FetchSession,
        parse: Callable[[str], WebAddress],
        source: Source,
        known: Mapping[str, PageRecord],
        report: Callable[[CrawlProgress], None],
        page_limit: int,
        now: datetime,
    ) -> None:
        self._session = session
        self._source = source
        self._known = known
        self._report = report
        self._page_limit = page_limit
        self._start = parse(source.url or "")
        self._parse = parse
        self._scope = Scope(self._start)
        self._robots = Robots(None)
        self._queue: deque[str] = deque()
        self._queued: set[str] = set()
        # Their hashes: a site may make up as many as it likes, each of 2,000 characters.
        self._left_out: set[int] = set()
        self._listed = ListedTimes(known, now)
        self._articles: Mapping[str, Article] = {}
        self._read: set[str] = set()
        self._texts: set[str] = set()
        self._taken: set[str] = set()
        self._copies = Copies()
        self._retried: set[str] = set()
        self._unreachable_in_a_row = 0
        self._done = 0
        self._failed = 0

    def begin(self) -> Iterator[CrawlEvent]:
        """Reads robots.txt, the source's own page, which settles what belongs to it, and the site's lists."""
        self._tell(CrawlStage.DISCOVERING)
        self._obey(self._start.url)
        self._queued.add(self._start.url)
        try:
            answer = self._get(self._start.url)
        except RemoteRejected as refusal:
            if self._source.kind is not SourceKind.BLOG or refusal.code == "gone":
                raise
            yield from self._begin_by_feed(refusal)
            return
        if isinstance(answer, Fetched):
            landed = self._parse(answer.url)
            if not self._scope.admits(landed):
                self._move(answer.url)
        yield from self._accept(self._start.url, answer)
        yield from self._read_sitemaps()
        if self._source.kind is SourceKind.BLOG:
            yield from self._read_feeds(feed_links(answer) if isinstance(answer, Fetched) else [])

    def _begin_by_feed(self, refusal: RemoteRejected) -> Iterator[CrawlEvent]:
        """The blog's own page cannot be read, or its address is that of a feed: the feed may be read still.

        Raises `refusal` when there is none.
        """
        named: list[str] = []
        if refusal.code == "content_type":
            answer = self._session.get(self._start.url, FEED_TYPES)
            home = feed_home(answer) if isinstance(answer, Fetched) else None
            named.append(self._start.url)
            if home is not None and (address := self._scope.neighbour(home)) is not None:
                self._scope = Scope(address)
        yield from self._read_sitemaps()
        yield from self._read_feeds(named)
        if not self._articles:
            raise refusal

    def _read_sitemaps(self) -> Iterator[CrawlEvent]:
        addresses = [*self._robots.sitemaps, self._at("/sitemap.xml")]
        if self._scope.prefix != "/":
            addresses.append(self._at(self._scope.prefix.rstrip("/") + "/sitemap.xml"))
        listed = read_sitemaps(self._session, addresses, self._scope.page, self._page_limit + 1)
        for note in listed.notes:
            yield CrawlNote(note)
        for url, lastmod in listed.pages.items():
            self._listed.note(url, lastmod)
            self._enqueue(url)

    def _read_feeds(self, named: list[str]) -> Iterator[CrawlEvent]:
        folder = self._scope.prefix.rstrip("/") + "/"
        found = read_feeds(
            self._session,
            named,
            usual_feeds(self._at(""), folder),
            self._scope.page,
            self._robots.allows,
            self._queued,
        )
        for note in found.notes:
            yield CrawlNote(note)
        self._articles = found.articles
        for url in found.articles:
            self._enqueue(url)

    def follow(self, cancelled: Callable[[], bool], out_of_time: Callable[[], bool]) -> Iterator[CrawlEvent]:
        """Reads everything queued, and what it links to."""
        while not cancelled():
            if not self._queue:
                yield from self._settle_copies()
            if not self._queue:
                break
            if out_of_time():
                yield CrawlNote(
                    "The crawl took its longest allowed time; the next one goes on from the start."
                )
                return
            url = self._queue.popleft()
            try:
                yield from self._visit(url)
            except _HostGaveUp as end:
                yield CrawlNote(end.message)
                return
            self._tell(CrawlStage.FETCHING)
        try:
            yield from self._look_for_lost(cancelled, out_of_time)
        except _HostGaveUp as end:
            yield CrawlNote(end.message)
        if self._left_out:
            yield CrawlNote(
                f"The source has more than {self._page_limit:,} pages: at least {len(self._left_out):,} were "
                "left out. Narrow it to a part of the site by a longer address."
            )

    def _settle_copies(self) -> Iterator[CrawlEvent]:
        """Reads those put off after all whose other address proved to be no page."""
        for url, is_copy in self._copies.settled(self._taken):
            if not is_copy:
                self._queue.append(url)
            elif url in self._known:
                yield self._gone(url, COPY)

    def _look_for_lost(
        self, cancelled: Callable[[], bool], out_of_time: Callable[[], bool]
    ) -> Iterator[CrawlEvent]:
        """Asks for the pages that nothing leads to any more, so that those which are gone go now."""
        for url, record in self._known.items():
            if cancelled() or out_of_time():
                return
            met = url in self._queued or url in self._read or hash(url) in self._left_out
            if record.content_sha256 is not None and not met:
                reason = self._why_gone(url)
                if reason is not None:
                    yield self._gone(url, reason)

    def _why_gone(self, url: str) -> str | None:
        """None for a page that is still there, or cannot be judged now."""
        if not self._robots.allows(url):
            return FORBIDDEN
        try:
            answer = self._get(url)
        except AddressRefused:
            return None
        except RemoteRejected as error:
            return error.message if error.code == "gone" else None
        except RemoteUnreachable as error:
            if error.code == "cancelled":
                raise
            self._count_unreachable(error)
            return None
        self._unreachable_in_a_row = 0
        if isinstance(answer, NotModified):
            return None
        if not self._scope.admits(self._parse(answer.url)):
            return LED_OUT
        if answer.url in self._read:
            return "The page now leads to another page of the source."
        try:
            extraction = self._extract(answer)
        except RemoteRejected:
            return None
        if extraction.soft_404:
            return SOFT_404
        return NOINDEX if extraction.wishes.noindex else None

    def _visit(self, url: str) -> Iterator[CrawlEvent]:
        if not self._robots.allows(url):
            if url in self._known:
                yield self._gone(url, FORBIDDEN)
            return
        if self._listed.vouches_for(url):
            yield from self._unchanged(url, asked=False)
            return
        try:
            answer = self._get(url)
        except AddressRefused as refusal:
            yield self._failure(url, refusal.message)
        except RemoteRejected as error:
            if error.code == "gone":
                yield self._gone(url, error.message)
            elif url in self._articles and self._articles[url].markup:
                yield from self._take_from_feed(url)
            elif error.code != "content_type" or url in self._known:
                yield self._failure(url, error.message)
        except RemoteUnreachable as error:
            if error.code == "cancelled":
                raise
            yield from self._unreachable(url, error)
        else:
            self._unreachable_in_a_row = 0
            yield from self._accept(url, answer)

    def _get(self, url: str) -> Fetched | NotModified:
        record = self._known.get(url)
        # A page that failed or vanished is read in full: what its tags promised may not hold any more.
        kept = record if record is not None and record.status is PageStatus.OK else None
        return self._session.get(
            url,
            PAGE_TYPES,
            accept=gitbook.ACCEPT if self._source.kind is SourceKind.GITBOOK else PAGE_ACCEPT,
            etag=kept.etag if kept else None,
            last_modified=kept.last_modified if kept else None,
        )

    def _unreachable(self, url: str, error: RemoteError) -> Iterator[CrawlEvent]:
        if error.code == "busy" and (error.retry_after_s or 0.0) > PATIENCE_S:
            raise _HostGaveUp(f"The crawl stopped early: {error.message} It asks us to come back later.")
        if error.code == "busy" and url not in self._retried:
            self._retried.add(url)
            self._queue.append(url)
            return
        yield self._failure(url, error.message)
        self._count_unreachable(error)

    def _count_unreachable(self, error: RemoteError) -> None:
        self._unreachable_in_a_row += 1
        if self._unreachable_in_a_row >= UNREACHABLE_LIMIT:
            raise _HostGaveUp(
                f"The crawl stopped early, after {UNREACHABLE_LIMIT} failures in a row: {error.message}"
            )

    def _accept(self, url: str, answer: Fetched | NotModified) -> Iterator[CrawlEvent]:
        if isinstance(answer, NotModified):
            yield from self._unchanged(url)
            return
        if answer.url != url:
            if not self._scope.admits(self._parse(answer.url)):
                if url in self._known:
                    yield self._gone(url, LED_OUT)
                return
            if answer.url in self._read:
                return
            self._queued.add(answer.url)
        self._read.update((url, answer.url))
        try:
            extraction = self._extract(answer)
        except RemoteRejected as error:
            yield self._failure(answer.url, error.message)
            return
        yield from self._judge(answer, extraction)

    def _extract(self, answer: Fetched) -> Extraction:
        """Raises RemoteRejected for markup built to exhaust its reader."""
        body = answer.body
        if self._source.kind is SourceKind.GITBOOK and "markdown" in answer.content_type:
            body = gitbook.without_notes(body)
        extraction = extract(answer.url, answer.content_type, answer.charset, body)
        return replace(extraction, wishes=extraction.wishes | wishes(answer.robots_tags))

    def _unchanged(self, url: str, *, asked: bool = True) -> Iterator[CrawlEvent]:
        record = self._known.get(url)
        if url in self._read or record is None:
            return
        self._read.add(url)
        self._taken.add(url)
        if record.content_sha256 is not None:
            self._texts.add(record.content_sha256)
        for link in record.links:
            self._enqueue(link)
        self._done += 1
        yield PageUnchanged(url, self._listed.of(url), asked)

    def _judge(self, answer: Fetched, extraction: Extraction) -> Iterator[CrawlEvent]:
        hrefs = extraction.page.links
        if extraction.refresh_to is not None:
            hrefs = (extraction.refresh_to, *hrefs)
        links = (link for href in hrefs if (link := self._scope.link(answer.url, href)))
        if self._source.kind is SourceKind.GITBOOK:
            links = (gitbook.without_suffix(link) for link in links)
        found = dict.fromkeys(links)
        if extraction.soft_404:
            yield self._gone(answer.url, SOFT_404)
            return
        if not extraction.wishes.nofollow:
            for link in found:
                self._enqueue(link)
        if extraction.wishes.noindex:
            yield self._gone(answer.url, NOINDEX)
            return
        canonical = self._scope.link(answer.url, extraction.canonical or "#")
        if canonical is not None and self._copies.put_off(answer.url, canonical):
            self._enqueue(canonical)
            return
        if extraction.empty:
            if answer.url in self._articles and self._articles[answer.url].markup:
                yield from self._take_from_feed(answer.url)
            elif extraction.refresh_to is None:
                yield self._failure(answer.url, "The page holds no text without running its scripts.")
            return
        followed = () if extraction.wishes.nofollow else tuple(found)
        kept = tuple(link for link in followed if link in self._queued)
        page = replace(extraction.page, links=kept)
        if len(kept) == len(followed):
            yield from self._take(page, answer.etag, answer.last_modified)
        else:
            # What was left out is not remembered, so the page must be read in full to meet it again.
            yield from self._take(page, None, None)

    def _take_from_feed(self, url: str) -> Iterator[CrawlEvent]:
        """The page itself gives no text to Roost, and its feed holds all of it."""
        extraction = extract(url, "text/html", "utf-8", self._articles[url].as_page())
        if extraction.empty:
            yield self._failure(url, "Neither the page nor its feed holds any text.")
            return
        self._read.add(url)
        yield from self._take(replace(extraction.page, links=()), None, None)

    def _take(self, page: ExtractedPage, etag: str | None, last_modified: str | None) -> Iterator[CrawlEvent]:
        sha256 = content_sha256(page)
        if sha256 in self._texts:
            # The same text under a second address, as with /docs and /docs/index.html.
            return
        self._texts.add(sha256)
        self._taken.add(page.url)
        self._done += 1
        yield PageRead(page, etag, last_modified, self._listed.of(page.url))

    def _enqueue(self, url: str) -> None:
        if url in self._queued:
            return
        if len(self._queued) >= self._page_limit:
            if len(self._left_out) < 100_000:
                self._left_out.add(hash(url))
            return
        self._queued.add(url)
        self._queue.append(url)

    def _move(self, url: str) -> None:
        """The source's address leads to another host: that is where the source is, under the rules there."""
        landed = self._parse(url)
        moved = replace(
            landed, path="/" if not landed.path.startswith(self._scope.prefix) else self._scope.prefix
        )
        self._scope = Scope(replace(moved, query=""))
        self._start = moved
        self._obey(url)

    def _obey(self, url: str) -> None:
        self._robots = read_robots(self._session, self._parse(url))
        self._session.crawl_delay_s = self._robots.delay_s
        if not self._robots.allows(url):
            raise RemoteRejected(
                "The site's robots.txt asks crawlers to leave this address alone. "
                "Ask its owner to allow Roost, or add another address.",
                code="robots",
            )

    def _at(self, path: str) -> str:
        return f"{self._start.scheme}://{self._start.netloc}{path}"

    def _gone(self, url: str, reason: str) -> PageFailed:
        self._read.add(url)
        return PageFailed(url, reason, gone=True)

    def _failure(self, url: str, reason: str) -> PageFailed:
        self._read.add(url)
        self._failed += 1
        return PageFailed(url, reason, gone=False)

    def _tell(self, stage: CrawlStage) -> None:
        total = max(len(self._queue) + self._done + self._failed, self._done + self._failed)
        self._report(CrawlProgress(self._source.id, stage, self._done, total, self._failed))


class _HostGaveUp(Exception):
    """The host cannot or will not go on for now."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

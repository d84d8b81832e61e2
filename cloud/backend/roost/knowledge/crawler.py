"""Crawls a documentation site: robots.txt, sitemap, then links breadth first, within bounds it reports."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from roost.clock import Clock
from roost.domain.documents import CrawlProgress, CrawlStage, PageRecord, PageStatus, Source, SourceKind
from roost.domain.page_text import content_sha256
from roost.errors import AddressRefused, RemoteError, RemoteRejected, RemoteUnreachable
from roost.knowledge import gitbook
from roost.knowledge.extraction import Extraction, extract
from roost.knowledge.feeds import feed_links, read_feeds
from roost.knowledge.fetcher import PAGE_ACCEPT, PAGE_TYPES, Fetched, NotModified, SafeFetcher
from roost.knowledge.robots import Robots, read_robots
from roost.knowledge.scope import Scope
from roost.knowledge.sitemaps import read_sitemaps
from roost.services.ports import CrawlEvent, CrawlNote, PageFailed, PageRead, PageUnchanged

if TYPE_CHECKING:
    from roost.knowledge.fetch_session import FetchSession

PAGE_LIMIT = 2_000
TIME_LIMIT_S = 3_600.0
UNREACHABLE_LIMIT = 8
PATIENCE_S = 30.0
RESOLVE_TIMEOUT_S = 5.0

Report = Callable[[CrawlProgress], None]


class WebsiteCrawler:
    """Reads websites, blogs and GitBooks over HTTP. Implements the port Crawler."""

    def __init__(
        self,
        fetcher: SafeFetcher,
        clock: Clock,
        *,
        page_limit: int = PAGE_LIMIT,
        time_limit_s: float = TIME_LIMIT_S,
    ) -> None:
        self._fetcher = fetcher
        self._clock = clock
        self._page_limit = page_limit
        self._time_limit_s = time_limit_s

    def check_address(self, url: str) -> str:
        """The normal form of `url`. Raises AddressRefused when the policy or where it leads forbids it."""
        address = self._fetcher.policy.parse(url)
        self._fetcher.policy.resolve(address.host, address.port, RESOLVE_TIMEOUT_S)
        return address.url

    def crawl(
        self,
        source: Source,
        known: Mapping[str, PageRecord],
        report: Report,
        cancelled: Callable[[], bool],
    ) -> Iterator[CrawlEvent]:
        """Yields an event a page, as it is read. Ends early once `cancelled()`.

        Raises AddressRefused or RemoteError when the source's own address cannot be read, or its robots.txt.
        """
        ends_at = self._clock.monotonic_s() + self._time_limit_s

        def out_of_time() -> bool:
            return self._clock.monotonic_s() > ends_at

        with self._fetcher.session(cancelled) as session:
            crawl = _SiteCrawl(session, self._fetcher, source, known, report, self._page_limit)
            try:
                yield from crawl.begin()
                yield from crawl.follow(cancelled, out_of_time)
            except RemoteUnreachable as stop:
                if stop.code != "cancelled":
                    raise


class _SiteCrawl:
    """One crawl of one site."""

    def __init__(
        self,
        session: FetchSession,
        fetcher: SafeFetcher,
        source: Source,
        known: Mapping[str, PageRecord],
        report: Report,
        page_limit: int,
    ) -> None:
        self._session = session
        self._source = source
        self._known = known
        self._report = report
        self._page_limit = page_limit
        self._start = fetcher.policy.parse(source.url or "")
        self._parse = fetcher.policy.parse
        self._scope = Scope(self._start)
        self._robots = Robots(None)
        self._queue: deque[str] = deque()
        self._queued: set[str] = set()
        self._left_out: set[str] = set()
        self._read: set[str] = set()
        self._texts: set[str] = set()
        self._retried: set[str] = set()
        self._unreachable_in_a_row = 0
        self._done = 0
        self._failed = 0

    def begin(self) -> Iterator[CrawlEvent]:
        """Reads robots.txt, the source's own page, which settles what belongs to it, and the site's lists."""
        self._tell(CrawlStage.DISCOVERING)
        self._obey(self._start.url)
        self._queued.add(self._start.url)
        answer = self._get(self._start.url)
        if isinstance(answer, Fetched):
            landed = self._parse(answer.url)
            if not self._scope.admits(landed):
                self._move(answer.url)
        yield from self._accept(self._start.url, answer)
        addresses = [*self._robots.sitemaps, self._at("/sitemap.xml")]
        if self._scope.prefix != "/":
            addresses.append(self._at(self._scope.prefix.rstrip("/") + "/sitemap.xml"))
        listed = read_sitemaps(self._session, addresses, self._scope.page, self._page_limit + 1)
        for note in listed.notes:
            yield CrawlNote(note)
        for url in listed.urls:
            self._enqueue(url)
        if self._source.kind is SourceKind.BLOG:
            for url in read_feeds(self._session, self._feed_addresses(answer), self._scope.page):
                self._enqueue(url)

    def follow(self, cancelled: Callable[[], bool], out_of_time: Callable[[], bool]) -> Iterator[CrawlEvent]:
        """Reads everything queued, and what it links to."""
        while self._queue and not cancelled():
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
        if self._left_out:
            yield CrawlNote(
                f"The source has more than {self._page_limit:,} pages: at least {len(self._left_out):,} were "
                "left out. Narrow it to a part of the site by a longer address."
            )

    def _visit(self, url: str) -> Iterator[CrawlEvent]:
        if not self._robots.allows(url):
            if url in self._known:
                yield self._gone(url, "The site's robots.txt asks to leave this page alone.")
            return
        try:
            answer = self._get(url)
        except AddressRefused as refusal:
            yield self._failure(url, refusal.message)
        except RemoteRejected as error:
            if error.code == "gone":
                yield self._gone(url, error.message)
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
        self._unreachable_in_a_row += 1
        yield self._failure(url, error.message)
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
                    yield self._gone(url, "The page now leads out of the source.")
                return
            if answer.url in self._read:
                return
            self._queued.add(answer.url)
        self._read.update((url, answer.url))
        body = answer.body
        if self._source.kind is SourceKind.GITBOOK and "markdown" in answer.content_type:
            body = gitbook.without_notes(body)
        try:
            extraction = extract(answer.url, answer.content_type, answer.charset, body)
        except RemoteRejected as error:
            yield self._failure(answer.url, error.message)
            return
        yield from self._judge(answer, extraction)

    def _unchanged(self, url: str) -> Iterator[CrawlEvent]:
        record = self._known.get(url)
        if url in self._read or record is None:
            return
        self._read.add(url)
        if record.content_sha256 is not None:
            self._texts.add(record.content_sha256)
        for link in record.links:
            self._enqueue(link)
        self._done += 1
        yield PageUnchanged(url)

    def _judge(self, answer: Fetched, extraction: Extraction) -> Iterator[CrawlEvent]:
        hrefs = extraction.page.links
        if extraction.refresh_to is not None:
            hrefs = (extraction.refresh_to, *hrefs)
        links = (link for href in hrefs if (link := self._scope.link(answer.url, href)))
        if self._source.kind is SourceKind.GITBOOK:
            links = (gitbook.without_suffix(link) for link in links)
        found = dict.fromkeys(links)
        if extraction.soft_404:
            yield self._gone(answer.url, "The page says that it does not exist.")
            return
        for link in found:
            self._enqueue(link)
        if extraction.noindex:
            yield self._gone(answer.url, "The page asks not to be indexed (noindex).")
            return
        if extraction.empty:
            if extraction.refresh_to is None:
                yield self._failure(answer.url, "The page holds no text without running its scripts.")
            return
        page = replace(extraction.page, links=tuple(found))
        sha256 = content_sha256(page)
        if sha256 in self._texts:
            # The same text under a second address, as with /docs and /docs/index.html.
            return
        self._texts.add(sha256)
        self._done += 1
        yield PageRead(page, answer.etag, answer.last_modified)

    def _enqueue(self, url: str) -> None:
        if url in self._queued:
            return
        if len(self._queued) >= self._page_limit:
            if len(self._left_out) < 100_000:
                self._left_out.add(url)
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

    def _feed_addresses(self, answer: Fetched | NotModified) -> list[str]:
        base = self._scope.prefix.rstrip("/")
        guesses = [
            self._at(base + path) for path in ("/feed/", "/feed.xml", "/rss.xml", "/atom.xml", "/index.xml")
        ]
        return [*feed_links(answer), *guesses] if isinstance(answer, Fetched) else guesses

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

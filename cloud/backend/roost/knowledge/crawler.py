"""Reads websites, blogs and GitBooks over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from roost.clock import Clock
from roost.domain.documents import CrawlProgress, PageRecord, Source
from roost.errors import RemoteUnreachable
from roost.knowledge.fetcher import SafeFetcher
from roost.knowledge.site_crawl import SiteCrawl
from roost.services.ports import CrawlEvent

PAGE_LIMIT = 2_000
TIME_LIMIT_S = 3_600.0
RESOLVE_TIMEOUT_S = 5.0


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
        report: Callable[[CrawlProgress], None],
        cancelled: Callable[[], bool],
    ) -> Iterator[CrawlEvent]:
        """Yields an event a page, as it is read. Ends early once `cancelled()`.

        Raises AddressRefused or RemoteError when the source's own address cannot be read, or its robots.txt.
        """
        ends_at = self._clock.monotonic_s() + self._time_limit_s

        def out_of_time() -> bool:
            return self._clock.monotonic_s() > ends_at

        with self._fetcher.session(cancelled) as session:
            crawl = SiteCrawl(
                session,
                self._fetcher.policy.parse,
                source,
                known,
                report,
                self._page_limit,
                self._clock.now(),
            )
            try:
                yield from crawl.begin()
                yield from crawl.follow(cancelled, out_of_time)
            except RemoteUnreachable as stop:
                if stop.code != "cancelled":
                    raise

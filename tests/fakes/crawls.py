"""Crawls of a site on loopback, with their events sorted. Public names lead to it too."""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from roost.clock import Clock, SystemClock
from roost.domain.documents import CrawlProgress, PageRecord, PageStatus, Source, SourceKind
from roost.domain.page_text import content_sha256
from roost.knowledge.addresses import AddressPolicy, AllowedHost, IPAddress
from roost.knowledge.crawler import WebsiteCrawler
from roost.knowledge.fetcher import SafeFetcher
from roost.services.ports import CrawlEvent, CrawlNote, PageFailed, PageRead, PageUnchanged
from tests.fakes.docs_site import DocsSite

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PUBLIC = ipaddress.ip_address("93.184.216.34")


class Crawled:
    """A crawl's events by the addresses they are of, without `base`."""

    def __init__(self, base: str, events: list[CrawlEvent]) -> None:
        start = len(base)
        self.read = {event.page.url[start:]: event for event in events if isinstance(event, PageRead)}
        self.unchanged = {event.url[start:]: event for event in events if isinstance(event, PageUnchanged)}
        self.failed = {event.url[start:]: event for event in events if isinstance(event, PageFailed)}
        self.notes = [event.message for event in events if isinstance(event, CrawlNote)]

    def records(self, at: datetime = NOW) -> dict[str, PageRecord]:
        return {
            event.page.url: PageRecord(
                source_id="s",
                url=event.page.url,
                title=event.page.title,
                status=PageStatus.OK,
                reason=None,
                etag=event.etag,
                last_modified=event.last_modified,
                content_sha256=content_sha256(event.page),
                missed_crawls=0,
                fetched_at=at,
                links=event.page.links,
                listed_at=event.listed_at,
            )
            for event in self.read.values()
        }


class PublicNames:
    """Every name is a public host."""

    def resolve(self, host: str, timeout_s: float) -> Sequence[IPAddress]:
        return [PUBLIC]


def crawl(
    site: DocsSite,
    path: str = "/",
    *,
    base: str | None = None,
    known: Mapping[str, PageRecord] | None = None,
    kind: SourceKind = SourceKind.WEBSITE,
    page_limit: int = 200,
    total_timeout_s: float = 10.0,
    progress: list[CrawlProgress] | None = None,
    clock: Clock | None = None,
) -> Crawled:
    """A whole crawl of the site, under its own address or as `base`, a public one."""

    def connect(address: IPAddress, port: int, timeout_s: float) -> socket.socket:
        return socket.create_connection(("127.0.0.1", site.port), timeout_s)

    clock = clock or SystemClock()
    policy = AddressPolicy(PublicNames(), [AllowedHost.parse(site.allowed)])
    fetcher = SafeFetcher(
        policy, SystemClock(), time.sleep, connect=connect, interval_s=0, total_timeout_s=total_timeout_s
    )
    crawler = WebsiteCrawler(fetcher, clock, page_limit=page_limit)
    start = base or site.url
    source = Source("s", kind, start + path, 600, False, "owner", NOW)
    report = progress.append if progress is not None else lambda _: None
    return Crawled(start, list(crawler.crawl(source, known or {}, report, lambda: False)))

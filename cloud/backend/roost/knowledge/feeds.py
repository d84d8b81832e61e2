"""Feeds of blogs (RSS, Atom, RDF): the newest articles, also where no sitemap lists them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from roost.errors import AddressRefused, RemoteError
from roost.knowledge.fetcher import FEED_TYPES, Fetched

if TYPE_CHECKING:
    from roost.knowledge.fetch_session import FetchSession

FEED_LIMIT = 3
ATTEMPT_LIMIT = 8
ENTRY_LIMIT = 1_000

_LINK_TAG = re.compile(rb"<link\b[^>]{1,1000}>", re.IGNORECASE)
_FEED_TYPE = re.compile(rb"application/(?:rss|atom|rdf)\+xml", re.IGNORECASE)
_HREF = re.compile(rb"""\bhref\s*=\s*["']?([^"'\s>]{1,1000})""", re.IGNORECASE)


def feed_links(page: Fetched) -> list[str]:
    """The feeds that a page names in its head."""
    found: list[str] = []
    for tag in _LINK_TAG.findall(page.body[:200_000]):
        target = _HREF.search(tag)
        if target and _FEED_TYPE.search(tag):
            found.append(urljoin(page.url, target.group(1).decode("utf-8", "replace").replace("&amp;", "&")))
    return found[:FEED_LIMIT]


def read_feeds(
    session: FetchSession, addresses: Iterable[str], wanted: Callable[[str], str | None]
) -> tuple[str, ...]:
    """The articles of the first FEED_LIMIT feeds among `addresses`; what is no feed is passed over.

    `wanted` gives an article's normal form, or None when it lies outside the source.
    """
    articles: dict[str, None] = {}
    feeds = 0
    for address in list(dict.fromkeys(addresses))[:ATTEMPT_LIMIT]:
        entries = _entries(session, address)
        for entry in entries[:ENTRY_LIMIT]:
            article = wanted(entry)
            if article is not None:
                articles[article] = None
        feeds += bool(entries)
        if feeds == FEED_LIMIT:
            break
    return tuple(articles)


def _entries(session: FetchSession, address: str) -> list[str]:
    try:
        answer = session.get(address, FEED_TYPES, accept="application/rss+xml,application/atom+xml,*/*;q=0.1")
    except AddressRefused:
        return []
    except RemoteError as error:
        if error.code == "cancelled":
            raise
        return []
    if not isinstance(answer, Fetched) or not answer.body.lstrip().startswith(b"<"):
        return []
    import feedparser

    parsed = feedparser.parse(answer.body, response_headers={"content-location": answer.url})
    return [str(entry["link"]) for entry in parsed.entries if entry.get("link")]

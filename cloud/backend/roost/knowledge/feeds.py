"""Feeds of blogs (RSS, Atom, RDF, JSON Feed): the newest articles, also where no sitemap lists them, and the
text of those whose pages cannot be read.

Shapes met in the wild: WordPress has ten articles in a feed and gives the older ones at `?paged=2`; Ghost
keeps its feed at `/rss/`; Medium's stands at `/feed/@name`, while its pages often refuse whoever is no
browser; Atom names its next part by a link (RFC 5005).
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from roost.errors import AddressRefused, RemoteError, RemoteRejected
from roost.knowledge.feed_json import is_json, read_json_feed
from roost.knowledge.feed_xml import EntitiesDeclared, Feed, read_feed
from roost.knowledge.fetcher import FEED_TYPES, Fetched

if TYPE_CHECKING:
    from roost.knowledge.fetch_session import FetchSession

FEED_LIMIT = 3
PART_LIMIT = 50
ARTICLES_AT_MOST = 2_000
TEXT_LIMIT = 20_000_000  # characters of all articles' markup

_LINK_TAG = re.compile(rb"<link\b[^>]{1,1000}>", re.IGNORECASE)
_FEED_TYPE = re.compile(rb"application/(?:(?:rss|atom|rdf)\+xml|feed\+json)", re.IGNORECASE)
_HREF = re.compile(rb"""\bhref\s*=\s*["']?([^"'\s>]{1,1000})""", re.IGNORECASE)
_PAGED = re.compile(r"(?<=[?&]paged=)\d+$")


@dataclass(frozen=True, slots=True)
class Article:
    """An article as its feed tells it. `markup` is its whole text, where the feed carries that."""

    title: str
    markup: str

    def as_page(self) -> bytes:
        """A page that holds nothing but the article."""
        return f"<article><h1>{html.escape(self.title)}</h1>{self.markup}</article>".encode()


@dataclass(frozen=True, slots=True)
class FeedArticles:
    """Articles by their addresses, newest first as a rule, and sentences on what could not be read."""

    articles: Mapping[str, Article]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Part:
    """One answer of a feed: its entries, and where the older ones stand."""

    entries: tuple[tuple[str, Article], ...]
    following: str | None


def feed_links(page: Fetched) -> list[str]:
    """The feeds that a page names in its head."""
    found: list[str] = []
    for tag in _LINK_TAG.findall(page.body[:200_000]):
        target = _HREF.search(tag)
        if target and _FEED_TYPE.search(tag):
            found.append(urljoin(page.url, target.group(1).decode("utf-8", "replace").replace("&amp;", "&")))
    return found[:FEED_LIMIT]


def usual_feeds(origin: str, folder: str) -> list[str]:
    """Where a blog beneath `folder` (which ends in a slash) keeps its feed, if it does not say so."""
    at_medium = (urlsplit(origin).hostname or "") == "medium.com" and folder != "/"
    first = [f"{origin}/feed{folder.rstrip('/')}"] if at_medium else []
    names = ("feed/", "rss/", "feed.xml", "rss.xml", "atom.xml", "index.xml")
    return [*first, *(f"{origin}{folder}{name}" for name in names)]


def read_feeds(
    session: FetchSession,
    named: Iterable[str],
    guessed: Iterable[str],
    wanted: Callable[[str], str | None],
    allowed: Callable[[str], bool],
    listed: Container[str],
) -> FeedArticles:
    """The articles of the feeds that the site has `named`, or else of the first that is found by guessing.

    `wanted` gives an article's normal form, or None when it lies outside the source; `allowed` says what
    robots.txt lets one read; older parts are read as long as they name what is not `listed`. Raises
    RemoteUnreachable only when the crawl is stopped.
    """
    reading = _Reading(session, wanted, allowed, listed)
    found = [reading.read(address, is_named=True) for address in list(dict.fromkeys(named))[:FEED_LIMIT]]
    if not any(found):
        for address in guessed:
            if reading.read(address, is_named=False):
                break
    return FeedArticles(reading.articles, tuple(dict.fromkeys(reading.notes)))


def feed_home(page: Fetched) -> str | None:
    """The address of the site that a feed belongs to; None where this is no feed or it does not say."""
    try:
        return _read(page).home or None
    except EntitiesDeclared:
        return None


class _Reading:
    def __init__(
        self,
        session: FetchSession,
        wanted: Callable[[str], str | None],
        allowed: Callable[[str], bool],
        listed: Container[str],
    ) -> None:
        self.articles: dict[str, Article] = {}
        self.notes: list[str] = []
        self._session = session
        self._wanted = wanted
        self._allowed = allowed
        self._listed = listed
        self._room = TEXT_LIMIT

    def read(self, address: str, *, is_named: bool) -> bool:
        """Reads a feed and its older parts as long as they hold what is new; False when it is no feed."""
        is_feed = False
        following: str | None = address
        seen: set[str] = set()
        while following is not None and following not in seen and len(seen) < PART_LIMIT:
            seen.add(following)
            part = self._part(following, is_told=is_named and not is_feed)
            if part is None or not part.entries:
                break
            is_feed = True
            if not self._take(part):
                break
            following = part.following
        return is_feed

    def _take(self, part: _Part) -> bool:
        """True when anything was new and there is room for more."""
        news = False
        for link, article in part.entries:
            url = self._wanted(link)
            if url is None or url in self.articles or len(self.articles) >= ARTICLES_AT_MOST:
                continue
            # A comment's feed names the article, with a fragment: its text is not the article's.
            fits = "#" not in link and len(article.markup) <= self._room
            self.articles[url] = article if fits else Article(article.title, "")
            self._room -= len(self.articles[url].markup)
            news = news or url not in self._listed
        return news and len(self.articles) < ARTICLES_AT_MOST

    def _part(self, address: str, *, is_told: bool) -> _Part | None:
        try:
            if not self._allowed(address):
                return None
            answer = self._session.get(
                address, FEED_TYPES, accept="application/rss+xml,application/atom+xml,*/*;q=0.1"
            )
        except (AddressRefused, RemoteRejected) as refusal:
            if is_told and refusal.code == "too_large":
                self.notes.append("The blog's feed is larger than 5 MB; it was left out.")
            return None
        except RemoteError as error:
            if error.code == "cancelled":
                raise
            if is_told:
                self.notes.append(f"The blog's feed could not be read: {error.message}")
            return None
        if not isinstance(answer, Fetched):
            return None
        try:
            return _part_of(_read(answer), answer.url)
        except EntitiesDeclared:
            self.notes.append("A feed declares entities, which Roost does not expand; it was left out.")
        except ValueError:
            # An address among them is none: brackets that hold no IPv6 address.
            self.notes.append("A feed names an address that is none; it was left out.")
        return None


def _read(answer: Fetched) -> Feed:
    """Raises EntitiesDeclared."""
    return read_json_feed(answer.body) if is_json(answer.body) else read_feed(answer.body, answer.charset)


def _part_of(feed: Feed, url: str) -> _Part:
    entries = tuple((urljoin(url, entry.link), Article(entry.title, entry.markup)) for entry in feed.entries)
    return _Part(entries, _following(feed, url))


def _following(feed: Feed, url: str) -> str | None:
    """RFC 5005, section 3; and WordPress, which says nothing and counts."""
    if feed.following:
        return urljoin(url, feed.following)
    if "wordpress" not in feed.generator.lower():
        return None
    number = _PAGED.search(url)
    if number is not None:
        return _PAGED.sub(str(int(number[0]) + 1), url)
    return f"{url}{'&' if '?' in url else '?'}paged=2"

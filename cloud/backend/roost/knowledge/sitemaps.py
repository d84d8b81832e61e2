"""Sitemaps (sitemaps.org, protocol 0.9): where a site lists its pages, in one file or an index of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from roost.errors import AddressRefused, RemoteError, RemoteRejected
from roost.knowledge.decompression import gunzip
from roost.knowledge.fetcher import BODY_LIMIT_BYTES, FEED_TYPES, Fetched

if TYPE_CHECKING:
    from roost.knowledge.fetch_session import FetchSession

FILE_LIMIT = 50
DEPTH_LIMIT = 3
ENTRY_LIMIT = 100_000
LASTMOD_LIMIT = 40  # characters
TEXT_LIMIT = 4_096  # characters of an address
ELEMENT_LIMIT = 1_000_000
DEPTH_OF_ELEMENTS = 20
TOGETHER_LIMIT_BYTES = 50 * 1024 * 1024
FED_AT_ONCE = 65_536

_ACCEPT = "application/xml,text/xml,*/*;q=0.1"


@dataclass(frozen=True, slots=True)
class SitemapPages:
    """The pages that were `wanted`, in order, each with its lastmod as written, if it has one; and sentences
    on what could not be read in full.
    """

    pages: Mapping[str, str | None]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Entry:
    url: str
    is_sitemap: bool
    lastmod: str | None = None


def read_sitemaps(
    session: FetchSession,
    addresses: Iterable[str],
    wanted: Callable[[str], str | None],
    limit: int,
) -> SitemapPages:
    """Follows the sitemaps at `addresses`, at most FILE_LIMIT files, until `limit` pages are found.

    `wanted` gives a listed page's normal form, or None when it lies outside the source. A file that is
    missing or refused counts as empty: sitemaps are a courtesy. Raises RemoteUnreachable only when the crawl
    is stopped.
    """
    queue = deque((address, 0) for address in dict.fromkeys(addresses))
    seen = {address for address, _ in queue}
    pages: dict[str, str | None] = {}
    notes: list[str] = []
    files = 0
    size_bytes = 0

    def weigh(body: bytes) -> None:
        nonlocal size_bytes
        size_bytes += len(body)

    while queue and len(pages) < limit:
        address, depth = queue.popleft()
        files += 1
        if files > FILE_LIMIT or size_bytes > TOGETHER_LIMIT_BYTES:
            notes.append(
                f"The site has more than {FILE_LIMIT} sitemaps, or more than 50 MB of them; the others were"
                " left out."
            )
            break
        for entry in _entries(session, address, notes, weigh):
            if not entry.is_sitemap:
                page = wanted(entry.url)
                if page is not None:
                    pages[page] = entry.lastmod or pages.get(page)
                    if len(pages) >= limit:
                        break
            elif depth < DEPTH_LIMIT and entry.url not in seen and len(seen) <= FILE_LIMIT:
                seen.add(entry.url)
                queue.append((entry.url, depth + 1))
    return SitemapPages(pages, tuple(dict.fromkeys(notes)))


def _entries(
    session: FetchSession, address: str, notes: list[str], weigh: Callable[[bytes], None]
) -> Iterator[_Entry]:
    try:
        answer = session.get(address, FEED_TYPES, accept=_ACCEPT, keep_truncated=True)
        if not isinstance(answer, Fetched):
            return
        body, cut = answer.body, answer.truncated
        if body.startswith(b"\x1f\x8b"):
            body, cut = gunzip(body, BODY_LIMIT_BYTES)
    except (AddressRefused, RemoteRejected):
        return
    except RemoteError as error:
        if error.code == "cancelled":
            raise
        notes.append(f"A sitemap could not be read: {error.message}")
        return
    weigh(body)
    if cut:
        notes.append("A sitemap is larger than 5 MB; its end was left out.")
    if not body.lstrip().startswith(b"<"):
        yield from _plain_list(body)
    elif not body.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html")):
        yield from _xml_list(body, cut, notes)


def _plain_list(body: bytes) -> Iterator[_Entry]:
    """One address a line, as the protocol allows."""
    for line in body.decode("utf-8", "replace").splitlines()[:ENTRY_LIMIT]:
        if line.strip().startswith("http"):
            yield _Entry(line.strip(), is_sitemap=False)


def _xml_list(body: bytes, cut: bool, notes: list[str]) -> Iterator[_Entry]:
    from xml.etree.ElementTree import ParseError

    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import DefusedXMLParser

    reader = _Reader()
    parser = DefusedXMLParser(target=reader)
    try:
        for start in range(0, len(body), FED_AT_ONCE):
            parser.feed(body[start : start + FED_AT_ONCE])
            yield from reader.take()
        if not cut:
            parser.close()
    except DefusedXmlException:
        notes.append("A sitemap declares entities, which Roost does not expand; it was left out.")
    except (ParseError, ValueError, LookupError):
        # ValueError, LookupError: an encoding that the parser cannot read, or that nobody knows.
        yield from reader.take()
        if not cut:
            notes.append("A sitemap is not well-formed XML; it was read up to the mistake.")
    except _Enough as end:
        yield from reader.take()
        notes.append(str(end))


class _Enough(Exception):
    """No more is read of this sitemap; says why."""


class _Reader:
    """What the parser tells its events to (xml.etree.ElementTree, XMLParser's `target`): a tree of a few
    megabytes of markup would take a hundred times that.
    """

    def __init__(self) -> None:
        self._entries: list[_Entry] = []
        self._count = 0
        self._elements = 0
        self._path: list[str] = []
        self._told: dict[str, str] = {}
        self._text = ""

    def take(self) -> list[_Entry]:
        """The entries since the last call."""
        entries, self._entries = self._entries, []
        return entries

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:  # noqa: ARG002 - the parser's call
        self._elements += 1
        if self._elements > ELEMENT_LIMIT or len(self._path) == DEPTH_OF_ELEMENTS:
            raise _Enough("A sitemap is built like none; it was read up to there.")
        name = tag.rpartition("}")[2]
        self._path.append(name)
        self._text = ""
        if name in ("url", "sitemap"):
            self._told = {}

    def data(self, text: str) -> None:
        if len(self._text) < TEXT_LIMIT:
            self._text += text

    def end(self, tag: str) -> None:  # noqa: ARG002 - the parser's call
        name = self._path.pop()
        inside = self._path[-1] if self._path else ""
        if name in ("loc", "lastmod") and inside in ("url", "sitemap"):
            self._told[name] = self._text.strip()
        elif name in ("url", "sitemap") and self._told.get("loc"):
            lastmod = self._told.get("lastmod", "")[:LASTMOD_LIMIT] or None
            self._entries.append(_Entry(self._told["loc"], name == "sitemap", lastmod))
            self._count += 1
            if self._count == ENTRY_LIMIT:
                raise _Enough(f"A sitemap lists {ENTRY_LIMIT:,} pages or more; the others were left out.")

    def close(self) -> None:
        return

"""Sitemaps (sitemaps.org, protocol 0.9): where a site lists its pages, in one file or an index of them."""

from __future__ import annotations

import io
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
    while queue and len(pages) < limit:
        address, depth = queue.popleft()
        files += 1
        if files > FILE_LIMIT:
            notes.append(f"The site has more than {FILE_LIMIT} sitemaps; the others were left out.")
            break
        for entry in _entries(session, address, notes):
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


def _entries(session: FetchSession, address: str, notes: list[str]) -> Iterator[_Entry]:
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
    from defusedxml.ElementTree import iterparse

    count = 0
    try:
        for event, element in iterparse(io.BytesIO(body), events=("start", "end")):
            name = str(element.tag).rpartition("}")[2]
            if event != "end" or name not in ("url", "sitemap"):
                continue
            told = {str(child.tag).rpartition("}")[2]: (child.text or "").strip() for child in element}
            element.clear()
            count += 1
            if count > ENTRY_LIMIT:
                notes.append(f"A sitemap lists more than {ENTRY_LIMIT:,} pages; the others were left out.")
                return
            if told.get("loc"):
                lastmod = told.get("lastmod", "")[:LASTMOD_LIMIT] or None
                yield _Entry(told["loc"], is_sitemap=name == "sitemap", lastmod=lastmod)
    except ParseError:
        if not cut:
            notes.append("A sitemap is not well-formed XML; it was read up to the mistake.")
    except DefusedXmlException:
        notes.append("A sitemap declares entities, which Roost does not expand; it was left out.")

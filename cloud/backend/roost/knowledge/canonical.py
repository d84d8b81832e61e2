"""Pages that name another address as their own (RFC 6596, `rel=canonical`): the same page with a query for
its print view, with a slash at its end or without.

Only such variants of one path are believed. Many sites name their front page on every page, by a mistake in a
template: whoever believed that would lose all others.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit


class Copies:
    """Pages put off until it is known whether the address that they name is a page."""

    def __init__(self) -> None:
        self._named: dict[str, str] = {}
        self._settled: set[str] = set()

    def put_off(self, url: str, canonical: str) -> bool:
        """Whether the page at `url` is put off because it calls itself a variant of `canonical`."""
        if canonical == url or url in self._settled or _page(canonical) != _page(url):
            return False
        self._named[url] = canonical
        return True

    def settled(self, taken: set[str]) -> Iterator[tuple[str, bool]]:
        """Each page put off, once, and whether the address that it named is among those `taken`. One that is
        not a copy after all is not put off again.
        """
        named, self._named = self._named, {}
        self._settled.update(named)
        for url, canonical in named.items():
            yield url, canonical in taken


def _page(url: str) -> str:
    return urlsplit(url).path.removesuffix("index.html").rstrip("/")

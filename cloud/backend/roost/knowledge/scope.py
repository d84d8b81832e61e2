"""Which addresses belong to a source: those of its host, beneath its path, that can be pages."""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import urljoin

from roost.errors import AddressRefused
from roost.knowledge.addresses import WebAddress, parse_address

QUERY_VARIANTS_LIMIT = 50
VARIED_PATHS_LIMIT = 50_000
REMEMBERED_LIMIT = 4_000_000  # characters of addresses: a site may make up new ones on every page

_NOT_PAGES = re.compile(
    r"\.(?:png|jpe?g|gif|svg|webp|avif|ico|bmp|tiff?|css|js|mjs|map|json|xml|rss|atom|woff2?|ttf|otf|eot|pdf|zip|gz|tgz|"
    r"bz2|xz|7z|rar|tar|whl|jar|exe|dmg|deb|rpm|apk|iso|mp[34]|m4[av]|mov|avi|webm|ogg|wav|docx?|xlsx?|pptx?|csv|ics)$",
    re.IGNORECASE,
)
# A dot alone makes no file: /docs/v1.2 and /@first.last are folders.
_FILE = re.compile(
    r"\.(?:[sx]?html?|md|mdx|markdown|rst|adoc|txt|php\d?|aspx?|jspx?|cfm|cgi|do|xml|rss|atom|rdf|json)$",
    re.IGNORECASE,
)
_NO_LINK = re.compile(r"^\s*(?:#|[a-z][a-z0-9+.-]*:(?<!http:)(?<!https:))", re.IGNORECASE)
_TRACKING = re.compile(r"(?:^|&)(?:utm_[a-z]+|fbclid|gclid|mc_[ce]id|ref|source)=[^&]*", re.IGNORECASE)


class Scope:
    """The source that begins at `start`. Remembers what it was asked, so that a site's menu costs little."""

    def __init__(self, start: WebAddress) -> None:
        self.start = start
        self._origin = f"{start.scheme}://{start.netloc}"
        folder, _, last = start.path.rpartition("/")
        # /docs/index.html stands for /docs/, while /docs is itself a folder for all that anybody can tell.
        self.prefix = f"{folder}/" if not last or _FILE.search(last) else start.path
        self._normal: dict[str, str | None] = {}
        self._remembered = 0
        self._variants: dict[int, int] = {}

    def admits(self, address: WebAddress) -> bool:
        if (address.host, address.port) != (self.start.host, self.start.port) and (
            address.host != self.start.host or {address.port, self.start.port} != {80, 443}
        ):
            return False
        if self.prefix.endswith("/"):
            return address.path.startswith(self.prefix) or address.path == self.prefix[:-1]
        return address.path == self.prefix or address.path.startswith(self.prefix + "/")

    def neighbour(self, url: str) -> WebAddress | None:
        """`url` without its query where it lies on the same host; None where it does not."""
        try:
            address = parse_address(url)
        except AddressRefused:
            return None
        same = (address.scheme, address.netloc) == (self.start.scheme, self.start.netloc)
        return replace(address, query="") if same else None

    def link(self, base: str, href: str) -> str | None:
        """The normal form of a link on the page `base`, or None when it leads to no page of the source."""
        # Menus stand on every page with the same links; those from the root mean the same on each.
        if href in self._normal:
            return self._normal[href]
        if _NO_LINK.match(href):
            return None
        absolute = self._absolute(base, href.strip().partition("#")[0])
        if absolute is None:
            return None
        if absolute not in self._normal:
            self._remember(absolute, self._page(absolute))
        page = self._normal[absolute]
        if href.startswith("/") and not href.startswith("//"):
            self._remember(href, page)
        return page

    def _remember(self, address: str, page: str | None) -> None:
        self._remembered += len(address)
        if self._remembered > REMEMBERED_LIMIT:
            self._normal, self._remembered = {}, len(address)
        self._normal[address] = page

    def page(self, url: str) -> str | None:
        """The same for an address that a sitemap or a feed lists."""
        return self.link(self._origin + "/", url)

    def _absolute(self, base: str, href: str) -> str | None:
        if href.startswith(("http://", "https://")):
            return href
        if href.startswith("/") and not href.startswith("//"):
            return self._origin + href
        try:
            return urljoin(base, href)
        except ValueError:
            return None

    def _page(self, absolute: str) -> str | None:
        try:
            address = parse_address(absolute)
        except AddressRefused:
            return None
        if not self.admits(address) or _NOT_PAGES.search(address.path):
            return None
        query = _TRACKING.sub("", address.query).lstrip("&")
        if query:
            # Calendars and filters make endless variants of one page.
            path = hash(address.path)
            if path not in self._variants and len(self._variants) >= VARIED_PATHS_LIMIT:
                return None
            self._variants[path] = self._variants.get(path, 0) + 1
            if self._variants[path] > QUERY_VARIANTS_LIMIT:
                return None
        return WebAddress(address.scheme, address.host, address.port, address.path, query).url

"""robots.txt (RFC 9309): what a site asks crawlers to leave alone, and how slowly to go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from roost.errors import RemoteRejected
from roost.knowledge.addresses import WebAddress
from roost.knowledge.fetcher import TEXT_TYPES, Fetched

if TYPE_CHECKING:
    from protego import Protego

    from roost.knowledge.fetch_session import FetchSession

ROBOTS_NAME = "Roost"
ROBOTS_LIMIT_BYTES = 500 * 1024
LONGEST_DELAY_S = 10.0


@dataclass(frozen=True, slots=True)
class Robots:
    """The rules of one host. Without any, everything is allowed."""

    _rules: Protego | None

    def allows(self, url: str) -> bool:
        return self._rules is None or bool(self._rules.can_fetch(url, ROBOTS_NAME))

    @property
    def delay_s(self) -> float:
        """Seconds between two requests as the site asks, at most LONGEST_DELAY_S."""
        asked = self._rules.crawl_delay(ROBOTS_NAME) if self._rules is not None else None
        return min(max(float(asked or 0.0), 0.0), LONGEST_DELAY_S)

    @property
    def sitemaps(self) -> tuple[str, ...]:
        return tuple(self._rules.sitemaps) if self._rules is not None else ()


def read_robots(session: FetchSession, site: WebAddress) -> Robots:
    """The rules of `site`. A host that has none, or refuses to show them, allows everything.

    Raises RemoteUnreachable when they cannot be had now: RFC 9309, section 2.3.1.4 says to assume the worst.
    """
    address = f"{site.scheme}://{site.netloc}/robots.txt"
    try:
        answer = session.get(address, TEXT_TYPES, accept="text/plain,*/*;q=0.1", keep_truncated=True)
    except RemoteRejected:
        return Robots(None)
    if not isinstance(answer, Fetched) or answer.content_type == "text/html":
        return Robots(None)
    from protego import Protego

    return Robots(Protego.parse(answer.body[:ROBOTS_LIMIT_BYTES].decode("utf-8-sig", "replace")))

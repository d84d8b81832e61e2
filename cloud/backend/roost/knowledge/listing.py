"""Whether a sitemap's word may be taken for it that a page is as it was.

Some sites never change a page's lastmod, others change all of them at every build. So the list is believed
only where it has told of a change before and was never seen to conceal one, and nothing is believed for
longer than a day.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from roost.domain.documents import PageRecord, PageStatus

ASKED_AGAIN_AFTER = timedelta(days=1)
DATE_SPAN = timedelta(days=2)  # within which a date without a time of day may lie, wherever it was written


class ListedTimes:
    """What the site's sitemaps say of its pages, beside what is remembered of them."""

    def __init__(self, known: Mapping[str, PageRecord], now: datetime) -> None:
        self._known = known
        self._now = now
        verdicts = {record.list_honest for record in known.values()}
        self._trusted = True in verdicts and False not in verdicts
        self._listed: dict[str, str | None] = {}

    def note(self, url: str, lastmod: str | None) -> None:
        self._listed[url] = lastmod

    def of(self, url: str) -> str | None:
        """The page's lastmod, as written."""
        return self._listed.get(url)

    def vouches_for(self, url: str) -> bool:
        """Whether the page need not be asked for."""
        record, lastmod = self._known.get(url), self._listed.get(url)
        return (
            self._trusted
            and record is not None
            and record.status is PageStatus.OK
            and lastmod is not None
            and record.listed_at == lastmod
            and self._now - record.fetched_at < ASKED_AGAIN_AFTER
            and _is_before(lastmod, record.fetched_at)
        )


def _is_before(lastmod: str, moment: datetime) -> bool:
    """Whether all that `lastmod` may mean (W3C date and time) lies before `moment`."""
    try:
        at = datetime.fromisoformat(lastmod)
    except ValueError:
        return False
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return at + (DATE_SPAN if len(lastmod) <= len("2026-01-01") else timedelta()) < moment

"""What an operator learns from what was asked: counts over a period, and the questions behind them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class InsightList(StrEnum):
    """The lists that can be had as a file."""

    UNANSWERED = "unanswered"
    ASKED = "asked"
    JUDGED = "judged"
    PAGES = "pages"


@dataclass(frozen=True, slots=True)
class Sight:
    """Whose questions somebody may see: their own, and those put to these bots and widgets by strangers.

    `everything`: an owner's, who sees what the whole workspace was asked, yet by nobody's name.
    """

    person_id: str
    everything: bool
    bot_ids: tuple[str, ...] = ()
    widget_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """Questions from `since` up to, not including, `until`; of one bot or widget, or about one source's
    `pages`, where given.
    """

    since: datetime
    until: datetime
    bot_id: str | None = None
    widget_id: str | None = None
    pages: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class DayCount:
    """`day` is in UTC, as 2030-01-31."""

    day: str
    answered: int
    unanswered: int


@dataclass(frozen=True, slots=True)
class Totals:
    answered: int
    unanswered: int
    thumbs_up: int
    thumbs_down: int


@dataclass(frozen=True, slots=True)
class Topic:
    """The same question in whatever words: `question` is how it was put last."""

    question: str
    times: int
    last_at: datetime
    unanswered: int
    platforms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """An answer somebody thought ill of, and why, where they said so."""

    answer_id: str
    question: str
    answer: str
    reason: str | None
    at: datetime
    bot_id: str | None
    platform: str


@dataclass(frozen=True, slots=True)
class CitedPage:
    """`source_id` is None when no source holds the page any more."""

    page: str
    title: str
    times: int
    thumbs_down: int
    source_id: str | None = None


@dataclass(frozen=True, slots=True)
class Insights:
    totals: Totals
    days: tuple[DayCount, ...]
    unanswered: tuple[Topic, ...]
    asked: tuple[Topic, ...]
    judged: tuple[Judged, ...]
    pages: tuple[CitedPage, ...]

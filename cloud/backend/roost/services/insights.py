"""What operators learn from what was asked: what the documents leave open, and what is read most."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from roost.clock import Clock, timestamp
from roost.domain.accounts import Person, Role
from roost.domain.chat import check_id
from roost.domain.csv_text import csv_lines
from roost.domain.insights import (
    Choice,
    CitedPage,
    InsightList,
    Insights,
    Judged,
    Sight,
    Topic,
    Totals,
)
from roost.errors import InvalidInput, NotFound
from roost.storage import insights as stored
from roost.storage import sources, widgets
from roost.storage.bots import BotStore
from roost.storage.database import Database
from roost.storage.insights import UnansweredQuestion

__all__ = ["Insights", "UnansweredPage", "UnansweredQuestion", "Wanted", "WorkspaceInsights"]

LONGEST_PERIOD = timedelta(days=400)
USUAL_PERIOD = timedelta(days=30)
SHOWN = 20
EXPORTED = 10_000
READ_AT_ONCE = 200
_BULLET = re.compile(r"^([ \t]*)[-+*] ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody asks to see. Without moments: the last thirty days."""

    since: datetime | None = None
    until: datetime | None = None
    bot_id: str | None = None
    widget_id: str | None = None
    source_id: str | None = None


@dataclass(frozen=True, slots=True)
class Period:
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class UnansweredPage:
    items: tuple[UnansweredQuestion, ...]
    next_cursor: str | None


class WorkspaceInsights:
    """The view of whoever runs bots. Members see what their own bots and widgets were asked, and what they
    asked here themselves; owners see everything, yet nobody's name.
    """

    def __init__(self, conversations: Database, knowledge: Database, bots: BotStore, clock: Clock) -> None:
        self._conversations = conversations
        self._knowledge = knowledge
        self._bots = bots
        self._clock = clock

    def period(self, wanted: Wanted) -> Period:
        """Raises InvalidInput for one that ends before it begins, or is longer than 400 days."""
        until = wanted.until or self._clock.now()
        since = wanted.since or until - USUAL_PERIOD
        if since >= until:
            raise InvalidInput("The period ends before it begins. Choose a later end.", field="until")
        if until - since > LONGEST_PERIOD:
            raise InvalidInput("The period is longer than 400 days. Choose a shorter one.", field="since")
        return Period(since, until)

    def insights(self, person: Person, wanted: Wanted) -> Insights:
        """Raises NotFound for a bot, widget or source that is not there or not this person's to see."""
        sight, choice = self._look(person, wanted)
        with self._conversations.read() as db:
            days = stored.count_days(db, sight, choice)
            up, down = stored.count_thumbs(db, sight, choice)
            unanswered = stored.unanswered_topics(db, sight, choice, SHOWN)
            asked = stored.asked_topics(db, sight, choice, SHOWN)
            judged = stored.thumbs_down(db, sight, choice, SHOWN)
            pages = stored.cited_pages(db, sight, choice, SHOWN)
        totals = Totals(sum(day.answered for day in days), sum(day.unanswered for day in days), up, down)
        return Insights(
            totals, tuple(days), tuple(unanswered), tuple(asked), tuple(judged), self._with_sources(pages)
        )

    def export(self, person: Person, wanted: Wanted, what: InsightList) -> Iterator[str]:
        """The lines of a CSV file, up to 10,000 rows; its cells are text to every spreadsheet. Raises as
        `insights` does, at once.
        """
        sight, choice = self._look(person, wanted)
        if what is InsightList.JUDGED:
            return _judged_file(self._all_judged(sight, choice))
        with self._conversations.read() as db:
            match what:
                case InsightList.UNANSWERED:
                    return _topics_file(stored.unanswered_topics(db, sight, choice, EXPORTED))
                case InsightList.ASKED:
                    return _topics_file(stored.asked_topics(db, sight, choice, EXPORTED))
                case InsightList.PAGES:
                    return _pages_file(stored.cited_pages(db, sight, choice, EXPORTED))

    def list_unanswered(
        self, person: Person, *, cursor: str | None = None, limit: int = 50
    ) -> UnansweredPage:
        """Questions the documents could not answer, each as it was put, the newest first."""
        before = check_id(cursor, field="cursor") if cursor else None
        sight = self._sight(person)
        with self._conversations.read() as db:
            found = stored.list_unanswered(db, sight, before_id=before, limit=limit + 1)
        items = tuple(found[:limit])
        return UnansweredPage(items, items[-1].id if len(found) > limit else None)

    def _all_judged(self, sight: Sight, choice: Choice) -> Iterator[Judged]:
        """Read bit by bit as the file is fetched: whole answers by the thousands are much, and whoever
        fetches slowly holds no connection meanwhile.
        """
        last: Judged | None = None
        for _ in range(EXPORTED // READ_AT_ONCE):
            with self._conversations.read() as db:
                found = stored.thumbs_down(db, sight, choice, READ_AT_ONCE, last)
            yield from found
            if len(found) < READ_AT_ONCE:
                return
            last = found[-1]

    def _look(self, person: Person, wanted: Wanted) -> tuple[Sight, Choice]:
        period = self.period(wanted)
        sight = self._sight(person)
        if wanted.bot_id is not None and not self._sees_bot(sight, wanted.bot_id):
            raise NotFound("There is no such bot.", field="bot_id")
        with self._bots.database.read() as db:
            if wanted.widget_id is not None:
                widget = widgets.find_widget(db, wanted.widget_id)
                if widget is None or not (sight.everything or widget.id in sight.widget_ids):
                    raise NotFound("There is no such widget.", field="widget_id")
            if wanted.source_id is not None:
                sources.get_source(db, wanted.source_id)
        pages: tuple[str, ...] | None = None
        if wanted.source_id is not None:
            with self._knowledge.read() as knowledge:
                pages = stored.pages_of_source(knowledge, wanted.source_id)
        return sight, Choice(period.since, period.until, wanted.bot_id, wanted.widget_id, pages)

    def _sees_bot(self, sight: Sight, bot_id: str) -> bool:
        return bot_id in sight.bot_ids or (sight.everything and self._bots.find(bot_id) is not None)

    def _sight(self, person: Person) -> Sight:
        if person.role is Role.OWNER:
            return Sight(person.id, everything=True)
        with self._bots.database.read() as db:
            return Sight(
                person.id,
                everything=False,
                bot_ids=self._bots.ids_of_owner(db, person.id),
                widget_ids=widgets.ids_of_owner(db, person.id),
            )

    def _with_sources(self, pages: Sequence[CitedPage]) -> tuple[CitedPage, ...]:
        with self._knowledge.read() as knowledge:
            held = stored.sources_of_pages(knowledge, [each.page for each in pages])
        return tuple(replace(each, source_id=held.get(each.page)) for each in pages)


def _topics_file(topics: Sequence[Topic]) -> Iterator[str]:
    return csv_lines(
        ("question", "times", "unanswered", "last asked", "where"),
        [
            (each.question, each.times, each.unanswered, timestamp(each.last_at), ", ".join(each.platforms))
            for each in topics
        ],
    )


def _judged_file(judged: Iterable[Judged]) -> Iterator[str]:
    return csv_lines(
        ("at", "question", "reason", "answer", "where", "bot"),
        (
            (timestamp(each.at), each.question, each.reason, _listed(each.answer), each.platform, each.bot_id)
            for each in judged
        ),
    )


def _listed(answer: str) -> str:
    """With dots before the items of its lists: a spreadsheet would take dashes for formulas."""
    return _BULLET.sub(r"\1• ", answer)


def _pages_file(pages: Sequence[CitedPage]) -> Iterator[str]:
    return csv_lines(
        ("page", "title", "cited", "thumbs down"),
        [(each.page, each.title, each.times, each.thumbs_down) for each in pages],
    )

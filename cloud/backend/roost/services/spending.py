"""Daily limits on what calls a paid endpoint. Past them answers are quoted passages, with a sentence
that says so.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from roost.clock import Clock
from roost.domain.answers import Question
from roost.domain.chat import DayUse
from roost.errors import LimitReached
from roost.storage import daily_use
from roost.storage.daily_use import Kind
from roost.storage.database import Database, Transaction

# Web questions that are about no bot share one allowance of tokens.
NO_BOT = "web"
_SENTENCES = {
    "questions": "You have had today's written answers; here is what the docs say. Tomorrow there are more.",
    "tokens": "Today's allowance for written answers is used up; here is what the docs say.",
}


@dataclass(frozen=True, slots=True)
class Reservation:
    """One written answer that was counted, and the day it counts for."""

    person: str
    bot: str
    at: datetime


class Spending:
    """Counts written answers a person and tokens a bot, by days in UTC. None: no limit."""

    def __init__(
        self, database: Database, clock: Clock, questions_per_person: int | None, tokens_per_bot: int | None
    ) -> None:
        self._database = database
        self._clock = clock
        self._questions_per_person = questions_per_person
        self._tokens_per_bot = tokens_per_bot
        self._lock = threading.Lock()
        # What people who had their record deleted had used that day: deleting is no way round the limit.
        self._carried: dict[tuple[date, str], int] = {}
        self._swept: date | None = None

    @property
    def tokens_limit(self) -> int | None:
        """Tokens a bot may use a day."""
        return self._tokens_per_bot

    def today(self, person: str, bot_id: str) -> DayUse:
        now = self._clock.now()
        with self._database.read() as db:
            questions = daily_use.used(db, now, "questions", person)
            tokens = daily_use.used(db, now, "tokens", bot_id)
        questions += self._carried_of(now, person)
        return DayUse(questions, self._questions_per_person, tokens, self._tokens_per_bot)

    def tokens_today(self, bot_ids: Sequence[str]) -> dict[str, int]:
        """Tokens used since midnight UTC, by bot id."""
        now = self._clock.now()
        with self._database.read() as db:
            return {bot_id: daily_use.used(db, now, "tokens", bot_id) for bot_id in bot_ids}

    def forget(self, person: str) -> None:
        """Deletes the person's counters. What was used today still counts, in memory only."""
        now = self._clock.now()
        used = self._database.write(lambda db: _taken(db, now, person))
        with self._lock:
            self._carried = {key: amount for key, amount in self._carried.items() if key[0] == now.date()}
            if used:
                key = (now.date(), person)
                self._carried[key] = self._carried.get(key, 0) + used

    def reserve(self, question: Question) -> Reservation:
        """Counts one written answer. Raises LimitReached, with the sentence for the person, when
        today's are used up.
        """
        place = Reservation(question.person, question.settings.bot_id or NO_BOT, self._clock.now())
        questions_left = self._questions_per_person
        if questions_left is not None:
            questions_left -= self._carried_of(place.at, place.person)
        reached = self._database.write(lambda db: self._reserve(db, place, questions_left))
        if reached is not None:
            raise LimitReached(_SENTENCES[reached], code="daily_limit")
        return place

    def settle(self, place: Reservation, tokens_used: int) -> None:
        """Counts what the answer has cost."""
        if tokens_used > 0:
            self._database.write(lambda db: daily_use.add(db, place.at, "tokens", place.bot, tokens_used))

    def release(self, place: Reservation) -> None:
        """No written answer came of it."""
        self._database.write(lambda db: daily_use.add(db, place.at, "questions", place.person, -1))

    def _reserve(self, db: Transaction, place: Reservation, questions_left: int | None) -> Kind | None:
        if self._swept != place.at.date():
            # Once a day and start: nothing reads what was used on other days.
            self._swept = place.at.date()
            daily_use.forget_old(db, place.at)
        return daily_use.reserve(db, place.at, place.person, place.bot, questions_left, self._tokens_per_bot)

    def _carried_of(self, at: datetime, person: str) -> int:
        with self._lock:
            return self._carried.get((at.date(), person), 0)


def _taken(db: Transaction, at: datetime, person: str) -> int:
    used = daily_use.used(db, at, "questions", person)
    daily_use.forget(db, person)
    return used

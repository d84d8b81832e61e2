"""Daily limits on what calls a paid endpoint. Past them answers are quoted passages, with a sentence
that says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from roost.clock import Clock
from roost.domain.answers import Question
from roost.errors import LimitReached
from roost.storage import daily_use
from roost.storage.database import Database

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

    def reserve(self, question: Question) -> Reservation:
        """Counts one written answer. Raises LimitReached, with the sentence for the person, when
        today's are used up.
        """
        place = Reservation(question.person, question.settings.bot_id or NO_BOT, self._clock.now())
        reached = self._database.write(
            lambda db: daily_use.reserve(
                db, place.at, place.person, place.bot, self._questions_per_person, self._tokens_per_bot
            )
        )
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

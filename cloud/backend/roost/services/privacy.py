"""What is kept of people, deleted: on a person's word, and when it is older than the workspace keeps it."""

from __future__ import annotations

from datetime import timedelta

from roost.clock import Clock
from roost.services.spending import Spending
from roost.storage import personal_data
from roost.storage.database import Database
from roost.storage.personal_data import Forgotten

BATCHES_AT_MOST = 10_000


class Privacy:
    """`conversations` is conversations.db. `retention_days` None: kept until somebody deletes it."""

    def __init__(
        self, conversations: Database, spending: Spending, clock: Clock, retention_days: int | None
    ) -> None:
        self._database = conversations
        self._spending = spending
        self._clock = clock
        self._retention_days = retention_days

    def forget_person(
        self, person: str, *, bot_id: str | None = None, asked_by_update: int | None = None
    ) -> Forgotten:
        """Deletes everything `person` (platform:id) said to the bot, or to all bots when `bot_id` is None:
        messages, answers, thumbs, inbox, unanswered questions and counters. May be repeated.

        `asked_by_update` is the inbox's update that asks for it; `forget_update` ends that one.
        """
        forgotten = self._database.write(
            lambda db: personal_data.forget_person(db, person, bot_id, asked_by_update)
        )
        self._spending.forget(person)
        return forgotten

    def forget_update(self, bot_id: str, update_id: int) -> None:
        """The update is done, and only its number stays."""
        now = self._clock.now()
        self._database.write(lambda db: personal_data.forget_update(db, bot_id, update_id, now))

    def forget_expired(self) -> int:
        """Deletes what was said before the retention's days; returns how much that was."""
        if self._retention_days is None:
            return 0
        moment = self._clock.now() - timedelta(days=self._retention_days)
        total = 0
        for _ in range(BATCHES_AT_MOST):
            deleted = self._database.write(lambda db: personal_data.forget_said_before(db, moment))
            total += deleted
            if not deleted:
                break
        return total

"""Thumbs under the answers of a platform's chats, in the same table as the browser's."""

from __future__ import annotations

from typing import Literal

from roost.clock import Clock
from roost.storage import chat
from roost.storage.database import Database


class ChatFeedback:
    """`conversations` is conversations.db. Thread-safe."""

    def __init__(self, conversations: Database, clock: Clock) -> None:
        self._database = conversations
        self._clock = clock

    def judge(self, bot_id: str, person: str, answer_id: str, thumb: Literal["up", "down"]) -> None:
        """The last word of `person` (platform:id), who asked, counts; may be repeated.

        Raises NotFound when the answer is not this bot's or is deleted, Forbidden when somebody else asked.
        """
        at = self._clock.now()
        self._database.write(lambda db: chat.judge_platform_answer(db, bot_id, person, answer_id, thumb, at))

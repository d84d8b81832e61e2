"""Where in Telegram something is written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from telegram import ReplyParameters


@dataclass(frozen=True, slots=True)
class Place:
    """A chat, the topic in it, and in groups the message that is answered, so that all see to whom."""

    chat_id: int
    topic_id: int | None = None
    answered_message_id: int | None = None

    def moved(self, chat_id: int) -> Place:
        """The same place when its group became a supergroup: messages are numbered anew there."""
        return replace(self, chat_id=chat_id, answered_message_id=None)

    def of_send(self) -> dict[str, Any]:
        """The place as sendMessage takes it. A message deleted meanwhile is no reason not to answer."""
        fields: dict[str, Any] = {"chat_id": self.chat_id}
        if self.topic_id is not None:
            fields["message_thread_id"] = self.topic_id
        if self.answered_message_id is not None:
            fields["reply_parameters"] = ReplyParameters(
                self.answered_message_id, allow_sending_without_reply=True
            )
        return fields

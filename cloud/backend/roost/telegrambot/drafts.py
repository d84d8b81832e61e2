"""Answers in the making as Telegram's drafts: shown to the person alone, gone by themselves, no message yet.

A draft counts as no message, needs no edit and leaves nothing behind after a kill. Only private chats have
them.
Source: https://core.telegram.org/bots/api#sendmessagedraft
"""

from __future__ import annotations

from collections.abc import Callable

from telegram.error import BadRequest, TelegramError

from roost.telegrambot.client import TelegramClient
from roost.telegrambot.place import Place
from roost.telegrambot.request import NoBotApi, TooManyRequests

EVERY_S = 0.7
ANSWERED_WITHIN_S = 3.0
SHOWN_AGAIN_AFTER_S = 20.0
"""Telegram drops a draft that is half a minute old."""


class Drafts:
    """One bot's drafts. Where a Bot API server does not know them, `possible` is False from then on, and
    messages grow by edits instead.
    """

    def __init__(self, client: TelegramClient, monotonic_s: Callable[[], float]) -> None:
        self._client = client
        self._monotonic_s = monotonic_s
        self._known = True
        self._free_at_s = 0.0

    def possible(self, place: Place) -> bool:
        return self._known and place.chat_id > 0

    def wait_s(self) -> float:
        """Seconds for which Telegram wants to see no draft of this bot."""
        return max(0.0, self._free_at_s - self._monotonic_s())

    async def show(self, place: Place, draft_id: int, text: str) -> bool:
        """Shows the text in place of what the draft showed. False when this server has no drafts. Raises
        nothing: they are a courtesy.
        """
        try:
            await self._client.send_message_draft(
                place.chat_id,
                draft_id,
                text,
                message_thread_id=place.topic_id,
                read_timeout=ANSWERED_WITHIN_S,
            )
        except TooManyRequests as error:
            self._free_at_s = self._monotonic_s() + error.retry_after_s
        except (BadRequest, NoBotApi):
            self._known = False
            return False
        except TelegramError:
            # The finished answer must not wait behind many that time out.
            self._free_at_s = self._monotonic_s() + SHOWN_AGAIN_AFTER_S
        return True

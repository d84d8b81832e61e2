"""An answer shown while it is written: as a draft where Telegram has them, else as one message that is edited
about once a second.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from telegram.error import BadRequest, ChatMigrated, Forbidden, TelegramError

from roost.domain.answers import Answer, Citation
from roost.domain.tables import with_tables_laid_out
from roost.services.answer_stream import AnswerEvents, follow
from roost.services.inbox import Inbox
from roost.storage.inbox import InboxEntry
from roost.telegrambot.client import TelegramClient, not_sent
from roost.telegrambot.delivery import NO_PREVIEW, Delivery, keyboard
from roost.telegrambot.drafts import EVERY_S, SHOWN_AGAIN_AFTER_S, Drafts
from roost.telegrambot.formatting import to_plain
from roost.telegrambot.pacing import ChatPacing
from roost.telegrambot.place import Place
from roost.telegrambot.presses import stop_button
from roost.telegrambot.request import TooManyRequests

FIRST_AFTER_S = 1.5
ENOUGH_TEXT = 200
ENOUGH_TEXT_AFTER_S = 0.7
LOCKED_LOOK_S = 0.25
SHOWN_LIMIT = 1_900
"""In characters, so that the text fits one message even if each takes two of Telegram's units."""


class GrowingMessage:
    """Shows one answer. Telegram learns of a message only after the inbox knows that it is sent.

    Its message id is stored as soon as it is known: after a kill the same message is edited, not a second
    sent. `under_way` counts the answers being made for the chat, this one included.
    """

    def __init__(
        self,
        bot_id: str,
        entry: InboxEntry,
        place: Place,
        client: TelegramClient,
        inbox: Inbox,
        delivery: Delivery,
        pacing: ChatPacing,
        drafts: Drafts,
        monotonic_s: Callable[[], float],
        under_way: Callable[[], int],
    ) -> None:
        self._bot_id = bot_id
        self._place = place
        self._under_way = under_way
        self._client = client
        self._inbox = inbox
        self._delivery = delivery
        self._pacing = pacing
        self._drafts = drafts
        self._monotonic_s = monotonic_s
        self._shown = ""
        self._shown_at_s = 0.0
        self._gave_up = False
        self._stop_button = keyboard(stop_button(entry.update.update_id))
        self.entry = entry
        """The update with what is known of the message by now."""

    async def follow(self, events: AnswerEvents) -> Answer:
        """Shows the text as it comes, and returns the finished answer, which is not shown yet. Raises what
        the answering raised.
        """
        began_s = self._monotonic_s()
        return await follow(events, lambda text: self._next_look_s(text, began_s), self._show)

    def _next_look_s(self, text: str, began_s: float) -> float | None:
        """Seconds until there is something to show; None when only the next event can tell."""
        if self._gave_up or not text.strip():
            return None
        if self._as_draft():
            pause_s = SHOWN_AGAIN_AFTER_S if text == self._shown else EVERY_S
            return max(0.0, self._shown_at_s + pause_s - self._monotonic_s(), self._drafts.wait_s())
        if text == self._shown:
            return None
        since_s = self._monotonic_s() - began_s
        enough = len(text) >= ENOUGH_TEXT
        first_s = 0.0 if self._shown else (ENOUGH_TEXT_AFTER_S if enough else FIRST_AFTER_S) - since_s
        next_s = max(0.0, first_s, self._pacing.wait_s(self._place.chat_id))
        if next_s == 0 and not self._pacing.spare(self._place.chat_id, self._under_way()):
            return None if self._place.chat_id < 0 else LOCKED_LOOK_S
        return next_s

    def _as_draft(self) -> bool:
        """A message that an earlier start began is finished as it was begun."""
        return self._drafts.possible(self._place) and not self.entry.stream_opened

    async def _show(self, text: str, citations: tuple[Citation, ...]) -> None:
        # Plain text has no columns to align.
        laid_out = with_tables_laid_out(text, columns=0)
        shown = to_plain(laid_out, citations).strip()[:SHOWN_LIMIT].rstrip() + " …"
        if self._as_draft():
            self._shown_at_s = self._monotonic_s()
            if await self._drafts.show(self._place, self.entry.update.update_id, shown):
                self._shown = text
            return
        if not self._pacing.spare(self._place.chat_id, self._under_way()):
            # Others have written into the group while this was waited for.
            return
        self._shown = text
        self._pacing.wrote(self._place.chat_id)
        try:
            if self.entry.stream_message_id is None:
                await self._begin(shown)
            else:
                await self._client.edit_message_text(
                    shown,
                    chat_id=self._place.chat_id,
                    message_id=self.entry.stream_message_id,
                    link_preview_options=NO_PREVIEW,
                    reply_markup=self._stop_button,
                )
        except TooManyRequests as error:
            self._pacing.hold(self._place.chat_id, error.retry_after_s)
        except BadRequest as error:
            self._gave_up = "not modified" not in error.message.lower()
        except TelegramError:
            # Showing the growth is a courtesy: the finished answer is sent with all care.
            self._gave_up = True

    async def _begin(self, shown: str) -> None:
        update_id = self.entry.update.update_id
        await self._delivery.stored(self._inbox.open_stream, self._bot_id, update_id)
        try:
            message = await self._client.send_message(
                **self._place.of_send(),
                text=shown,
                link_preview_options=NO_PREVIEW,
                reply_markup=self._stop_button,
            )
        except TelegramError as error:
            if isinstance(error, TooManyRequests | BadRequest | Forbidden | ChatMigrated) or not_sent(error):
                await self._delivery.stored(self._inbox.set_stream_message, self._bot_id, update_id, None)
            else:
                self._inbox.count_ambiguous_send()
            raise
        await self._delivery.stored_at_last(
            self._inbox.set_stream_message, self._bot_id, update_id, message.message_id
        )
        self.entry = replace(self.entry, stream_opened=True, stream_message_id=message.message_id)

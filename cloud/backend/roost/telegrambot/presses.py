"""Buttons under a bot's messages. A button carries an id; what it means is looked up when it is pressed.

So buttons under old messages work after any number of restarts.
"""

from __future__ import annotations

import re
from typing import Literal

from telegram import InlineKeyboardMarkup
from telegram.error import TelegramError

from roost.domain import chat_wording
from roost.errors import Forbidden, NotFound
from roost.services.answer_stops import AnswerStops
from roost.services.bot_services import BotServices
from roost.telegrambot import wording
from roost.telegrambot.client import TelegramClient
from roost.telegrambot.delivery import Delivery, keyboard
from roost.telegrambot.pacing import ChatPacing
from roost.telegrambot.request import TooManyRequests
from roost.telegrambot.updates import Press, person

Buttons = tuple[tuple[str, str], ...]

_THUMB = re.compile(r"(up|down):([0-9a-f-]{36})")
_STOP = re.compile(r"stop:([0-9]{1,18})")
_CONFIRM = re.compile(r"(forget|keep):(-?[0-9]{1,19})")


def thumb_buttons(answer_id: str, chosen: Literal["up", "down"] | None = None) -> Buttons:
    return tuple(
        (f"{wording.CHOSEN} {label}" if thumb == chosen else label, f"{thumb}:{answer_id}")
        for thumb, label in (("up", chat_wording.THUMB_UP), ("down", chat_wording.THUMB_DOWN))
    )


def stop_button(update_id: int) -> Buttons:
    """Stands under the growing answer to that question."""
    return ((chat_wording.STOP, f"stop:{update_id}"),)


def confirm_buttons(sender_id: int) -> Buttons:
    """Ask whoever wants to be forgotten; nobody else's press counts."""
    return ((chat_wording.FORGET_YES, f"forget:{sender_id}"), (chat_wording.FORGET_NO, f"keep:{sender_id}"))


class Presses:
    """Each press is answered, so that Telegram stops showing that it waits; doing it again does no harm."""

    def __init__(
        self,
        bot_id: str,
        client: TelegramClient,
        services: BotServices,
        delivery: Delivery,
        pacing: ChatPacing,
        stops: AnswerStops,
    ) -> None:
        self._bot_id = bot_id
        self._client = client
        self._inbox = services.inbox
        self._feedback = services.feedback
        self._privacy = services.privacy
        self._delivery = delivery
        self._pacing = pacing
        self._stops = stops

    async def handle(self, update_id: int, press: Press) -> None:
        if found := _THUMB.fullmatch(press.data):
            await self._judge(press, "up" if found[1] == "up" else "down", found[2])
        elif found := _STOP.fullmatch(press.data):
            verdict = await self._delivery.stored(self._stops.stop, int(found[1]), person(press.sender_id))
            await self._answer(press, wording.STOPS[verdict])
        elif found := _CONFIRM.fullmatch(press.data):
            if int(found[2]) != press.sender_id:
                await self._answer(press, chat_wording.NOT_YOURS)
            elif found[1] == "forget":
                await self._forget(update_id, press)
                return
            else:
                await self._answer(press, chat_wording.KEPT)
                await self._mark(press, text=chat_wording.KEPT)
        else:
            await self._answer(press, chat_wording.GONE)
        await self._delivery.stored(self._inbox.drop, self._bot_id, update_id, "a button")

    async def _judge(self, press: Press, thumb: Literal["up", "down"], answer_id: str) -> None:
        try:
            await self._delivery.stored(
                self._feedback.judge, self._bot_id, person(press.sender_id), answer_id, thumb
            )
        except NotFound:
            await self._answer(press, chat_wording.GONE)
            return
        except Forbidden as error:
            await self._answer(press, error.message)
            return
        await self._answer(press, wording.THANKS[thumb])
        await self._mark(press, buttons=thumb_buttons(answer_id, thumb))

    async def _forget(self, update_id: int, press: Press) -> None:
        asker = person(press.sender_id)

        def forget() -> None:
            self._privacy.forget_person(asker, bot_id=self._bot_id, asked_by_update=update_id)

        await self._delivery.stored(forget)
        await self._answer(press, chat_wording.FORGOTTEN)
        await self._mark(press, text=chat_wording.FORGOTTEN)
        await self._delivery.stored(self._privacy.forget_update, self._bot_id, update_id)

    async def _answer(self, press: Press, sentence: str) -> None:
        try:
            await self._client.answer_callback_query(press.id, sentence)
        except TelegramError:
            # Too late, or not to be reached: what the press asked for is done all the same.
            return

    async def _mark(self, press: Press, *, text: str | None = None, buttons: Buttons = ()) -> None:
        """Shows on the message what was chosen: a courtesy, left out where it costs an answer its turn."""
        if not self._pacing.spare(press.chat_id, 1):
            return
        self._pacing.wrote(press.chat_id)
        markup: InlineKeyboardMarkup | None = keyboard(buttons)
        try:
            if text is None:
                await self._client.edit_message_reply_markup(
                    chat_id=press.chat_id, message_id=press.message_id, reply_markup=markup
                )
            else:
                await self._client.edit_message_text(
                    text, chat_id=press.chat_id, message_id=press.message_id, reply_markup=markup
                )
        except TooManyRequests as error:
            self._pacing.hold(press.chat_id, error.retry_after_s)
        except TelegramError:
            # The message is too old or gone, or shows it already.
            return

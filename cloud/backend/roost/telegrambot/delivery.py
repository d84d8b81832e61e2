"""Sending what is stored for an update, so that a kill at any moment leaves silence nowhere and doubles
seldom.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from typing import Any, ParamSpec, TypeVar

from telegram import InlineKeyboardButton, InlineKeyboardMarkup, LinkPreviewOptions
from telegram.constants import ParseMode
from telegram.error import BadRequest, ChatMigrated, Forbidden, InvalidToken, TelegramError

from roost.domain.backoff import Backoff
from roost.log import redact
from roost.services.inbox import Inbox
from roost.services.sends_in_flight import SendsInFlight
from roost.services.until_stored import until_stored
from roost.storage.inbox import InboxEntry, Reply
from roost.telegrambot.client import TelegramClient, not_sent
from roost.telegrambot.formatting import Part
from roost.telegrambot.pacing import ChatPacing
from roost.telegrambot.place import Place
from roost.telegrambot.request import TooManyRequests

P = ParamSpec("P")
T = TypeVar("T")

RETRY = Backoff(first_s=0.5, cap_s=5.0)
UNWRITABLE_REMEMBERED = 1_000
UNWRITABLE_S = 600.0
"""How long a chat that the bot may not write to is left alone, unless Telegram tells of new rights."""
NO_PREVIEW = LinkPreviewOptions(is_disabled=True)


class Delivery:
    """One bot's sends. `storage` runs what waits for a commit; `chance` gives random numbers in 0..1.

    `moved(old, new)` is told when a group turns out to have become a supergroup.
    """

    def __init__(
        self,
        bot_id: str,
        client: TelegramClient,
        inbox: Inbox,
        pacing: ChatPacing,
        storage: Executor,
        chance: Callable[[], float],
        note: Callable[[str, str], None],
        moved: Callable[[int, int], Awaitable[None]],
        monotonic_s: Callable[[], float],
    ) -> None:
        self._bot_id = bot_id
        self._client = client
        self._inbox = inbox
        self._pacing = pacing
        self._storage = storage
        self._chance = chance
        self._note = note
        self._moved = moved
        self._monotonic_s = monotonic_s
        self._unwritable_until_s: dict[int, float] = {}
        self._in_flight = SendsInFlight()

    async def stored(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs a call that waits for storage without holding up the loop."""
        return await asyncio.get_running_loop().run_in_executor(self._storage, lambda: call(*args, **kwargs))

    async def stored_at_last(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """As `stored`, tried until it works: for what Telegram has done already."""
        return await until_stored(lambda: self.stored(call, *args, **kwargs), self._note, self._chance)

    def may_write(self, chat_id: int) -> bool:
        """False for a while after the chat refused the bot."""
        return self._unwritable_until_s.get(chat_id, 0.0) <= self._monotonic_s()

    def rights_changed(self, chat_id: int, *, may_write: bool) -> None:
        """Telegram's word on what the bot may do in a chat."""
        self._unwritable_until_s.pop(chat_id, None)
        if not may_write:
            self._leave_alone(chat_id)

    async def send_again(self, entry: InboxEntry, place: Place) -> None:
        """Sends what an earlier start stored; what it had opened may have arrived, and is counted."""
        replies = await self.stored(self._inbox.replies, self._bot_id, entry.update.update_id)
        for reply in replies:
            if reply.opened and not reply.sent and entry.stream_message_id is None:
                self._count_ambiguous(place.chat_id)
        await self.send(entry, place, replies)

    async def send(self, entry: InboxEntry, place: Place, replies: Sequence[Reply]) -> None:
        """Sends every part that is not sent, in order, for as long as it takes.

        Ends early when the chat does not want it (recorded), and when the token is refused (left to be sent
        at the next start).
        """
        update_id = entry.update.update_id
        unsent = [reply for reply in replies if not reply.sent]
        if not unsent:
            await self.stored(self._inbox.finish, self._bot_id, update_id)
            return
        for reply in unsent:
            edited = entry.stream_message_id if reply.part == 0 else None
            last = reply is unsent[-1]
            try:
                await self._in_flight.run(self._send_and_mark(update_id, place, reply, edited, last=last))
            except InvalidToken:
                return
            except (BadRequest, Forbidden) as error:
                reason = redact(error.message)
                self._refused(place.chat_id, error, reason)
                await self.stored(self._inbox.drop, self._bot_id, update_id, reason)
                return

    async def finish(self, timeout_s: float) -> None:
        """Lets the sends that are on their way arrive, for so long; after that none goes on."""
        await self._in_flight.finish(timeout_s)

    async def _send_and_mark(
        self, update_id: int, place: Place, reply: Reply, edited: int | None, *, last: bool
    ) -> None:
        await self._send_part(update_id, place, reply, edited)

        def mark() -> asyncio.Future[None]:
            return asyncio.wrap_future(self._inbox.mark_sent(self._bot_id, update_id, reply.part, last=last))

        # What has arrived must not be sent again because storage cannot note it yet.
        await until_stored(mark, self._note, self._chance)

    async def _send_part(self, update_id: int, place: Place, reply: Reply, edited: int | None) -> None:
        part, opened, plain, failures = Part.from_json(reply.payload), reply.opened, False, 0
        while True:
            async with self._pacing.turn(place.chat_id):
                if not opened:
                    await self.stored(self._inbox.open_reply, self._bot_id, update_id, reply.part)
                    opened = True
                self._pacing.wrote(place.chat_id)
            try:
                await self._write(place, part, plain=plain, edited=edited)
            except TooManyRequests as error:
                self._pacing.hold(place.chat_id, error.retry_after_s)
                self._note("warning", f"Telegram asks to wait {error.retry_after_s:g} s.")
                await self.stored(self._inbox.take_back_reply, self._bot_id, update_id, reply.part)
                opened = False
            except ChatMigrated as error:
                await self._moved(place.chat_id, error.new_chat_id)
                place, edited = place.moved(error.new_chat_id), None
            except BadRequest as error:
                if edited is not None and _is_gone(error):
                    edited = None
                elif not plain and _is_about_entities(error):
                    plain = True
                else:
                    raise
            except (Forbidden, InvalidToken):
                raise
            except TelegramError as error:
                failures += 1
                if edited is None and not not_sent(error):
                    self._count_ambiguous(place.chat_id)
                await asyncio.sleep(RETRY.delay_s(failures, self._chance()))
            else:
                self._unwritable_until_s.pop(place.chat_id, None)
                return

    async def _write(self, place: Place, part: Part, *, plain: bool, edited: int | None) -> None:
        body: dict[str, Any] = {
            "text": part.plain if plain else part.html,
            "parse_mode": None if plain else ParseMode.HTML,
            "link_preview_options": NO_PREVIEW,
            "reply_markup": keyboard(part.buttons),
        }
        if edited is None:
            await self._client.send_message(**place.of_send(), **body)
            return
        try:
            await self._client.edit_message_text(chat_id=place.chat_id, message_id=edited, **body)
        except BadRequest as error:
            if "not modified" not in error.message.lower():
                raise

    def _refused(self, chat_id: int, error: BadRequest | Forbidden, reason: str) -> None:
        """Said once for each chat, until the bot may write there again."""
        if not _is_about_rights(error):
            self._note("warning", f"A message to chat {chat_id} is refused: {reason}")
            return
        if chat_id not in self._unwritable_until_s:
            self._note(
                "warning",
                f"Chat {chat_id} cannot be written to: {reason}. What is asked there stays unanswered"
                " until the bot may write again.",
            )
        self._leave_alone(chat_id)

    def _leave_alone(self, chat_id: int) -> None:
        now_s = self._monotonic_s()
        if len(self._unwritable_until_s) >= UNWRITABLE_REMEMBERED:
            self._unwritable_until_s = {
                chat: until_s for chat, until_s in self._unwritable_until_s.items() if until_s > now_s
            }
        self._unwritable_until_s[chat_id] = now_s + UNWRITABLE_S

    def _count_ambiguous(self, chat_id: int) -> None:
        self._inbox.count_ambiguous_send()
        self._note(
            "warning", f"A message to chat {chat_id} is sent again: whether it had arrived is unknown."
        )


def _is_about_entities(error: BadRequest) -> bool:
    words = error.message.lower()
    return "unsupported start tag" in words or "entity" in words or "entities" in words


def _is_gone(error: BadRequest) -> bool:
    words = error.message.lower()
    return "to edit not found" in words or "can't be edited" in words


def _is_about_rights(error: BadRequest | Forbidden) -> bool:
    words = error.message.lower()
    return isinstance(error, Forbidden) or any(
        sign in words for sign in ("rights", "write_forbidden", "chat_restricted", "chat not found")
    )


def keyboard(buttons: Sequence[tuple[str, str]]) -> InlineKeyboardMarkup | None:
    """One row of buttons; each is its label and an id of up to 64 bytes."""
    if not buttons:
        return None
    return InlineKeyboardMarkup(
        [[InlineKeyboardButton(label, callback_data=data) for label, data in buttons]]
    )

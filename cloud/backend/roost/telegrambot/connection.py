"""One bot on Telegram: a polling loop's single step, and what the bot learns of itself and of its chats.

The polling is our own: the library's ends silently when the token is refused, and confirms updates that no
handler has finished.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import replace
from typing import Any

from telegram import BotCommand
from telegram.error import TelegramError

from roost.clock import Clock
from roost.domain.bots import BotCredentials
from roost.errors import RoostError, Unavailable
from roost.services.answer_stops import AnswerStops
from roost.services.bot_presence import TICK_EVERY_S
from roost.services.bot_services import BotServices
from roost.services.chat_queues import ChatQueues
from roost.services.ports import WebhookReceiver
from roost.storage.inbox import InboxEntry
from roost.telegrambot import wording
from roost.telegrambot.addressing import to_inbox
from roost.telegrambot.chats import Chats
from roost.telegrambot.client import WEBHOOK_IS_SET, TelegramClient, translate
from roost.telegrambot.delivery import Delivery
from roost.telegrambot.pacing import ChatPacing
from roost.telegrambot.presses import Presses
from roost.telegrambot.updates import (
    ALLOWED_UPDATES,
    IncomingMessage,
    Membership,
    Myself,
    Press,
    read_stored,
    update_id_of,
)
from roost.telegrambot.webhook import TelegramWebhook, WebhookPace

LAST_DELIVERIES_S = 0.4
LAST_ANSWERS_S = 0.3
LAST_SENDS_S = 1.0
"""Together less than a connection is given to close."""
ROOM_WITHIN_S = 1.0


class TelegramConnection:
    """Implements services.ports.BotConnection. Lives in the loop of all bots; answers are made in threads.

    Messages of one conversation are handled one after another, those of different ones side by side.
    `webhook_address` is where Telegram could bring this bot's updates; None: nowhere.
    """

    def __init__(
        self,
        credentials: BotCredentials,
        client: TelegramClient,
        services: BotServices,
        storage: Executor,
        clock: Clock,
        chance: Callable[[], float],
        webhook_address: str | None,
        pace: WebhookPace,
    ) -> None:
        self._credentials = credentials
        self._bot_id = credentials.bot.id
        self._myself = Myself(int(credentials.bot.platform_bot_id), credentials.bot.handle)
        self._client = client
        self._inbox = services.inbox
        self._logs = services.logs
        self._presence = services.presence
        self._closed = threading.Event()
        self._offset: int | None = None
        self._greeted = False
        self._greeting: asyncio.Task[None] | None = None
        self._tick: asyncio.TimerHandle | None = None
        self._moved: dict[int, int] = {}
        self._queues = ChatQueues(self._handle, self._recall, self._note, chance)
        pacing = ChatPacing(clock.monotonic_s)
        self._delivery = Delivery(
            self._bot_id,
            client,
            services.inbox,
            pacing,
            storage,
            chance,
            self._note,
            self._move_chat,
            clock.monotonic_s,
        )
        stops = AnswerStops(self._bot_id, services.inbox)
        self._chats = Chats(
            credentials,
            client,
            services,
            self._delivery,
            pacing,
            clock.monotonic_s,
            self._closed,
            stops,
            self._queues.spawn,
            self._note,
        )
        self._presses = Presses(self._bot_id, client, services, self._delivery, pacing, stops)
        self._opened = False
        self._bringing: set[asyncio.Task[Any]] = set()
        self._webhook: TelegramWebhook | None = None
        if credentials.webhook_secret is not None:
            self._webhook = TelegramWebhook(
                client,
                webhook_address,
                credentials.webhook_secret,
                self._take_brought,
                self._note,
                clock.monotonic_s,
                chance,
                pace,
            )

    @property
    def receiver(self) -> WebhookReceiver | None:
        return self._webhook

    async def open(self) -> None:
        """Takes up what earlier starts left undone."""
        moved = await self._delivery.stored(self._inbox.moved_chats, self._bot_id)
        self._moved = {int(old): int(new) for old, new in moved.items()}
        unfinished = await self._delivery.stored(self._inbox.take_up, self._bot_id)
        if unfinished:
            self._note("info", f"Taking up {len(unfinished)} message(s) left from before.")
        await self._take(unfinished)
        self._opened = True

    async def poll(self, wait_s: float) -> str | None:
        """One long poll: what it brings is stored before the next one confirms it. While Telegram brings the
        updates, a look at how that goes.
        """
        if self._webhook is not None:
            if await self._webhook.watch(wait_s):
                self._greet_once()
                return None
            wait_s = min(wait_s, self._webhook.again_in_s)
        await self._queues.room()
        fetched = await self._fetch(wait_s)
        await self._store(fetched)
        # Telegram may choose a lower id after a quiet week, so an offset is kept only until it has confirmed.
        ids = [update_id for update_id in map(update_id_of, fetched) if update_id is not None]
        self._offset = max(ids) + 1 if ids else None
        self._greet_once()
        return None if self._webhook is None else self._webhook.trouble

    def reconfigure(self, credentials: BotCredentials) -> None:
        self._credentials = credentials
        self._chats.reconfigure(credentials)

    async def close(self) -> None:
        self._closed.set()
        if self._tick is not None:
            self._tick.cancel()
        if self._bringing:
            # What is being stored must be there before the next connection takes up what is not done.
            await asyncio.wait(self._bringing, timeout=LAST_DELIVERIES_S)
        try:
            await self._queues.close(LAST_ANSWERS_S)
            await self._delivery.finish(LAST_SENDS_S)
        finally:
            await self._client.disconnect()

    async def _fetch(self, wait_s: float) -> list[dict[str, Any]]:
        try:
            return await self._client.fetch_updates(self._offset, wait_s, ALLOWED_UPDATES)
        except TelegramError as error:
            trouble = translate(error)
            if trouble.code != WEBHOOK_IS_SET:
                raise trouble from error
        self._note("info", "A webhook was set for this bot; removing it, so that it can be polled.")
        try:
            await self._client.delete_webhook(drop_pending_updates=False)
            return await self._client.fetch_updates(self._offset, 0, ALLOWED_UPDATES)
        except TelegramError as error:
            raise translate(error) from error

    async def _store(self, fetched: list[dict[str, Any]]) -> None:
        updates = [update for update in (to_inbox(each, self._myself) for each in fetched) if update]
        if not updates:
            return
        entries = await asyncio.wrap_future(self._inbox.receive(self._bot_id, updates))
        if not self._closed.is_set():
            await self._take(entries)

    async def _take_brought(self, brought: list[dict[str, Any]]) -> None:
        """What Telegram brings by itself; returns once it is stored. Raises Unavailable."""
        if not self._opened or self._closed.is_set():
            raise Unavailable("This bot is starting or stopping. Bring it again.", retry_after_s=2)
        try:
            await asyncio.wait_for(self._queues.room(), ROOM_WITHIN_S)
        except TimeoutError as error:
            raise Unavailable("Too much is waiting for answers. Bring it again.", retry_after_s=5) from error
        storing = asyncio.ensure_future(self._store(brought))
        self._bringing.add(storing)
        storing.add_done_callback(self._bringing.discard)
        await asyncio.shield(storing)

    def _greet_once(self) -> None:
        if not self._greeted and (self._greeting is None or self._greeting.done()):
            self._greeting = self._queues.spawn(self._greet())

    async def _take(self, entries: list[InboxEntry]) -> None:
        """What changes a chat comes before what is said in it."""
        said = False
        for entry in entries:
            match read_stored(entry.update.payload):
                case IncomingMessage(moved_to=int(new), chat_id=old):
                    await self._try_to_move_chat(old, new)
                case Membership() as change:
                    self._delivery.rights_changed(change.chat_id, may_write=change.may_write)
                    self._tell_of(change)
                case IncomingMessage():
                    said = True
        for entry in entries:
            self._queues.put(entry)
        if said:
            self._announce()

    def _announce(self) -> None:
        """Tells the page; what comes within the same second is told at its end."""
        bot = self._credentials.bot
        if self._tick is None and not self._presence.messages_arrived(bot.id, bot.owner_id):
            self._tick = asyncio.get_running_loop().call_later(TICK_EVERY_S, self._announce_late)

    def _announce_late(self) -> None:
        self._tick = None
        self._announce()

    async def _greet(self) -> None:
        """Asks who we are and fills the command menu; both are worth another try with the next poll."""
        try:
            user = await self._client.get_me()
            await self._client.set_my_commands([BotCommand(*command) for command in wording.COMMANDS])
        except TelegramError as error:
            self._note("debug", f"The command menu could not be set: {translate(error).message}")
            return
        self._greeted = True
        bot = self._credentials.bot
        self._myself = Myself(user.id, user.username or bot.handle)
        self._chats.myself = self._myself
        sees_everything = user.can_read_all_group_messages is True
        if self._presence.set_privacy_mode(bot.id, bot.owner_id, not sees_everything):
            self._note("info", wording.privacy_mode(on=not sees_everything))

    async def _try_to_move_chat(self, old: int, new: int) -> None:
        try:
            await self._move_chat(old, new)
        except RoostError as error:
            # What came with it must reach the queues all the same; there the move is tried again.
            self._note("warning", error.message)

    async def _move_chat(self, old: int, new: int) -> None:
        if self._moved.get(old) == new:
            return
        self._moved[old] = new
        await self._delivery.stored(self._inbox.move_chat, self._bot_id, str(old), str(new))
        self._note("info", f"Group {old} became the supergroup {new}; its conversations go on there.")

    async def _handle(self, entry: InboxEntry, apologise: bool) -> None:
        entry = self._where_it_is_now(entry)
        event = read_stored(entry.update.payload)
        update_id = entry.update.update_id
        match event:
            case IncomingMessage(moved_to=None):
                chat_id = self._moved.get(event.chat_id, event.chat_id)
                known_as = (event.chat_id, *(old for old, new in self._moved.items() if new == chat_id))
                await self._chats.handle(entry, replace(event, chat_id=chat_id), known_as, apologise)
            case IncomingMessage(moved_to=int(new), chat_id=old):
                # Once more, for the case that storage could not take it when it arrived.
                await self._delivery.stored(self._inbox.move_chat, self._bot_id, str(old), str(new))
                reason = "the group became a supergroup"
                await self._delivery.stored(self._inbox.drop, self._bot_id, update_id, reason)
            case Press():
                await self._presses.handle(update_id, event)
            case _:
                await self._delivery.stored(self._inbox.drop, self._bot_id, update_id, "not a message")

    async def _recall(self, entry: InboxEntry) -> InboxEntry:
        return await self._delivery.stored(self._inbox.recall, self._bot_id, entry)

    def _where_it_is_now(self, entry: InboxEntry) -> InboxEntry:
        chat, slash, rest = entry.update.chat_key.partition("/")
        try:
            moved_to = self._moved.get(int(chat))
        except ValueError:
            return entry
        if moved_to is None:
            return entry
        update = replace(entry.update, chat_key=f"{moved_to}{slash}{rest}")
        # Messages are numbered anew there: what grew in the old group stays as it is.
        return replace(entry, update=update, stream_opened=False, stream_message_id=None)

    def _tell_of(self, change: Membership) -> None:
        if change.private:
            return
        if not change.present:
            self._note("info", f"Removed from the group “{change.title}” ({change.chat_id}).")
        elif change.may_write:
            self._note("info", f"In the group “{change.title}” ({change.chat_id}), and may write there.")
        else:
            self._note(
                "warning", f"In the group “{change.title}” ({change.chat_id}), but may not write there."
            )

    def _note(self, level: str, text: str) -> None:
        self._logs.add(self._bot_id, self._credentials.bot.owner_id, level, text)

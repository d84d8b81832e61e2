"""From the gateway into the inbox: everything said to the bot, live or missed, in the order it came.

Discord delivers nothing twice across processes. So what has been seen of each channel is stored with the
messages, and a new session begins by reading the histories from there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from roost.clock import Clock
from roost.discordbot.events import (
    Incoming,
    Press,
    mark_of,
    moment_of,
    read_interaction,
    read_message,
    read_press,
)
from roost.discordbot.missed_messages import MissedMessages
from roost.discordbot.posts import DEFERRED_ANSWER, DEFERRED_CHANGE, EPHEMERAL, Posts
from roost.discordbot.storage_calls import StorageCalls
from roost.discordbot.storing import Storing
from roost.errors import RemoteError, RemoteUnreachable, RoostError, Unavailable
from roost.services.chat_queues import ChatQueues
from roost.services.gateway_inbox import GatewayInbox
from roost.services.inbox import Inbox
from roost.services.until_stored import until_stored
from roost.storage.gateway import ChannelMark
from roost.storage.inbox import InboxEntry, Update

T = TypeVar("T")

INTERACTION_LASTS = timedelta(minutes=15)
BATCH_LIMIT = 100
WAITING_AT_MOST = 2_000
DEFERRAL_ARRIVES_S = 0.5
DEFER_AGAIN_AFTER_S = (0.0, 0.3, 0.6)


class Arrivals:
    """Implements client.GatewayListener. Lives in the loop.

    `quiet(incoming)` says whether only the asker sees what a slash command gets; `arrived` is told when
    something new is in the inbox. `wanted_since` is when the bot was last started by a person.
    """

    def __init__(
        self,
        bot_id: str,
        gateway_inbox: GatewayInbox,
        inbox: Inbox,
        storage: StorageCalls,
        posts: Posts,
        queues: ChatQueues,
        quiet: Callable[[Incoming], bool],
        arrived: Callable[[], None],
        note: Callable[[str, str], None],
        clock: Clock,
        chance: Callable[[], float],
        wanted_since: datetime,
    ) -> None:
        self._bot_id = bot_id
        self._gateway_inbox = gateway_inbox
        self._inbox = inbox
        self._posts = posts
        self._queues = queues
        self._quiet = quiet
        self._arrived = arrived
        self._note = note
        self._chance = chance
        self._storing = Storing(storage, note, chance)
        self._missed = MissedMessages(
            bot_id, gateway_inbox, posts, self._storing, self._put, note, clock, chance, wanted_since
        )
        self.ready = asyncio.Event()
        self._own_id = 0
        self._waiting: asyncio.Queue[tuple[ChannelMark, Incoming | None]] = asyncio.Queue()
        self._drained = asyncio.Event()
        self._seen: dict[int, ChannelMark] = {}
        """What may be stored: everything before it is in the inbox."""
        self._seen_since_ready: dict[int, ChannelMark] = {}
        """What may be stored only once the histories are read."""
        self._caught_up = True
        self._catching_up: asyncio.Task[None] | None = None
        self._working: asyncio.Task[None] | None = None
        self._unreadable: set[str] = set()
        self._closed = False
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def start(self) -> None:
        if self._working is None:
            self._working = self._queues.spawn(self._store_for_ever())

    async def room(self) -> None:
        """Returns once little enough waits, for storage or for an answer, for more to be read."""
        while self._waiting.qsize() >= WAITING_AT_MOST:
            self._drained.clear()
            await self._drained.wait()
        await self._queues.room()

    def on_ready(self, user_id: int, guild_ids: frozenset[int]) -> None:
        """A new session: what was said since the last one is missing."""
        self._own_id = user_id
        self._missed.expect(guild_ids)
        if self._catching_up is not None:
            self._catching_up.cancel()
        self._caught_up = False
        self._seen_since_ready.clear()
        self._catching_up = self._queues.spawn(self._catch_up())
        self.ready.set()

    def on_guild(self, guild: dict[str, Any]) -> None:
        self._missed.on_guild(guild)

    def on_message(self, message: dict[str, Any]) -> None:
        mark = mark_of(message)
        if mark is not None:
            self._waiting.put_nowait((mark, read_message(message, self._own_id)))

    def on_interaction(self, interaction: dict[str, Any]) -> None:
        if used := read_interaction(interaction):
            self._queues.spawn(self._take_command(*used))
        elif pressed := read_press(interaction):
            self._queues.spawn(self._take_press(*pressed))

    def on_unreadable(self, event: str) -> None:
        if event not in self._unreadable:
            self._unreadable.add(event)
            self._note("warning", f"Discord sent a {event} that cannot be read; such are passed over.")

    async def take_brought(self, interaction: dict[str, Any]) -> dict[str, object] | None:
        """Stores a slash command or a press that Discord brought by itself; what to answer it: wait. None for
        any other interaction. Raises Unavailable when it cannot be stored.
        """
        read = read_interaction(interaction) or read_press(interaction)
        if read is None:
            return None
        event, token = read
        if self._closed:
            raise Unavailable("This bot is stopping. Bring it again.", retry_after_s=2)
        entries = await self._storing.once(self._receive_interaction(event.to_update(), token))
        if entries and not self._closed:
            self._queues.spawn(self._put_once_deferred(entries, said=isinstance(event, Incoming)))
        if isinstance(event, Press):
            return {"type": DEFERRED_CHANGE}
        return {"type": DEFERRED_ANSWER, "data": {"flags": EPHEMERAL if self._quiet(event) else 0}}

    async def _put_once_deferred(self, entries: list[InboxEntry], *, said: bool) -> None:
        """An answer that overtakes its deferral is refused."""
        await asyncio.sleep(DEFERRAL_ARRIVES_S)
        self._put(entries, said=said)

    async def close(self, timeout_s: float) -> None:
        """Takes nothing more; what is being stored must be there before the next connection takes up what is
        not done.
        """
        self._closed = True
        await self._storing.finish(timeout_s)

    async def remember_seen(self) -> None:
        """Stores how far the channels are seen, where no message has done so."""
        if self._seen:
            marks, self._seen = list(self._seen.values()), {}
            try:
                await self._storing.once(partial(self._gateway_inbox.receive, self._bot_id, [], marks))
            except RoostError:
                # The marks in storage are older, and reading a history again does no harm.
                for mark in marks:
                    self._seen.setdefault(mark.channel_id, mark)
                raise

    async def _store_for_ever(self) -> None:
        while True:
            batch = [await self._waiting.get()]
            while len(batch) < BATCH_LIMIT and not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            updates = [incoming.to_update() for _, incoming in batch if incoming is not None]
            seen = {mark.channel_id: mark for mark, _ in batch}
            caught_up = self._caught_up
            if caught_up:
                self._seen |= seen
            if updates:
                marks, self._seen = list(self._seen.values()), {}
                receive = partial(self._gateway_inbox.receive, self._bot_id, updates, marks)
                self._put(await self._storing.until_stored(receive))
            if not caught_up:
                # Only now: the histories may have been read meanwhile, after which these marks are stored.
                self._note_seen(seen)
            self._drained.set()

    def _note_seen(self, seen: dict[int, ChannelMark]) -> None:
        if self._caught_up:
            self._seen |= seen
        else:
            self._seen_since_ready |= seen

    async def _take_command(self, incoming: Incoming, token: str) -> None:
        """Tells the person within three seconds that an answer is coming; stores the question meanwhile."""
        defer = partial(self._posts.defer, incoming.id, token, ephemeral=self._quiet(incoming))
        deferring = asyncio.ensure_future(self._acknowledged(defer, "A command"))
        entries = await self._storing.until_stored(self._receive_interaction(incoming.to_update(), token))
        message_id = await deferring
        if entries and message_id is not None:
            remember = partial(self._inbox.set_stream_message, self._bot_id, incoming.id, message_id)
            await self._storing.until_stored(remember)
        self._put([replace(entry, stream_message_id=message_id) for entry in entries])

    async def _take_press(self, press: Press, token: str) -> None:
        """Tells the person within three seconds that the press arrived, and keeps their presses in order:
        the last one counts.
        """
        defer = partial(self._posts.defer_change, press.id, token)
        deferring = asyncio.ensure_future(self._acknowledged(defer, "A button"))
        update = press.to_update()
        async with self._turns.setdefault(update.chat_key, asyncio.Lock()):
            entries = await self._storing.until_stored(self._receive_interaction(update, token))
            await deferring
            self._put(entries, said=False)

    def _receive_interaction(self, update: Update, token: str) -> Callable[[], list[InboxEntry]]:
        expires_at = moment_of(update.update_id) + INTERACTION_LASTS
        return partial(self._gateway_inbox.receive_interaction, self._bot_id, update, token, expires_at)

    def _put(self, entries: list[InboxEntry], *, said: bool = True) -> None:
        for entry in entries:
            self._queues.put(entry)
        if entries and said:
            self._arrived()

    async def _acknowledged(self, defer: Callable[[], Awaitable[T | None]], what: str) -> T | None:
        for wait_s in DEFER_AGAIN_AFTER_S:
            await asyncio.sleep(wait_s)
            try:
                return await defer()
            except RemoteUnreachable:
                continue
            except RemoteError as error:
                self._note("warning", f"{what} could not be acknowledged: {error.message}")
                return None
        self._note("warning", f"{what} could not be acknowledged in time: Discord did not answer.")
        return None

    async def _catch_up(self) -> None:
        await self._missed.servers_are_known()
        missed = await self._missed.read(await self._known_marks(), self._own_id)
        if missed:
            self._note("info", f"Taking up {missed} message(s) sent while the bot was away.")
        self._seen |= self._seen_since_ready
        self._caught_up = True

    async def _known_marks(self) -> list[ChannelMark]:
        async def known() -> list[ChannelMark]:
            await self.remember_seen()
            return await self._storing.once(partial(self._gateway_inbox.marks, self._bot_id))

        return await until_stored(known, self._note, self._chance)

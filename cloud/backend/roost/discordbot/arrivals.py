"""From the gateway into the inbox: everything said to the bot, live or missed, in the order it came.

Discord delivers nothing twice across processes. So what has been seen of each channel is stored with the
messages, and a new session begins by reading the histories from there.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from roost.clock import Clock
from roost.discordbot.client import PostRefused
from roost.discordbot.events import (
    Incoming,
    Press,
    last_messages,
    mark_of,
    moment_of,
    read_interaction,
    read_message,
    read_press,
    snowflake,
    snowflake_at,
)
from roost.discordbot.posts import DEFERRED_ANSWER, DEFERRED_CHANGE, EPHEMERAL, HISTORY_PAGE, Posts
from roost.discordbot.storage_calls import StorageCalls
from roost.domain.backoff import Backoff
from roost.errors import RemoteError, RemoteRejected, RemoteUnreachable, RoostError, Unavailable
from roost.services.chat_queues import ChatQueues
from roost.services.gateway_inbox import GatewayInbox
from roost.services.inbox import Inbox
from roost.storage.gateway import ChannelMark
from roost.storage.inbox import InboxEntry, Update

T = TypeVar("T")

MISSED_AT_MOST = timedelta(hours=24)
"""Older questions are history: nobody waits for them any more."""
INTERACTION_LASTS = timedelta(minutes=15)
GUILDS_WITHIN_S = 2.0
NEW_CHANNELS_AT_MOST = 50
HISTORY_PAGES_AT_MOST = 10
HISTORIES_AT_ONCE = 4
BATCH_LIMIT = 100
RETRY = Backoff(first_s=0.5, cap_s=15.0)
DEFERRAL_ARRIVES_S = 0.5
DEFER_AGAIN_AFTER_S = (0.0, 0.3, 0.6)


class Arrivals:
    """Implements client.GatewayListener. Lives in the loop; `stored` runs what waits for a commit.

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
        self._storage = storage
        self._posts = posts
        self._queues = queues
        self._quiet = quiet
        self._arrived = arrived
        self._note = note
        self._clock = clock
        self._chance = chance
        self._wanted_since = wanted_since
        self.ready = asyncio.Event()
        self._own_id = 0
        self._waiting: asyncio.Queue[tuple[ChannelMark, Incoming | None]] = asyncio.Queue()
        self._guilds_missing: set[int] = set()
        self._guilds_known = asyncio.Event()
        self._last_messages: dict[int, tuple[int | None, int]] = {}
        self._seen: dict[int, ChannelMark] = {}
        """What may be stored: everything before it is in the inbox."""
        self._seen_since_ready: dict[int, ChannelMark] = {}
        """What may be stored only once the histories are read."""
        self._caught_up = True
        self._catching_up: asyncio.Task[None] | None = None
        self._storing: asyncio.Task[None] | None = None
        self._unreadable: set[str] = set()
        self._in_storage: set[asyncio.Future[Any]] = set()
        self._closed = False
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def start(self) -> None:
        if self._storing is None:
            self._storing = self._queues.spawn(self._store_for_ever())

    def on_ready(self, user_id: int, guild_ids: frozenset[int]) -> None:
        """A new session: what was said since the last one is missing."""
        self._own_id = user_id
        self._guilds_missing = set(guild_ids)
        self._last_messages.clear()
        self._guilds_known.clear()
        if not guild_ids:
            self._guilds_known.set()
        if self._catching_up is not None:
            self._catching_up.cancel()
        self._caught_up = False
        self._seen_since_ready.clear()
        self._catching_up = self._queues.spawn(self._catch_up())
        self.ready.set()

    def on_guild(self, guild: dict[str, Any]) -> None:
        guild_id = snowflake(guild.get("id"))
        for channel_id, message_id in last_messages(guild).items():
            self._last_messages[channel_id] = (guild_id, message_id)
        if guild_id is not None:
            self._guilds_missing.discard(guild_id)
        if not self._guilds_missing:
            self._guilds_known.set()

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
        entries = await self._stored(self._receive_interaction(event.to_update(), token))
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
        if self._in_storage:
            await asyncio.wait(set(self._in_storage), timeout=timeout_s)

    async def remember_seen(self) -> None:
        """Stores how far the channels are seen, where no message has done so."""
        if self._seen:
            marks, self._seen = list(self._seen.values()), {}
            try:
                await self._storage.run(self._gateway_inbox.receive, self._bot_id, [], marks)
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
            seen = self._seen if self._caught_up else self._seen_since_ready
            for mark, _ in batch:
                seen[mark.channel_id] = mark
            if updates:
                marks, self._seen = list(self._seen.values()), {}
                receive = partial(self._gateway_inbox.receive, self._bot_id, updates, marks)
                self._put(await self._until_stored(receive))

    async def _take_command(self, incoming: Incoming, token: str) -> None:
        """Tells the person within three seconds that an answer is coming; stores the question meanwhile."""
        defer = partial(self._posts.defer, incoming.id, token, ephemeral=self._quiet(incoming))
        deferring = asyncio.ensure_future(self._acknowledged(defer, "A command"))
        entries = await self._until_stored(self._receive_interaction(incoming.to_update(), token))
        message_id = await deferring
        if entries and message_id is not None:
            await self._storage.run(self._inbox.set_stream_message, self._bot_id, incoming.id, message_id)
        self._put([replace(entry, stream_message_id=message_id) for entry in entries])

    async def _take_press(self, press: Press, token: str) -> None:
        """Tells the person within three seconds that the press arrived, and keeps their presses in order:
        the last one counts.
        """
        defer = partial(self._posts.defer_change, press.id, token)
        deferring = asyncio.ensure_future(self._acknowledged(defer, "A button"))
        update = press.to_update()
        async with self._turns.setdefault(update.chat_key, asyncio.Lock()):
            entries = await self._until_stored(self._receive_interaction(update, token))
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

    async def _until_stored(self, call: Callable[[], list[InboxEntry]]) -> list[InboxEntry]:
        failures = 0
        while True:
            try:
                return await self._stored(call)
            except RoostError as error:
                failures += 1
                self._note("error", error.message)
                await asyncio.sleep(RETRY.delay_s(failures, self._chance()))

    async def _stored(self, call: Callable[[], T]) -> T:
        """Storing goes on when whoever waits for it is cancelled."""
        storing = asyncio.ensure_future(self._storage.run(call))
        self._in_storage.add(storing)
        storing.add_done_callback(self._stored_or_not)
        return await asyncio.shield(storing)

    def _stored_or_not(self, storing: asyncio.Future[Any]) -> None:
        self._in_storage.discard(storing)
        if not storing.cancelled():
            # Taken, so that asyncio does not complain when nobody waits any more.
            storing.exception()

    async def _catch_up(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._guilds_known.wait(), GUILDS_WITHIN_S)
        marks = await self._known_marks()
        at_once = asyncio.Semaphore(HISTORIES_AT_ONCE)

        async def read(mark: ChannelMark) -> int:
            async with at_once:
                return await self._read_missed(mark)

        missed = sum(await asyncio.gather(*map(read, self._unread(marks))))
        if missed:
            self._note("info", f"Taking up {missed} message(s) sent while the bot was away.")
        self._seen |= self._seen_since_ready
        self._caught_up = True

    async def _known_marks(self) -> list[ChannelMark]:
        failures = 0
        while True:
            try:
                await self.remember_seen()
                return await self._storage.run(self._gateway_inbox.marks, self._bot_id)
            except RoostError:
                failures += 1
                await asyncio.sleep(RETRY.delay_s(failures, self._chance()))

    def _unread(self, marks: list[ChannelMark]) -> list[ChannelMark]:
        """The channels whose histories are to be read, each from its mark on.

        A channel without a mark is read from the newest mark of all: until then the bot was there. A bot that
        has seen nothing anywhere was to be there since it was started.
        """
        client = self._posts.client
        oldest = snowflake_at(self._clock.now() - MISSED_AT_MOST)
        wanted = []
        for mark in marks:
            known = self._last_messages.get(mark.channel_id)
            after = max(mark.message_id, oldest)
            if known is None or known[1] > after:
                wanted.append(replace(mark, message_id=after))
        if client is not None:
            marked = {mark.channel_id for mark in marks}
            started = snowflake_at(self._wanted_since)
            after = max(oldest, *(mark.message_id for mark in marks)) if marks else max(oldest, started)
            new = [
                ChannelMark(channel_id, guild_id, after)
                for channel_id, (guild_id, last) in sorted(
                    self._last_messages.items(), key=lambda item: item[1][1], reverse=True
                )
                if channel_id not in marked and last > after
            ]
            wanted += [mark for mark in new if client.may_read(mark.channel_id)][:NEW_CHANNELS_AT_MOST]
        return wanted

    async def _read_missed(self, mark: ChannelMark) -> int:
        """Puts what was said in a channel after the mark into the inbox; how much of it was new."""
        after, count = mark.message_id, 0
        for _ in range(HISTORY_PAGES_AT_MOST):
            page = await self._page(mark.channel_id, after)
            if not page:
                return count
            guild = {"guild_id": str(mark.guild_id)} if mark.guild_id is not None else {}
            said = [read_message({**message, **guild}, self._own_id) for message in page]
            updates = [incoming.to_update() for incoming in said if incoming is not None]
            after = int(page[-1]["id"])
            seen = [replace(mark, message_id=after)]
            entries = await self._until_stored(
                partial(self._gateway_inbox.receive, self._bot_id, updates, seen)
            )
            self._put(entries)
            count += len(entries)
            if len(page) < HISTORY_PAGE:
                return count
        self._note("warning", f"More was said in channel {mark.channel_id} than is read again.")
        return count

    async def _page(self, channel_id: int, after: int) -> list[dict[str, Any]]:
        """Some of a channel's history; empty where the bot may not read it, which is then not tried again."""
        failures = 0
        while True:
            try:
                return await self._posts.history(channel_id, after)
            except PostRefused:
                await self._storage.run(self._gateway_inbox.drop_mark, self._bot_id, channel_id)
                return []
            except RemoteRejected:
                return []
            except RemoteError as error:
                failures += 1
                wait_s = RETRY.delay_s(failures, self._chance())
                await asyncio.sleep(max(wait_s, error.retry_after_s or 0.0))

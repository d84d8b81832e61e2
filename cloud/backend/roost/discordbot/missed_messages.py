"""What was said while no session was there, read from the channels' histories."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from roost.clock import Clock
from roost.discordbot.client import PostRefused
from roost.discordbot.events import last_messages, read_message, snowflake, snowflake_at
from roost.discordbot.posts import HISTORY_PAGE, Posts
from roost.discordbot.storing import Storing
from roost.domain.backoff import Backoff
from roost.errors import RemoteError, RemoteRejected
from roost.services.gateway_inbox import GatewayInbox
from roost.storage.gateway import ChannelMark
from roost.storage.inbox import InboxEntry

MISSED_AT_MOST = timedelta(hours=24)
"""Older questions are history: nobody waits for them any more."""
GUILDS_WITHIN_S = 2.0
NEW_CHANNELS_AT_MOST = 50
HISTORY_PAGES_AT_MOST = 10
HISTORIES_AT_ONCE = 4
RETRY = Backoff(first_s=0.5, cap_s=15.0)


class MissedMessages:
    """Lives in the loop. `put` hands on what is new in the inbox; `wanted_since` is when the bot was last
    started by a person.
    """

    def __init__(
        self,
        bot_id: str,
        gateway_inbox: GatewayInbox,
        posts: Posts,
        storing: Storing,
        put: Callable[[list[InboxEntry]], None],
        note: Callable[[str, str], None],
        clock: Clock,
        chance: Callable[[], float],
        wanted_since: datetime,
    ) -> None:
        self._bot_id = bot_id
        self._gateway_inbox = gateway_inbox
        self._posts = posts
        self._storing = storing
        self._put = put
        self._note = note
        self._clock = clock
        self._chance = chance
        self._wanted_since = wanted_since
        self._servers_missing: set[int] = set()
        self._servers_known = asyncio.Event()
        self._last_messages: dict[int, tuple[int | None, int]] = {}

    def expect(self, guild_ids: frozenset[int]) -> None:
        """A new session begins, which is going to describe these servers."""
        self._servers_missing = set(guild_ids)
        self._last_messages.clear()
        self._servers_known.clear()
        if not guild_ids:
            self._servers_known.set()

    def on_guild(self, guild: dict[str, Any]) -> None:
        guild_id = snowflake(guild.get("id"))
        for channel_id, message_id in last_messages(guild).items():
            self._last_messages[channel_id] = (guild_id, message_id)
        if guild_id is not None:
            self._servers_missing.discard(guild_id)
        if not self._servers_missing:
            self._servers_known.set()

    async def servers_are_known(self) -> None:
        """Returns when every server is described, or enough time for that has passed."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._servers_known.wait(), GUILDS_WITHIN_S)

    async def read(self, marks: Sequence[ChannelMark], own_id: int) -> int:
        """Puts what was said to the bot `own_id` since the marks into the inbox; how much of it was new."""
        at_once = asyncio.Semaphore(HISTORIES_AT_ONCE)

        async def read(mark: ChannelMark) -> int:
            async with at_once:
                return await self._read_channel(mark, own_id)

        return sum(await asyncio.gather(*map(read, self._unread(marks))))

    def _unread(self, marks: Sequence[ChannelMark]) -> list[ChannelMark]:
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

    async def _read_channel(self, mark: ChannelMark, own_id: int) -> int:
        """Puts what was said in a channel after the mark into the inbox; how much of it was new."""
        after, count = mark.message_id, 0
        for _ in range(HISTORY_PAGES_AT_MOST):
            page = await self._page(mark.channel_id, after)
            if not page:
                return count
            guild = {"guild_id": str(mark.guild_id)} if mark.guild_id is not None else {}
            said = [read_message({**message, **guild}, own_id) for message in page]
            updates = [incoming.to_update() for incoming in said if incoming is not None]
            after = int(page[-1]["id"])
            seen = [replace(mark, message_id=after)]
            entries = await self._storing.until_stored(
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
                drop = partial(self._gateway_inbox.drop_mark, self._bot_id, channel_id)
                await self._storing.until_stored(drop)
                return []
            except RemoteRejected:
                return []
            except RemoteError as error:
                failures += 1
                wait_s = RETRY.delay_s(failures, self._chance())
                await asyncio.sleep(max(wait_s, error.retry_after_s or 0.0))

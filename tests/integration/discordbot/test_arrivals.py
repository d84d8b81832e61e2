"""What the gateway brings while storage takes nothing: bounded, and marked as seen only once it is stored."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import text

from roost.clock import SystemClock, SystemIds
from roost.discordbot.arrivals import WAITING_AT_MOST, Arrivals
from roost.discordbot.posts import Posts
from roost.discordbot.storage_calls import StorageCalls
from roost.services.chat_queues import ChatQueues
from roost.services.gateway_inbox import GatewayInbox
from roost.services.inbox import Inbox
from roost.storage.database import Database
from roost.storage.inbox import InboxEntry
from roost.storage.secrets import Cipher
from tests.fakes.bot_house import SECRET_KEY
from tests.fakes.full_storage import FullStorage

BOT = "bot"
OWN_ID = 1
FIRST = 1_200_000_000_000_000_000
CHANNEL = 500_000_000_000_000_001


def message(number: int) -> dict[str, Any]:
    return {
        "id": str(FIRST + number),
        "channel_id": str(CHANNEL),
        "author": {"id": "41"},
        "content": f"question {number}",
        "type": 0,
    }


class World:
    def __init__(self, database: Database, executor: ThreadPoolExecutor) -> None:
        clock = SystemClock()
        self.database = database
        self.storage = FullStorage(database)
        self.arrived: list[InboxEntry] = []
        self.queues = ChatQueues(self._handle, self._recall, lambda level, words: None, lambda: 0.0)
        self.arrivals = Arrivals(
            BOT,
            GatewayInbox(database, Cipher(SECRET_KEY), clock),
            Inbox(database, clock, SystemIds(clock)),
            StorageCalls(executor),
            Posts(),
            self.queues,
            lambda incoming: False,
            lambda: None,
            lambda level, words: None,
            clock,
            lambda: 0.0,
            datetime(2024, 1, 1, tzinfo=UTC),
        )

    async def _handle(self, entry: InboxEntry, apologise: bool) -> None:
        self.arrived.append(entry)

    async def _recall(self, entry: InboxEntry) -> InboxEntry:
        return entry

    def stored(self) -> tuple[int, int]:
        """How many messages, and how many marks."""
        with self.database.read() as db:
            messages = int(db.execute(text("SELECT count(*) FROM inbox")).scalar_one())
            return messages, int(db.execute(text("SELECT count(*) FROM channel_marks")).scalar_one())


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    database = Database(folder / "conversations.db", "conversations")
    database.open()
    with ThreadPoolExecutor(4) as executor:
        made = World(database, executor)
        made.arrivals.start()
        try:
            yield made
        finally:
            made.storage.empty()
            await made.queues.close(20)
            await made.arrivals.close(20)
            database.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(40):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in other threads
            await asyncio.sleep(0.01)


def test_no_more_is_read_while_too_much_waits_for_storage(tmp_path: Path) -> None:
    async def run() -> None:
        async with world(tmp_path) as bot:
            bot.storage.fill()
            for number in range(WAITING_AT_MOST + 200):
                bot.arrivals.on_message(message(number))
            await until(lambda: bot.storage.refusals > 0)
            room = asyncio.ensure_future(bot.arrivals.room())
            await asyncio.sleep(0)
            assert not room.done()
            bot.storage.empty()
            await asyncio.wait_for(room, 40)
            await until(lambda: len(bot.arrived) == WAITING_AT_MOST + 200)

    asyncio.run(run())


def test_what_is_not_stored_yet_is_not_marked_as_seen_when_the_histories_are_read(tmp_path: Path) -> None:
    async def run() -> None:
        async with world(tmp_path) as bot:
            bot.storage.fill()
            bot.arrivals.on_ready(OWN_ID, frozenset())
            bot.arrivals.on_message(message(1))
            await until(lambda: bot.storage.refusals > 0)
            bot.storage.empty()
            await bot.arrivals.remember_seen()
            messages, marks = bot.stored()
            assert messages >= marks
            await until(lambda: len(bot.arrived) == 1)
            await bot.arrivals.remember_seen()
            assert bot.stored() == (1, 1)

    asyncio.run(run())

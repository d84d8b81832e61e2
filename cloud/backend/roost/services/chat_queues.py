"""Working off what people sent to one bot: in order within a chat, side by side across chats."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from roost.domain.backoff import Backoff
from roost.errors import RoostError
from roost.storage.inbox import FORGOTTEN, InboxEntry

log = logging.getLogger("roost.chats")

BACKLOG_LIMIT = 1_000
ATTEMPTS_AT_MOST = 3
RETRY = Backoff(first_s=0.5, cap_s=10.0)


class ChatQueues:
    """`handle(entry, apologise)` does an update; `apologise` says that it has failed too often already.
    `recall(entry)` tells how it stands in storage after a failure: an answer that is kept is not made again.

    Lives in the loop. `note(level, text)` writes into the bot's log; `chance` gives random numbers in 0..1.
    """

    def __init__(
        self,
        handle: Callable[[InboxEntry, bool], Awaitable[None]],
        recall: Callable[[InboxEntry], Awaitable[InboxEntry]],
        note: Callable[[str, str], None],
        chance: Callable[[], float],
    ) -> None:
        self._handle = handle
        self._recall = recall
        self._note = note
        self._chance = chance
        self._chats: dict[str, deque[InboxEntry]] = {}
        self._backlog = 0
        self._drained = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def put(self, entry: InboxEntry) -> None:
        self._backlog += 1
        chat = self._chats.get(entry.update.chat_key)
        if chat is not None:
            chat.append(entry)
            return
        self._chats[entry.update.chat_key] = deque([entry])
        self.spawn(self._work_off(entry.update.chat_key))

    async def room(self) -> None:
        """Returns once little enough waits for more to be taken in."""
        while self._backlog > BACKLOG_LIMIT:
            self._drained.clear()
            await self._drained.wait()

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Runs something beside the chats until it ends, or `close`."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self, timeout_s: float) -> None:
        """Cancels what runs; what is not done stays in the inbox."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=timeout_s)

    async def _work_off(self, chat_key: str) -> None:
        waiting = self._chats[chat_key]
        while waiting:
            await self._handle_until_done(waiting.popleft())
            self._backlog -= 1
            self._drained.set()
        del self._chats[chat_key]

    async def _handle_until_done(self, entry: InboxEntry) -> None:
        """Storage that cannot take it is waited for; a fault of ours ends in an apology, not in silence."""
        tries, failures, earlier, known = 0, 0, entry.attempts, True
        while True:
            try:
                if not known:
                    entry, known = await self._recall(entry), True
                await self._handle(entry, earlier + failures >= ATTEMPTS_AT_MOST)
            except RoostError as error:
                if error.code == FORGOTTEN:
                    # Whoever asked has had it deleted: there is nobody to answer.
                    return
                self._note("error", error.message)
                failures += 0 if error.retryable else 1
            except Exception:  # the edge of a chat's task - the next message must not suffer
                log.exception("A message could not be handled")
                self._note("error", "Something went wrong inside Roost while handling a message.")
                failures += 1
            else:
                return
            if failures > ATTEMPTS_AT_MOST:
                return
            known = False
            tries += 1
            await asyncio.sleep(RETRY.delay_s(tries, self._chance()))

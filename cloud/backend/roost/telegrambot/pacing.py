"""Telegram's limits on writing into one chat, kept by us so that they need not be enforced.

About one message a second in a chat, and 20 a minute in a group, edits included.
Source: https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

PER_CHAT_S = 1.0
PER_GROUP = 20
GROUP_WINDOW_S = 62.0
"""A minute, and what two writes may come closer together on their way."""
GROUP_COURTESIES = 10
"""Of a group's writes a minute those that growing answers may use; the rest is for finished ones."""
CHATS_REMEMBERED = 1_000


class _Chat:
    __slots__ = ("free_at", "lock", "writes")

    def __init__(self) -> None:
        self.free_at = 0.0
        self.lock = asyncio.Lock()
        self.writes: deque[float] = deque(maxlen=PER_GROUP)


class ChatPacing:
    """When a chat may be written to. Groups have ids below 0. Lives in the loop; `monotonic_s` is the
    clock's.
    """

    def __init__(self, monotonic_s: Callable[[], float]) -> None:
        self._monotonic_s = monotonic_s
        self._chats: dict[int, _Chat] = {}

    @property
    def remembered(self) -> int:
        return len(self._chats)

    def wait_s(self, chat_id: int) -> float:
        """Seconds until the chat may be written to; 0 for now."""
        chat = self._chats.get(chat_id)
        if chat is None:
            return 0.0
        free_at = chat.free_at
        if chat_id < 0 and len(chat.writes) == PER_GROUP:
            free_at = max(free_at, chat.writes[0] + GROUP_WINDOW_S)
        return max(0.0, free_at - self._monotonic_s())

    def spare(self, chat_id: int, answers_under_way: int) -> bool:
        """Whether something may be written now that need not be: a growing answer, a marked button.

        In a group it must leave room for every answer that is still to come.
        """
        chat = self._chats.get(chat_id)
        if chat is None:
            return chat_id > 0 or answers_under_way <= GROUP_COURTESIES
        if chat.lock.locked() or self.wait_s(chat_id) > 0:
            return False
        if chat_id > 0:
            return True
        since = self._monotonic_s() - GROUP_WINDOW_S
        return sum(at > since for at in chat.writes) + answers_under_way <= GROUP_COURTESIES

    @asynccontextmanager
    async def turn(self, chat_id: int) -> AsyncIterator[None]:
        """Waits until the chat may be written to, first come, first served. Say `wrote` within."""
        async with self._chat(chat_id).lock:
            # Telegram may ask for more while this waits.
            while (wait_s := self.wait_s(chat_id)) > 0:  # noqa: ASYNC110 - time passes, nobody sets an event
                await asyncio.sleep(wait_s)
            yield

    def wrote(self, chat_id: int) -> None:
        self._chat(chat_id).writes.append(self._monotonic_s())
        self.hold(chat_id, PER_CHAT_S)

    def hold(self, chat_id: int, seconds: float) -> None:
        """Nothing may be written for so long; Telegram's own word (retry_after) counts as well."""
        chat = self._chat(chat_id)
        chat.free_at = max(chat.free_at, self._monotonic_s() + seconds)

    def _chat(self, chat_id: int) -> _Chat:
        chat = self._chats.get(chat_id)
        if chat is None:
            if len(self._chats) >= CHATS_REMEMBERED:
                self._forget_quiet()
            chat = self._chats[chat_id] = _Chat()
        return chat

    def _forget_quiet(self) -> None:
        quiet_since = self._monotonic_s() - GROUP_WINDOW_S
        now = self._monotonic_s()
        self._chats = {
            chat_id: chat
            for chat_id, chat in self._chats.items()
            if chat.lock.locked() or chat.free_at > now or (chat.writes and chat.writes[-1] > quiet_since)
        }

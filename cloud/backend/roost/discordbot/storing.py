"""Storing what has arrived: tried until it works, and not cut off when a connection ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from roost.discordbot.storage_calls import StorageCalls
from roost.services.until_stored import until_stored

T = TypeVar("T")


class Storing:
    """Lives in the loop. `note(level, text)` writes into the bot's log; `chance` gives numbers in 0..1."""

    def __init__(
        self, storage: StorageCalls, note: Callable[[str, str], None], chance: Callable[[], float]
    ) -> None:
        self._storage = storage
        self._note = note
        self._chance = chance
        self._under_way: set[asyncio.Future[Any]] = set()

    async def once(self, call: Callable[[], T]) -> T:
        """The call goes on when whoever waits for it is cancelled. Raises what it raises."""
        storing = asyncio.ensure_future(self._storage.run(call))
        self._under_way.add(storing)
        storing.add_done_callback(self._ended)
        return await asyncio.shield(storing)

    async def until_stored(self, call: Callable[[], T]) -> T:
        """Storage that cannot take it is waited for, for as long as it takes."""
        return await until_stored(lambda: self.once(call), self._note, self._chance)

    async def finish(self, timeout_s: float) -> None:
        """Waits for what is being stored, for so long."""
        if self._under_way:
            await asyncio.wait(set(self._under_way), timeout=timeout_s)

    def _ended(self, storing: asyncio.Future[Any]) -> None:
        self._under_way.discard(storing)
        if not storing.cancelled():
            # Taken, so that asyncio does not complain when nobody waits any more.
            storing.exception()

"""Waiting for storage that cannot take something just now: a full disk, a handover."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from roost.domain.backoff import Backoff
from roost.errors import RoostError

T = TypeVar("T")

RETRY = Backoff(first_s=0.5, cap_s=15.0)


async def until_stored(
    store: Callable[[], Awaitable[T]], note: Callable[[str, str], None], chance: Callable[[], float]
) -> T:
    """Calls `store` until it works, for as long as that takes: for what has happened already, and would
    happen again if it were forgotten. What stands in the way is told to `note(level, text)`.
    """
    failures = 0
    while True:
        try:
            return await store()
        except RoostError as error:
            failures += 1
            note("error", error.message)
            await asyncio.sleep(RETRY.delay_s(failures, chance()))

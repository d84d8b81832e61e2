"""What has arrived is stored, whoever stops waiting for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from roost.discordbot.storage_calls import StorageCalls
from roost.discordbot.storing import Storing
from roost.errors import Unavailable


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as made:
        yield made


def test_what_is_being_stored_when_its_connection_ends_is_waited_for(executor: ThreadPoolExecutor) -> None:
    begun, free = threading.Event(), threading.Event()
    stored: list[str] = []

    def store() -> None:
        begun.set()
        assert free.wait(20)
        stored.append("it")

    async def end_a_connection() -> None:
        storing = Storing(StorageCalls(executor), lambda *_: None, lambda: 0.0)
        waiting = asyncio.ensure_future(storing.until_stored(store))
        await asyncio.to_thread(begun.wait, 20)
        waiting.cancel()
        await asyncio.wait({waiting})
        assert waiting.cancelled()
        ending = asyncio.ensure_future(storing.finish(20))
        free.set()
        await ending
        assert stored == ["it"]

    asyncio.run(end_a_connection())


def test_storage_that_cannot_take_it_is_tried_again_and_said(executor: ThreadPoolExecutor) -> None:
    said: list[tuple[str, str]] = []
    failures = [Unavailable("The disk is full."), Unavailable("The disk is full.")]

    def store() -> str:
        if failures:
            raise failures.pop()
        return "stored"

    async def until_stored() -> str:
        storing = Storing(StorageCalls(executor), lambda level, text: said.append((level, text)), lambda: 0.0)
        return await storing.until_stored(store)

    assert asyncio.run(until_stored()) == "stored"
    assert said == [("error", "The disk is full.")] * 2


def test_a_fault_that_trying_cannot_mend_comes_out(executor: ThreadPoolExecutor) -> None:
    def store() -> None:
        raise ValueError("ours")

    storing = Storing(StorageCalls(executor), lambda *_: None, lambda: 0.0)

    async def until_stored() -> None:
        await storing.until_stored(store)

    with pytest.raises(ValueError, match="ours"):
        asyncio.run(until_stored())

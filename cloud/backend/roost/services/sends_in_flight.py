"""Sends that are on their way: one that is cut off would have to be sent again."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine


class SendsInFlight:
    """Each send is a task of its own, which goes on when whoever waits for it is cancelled."""

    def __init__(self) -> None:
        self._sendings: set[asyncio.Task[None]] = set()

    async def run(self, send: Coroutine[None, None, None]) -> None:
        """Raises what the send raises."""
        sending = asyncio.ensure_future(send)
        self._sendings.add(sending)
        sending.add_done_callback(self._sent)
        await asyncio.shield(sending)

    async def finish(self, timeout_s: float) -> None:
        """Lets them arrive, for so long; after that none goes on."""
        in_flight = set(self._sendings)
        if not in_flight:
            return
        try:
            await asyncio.wait(in_flight, timeout=timeout_s)
        finally:
            for sending in in_flight:
                sending.cancel()

    def _sent(self, sending: asyncio.Task[None]) -> None:
        self._sendings.discard(sending)
        if not sending.cancelled():
            # Taken, so that asyncio does not complain when nobody waits for this send any more.
            sending.exception()

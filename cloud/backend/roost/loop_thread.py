"""The one asyncio loop, in one thread, that all bots live in; its heartbeat is the process's health."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from roost.clock import Clock

T = TypeVar("T")

BEAT_EVERY_S = 1.0


class LoopThread:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._loop: asyncio.AbstractEventLoop | None = None
        self._running = threading.Event()
        self._last_beat_s = clock.monotonic_s()
        self._thread = threading.Thread(target=self._run, name="bots", daemon=True)

    def start(self) -> asyncio.AbstractEventLoop:
        """Starts the thread, unless it runs already, and returns its running loop."""
        if not self._running.is_set():
            self._thread.start()
            self._running.wait()
        return self.loop

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            raise RuntimeError("the loop has not been started")
        return self._loop

    def silence_s(self) -> float:
        """Seconds since the loop last showed a sign of life; 0 before it starts: nothing can be stuck yet."""
        if not self._running.is_set():
            return 0.0
        return self._clock.monotonic_s() - self._last_beat_s

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def stop(self, timeout_s: float) -> None:
        """Ends the loop; may be called before `start`."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(timeout_s)

    def _run(self) -> None:
        loop = asyncio.new_event_loop()
        self._loop = loop
        loop.call_soon(self._beat)
        loop.call_soon(self._running.set)
        loop.run_forever()
        loop.close()

    def _beat(self) -> None:
        self._last_beat_s = self._clock.monotonic_s()
        self.loop.call_later(BEAT_EVERY_S, self._beat)

"""A bounded number of threads, made when there is work for them and ended when there is none."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

IDLE_S = 30.0


class WorkerThreads:
    """Runs work in the order it came, at most `limit` at once. The process's end does not wait for the
    threads.

    Work must not raise. The caller bounds how much of it waits.
    """

    def __init__(self, limit: int, name: str, idle_s: float = IDLE_S) -> None:
        self._limit = limit
        self._name = name
        self._idle_s = idle_s
        self._changed = threading.Condition()
        self._waiting: deque[Callable[[], None]] = deque()
        self._threads = 0
        self._busy = 0

    def submit(self, work: Callable[[], None]) -> None:
        with self._changed:
            self._waiting.append(work)
            idle = self._threads - self._busy
            if idle < len(self._waiting) and self._threads < self._limit:
                self._threads += 1
                threading.Thread(target=self._serve, name=self._name, daemon=True).start()
            self._changed.notify_all()

    def wait_idle(self, timeout_s: float) -> bool:
        """True once nothing runs and nothing waits; False when that did not come about in time."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._busy and not self._waiting, timeout_s)

    def _serve(self) -> None:
        while True:
            with self._changed:
                if not self._changed.wait_for(lambda: self._waiting, self._idle_s):
                    self._threads -= 1
                    return
                work = self._waiting.popleft()
                self._busy += 1
            try:
                work()
            finally:
                with self._changed:
                    self._busy -= 1
                    self._changed.notify_all()

"""What has to be done once a day: at the start, then every 24 hours."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from roost.errors import RoostError

log = logging.getLogger("roost.chores")

EVERY_S = 24 * 3600.0
RETRY_S = 600.0
STOP_WITHIN_S = 0.5


@dataclass(frozen=True, slots=True)
class Chore:
    """`run` returns how many things it dealt with; it may be repeated."""

    name: str
    run: Callable[[], int]


class DailyChores:
    """One thread. A chore that fails is tried again after ten minutes; the others are done all the same."""

    def __init__(self, chores: Sequence[Chore], every_s: float = EVERY_S, retry_s: float = RETRY_S) -> None:
        self._chores = chores
        self._every_s = every_s
        self._retry_s = retry_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="daily-chores", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Begins no further chore, and waits a moment for the one at hand. May be called before `start`."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(STOP_WITHIN_S)

    def _work(self) -> None:
        while not self._stopping.is_set():
            done = [self._do(chore) for chore in self._chores]
            self._stopping.wait(self._every_s if all(done) else self._retry_s)

    def _do(self, chore: Chore) -> bool:
        if self._stopping.is_set():
            return True
        try:
            count = chore.run()
        except RoostError as error:
            log.warning("%s: %s Trying again.", chore.name, error.message)
            return False
        except Exception:  # the edge of the thread - the other chores and tomorrow's must not suffer
            log.exception("%s failed", chore.name)
            return False
        if count:
            log.info("%s: %d", chore.name, count)
        return True

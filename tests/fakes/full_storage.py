"""A database that takes no writes for a while, as one whose disk is full, or that is being handed over."""

from __future__ import annotations

import threading

from roost.errors import Unavailable
from roost.storage.database import Database


class FullStorage:
    """`refusals` counts the writes that were turned away."""

    def __init__(self, database: Database) -> None:
        self.refusals = 0
        self._lock = threading.Lock()
        self._full = False
        database.guard(self._admit, lambda: True)

    def fill(self) -> None:
        self._full = True

    def empty(self) -> None:
        self._full = False

    def _admit(self) -> None:
        if self._full:
            with self._lock:
                self.refusals += 1
            raise Unavailable("The disk is full. Free some space.", code="disk_full", retry_after_s=2)

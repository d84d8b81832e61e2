"""Python's garbage collector, kept from stopping everything to walk through what never changes.

A full collection visits every object there is, most of them the libraries' modules and types, while no thread
runs: 0.2 to 0.5 s with both platforms and the index loaded, about once in a hundred and fifty answers. What
has survived a long one is set aside (`gc.freeze`), right then, when no garbage is among it.
Source: https://docs.python.org/3/library/gc.html#gc.freeze
"""

from __future__ import annotations

import gc
import time
from collections.abc import Mapping
from typing import Any

OLDEST = 2
LONG_S = 0.03


class ShortCollections:
    """One for a process. `long_s` is how much processor time a full collection may take before it is the last
    of its size.
    """

    def __init__(self, long_s: float = LONG_S) -> None:
        self._long_s = long_s
        self._began_s = 0.0

    def start(self) -> None:
        gc.callbacks.append(self._noticed)

    def stop(self) -> None:
        """May be called before `start`."""
        if self._noticed in gc.callbacks:
            gc.callbacks.remove(self._noticed)
        gc.unfreeze()

    def thaw(self) -> int:
        """Collects what was set aside and has become garbage since; returns how many objects that were."""
        gc.unfreeze()
        return gc.collect()

    def _noticed(self, phase: str, info: Mapping[str, Any]) -> None:
        """Called by the collector before and after each of its rounds."""
        if info["generation"] != OLDEST:
            return
        if phase == "start":
            self._began_s = time.thread_time()
        elif time.thread_time() - self._began_s >= self._long_s:
            gc.freeze()

"""How often somebody may do something: counted in memory, over a window that slides."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque

from roost.clock import Clock

SUBJECTS_REMEMBERED = 10_000


class RateLimit:
    """`at_most` times in `window_s` seconds for each subject. Thread-safe. Beyond ten thousand subjects the
    one heard of longest ago is forgotten.
    """

    def __init__(self, clock: Clock, at_most: int, window_s: float) -> None:
        self._clock = clock
        self._at_most = at_most
        self._window_s = window_s
        self._lock = threading.Lock()
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def wait_s(self, subject: str) -> float:
        """Counts one time, and gives 0; or counts nothing, and gives the seconds until there is room."""
        now_s = self._clock.monotonic_s()
        with self._lock:
            times = self._times.pop(subject, None) or deque()
            self._times[subject] = times
            while times and times[0] <= now_s - self._window_s:
                times.popleft()
            if len(times) >= self._at_most:
                return times[0] + self._window_s - now_s
            times.append(now_s)
            if len(self._times) > SUBJECTS_REMEMBERED:
                self._times.popitem(last=False)
        return 0.0

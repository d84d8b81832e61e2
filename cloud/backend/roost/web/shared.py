"""What the requests of one process share, beyond the services: counted and bounded."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping

from roost.clock import Clock
from roost.errors import Conflict, LimitReached
from roost.services.sign_in import AttemptLimit

STREAMS_AT_MOST = 300

RequestKey = tuple[str, str, str, str]


class InFlight:
    """The idempotency keys whose first request is still being done. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: set[RequestKey] = set()

    def enter(self, key: RequestKey) -> None:
        """Raises Conflict with a time to wait when the same request is being done at this moment."""
        with self._lock:
            if key in self._keys:
                raise Conflict(
                    "The same request is being done at this moment. Ask again for its answer.",
                    code="in_flight",
                    retry_after_s=1,
                )
            self._keys.add(key)

    def leave(self, key: RequestKey) -> None:
        with self._lock:
            self._keys.discard(key)


class StreamPlaces:
    """How many streams are open, of each person and in all. Thread-safe."""

    def __init__(self, per_person: int, in_all: int = STREAMS_AT_MOST) -> None:
        self._per_person = per_person
        self._in_all = in_all
        self._lock = threading.Lock()
        self._open: Counter[str] = Counter()

    @property
    def open(self) -> int:
        with self._lock:
            return self._open.total()

    def take(self, person_id: str) -> None:
        """Raises LimitReached."""
        with self._lock:
            if self._open[person_id] >= self._per_person:
                raise LimitReached(
                    f"You have {self._per_person} streams open. Close some of Roost's pages.",
                    code="too_many_streams",
                )
            if self._open.total() >= self._in_all:
                raise LimitReached("Too many streams are open. Try again later.", code="too_many_streams")
            self._open[person_id] += 1

    def give_back(self, person_id: str) -> None:
        with self._lock:
            self._open[person_id] -= 1
            if self._open[person_id] <= 0:
                del self._open[person_id]


class Answered:
    """How many requests were answered, by the class of their status. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def count(self, status: int) -> None:
        with self._lock:
            self._counts[f"{status // 100}xx"] += 1

    def counts(self) -> Mapping[str, int]:
        with self._lock:
            return dict(self._counts)


class Shared:
    def __init__(self, clock: Clock, streams_per_person: int) -> None:
        self.in_flight = InFlight()
        self.streams = StreamPlaces(streams_per_person)
        self.sign_in_attempts = AttemptLimit(clock)
        self.answered = Answered()

"""How long an answer may take, and why waiting ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from roost.clock import Clock


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds to connect, to the first sign of an answer, from one sign to the next, and in all; and
    bytes in all.
    """

    connect_s: float = 3.0
    first_s: float = 30.0
    next_s: float = 15.0
    total_s: float = 90.0
    size_bytes: int = 4 * 1024 * 1024
    answer_chars: int = 12_000


class Over(StrEnum):
    STOPPED = "stopped"
    SLOW = "slow"
    STALLED = "stalled"
    TOO_LONG = "too long"
    TOO_MUCH = "too much"


class Patience:
    """One request's deadlines. Bytes that carry no part of an answer (keep-alive comments) do not
    extend them.
    """

    def __init__(self, limits: Limits, clock: Clock, stopped: Callable[[], bool]) -> None:
        self._limits = limits
        self._clock = clock
        self._stopped = stopped
        self._end_s = clock.monotonic_s() + limits.total_s
        self._next_s = clock.monotonic_s() + limits.first_s
        self._begun = False
        self._size_bytes = 0

    def progress(self) -> None:
        """A part of the answer came."""
        self._begun = True
        self._next_s = self._clock.monotonic_s() + self._limits.next_s

    def end_within(self, seconds: float) -> None:
        """The answer is whole: what still comes is not worth more time than this."""
        self._end_s = min(self._end_s, self._clock.monotonic_s() + seconds)

    def received(self, size_bytes: int) -> None:
        self._size_bytes += size_bytes

    def over(self) -> Over | None:
        """Why there is nothing more to wait for; None while there is."""
        now_s = self._clock.monotonic_s()
        if self._stopped():
            return Over.STOPPED
        if self._size_bytes > self._limits.size_bytes:
            return Over.TOO_MUCH
        if now_s >= self._end_s:
            return Over.TOO_LONG
        if now_s >= self._next_s:
            return Over.STALLED if self._begun else Over.SLOW
        return None

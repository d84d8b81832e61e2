"""Time, randomness and ids come in from outside, so that tests are exact."""

from __future__ import annotations

import secrets
import threading
import time
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID


class Clock(Protocol):
    def now(self) -> datetime:
        """The wall clock: aware, UTC."""
        ...

    def monotonic_s(self) -> float:
        """Seconds that never run backwards, for durations and deadlines."""
        ...


_STEADY: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        """Goes on while the machine sleeps, where the system tells: a lease runs out then too."""
        return time.clock_gettime(_STEADY)


class Ids(Protocol):
    def new(self) -> str:
        """A UUIDv7 as text: unique, and greater than every one made before it in this process."""
        ...

    def secret(self, size_bytes: int = 32) -> str:
        """Unguessable, URL-safe text."""
        ...


_TAIL_BITS = 74


class SystemIds:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._last_ms = 0
        self._last_tail = 0

    def new(self) -> str:
        """Within a millisecond, and while the clock has run back, it counts on from the last id (RFC 9562,
        section 6.2, method 2).
        """
        now_ms = int(self._clock.now().timestamp() * 1000)
        with self._lock:
            if now_ms > self._last_ms:
                self._last_ms = now_ms
                # The top bit is left free, so that counting on does not overflow.
                self._last_tail = secrets.randbits(_TAIL_BITS - 1)
            else:
                self._last_tail += 1 + secrets.randbits(32)
            rand_a, rand_b = self._last_tail >> 62, self._last_tail & ((1 << 62) - 1)
            return uuid7(self._last_ms, ((rand_a << 68) | rand_b).to_bytes(10, "big"))

    def secret(self, size_bytes: int = 32) -> str:
        return secrets.token_urlsafe(size_bytes)


def uuid7(unix_ms: int, randomness: bytes) -> str:
    """RFC 9562, section 5.7: 48 bits of milliseconds, version, variant, and 74 of `randomness`'s 80 bits."""
    tail = int.from_bytes(randomness, "big")
    rand_a, rand_b = tail >> 68, tail & ((1 << 62) - 1)
    return str(UUID(int=(unix_ms << 80) | (0x7 << 76) | (rand_a << 64) | (0b10 << 62) | rand_b))


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds and `Z`: sorts as text, and is what the API shows."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_timestamp(text: str) -> datetime:
    """The inverse of `timestamp`. Raises ValueError on anything that is not an aware RFC 3339 time."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} carries no time zone")
    return moment.astimezone(UTC)

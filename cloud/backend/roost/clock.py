"""Time, randomness and ids come in from outside, so that tests are exact."""

from __future__ import annotations

import secrets
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


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        return time.monotonic()


class Ids(Protocol):
    def new(self) -> str:
        """A UUIDv7 as text: unique, and ordered by creation time."""
        ...

    def secret(self, size_bytes: int = 32) -> str:
        """Unguessable, URL-safe text."""
        ...


class SystemIds:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def new(self) -> str:
        return uuid7(int(self._clock.now().timestamp() * 1000), secrets.token_bytes(10))

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

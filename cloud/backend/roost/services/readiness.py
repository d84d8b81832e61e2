"""Whether Roost may be used yet, and why not."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    RESTORING = "restoring"
    STANDBY = "standby"
    HANDOVER = "handover"
    READY = "ready"


@dataclass(frozen=True, slots=True)
class Standing:
    """The state at one moment; `reason` says, for people, what is waited for. `reads`: what only reads is
    answered, although Roost is not ready.
    """

    state: State
    reason: str | None
    reads: bool = False

    @property
    def ready(self) -> bool:
        return self.state is State.READY


class Readiness:
    """Set by the lifecycle, read by everyone. Thread-safe.

    `withhold` is the word of whoever decides about writes; it counts until `allow`, whatever is `set`.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._standing = Standing(State.RESTORING, "Roost is starting.")
        self._withheld: Standing | None = None

    @property
    def standing(self) -> Standing:
        with self._lock:
            return self._withheld or self._standing

    def set(self, state: State, reason: str | None = None, *, reads: bool = False) -> None:
        with self._lock:
            self._standing = Standing(state, reason, reads or state is State.READY)

    def withhold(self, state: State, reason: str) -> None:
        """Reads are answered while they could be before."""
        with self._lock:
            self._withheld = Standing(state, reason, self._standing.reads)

    def allow(self) -> None:
        with self._lock:
            self._withheld = None

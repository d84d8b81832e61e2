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
    """The state at one moment; `reason` says, for people, what is waited for."""

    state: State
    reason: str | None

    @property
    def ready(self) -> bool:
        return self.state is State.READY


class Readiness:
    """Set by the lifecycle, read by everyone. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._standing = Standing(State.RESTORING, "Roost is starting.")

    @property
    def standing(self) -> Standing:
        with self._lock:
            return self._standing

    def set(self, state: State, reason: str | None = None) -> None:
        with self._lock:
            self._standing = Standing(state, reason)

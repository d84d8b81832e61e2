"""The latest lines of every bot's log: in memory only, without secrets."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from roost.clock import Clock
from roost.domain.bots import BotLogLine
from roost.log import redact
from roost.services.live_events import BotLogged

LINES_KEPT = 500
LINE_LIMIT = 2_000
LEVELS = ("debug", "info", "warning", "error")


@dataclass(frozen=True, slots=True)
class LogExcerpt:
    """`dropped` counts the lines behind the asked one that are no longer kept."""

    lines: tuple[BotLogLine, ...]
    dropped: int


class _Ring:
    __slots__ = ("last_id", "lines")

    def __init__(self) -> None:
        self.lines: deque[BotLogLine] = deque(maxlen=LINES_KEPT)
        self.last_id = 0


class BotLogs:
    """Thread-safe. `publish` is told of every new line, and must not block."""

    def __init__(self, clock: Clock, publish: Callable[[BotLogged], None]) -> None:
        self._clock = clock
        self._publish = publish
        self._lock = threading.Lock()
        self._rings: dict[str, _Ring] = {}

    def add(self, bot_id: str, owner_id: str, level: str, text: str) -> None:
        """`level` is one of LEVELS. The text is redacted and cut to 2,000 characters."""
        if level not in LEVELS:
            raise ValueError(f"{level!r} is not one of {', '.join(LEVELS)}")
        shown = redact(text)[:LINE_LIMIT]
        at = self._clock.now()
        with self._lock:
            ring = self._rings.setdefault(bot_id, _Ring())
            ring.last_id += 1
            line = BotLogLine(bot_id, ring.last_id, at, level, shown)
            ring.lines.append(line)
        self._publish(BotLogged(bot_id, owner_id, line.id, at, level, shown))

    def read(self, bot_id: str, *, after: int = 0, level: str = "debug", limit: int = 50) -> LogExcerpt:
        """The latest `limit` lines of that level or above behind the id `after`, oldest first."""
        wanted = LEVELS[LEVELS.index(level) :]
        with self._lock:
            ring = self._rings.get(bot_id)
            kept = tuple(ring.lines) if ring else ()
        lost = max(0, kept[0].id - 1 - after) if kept else 0
        lines = tuple(line for line in kept if line.id > after and line.level in wanted)
        return LogExcerpt(lines[-limit:], lost)

    def forget(self, bot_id: str) -> None:
        with self._lock:
            self._rings.pop(bot_id, None)

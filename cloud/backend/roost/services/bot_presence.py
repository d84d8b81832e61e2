"""What a running bot learns of itself on its platform, for the page: in memory only."""

from __future__ import annotations

import threading
from collections.abc import Callable

from roost.clock import Clock
from roost.services.live_events import BotChanged

TICK_EVERY_S = 1.0


class BotPresence:
    """Thread-safe. `publish` is told when the page has something new to show, and must not block."""

    def __init__(self, clock: Clock, publish: Callable[[BotChanged], None]) -> None:
        self._clock = clock
        self._publish = publish
        self._lock = threading.Lock()
        self._privacy_modes: dict[str, bool] = {}
        self._ticked_at_s: dict[str, float] = {}

    def privacy_mode(self, bot_id: str) -> bool | None:
        """Whether the bot is shown only what is meant for it in groups; None until it is known."""
        with self._lock:
            return self._privacy_modes.get(bot_id)

    def set_privacy_mode(self, bot_id: str, owner_id: str, on: bool) -> bool:
        """Returns whether that is news."""
        with self._lock:
            news = self._privacy_modes.get(bot_id) is not on
            self._privacy_modes[bot_id] = on
        if news:
            self._publish(BotChanged(bot_id, owner_id))
        return news

    def messages_arrived(self, bot_id: str, owner_id: str) -> bool:
        """Tells the page, at most once a second; False when it was told a moment ago."""
        now_s = self._clock.monotonic_s()
        with self._lock:
            due = now_s - self._ticked_at_s.get(bot_id, float("-inf")) >= TICK_EVERY_S
            if due:
                self._ticked_at_s[bot_id] = now_s
        if due:
            self._publish(BotChanged(bot_id, owner_id))
        return due

    def forget(self, bot_id: str) -> None:
        with self._lock:
            self._privacy_modes.pop(bot_id, None)
            self._ticked_at_s.pop(bot_id, None)

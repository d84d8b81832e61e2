"""What platforms bring to PUBLIC_URL by themselves: verified, bounded, stored before it is acknowledged."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping

from roost.clock import Clock
from roost.domain.bots import Platform
from roost.errors import LimitReached, Unauthenticated
from roost.services.ports import Delivery
from roost.services.supervisor import Supervisor

AT_ONCE = 24
"""Below the server's threads, so that a flood of deliveries leaves some to people."""
REFUSED_AT_MOST = 120
REFUSED_WINDOW_S = 60.0
STORED_WITHIN_S: Mapping[Platform, float] = {Platform.TELEGRAM: 8.0, Platform.DISCORD: 2.5}
"""Discord shows its people a failure after three seconds."""


class Webhooks:
    """Thread-safe."""

    def __init__(self, supervisor: Supervisor, clock: Clock) -> None:
        self._supervisor = supervisor
        self._clock = clock
        self._places = threading.BoundedSemaphore(AT_ONCE)
        self._lock = threading.Lock()
        self._refused: deque[float] = deque(maxlen=REFUSED_AT_MOST)

    def take(self, platform: Platform, bot_id: str, delivery: Delivery) -> Mapping[str, object]:
        """What to answer; the update is stored by then.

        Raises Unauthenticated for a delivery that is not the platform's own, and in the same words for a bot
        that is unknown, stopped or fetches its updates; LimitReached, InvalidInput, TooLarge, Unavailable.
        """
        if not self._places.acquire(blocking=False):
            raise LimitReached("Too much is brought at once. Bring it again.", retry_after_s=1)
        try:
            receiver = self._supervisor.receiver(bot_id, platform)
            if receiver is None or not receiver.vouches_for(delivery):
                self._count_refused()
                raise Unauthenticated(
                    f"This is not {platform.value.capitalize()}'s own delivery to a bot of Roost. Let"
                    " Roost set the webhook: switch the bot's transport to polling and back.",
                    code="not_vouched_for",
                )
            return self._supervisor.hand_over(receiver, delivery.body(), STORED_WITHIN_S[platform])
        finally:
            self._places.release()

    def _count_refused(self) -> None:
        """Raises LimitReached for a guesser. What is vouched for never comes here."""
        now = self._clock.monotonic_s()
        with self._lock:
            full = len(self._refused) == REFUSED_AT_MOST and self._refused[0] > now - REFUSED_WINDOW_S
            if not full:
                self._refused.append(now)
        if full:
            raise LimitReached("Too many deliveries were refused. Wait a minute.", retry_after_s=60)

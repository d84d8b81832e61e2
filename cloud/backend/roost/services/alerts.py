"""Alerts: once when something breaks, and once when it is well again, to every channel that is set up.

Whoever reports trouble never waits: each channel has a thread and a bounded queue of its own.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence

from roost.clock import Clock
from roost.domain.alerts import Alert, AlertKind
from roost.domain.backoff import Backoff
from roost.errors import RoostError
from roost.services.ports import AlertChannel

log = logging.getLogger("roost.alerts")

QUEUE_LIMIT = 100
ATTEMPTS_AT_MOST = 6
RETRY = Backoff(first_s=2.0, cap_s=120.0)
STOP_WITHIN_S = 0.5


class Alerts:
    """`start` once, `stop` once. Subjects in trouble are remembered while the process lives."""

    def __init__(
        self,
        channels: Sequence[AlertChannel],
        clock: Clock,
        chance: Callable[[], float],
        retry: Backoff = RETRY,
    ) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._in_trouble: set[str] = set()
        self._queues = [_ChannelQueue(channel, chance, retry) for channel in channels]

    @property
    def wanted(self) -> bool:
        """False when there is nobody to tell."""
        return bool(self._queues)

    def start(self) -> None:
        for queue in self._queues:
            queue.start()

    def stop(self) -> None:
        """What is not delivered by now is not."""
        for queue in self._queues:
            queue.stop()

    def trouble(self, subject: str, text: str) -> None:
        """Told once, until the subject is well again."""
        with self._lock:
            if subject in self._in_trouble:
                return
            self._in_trouble.add(subject)
        self._tell(AlertKind.TROUBLE, subject, text)

    def well(self, subject: str, text: str) -> None:
        """Told when the subject was in trouble."""
        with self._lock:
            if subject not in self._in_trouble:
                return
            self._in_trouble.discard(subject)
        self._tell(AlertKind.WELL_AGAIN, subject, text)

    def forget(self, subject: str) -> None:
        """The subject is gone, or somebody has seen to it: nothing is told."""
        with self._lock:
            self._in_trouble.discard(subject)

    def _tell(self, kind: AlertKind, subject: str, text: str) -> None:
        alert = Alert(kind, subject, text, self._clock.now())
        for queue in self._queues:
            queue.put(alert)


class _ChannelQueue:
    def __init__(self, channel: AlertChannel, chance: Callable[[], float], retry: Backoff) -> None:
        self._channel = channel
        self._chance = chance
        self._retry = retry
        self._changed = threading.Condition()
        self._waiting: deque[Alert] = deque()
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name=f"alerts-{channel.name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(STOP_WITHIN_S)

    def put(self, alert: Alert) -> None:
        with self._changed:
            if len(self._waiting) >= QUEUE_LIMIT:
                lost = self._waiting.popleft()
                log.warning("Too many alerts wait for %s; dropped: %s", self._channel.name, lost.text)
            self._waiting.append(alert)
            self._changed.notify_all()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stopping or self._waiting)
                if self._stopping:
                    return
                alert = self._waiting.popleft()
            try:
                self._deliver(alert)
            except Exception:  # the edge of the thread - the next alert must not suffer
                log.exception("An alert could not be delivered by %s", self._channel.name)

    def _deliver(self, alert: Alert) -> None:
        for attempt in range(1, ATTEMPTS_AT_MOST + 1):
            try:
                self._channel.deliver(alert)
            except RoostError as error:
                if not error.retryable or attempt == ATTEMPTS_AT_MOST:
                    log.warning(
                        "Gave up on an alert by %s: %s The alert: %s",
                        self._channel.name,
                        error.message,
                        alert.text,
                    )
                    return
                wait_s = max(self._retry.delay_s(attempt, self._chance()), error.retry_after_s or 0.0)
                with self._changed:
                    if self._changed.wait_for(lambda: self._stopping, min(wait_s, self._retry.cap_s)):
                        return
            else:
                return

"""Alerts: once when something breaks, and once when it is well again, to every channel that is set up.

Whoever reports trouble never waits: each channel has a thread and a bounded queue of its own. What was told
is stored once every channel has it, so that a restart tells nothing twice and still tells the end; a kill in
between makes a double rather than a silence.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime

from roost.clock import Clock
from roost.domain.alerts import Alert, AlertKind
from roost.domain.backoff import Backoff
from roost.errors import RoostError
from roost.services.ports import AlertChannel
from roost.storage import alerts as store
from roost.storage.database import Database

log = logging.getLogger("roost.alerts")

QUEUE_LIMIT = 100
ATTEMPTS_AT_MOST = 6
RETRY = Backoff(first_s=2.0, cap_s=120.0)
STOP_WITHIN_S = 0.5


class Alerts:
    """`start` once, `stop` once. `configs` is bot_configs.db, open at the start."""

    def __init__(
        self,
        channels: Sequence[AlertChannel],
        configs: Database,
        clock: Clock,
        chance: Callable[[], float],
        retry: Backoff = RETRY,
    ) -> None:
        self._configs = configs
        self._clock = clock
        self._lock = threading.Lock()
        self._storing = threading.Lock()
        self._in_trouble: set[str] = set()
        self._queues = [_ChannelQueue(channel, chance, retry, self._ended) for channel in channels]
        self._left: dict[Alert, int] = {}

    @property
    def wanted(self) -> bool:
        """False when there is nobody to tell."""
        return bool(self._queues)

    @property
    def in_trouble(self) -> frozenset[str]:
        """The subjects whose end is to be told."""
        with self._lock:
            return frozenset(self._in_trouble)

    def start(self) -> None:
        """Takes up what earlier starts have told. Raises Unavailable when storage cannot say."""
        with self._configs.read() as db:
            told = store.told_subjects(db)
        with self._lock:
            self._in_trouble |= told
        for queue in self._queues:
            queue.start()

    def stop(self) -> None:
        """What is not delivered by now is told by the next start, as far as it is still so."""
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
        with self._storing:
            with self._lock:
                if subject not in self._in_trouble:
                    return
                self._in_trouble.discard(subject)
                self._left = {alert: left for alert, left in self._left.items() if alert.subject != subject}
            self._store(subject, None)

    def _tell(self, kind: AlertKind, subject: str, text: str) -> None:
        alert = Alert(kind, subject, text, self._clock.now())
        with self._lock:
            self._left[alert] = len(self._queues)
        for queue in self._queues:
            queue.put(alert)

    def _ended(self, alert: Alert, told: bool) -> None:
        """A channel has done with an alert; what was not told to all is not remembered as told."""
        if not told:
            with self._lock:
                self._left.pop(alert, None)
            return
        with self._storing:
            with self._lock:
                if alert not in self._left:
                    return
                self._left[alert] -= 1
                if self._left[alert]:
                    return
                del self._left[alert]
            self._store(alert.subject, alert.at if alert.kind is AlertKind.TROUBLE else None)

    def _store(self, subject: str, told_at: datetime | None) -> None:
        try:
            if told_at is None:
                self._configs.write(lambda db: store.forget_told(db, subject))
            else:
                self._configs.write(lambda db: store.remember_told(db, subject, told_at))
        except RoostError as error:
            log.warning("What was told is not stored, and may be told again: %s", error.message)


class _ChannelQueue:
    """`ended` is told of each alert that leaves the queue, and whether it was told, or given up after every
    attempt. What a stop cuts off has not ended.
    """

    def __init__(
        self,
        channel: AlertChannel,
        chance: Callable[[], float],
        retry: Backoff,
        ended: Callable[[Alert, bool], None],
    ) -> None:
        self._ended = ended
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
            lost = self._waiting.popleft() if len(self._waiting) >= QUEUE_LIMIT else None
            self._waiting.append(alert)
            self._changed.notify_all()
        if lost is not None:
            log.warning("Too many alerts wait for %s; dropped: %s", self._channel.name, lost.text)
            self._ended(lost, False)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stopping or self._waiting)
                if self._stopping:
                    return
                alert = self._waiting.popleft()
            try:
                if self._deliver(alert):
                    self._ended(alert, True)
            except Exception:  # the edge of the thread - the next alert must not suffer
                log.exception("An alert could not be delivered by %s", self._channel.name)

    def _deliver(self, alert: Alert) -> bool:
        """False when a stop came in between."""
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
                    return True
                wait_s = max(self._retry.delay_s(attempt, self._chance()), error.retry_after_s or 0.0)
                with self._changed:
                    if self._changed.wait_for(lambda: self._stopping, min(wait_s, self._retry.cap_s)):
                        return False
            else:
                break
        return True

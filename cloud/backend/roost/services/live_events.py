"""What changes, told to everyone who watches: bounded, and never a wait for whoever reports the change.

An event of a bot or a source names it only; the watcher reads the present state when it sends. So a second
change of the same thing, before the first was sent, is the same event. A log line is carried whole.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from roost.errors import Unavailable

QUEUE_LIMIT = 500


@dataclass(frozen=True, slots=True)
class BotChanged:
    bot_id: str
    owner_id: str
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class BotLogged:
    """A new line of a bot's log; `id` increases for each bot."""

    bot_id: str
    owner_id: str
    id: int
    at: datetime
    level: str
    text: str


@dataclass(frozen=True, slots=True)
class SourceChanged:
    source_id: str
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class RightsChanged:
    """Somebody's role changed, or their sessions or keys ended: what they watch must be judged afresh."""

    person_id: str


@dataclass(frozen=True, slots=True)
class Missed:
    """Events were dropped because the watcher was slow: what it shows is out of date, whole."""


@dataclass(frozen=True, slots=True)
class Stopping:
    """Roost stops; nothing follows."""


LiveEvent = BotChanged | BotLogged | SourceChanged | RightsChanged
Delivered = LiveEvent | Missed | Stopping


class Subscription:
    """One watcher's queue. Close it when done."""

    def __init__(self, events: LiveEvents, wanted: Callable[[LiveEvent], bool]) -> None:
        self._events = events
        self._wanted = wanted
        self._changed = threading.Condition()
        self._waiting: OrderedDict[object, tuple[int, LiveEvent]] = OrderedDict()
        self._missed = False
        self._stopping = False
        self._last_number = 0

    def next(self, timeout_s: float) -> tuple[int, Delivered] | None:
        """The next event with its number, or None when `timeout_s` passed without one."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._missed or self._stopping, timeout_s)
            if self._stopping:
                return self._last_number, Stopping()
            if self._missed:
                self._missed = False
                return self._last_number, Missed()
            if not self._waiting:
                return None
            _, entry = self._waiting.popitem(last=False)
            return entry

    def close(self) -> None:
        self._events.forget(self)

    def offer(self, number: int, event: LiveEvent) -> None:
        """Called by LiveEvents alone."""
        with self._changed:
            self._last_number = number
            if self._missed or not self._wanted(event):
                return
            subject = _subject(event)
            self._waiting.pop(subject, None)
            self._waiting[subject] = (number, event)
            if len(self._waiting) > QUEUE_LIMIT:
                self._waiting.clear()
                self._missed = True
            self._changed.notify()

    def stop(self) -> None:
        """Called by LiveEvents alone."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()


class LiveEvents:
    """Passes events from whoever reports them to every watcher that wants them. Thread-safe, never blocks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._subscriptions: set[Subscription] = set()
        self._number = 0
        self._rights_version = 0
        self._stopping = False

    @property
    def rights_version(self) -> int:
        """Rises whenever anybody's rights change: cheap to compare, for streams that wait elsewhere."""
        with self._lock:
            return self._rights_version

    @property
    def last_number(self) -> int:
        """The number of the latest event; it increases by one with each, and starts at 0 in every process."""
        with self._lock:
            return self._number

    @property
    def watchers(self) -> int:
        with self._lock:
            return len(self._subscriptions)

    def publish(self, event: LiveEvent) -> None:
        with self._lock:
            self._number += 1
            if isinstance(event, RightsChanged):
                self._rights_version += 1
            for subscription in self._subscriptions:
                subscription.offer(self._number, event)

    def subscribe(self, wanted: Callable[[LiveEvent], bool]) -> Subscription:
        """`wanted` is called under a lock for every event: be quick. Raises Unavailable when stopping."""
        subscription = Subscription(self, wanted)
        with self._lock:
            if self._stopping:
                raise Unavailable("Roost is stopping. Try again in a moment.", retry_after_s=2)
            self._subscriptions.add(subscription)
        return subscription

    def forget(self, subscription: Subscription) -> None:
        with self._lock:
            self._subscriptions.discard(subscription)

    def stop(self) -> None:
        """Wakes every watcher at once, to be told that Roost stops."""
        with self._lock:
            self._stopping = True
            for subscription in self._subscriptions:
                subscription.stop()


def _subject(event: LiveEvent) -> object:
    match event:
        case BotChanged(bot_id=bot_id):
            return ("bot", bot_id)
        case SourceChanged(source_id=source_id):
            return ("source", source_id)
        case BotLogged(bot_id=bot_id, id=line_id):
            return ("log", bot_id, line_id)
        case RightsChanged(person_id=person_id):
            return ("rights", person_id)

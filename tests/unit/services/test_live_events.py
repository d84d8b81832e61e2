"""Live events reach whoever wants them, in bounds, and never hold up whoever reports them."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime

import pytest

from roost.errors import Unavailable
from roost.services.live_events import (
    QUEUE_LIMIT,
    BotChanged,
    BotLogged,
    LiveEvent,
    LiveEvents,
    Missed,
    SourceChanged,
    Stopping,
)

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def everything(_: LiveEvent) -> bool:
    return True


def line(number: int) -> BotLogged:
    return BotLogged("b", "p", number, NOW, "info", f"line {number}")


def test_events_come_in_order_with_rising_numbers() -> None:
    events = LiveEvents()
    watcher = events.subscribe(everything)
    events.publish(BotChanged("a", "p"))
    events.publish(SourceChanged("s"))
    assert watcher.next(0) == (1, BotChanged("a", "p"))
    assert watcher.next(0) == (2, SourceChanged("s"))
    assert watcher.next(0) is None


def test_a_watcher_gets_what_it_wants_only() -> None:
    events = LiveEvents()
    watcher = events.subscribe(lambda event: isinstance(event, BotChanged) and event.owner_id == "p")
    events.publish(BotChanged("other", "q"))
    events.publish(BotChanged("mine", "p"))
    assert watcher.next(0) == (2, BotChanged("mine", "p"))
    assert watcher.next(0) is None


def test_changes_of_one_thing_are_told_once_and_lines_all() -> None:
    events = LiveEvents()
    watcher = events.subscribe(everything)
    for number in range(3):
        events.publish(BotChanged("a", "p"))
        events.publish(line(number))
    told = [watcher.next(0) for _ in range(5)]
    assert [entry[1] for entry in told if entry is not None] == [
        line(0),
        line(1),
        BotChanged("a", "p"),
        line(2),
    ]


def test_a_slow_watcher_is_told_that_it_missed_something() -> None:
    events = LiveEvents()
    slow, quick = events.subscribe(everything), events.subscribe(everything)
    for number in range(3 * QUEUE_LIMIT):
        events.publish(line(number))
        assert quick.next(0) is not None
    first = slow.next(0)
    assert first is not None
    assert first[1] == Missed()
    assert slow.next(0) is None
    events.publish(line(-1))
    assert slow.next(0) == (3 * QUEUE_LIMIT + 1, line(-1))


def test_a_stop_wakes_every_watcher_at_once() -> None:
    events = LiveEvents()
    woken: list[float] = []

    def watch() -> None:
        entry = events.subscribe(everything).next(30)
        assert entry is not None
        assert entry[1] == Stopping()
        woken.append(time.monotonic())

    threads = [threading.Thread(target=watch) for _ in range(20)]
    for thread in threads:
        thread.start()
    while events.watchers < 20:
        time.sleep(0.005)
    stopped_at = time.monotonic()
    events.stop()
    for thread in threads:
        thread.join(5)
    assert len(woken) == 20
    assert max(woken) - stopped_at < 5
    with pytest.raises(Unavailable):
        events.subscribe(everything)


def test_a_closed_watcher_is_forgotten() -> None:
    events = LiveEvents()
    watcher = events.subscribe(everything)
    watcher.close()
    events.publish(line(1))
    assert events.watchers == 0
    assert watcher.next(0) is None

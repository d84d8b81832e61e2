from __future__ import annotations

import threading
import time

from roost.errors import Unavailable
from roost.services.daily_chores import Chore, DailyChores


def test_chores_are_done_at_the_start_and_again_and_again() -> None:
    done = threading.Semaphore(0)

    def chore() -> int:
        done.release()
        return 0

    chores = DailyChores([Chore("counting", chore)], every_s=0.05)
    chores.start()
    assert all(done.acquire(timeout=5) for _ in range(3))
    chores.stop()


def test_a_chore_that_fails_is_tried_again_sooner_and_the_others_are_done() -> None:
    tried, done = threading.Semaphore(0), threading.Semaphore(0)
    failures = [Unavailable("The disk is full."), ZeroDivisionError("a fault of ours")]

    def failing() -> int:
        tried.release()
        if failures:
            raise failures.pop()
        return 5

    def fine() -> int:
        done.release()
        return 0

    chores = DailyChores([Chore("failing", failing), Chore("fine", fine)], every_s=60.0, retry_s=0.05)
    chores.start()
    assert all(tried.acquire(timeout=5) for _ in range(3))
    assert all(done.acquire(timeout=5) for _ in range(3))
    time.sleep(0.2)
    assert not tried.acquire(blocking=False)
    chores.stop()


def test_a_stop_waits_for_no_long_chore_and_may_come_before_the_start() -> None:
    DailyChores([]).stop()
    entered, free = threading.Event(), threading.Event()

    def long() -> int:
        entered.set()
        free.wait(10)
        return 0

    chores = DailyChores([Chore("long", long)])
    chores.start()
    assert entered.wait(5)
    began = time.monotonic()
    chores.stop()
    assert time.monotonic() - began < 2
    free.set()

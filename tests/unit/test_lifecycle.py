"""The order of starting and stopping."""

import threading

import pytest

from roost.clock import SystemClock
from roost.errors import DatabaseUnreadable, Unavailable
from roost.lifecycle import Lifecycle, Plan, Step, once, take_side_by_side


class Diary:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.ready = threading.Event()
        self.reasons: list[str] = []
        self.troubled = threading.Event()
        self.stopping = threading.Event()

    def step(self, name: str, budget_s: float = 2.0) -> Step:
        return Step(name, lambda: self.lines.append(name), budget_s)

    def not_ready(self, reason: str) -> None:
        self.reasons.append(reason)
        self.troubled.set()

    def lifecycle(self, plan: Plan) -> Lifecycle:
        return Lifecycle(lambda: plan, SystemClock(), self.stopping, self.ready.set, self.not_ready)


@pytest.fixture
def diary() -> Diary:
    return Diary()


def test_steps_run_in_order_and_requests_are_answered_between_them(diary: Diary) -> None:
    done = threading.Event()

    def note(name: str) -> None:
        diary.lines.append(f"{name} {diary.ready.is_set()}")

    def crawl() -> None:
        note("crawl")
        done.set()

    plan = Plan(
        before_ready=[diary.step("open"), Step("bots", lambda: note("bots"))],
        after_ready=[Step("crawl", crawl)],
        at_once=[diary.step("stop bots")],
        at_last=[diary.step("close")],
    )
    lifecycle = diary.lifecycle(plan)
    lifecycle.start()
    assert done.wait(5)
    assert diary.lines == ["open", "bots False", "crawl True"]
    lifecycle.begin_stop()
    lifecycle.begin_stop()
    assert diary.stopping.is_set()
    lifecycle.drained()
    assert lifecycle.wait_stopped(5)
    assert diary.lines[3:] == ["stop bots", "close"]


def test_the_last_steps_wait_for_the_last_request(diary: Diary) -> None:
    lifecycle = diary.lifecycle(Plan([], [], [diary.step("stop bots")], [diary.step("close")]))
    lifecycle.start()
    lifecycle.begin_stop()
    assert not lifecycle.wait_stopped(0.3)
    assert diary.lines == ["stop bots"]
    lifecycle.drained()
    assert lifecycle.wait_stopped(5)
    assert diary.lines == ["stop bots", "close"]


def test_a_step_that_hangs_or_fails_does_not_keep_the_others_from_stopping(diary: Diary) -> None:
    def fail() -> None:
        raise Unavailable("no")

    hang = threading.Event()

    def wait() -> None:
        hang.wait(20)

    plan = Plan([], [], [Step("hangs", wait, budget_s=0.1), Step("fails", fail)], [diary.step("close")])
    lifecycle = diary.lifecycle(plan)
    lifecycle.start()
    lifecycle.begin_stop()
    lifecycle.drained()
    assert lifecycle.wait_stopped(5)
    assert diary.lines == ["close"]
    hang.set()


def test_a_start_that_cannot_succeed_says_why_and_stays_not_ready(diary: Diary) -> None:
    def damaged() -> None:
        raise DatabaseUnreadable("conversations.db is damaged")

    lifecycle = diary.lifecycle(Plan([Step("open", damaged), diary.step("never")], [], [], []))
    lifecycle.start()
    assert diary.troubled.wait(5)
    assert diary.reasons == ["conversations.db is damaged"]
    assert not diary.ready.is_set()
    assert diary.lines == []


def test_a_start_that_can_succeed_later_is_tried_again(diary: Diary) -> None:
    failures = [Unavailable("disk full")]

    def flaky() -> None:
        if failures:
            raise failures.pop()

    lifecycle = diary.lifecycle(Plan([Step("open", flaky)], [], [], []))
    lifecycle.start()
    assert diary.ready.wait(10)
    assert diary.reasons == ["disk full"]


def test_what_fails_after_requests_are_answered_takes_nothing_back(diary: Diary) -> None:
    failures = [Unavailable("disk full")]
    crawling = threading.Event()

    def flaky() -> None:
        if failures:
            raise failures.pop()

    def broken() -> None:
        raise DatabaseUnreadable("knowledge.db is damaged")

    lifecycle = diary.lifecycle(
        Plan([], [Step("index", flaky), Step("vectors", broken), Step("crawl", crawling.set)], [], [])
    )
    lifecycle.start()
    assert crawling.wait(10)
    assert diary.ready.is_set()
    assert diary.reasons == []


def test_duties_that_were_given_up_are_not_given_up_again(diary: Diary) -> None:
    duties = [once(diary.step("bots")), once(diary.step("answers"))]
    take_side_by_side(duties, SystemClock())
    take_side_by_side(duties, SystemClock())
    assert sorted(diary.lines) == ["answers", "bots"]


def test_whoever_gives_a_duty_up_second_waits_for_the_first(diary: Diary) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def stop() -> None:
        begun.set()
        go_on.wait(20)
        diary.lines.append("stopped")

    duty = once(Step("bots", stop))
    first = threading.Thread(target=duty.run)
    first.start()
    assert begun.wait(20)
    seen: list[list[str]] = []

    def stop_too() -> None:
        duty.run()
        seen.append(list(diary.lines))

    second = threading.Thread(target=stop_too)
    second.start()
    go_on.set()
    first.join(20)
    second.join(20)
    assert seen == [["stopped"]]

"""The order in which things start and stop, with a budget in seconds for every step of the stop."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from roost.clock import Clock
from roost.errors import RoostError

log = logging.getLogger("roost.lifecycle")

RETRY_FIRST_S = 1.0
RETRY_AT_MOST_S = 15.0
DRAIN_BUDGET_S = 3.0


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to start, or to stop. `budget_s` is how long the others wait for it when stopping.

    `offline` steps are taken too where a command opens the data folder without serving it.
    """

    name: str
    run: Callable[[], None]
    budget_s: float = 2.0
    offline: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """`before_ready` in order, then requests are answered, then `after_ready`.

    Stopping: `at_once` side by side, then, when the last request has ended, `at_last` in order.
    `for_crawling` is what a crawl needs where nothing is served.
    """

    before_ready: Sequence[Step]
    after_ready: Sequence[Step]
    at_once: Sequence[Step]
    at_last: Sequence[Step]
    for_crawling: Sequence[Step] = ()


NOTHING = Plan((), (), (), ())


def once(step: Step) -> Step:
    """The same step, taken the first time only; whoever comes second waits for the first."""
    taking = threading.Lock()
    taken = threading.Event()

    def run() -> None:
        with taking:
            if not taken.is_set():
                taken.set()
                step.run()

    return replace(step, run=run)


def take_side_by_side(steps: Sequence[Step], clock: Clock) -> None:
    """Takes steps of a stop at once, and waits for each no longer than its budget."""
    began_s = clock.monotonic_s()
    for step, thread in [(step, _in_background(step)) for step in steps]:
        thread.join(max(0.0, step.budget_s - (clock.monotonic_s() - began_s)))
        if thread.is_alive():
            log.warning("Stop: %s took longer than %.0f s; going on without it", step.name, step.budget_s)


class Lifecycle:
    """Makes and runs a Plan. `stopping` is set first of all, so that every open stream wakes.

    `make_plan` is called in the starting thread: importing what the plan starts is the larger part of a
    start.

    `ready` is called when requests may be answered; `not_ready` with the reason while a step fails.
    """

    def __init__(
        self,
        make_plan: Callable[[], Plan],
        clock: Clock,
        stopping: threading.Event,
        ready: Callable[[], None],
        not_ready: Callable[[str], None],
    ) -> None:
        self._make_plan = make_plan
        self._plan = NOTHING
        self._clock = clock
        self._stopping = stopping
        self._ready = ready
        self._not_ready = not_ready
        self._drained = threading.Event()
        self._stopped = threading.Event()
        self._stop_begun = threading.Lock()
        self._starter = threading.Thread(target=self._start, name="start", daemon=True)

    def start(self) -> None:
        self._starter.start()

    def begin_stop(self) -> None:
        """Safe in a signal handler: only sets an event and starts a thread, once."""
        if self._stop_begun.acquire(blocking=False):
            self._stopping.set()
            threading.Thread(target=self._stop, name="stop", daemon=True).start()

    def drained(self) -> None:
        self._drained.set()

    def wait_stopped(self, timeout_s: float) -> bool:
        return self._stopped.wait(timeout_s)

    def _start(self) -> None:
        if not self._run_until_done(Step("building", self._build)):
            return
        for step in self._plan.before_ready:
            if not self._run_until_done(step):
                return
        self._ready()
        for step in self._plan.after_ready:
            # Requests are being answered: what is late now must not take that back, nor keep the others from
            # starting.
            self._run_until_done(step, told=_told_by_the_log)

    def _build(self) -> None:
        self._plan = self._make_plan()

    def _run_until_done(self, step: Step, told: Callable[[str], None] | None = None) -> bool:
        """A step that can be retried is, until it succeeds or the process stops; `told` (by default what
        keeps the server not ready) hears why it has not succeeded.
        """
        told = told or self._not_ready
        wait_s = RETRY_FIRST_S
        while not self._stopping.is_set():
            try:
                step.run()
            except RoostError as error:
                log.error("Start: %s failed: %s", step.name, error.message)
                told(error.message)
                if not error.retryable:
                    return False
                self._stopping.wait(wait_s)
                wait_s = min(wait_s * 2, RETRY_AT_MOST_S)
            except Exception:  # the starting thread's edge - it would end without a word
                log.exception("Start: %s failed", step.name)
                told("Roost could not start. The log says why.")
                return False
            else:
                return True
        return False

    def _stop(self) -> None:
        began_s = self._clock.monotonic_s()
        self._starter.join(DRAIN_BUDGET_S)
        take_side_by_side(self._plan.at_once, self._clock)
        self._drained.wait(max(0.0, DRAIN_BUDGET_S - (self._clock.monotonic_s() - began_s)))
        for step in self._plan.at_last:
            thread = _in_background(step)
            thread.join(step.budget_s)
            if thread.is_alive():
                log.error("Stop: %s did not finish in %.0f s", step.name, step.budget_s)
        log.info("Stopped in %.1f s", self._clock.monotonic_s() - began_s)
        self._stopped.set()


def _told_by_the_log(reason: str) -> None:
    """The reason stands in the log already."""


def _in_background(step: Step) -> threading.Thread:
    def run() -> None:
        try:
            step.run()
        except Exception:  # a stopping thread's edge - the other steps must be taken
            log.exception("Stop: %s failed", step.name)

    thread = threading.Thread(target=run, name=f"stop-{step.name}", daemon=True)
    thread.start()
    return thread

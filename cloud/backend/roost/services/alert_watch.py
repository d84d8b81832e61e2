"""Watches bots, sources and whatever else can be asked, and says when one is in trouble and when it is well
again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from roost.clock import Clock
from roost.domain.alerts import BOT, SOURCE
from roost.domain.bots import Desired, Status
from roost.errors import NotFound, RoostError
from roost.services.alerts import Alerts
from roost.services.ingestion import Ingestion, SourceState
from roost.services.live_events import BotChanged, LiveEvents, Missed, SourceChanged, Stopping, Subscription
from roost.services.supervisor import Supervisor
from roost.storage.bots import BotStore

log = logging.getLogger("roost.alerts")

CRAWLS_FAILED = 2
BOTS_A_PAGE = 200
LOOK_UP_S = 1.0
CONDITIONS_EVERY_S = 10.0
LASTING_S = 45.0
"""What is tried again within seconds is no trouble yet."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that announces no changes, and is asked: `trouble` says why it is not well, None when it is;
    `well` what to say once it is so again.
    """

    subject: str
    trouble: Callable[[], str | None]
    well: str


class AlertWatch:
    """One thread that reads the live events; nobody who reports a change waits for it."""

    def __init__(
        self,
        alerts: Alerts,
        events: LiveEvents,
        bots: BotStore,
        supervisor: Supervisor,
        ingestion: Ingestion,
        clock: Clock,
        conditions: Sequence[Condition] = (),
        lasting_s: float = LASTING_S,
    ) -> None:
        """A condition is in trouble once it has been so for `lasting_s`."""
        self._alerts = alerts
        self._events = events
        self._bots = bots
        self._supervisor = supervisor
        self._ingestion = ingestion
        self._clock = clock
        self._conditions = conditions
        self._lasting_s = lasting_s
        self._since_s: dict[str, float] = {}
        self._ask_at_s = 0.0
        self._stopping = threading.Event()

    def start(self) -> None:
        """Does nothing when there is nobody to tell."""
        if self._alerts.wanted:
            self._alerts.start()
            self._ask_at_s = self._clock.monotonic_s()
            watched = self._events.subscribe(lambda event: isinstance(event, BotChanged | SourceChanged))
            threading.Thread(target=self._watch, args=(watched,), name="alert-watch", daemon=True).start()

    def stop(self) -> None:
        self._stopping.set()
        self._alerts.stop()

    def _watch(self, watched: Subscription) -> None:
        self._look(self._look_at_everything)
        while not self._stopping.is_set():
            if self._clock.monotonic_s() >= self._ask_at_s:
                self._ask_at_s = self._clock.monotonic_s() + min(CONDITIONS_EVERY_S, self._lasting_s)
                for condition in self._conditions:
                    self._look(partial(self._ask, condition))
            delivered = watched.next(LOOK_UP_S)
            match delivered[1] if delivered else None:
                case Stopping():
                    return
                case Missed():
                    self._look(self._look_at_everything)
                case BotChanged(bot_id=bot_id):
                    self._look(partial(self._look_at_bot, bot_id))
                case SourceChanged(source_id=source_id):
                    self._look(partial(self._look_at_source, source_id))

    def _look(self, look: Callable[[], None]) -> None:
        try:
            look()
        except RoostError as error:
            log.warning("What to alert of cannot be seen now: %s", error.message)
        except Exception:  # the edge of the thread - the next change must be seen
            log.exception("The alert watch failed")

    def _look_at_everything(self) -> None:
        for subject in self._alerts.in_trouble:
            # Told by an earlier start, and perhaps gone since.
            kind, _, which = subject.partition(":")
            if kind == BOT:
                self._look_at_bot(which)
            elif kind == SOURCE:
                self._look_at_source(which)
        after: str | None = None
        while page := self._bots.page(None, after, BOTS_A_PAGE):
            for bot in page:
                self._look_at_bot(bot.id)
            after = page[-1].id
        for state in self._ingestion.states():
            self._judge_source(state)

    def _look_at_bot(self, bot_id: str) -> None:
        subject = f"{BOT}:{bot_id}"
        bot, observed = self._bots.find(bot_id), self._supervisor.observed(bot_id)
        if bot is None or bot.desired is Desired.STOPPED:
            self._alerts.forget(subject)
        elif observed is not None and observed.status is Status.CRASHED:
            self._alerts.trouble(subject, f"{bot.name} (@{bot.handle}) has crashed: {observed.reason}")
        elif observed is not None and observed.status is Status.RUNNING:
            self._alerts.well(subject, f"{bot.name} (@{bot.handle}) is running again.")

    def _look_at_source(self, source_id: str) -> None:
        try:
            state = self._ingestion.state(source_id)
        except NotFound:
            self._alerts.forget(f"{SOURCE}:{source_id}")
            return
        self._judge_source(state)

    def _judge_source(self, state: SourceState) -> None:
        subject, where = f"{SOURCE}:{state.source.id}", state.source.url or "the manual"
        if state.failures >= CRAWLS_FAILED:
            reason = state.reason or "the log says why."
            self._alerts.trouble(subject, f"Reading {where} has failed twice in a row: {reason}")
        elif state.failures == 0 and state.last_success_at is not None:
            self._alerts.well(subject, f"{where} is read again.")

    def _ask(self, condition: Condition) -> None:
        trouble, now_s = condition.trouble(), self._clock.monotonic_s()
        if trouble is None:
            self._since_s.pop(condition.subject, None)
            self._alerts.well(condition.subject, condition.well)
        elif now_s - self._since_s.setdefault(condition.subject, now_s) >= self._lasting_s:
            self._alerts.trouble(condition.subject, trouble)

"""Runs: answers in the making. A run goes on whoever listens, is stored when it ends, and is resumed after a
crash.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from roost.clock import Clock
from roost.domain.answers import (
    Answer,
    AnswerSettings,
    Citation,
    Finished,
    Question,
    SourcesFound,
    TextAdded,
    TextReplaced,
)
from roost.domain.chat import Message, MessageStatus
from roost.errors import LimitReached, NotFound, RoostError, Unavailable
from roost.services.ports import Answerer, BotAnswers
from roost.services.worker_threads import WorkerThreads
from roost.storage import chat as stored_chat
from roost.storage import runs as stored_runs
from roost.storage.database import Database

_log = logging.getLogger(__name__)

THREADS = 64
WAITING_AT_MOST = 256
ATTEMPTS_AT_MOST = 10
BATCH_S = 0.1
FINISHED_KEPT_S = 60.0
FINISHED_KEPT = 200
RETRY_FIRST_S = 1.0
RETRY_AT_MOST_S = 15.0
NO_ANSWER = "The answer could not be made. Ask again."

# An attempt's events are numbered attempt * 1,000,000 + n, so that an id of an earlier attempt is unknown.
# The
# last three numbers are a finished run's, told from storage.
ATTEMPT_STRIDE = 1_000_000
STORED_SOURCES = 999_997
STORED_DELTA = 999_998
LAST = 999_999


@dataclass(frozen=True, slots=True)
class SourcesEvent:
    """The numbered passages. What was streamed before is void."""

    name: ClassVar[str] = "sources"
    id: int
    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True)
class DeltaEvent:
    name: ClassVar[str] = "delta"
    id: int
    text: str


@dataclass(frozen=True, slots=True)
class DoneEvent:
    name: ClassVar[str] = "done"
    id: int
    message: Message
    stopped: bool


@dataclass(frozen=True, slots=True)
class ErrorEvent:
    name: ClassVar[str] = "error"
    id: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class RestartEvent:
    """Roost is stopping: the run goes on at its next start. Not numbered."""

    name: ClassVar[str] = "restart"
    id: None = None


RunEvent = SourcesEvent | DeltaEvent | DoneEvent | ErrorEvent | RestartEvent
_LAST_EVENTS = (DoneEvent, ErrorEvent, RestartEvent)


class _LiveRun:
    """The events of one run, in memory, and whoever waits for them."""

    def __init__(self, run_id: str, clock: Clock) -> None:
        self.run_id = run_id
        self.changed = threading.Condition()
        self.events: list[SourcesEvent | DeltaEvent | DoneEvent | ErrorEvent] = []
        self.thread_id: str | None = None
        self.stop_wanted = False
        self.interrupted = False
        self.finished_at_s: float | None = None
        self._clock = clock
        self._attempt = 0
        self._count = 0

    def begin(self, attempt: int) -> None:
        """What was told before is void. Numbers go on within an attempt: its listeners are there still."""
        with self.changed:
            if attempt != self._attempt:
                self._attempt, self._count = attempt, 0
            self.events.clear()

    def sources(self, citations: tuple[Citation, ...]) -> None:
        """Whatever came before is void, so late listeners are spared it."""
        with self.changed:
            self.events.clear()
            self.events.append(SourcesEvent(self._next_id(), citations))
            self.changed.notify_all()

    def delta(self, added: str) -> None:
        with self.changed:
            self.events.append(DeltaEvent(self._next_id(), added))
            self.changed.notify_all()

    def done(self, message: Message) -> None:
        self._end(DoneEvent(self._last_id(), message, message.status is MessageStatus.STOPPED))

    def failed(self, code: str, message: str) -> None:
        self._end(ErrorEvent(self._last_id(), code, message))

    def interrupt(self) -> None:
        with self.changed:
            self.interrupted = True
            self.changed.notify_all()

    def knows(self, event_id: int) -> bool:
        """Whether a listener that has seen this event can go on from it."""
        own = self._attempt * ATTEMPT_STRIDE
        return own < event_id <= own + self._count or (
            self.finished_at_s is not None and event_id == self._last_id()
        )

    def _end(self, event: DoneEvent | ErrorEvent) -> None:
        with self.changed:
            self.events.append(event)
            self.finished_at_s = self._clock.monotonic_s()
            self.changed.notify_all()

    def _next_id(self) -> int:
        self._count += 1
        return self._attempt * ATTEMPT_STRIDE + self._count

    def _last_id(self) -> int:
        return self._attempt * ATTEMPT_STRIDE + LAST


class RunSubscription:
    """One listener's view of a run. `ended` turns true with the last event; the connection may then be
    closed.
    """

    def __init__(self, live: _LiveRun, after: int | None, clock: Clock) -> None:
        self._live = live
        self._clock = clock
        with live.changed:
            self._seen = after if after is not None and live.knows(after) else 0
        self._delta_at_s = float("-inf")
        self.ended = False

    def next(self, timeout_s: float) -> RunEvent | None:
        """The next event; None when none came within `timeout_s`, or the run has ended.

        Text is given at once when it is the first for 100 ms, else gathered until they are over.
        """
        deadline_s = self._clock.monotonic_s() + timeout_s
        with self._live.changed:
            while not self.ended:
                now_s = self._clock.monotonic_s()
                events = self._unseen()
                wait_s = deadline_s - now_s
                if events:
                    hold_s = self._delta_at_s + BATCH_S - now_s
                    if hold_s <= 0 or any(not isinstance(event, DeltaEvent) for event in events):
                        return self._take(events, now_s)
                    wait_s = min(wait_s, hold_s)
                elif self._live.finished_at_s is not None:
                    self.ended = True
                    return None
                elif self._live.interrupted:
                    self.ended = True
                    return RestartEvent()
                if deadline_s <= now_s:
                    return None
                self._live.changed.wait(wait_s)
        return None

    def _unseen(self) -> Sequence[SourcesEvent | DeltaEvent | DoneEvent | ErrorEvent]:
        events = self._live.events
        start = len(events)
        while start > 0 and events[start - 1].id > self._seen:
            start -= 1
        return events[start:]

    def _take(
        self, events: Sequence[SourcesEvent | DeltaEvent | DoneEvent | ErrorEvent], now_s: float
    ) -> RunEvent:
        first = events[0]
        if not isinstance(first, DeltaEvent):
            self._seen = first.id
            self.ended = isinstance(first, _LAST_EVENTS)
            return first
        gathered: list[str] = []
        for event in events:
            if not isinstance(event, DeltaEvent):
                break
            gathered.append(event.text)
            self._seen = event.id
        self._delta_at_s = now_s
        return DeltaEvent(self._seen, "".join(gathered))


class Runs:
    """Makes answers on a bounded number of threads.

    At most `threads` answers are made at once and `waiting` more wait; beyond them `reserve` refuses.
    """

    def __init__(
        self,
        database: Database,
        answerer: Answerer,
        bots: BotAnswers,
        clock: Clock,
        *,
        threads: int = THREADS,
        waiting: int = WAITING_AT_MOST,
        retry_first_s: float = RETRY_FIRST_S,
    ) -> None:
        self._database = database
        self._answerer = answerer
        self._bots = bots
        self._clock = clock
        self._retry_first_s = retry_first_s
        self._places = threading.BoundedSemaphore(threads + waiting)
        self._threads = WorkerThreads(threads, "answer")
        self._gate = threading.Lock()
        self._live: dict[str, _LiveRun] = {}
        self._stopping = threading.Event()

    def reserve(self, run_id: str) -> None:
        """Takes a place for a run before its question is stored: a question that is accepted is answered.

        Follow with `start`, or `release` when the question was not stored. Raises LimitReached, Unavailable.
        """
        if self._stopping.is_set():
            raise _restarting()
        if not self._places.acquire(blocking=False):
            raise LimitReached(
                "Too many questions are being answered. Try again in a moment.", retry_after_s=5
            )
        with self._gate:
            self._drop_old()
            self._live[run_id] = _LiveRun(run_id, self._clock)

    def release(self, run_id: str) -> None:
        with self._gate:
            self._live.pop(run_id, None)
        self._places.release()

    def start(self, run_id: str, attempt: int = 1) -> None:
        """Begins a reserved run whose question is stored. While stopping it stays stored, for the next
        start.
        """
        self._threads.submit(lambda: self._work(run_id, attempt))

    def resume_unfinished(self) -> int:
        """At start: begins every unfinished run again, the oldest question first. Gives their number."""
        unfinished = self._database.write(stored_runs.begin_again)
        threading.Thread(target=self._resume, args=(unfinished,), name="resume-runs", daemon=True).start()
        return len(unfinished)

    def subscribe(self, owner_id: str, run_id: str, after: int | None) -> RunSubscription:
        """Listens to a run, from behind the event `after` when that is known, else from its start.

        Raises NotFound for an unknown run, or somebody else's.
        """
        with self._database.read() as db:
            run = stored_runs.find_run(db, owner_id, run_id)
            message = stored_chat.find_message(db, run.answer_id) if run else None
        if run is None or message is None:
            raise NotFound("There is no such run.", field="run_id")
        with self._gate:
            live = self._live.get(run_id)
            if live is None and run.status is MessageStatus.PENDING:
                live = self._live[run_id] = _LiveRun(run_id, self._clock)
                if self._stopping.is_set():
                    live.interrupt()
        if live is None:
            live = _stored_run(run_id, run.attempt, message, run.error, self._clock)
        return RunSubscription(live, after, self._clock)

    def stop_run(self, owner_id: str, run_id: str) -> None:
        """Ends the answer early, with the text so far. A finished run stays as it is. Raises NotFound."""
        with self._database.read() as db:
            run = stored_runs.find_run(db, owner_id, run_id)
        if run is None:
            raise NotFound("There is no such run.", field="run_id")
        if run.status is MessageStatus.PENDING:
            self._live_run(run_id).stop_wanted = True

    def stop_thread(self, thread_id: str) -> None:
        """Ends what is being answered in a thread that was deleted."""
        with self._gate:
            for live in self._live.values():
                if live.thread_id == thread_id:
                    live.stop_wanted = True

    def announce_stop(self) -> None:
        """Tells every listener at once that Roost restarts, and ends the answers in the making; they stay
        pending.
        """
        self._stopping.set()
        with self._gate:
            lives = list(self._live.values())
        for live in lives:
            if live.finished_at_s is None:
                live.interrupt()

    def stop(self, timeout_s: float = 2.0) -> bool:
        """Announces the stop and waits until no answer is being made any more; False when time ran out first.

        Whatever is not stored by then is answered at the next start.
        """
        self.announce_stop()
        return self._threads.wait_idle(timeout_s)

    def _resume(self, unfinished: Sequence[tuple[str, int]]) -> None:
        for run_id, attempt in unfinished:
            while not self._places.acquire(timeout=0.5):
                if self._stopping.is_set():
                    return
            if self._stopping.is_set():
                self._places.release()
                return
            self._live_run(run_id)
            self.start(run_id, attempt)

    def _work(self, run_id: str, attempt: int) -> None:
        live = self._live_run(run_id)
        pause_s = self._retry_first_s
        try:
            while not self._stopping.is_set():
                live.begin(attempt)
                try:
                    self._answer(live, attempt)
                except Unavailable as error:
                    # A full disk, most likely: an accepted question is answered once there is room again.
                    _log.warning("An answer waits: %s", error.message, extra={"run_id": run_id})
                    self._stopping.wait(pause_s)
                    pause_s = min(pause_s * 2, RETRY_AT_MOST_S)
                else:
                    return
        except Exception as error:  # noqa: BLE001 - the thread's edge - the person must hear of it
            _log.exception("An answer could not be made", extra={"run_id": run_id, "attempt": attempt})
            self._fail(live, error)
        finally:
            self._places.release()

    def _answer(self, live: _LiveRun, attempt: int) -> None:
        with self._database.read() as db:
            given = stored_runs.run_input(db, live.run_id)
            context = stored_chat.turns_before(db, given.run.thread_id, given.question_seq) if given else ()
        if given is None:
            live.failed("not_found", "The conversation was deleted.")
            return
        live.thread_id = given.run.thread_id
        if attempt > ATTEMPTS_AT_MOST:
            raise LimitReached(
                "Roost was cut off each time it worked on this question. Ask it in other words."
            )
        question = Question(
            text=given.question,
            person=f"web:{given.owner_id}",
            platform="web",
            settings=self._settings(given.bot_id, given.owner_id),
            context=context,
        )
        answer = self._stream(live, question)
        if answer is None or (answer.stopped and not live.stop_wanted):
            return
        status = MessageStatus.STOPPED if answer.stopped else MessageStatus.DONE
        message = self._store(given, answer, status)
        if message is None:
            live.failed("not_found", "The conversation was deleted.")
        else:
            live.done(message)

    def _stream(self, live: _LiveRun, question: Question) -> Answer | None:
        """None when Roost stops before the answer is there."""
        sources: tuple[Citation, ...] = ()
        replaces = False
        for event in self._answerer.answer(question, lambda: live.stop_wanted or self._stopping.is_set()):
            match event:
                case SourcesFound(citations):
                    sources, replaces = citations, True
                    live.sources(citations)
                case TextAdded(added):
                    replaces = False
                    live.delta(added)
                case TextReplaced(replacement):
                    if not replaces:
                        live.sources(sources)
                    replaces = False
                    live.delta(replacement)
                case Finished(answer):
                    return answer
        return None

    def _settings(self, bot_id: str | None, owner_id: str) -> AnswerSettings:
        if bot_id is None:
            return AnswerSettings()
        try:
            return self._bots.answer_settings(bot_id, owner_id)
        except NotFound:
            # The bot was deleted or is somebody else's since; the question still deserves its answer.
            return AnswerSettings()

    def _store(self, given: stored_runs.RunInput, answer: Answer, status: MessageStatus) -> Message | None:
        """The stored message; None when its thread is gone. A full disk or a busy writer is waited for until
        Roost stops, for a written answer is not to be paid twice. Raises Unavailable then.
        """
        pause_s = self._retry_first_s
        while True:
            try:
                return self._store_once(given, answer, status)
            except Unavailable as error:
                _log.warning("An answer is not stored yet: %s", error.message, extra={"run_id": given.run.id})
                if self._stopping.wait(pause_s):
                    raise
                pause_s = min(pause_s * 2, RETRY_AT_MOST_S)

    def _store_once(
        self, given: stored_runs.RunInput, answer: Answer, status: MessageStatus
    ) -> Message | None:
        at = self._clock.now()
        return self._database.write(lambda db: stored_runs.store_answer(db, given, answer, status, at))

    def _fail(self, live: _LiveRun, error: Exception) -> None:
        if self._stopping.is_set():
            live.interrupt()
            return
        code = error.code if isinstance(error, RoostError) else "internal"
        sentence = error.message if isinstance(error, RoostError) else NO_ANSWER
        try:
            # What could not be stored stays pending, and is answered at the next start.
            at = self._clock.now()
            self._database.write(lambda db: stored_runs.store_failure(db, live.run_id, code, sentence, at))
        except RoostError as unstored:
            _log.warning("A failed run stays pending", extra={"run_id": live.run_id, "code": unstored.code})
        live.failed(code, sentence)

    def _live_run(self, run_id: str) -> _LiveRun:
        with self._gate:
            live = self._live.get(run_id)
            if live is None:
                live = self._live[run_id] = _LiveRun(run_id, self._clock)
            return live

    def _drop_old(self) -> None:
        """Forgets finished runs after a minute, or the oldest of them when there are many."""
        now_s = self._clock.monotonic_s()
        finished = [live for live in self._live.values() if live.finished_at_s is not None]
        for place, live in enumerate(finished):
            age_s = now_s - (live.finished_at_s or now_s)
            if age_s > FINISHED_KEPT_S or place < len(finished) - FINISHED_KEPT:
                del self._live[live.run_id]


def _stored_run(run_id: str, attempt: int, message: Message, error: str | None, clock: Clock) -> _LiveRun:
    """A finished run told from storage: its sources, its text at once, its end."""
    live = _LiveRun(run_id, clock)
    live.begin(attempt)
    first = attempt * ATTEMPT_STRIDE
    live.events.append(SourcesEvent(first + STORED_SOURCES, message.citations))
    if message.text:
        live.events.append(DeltaEvent(first + STORED_DELTA, message.text))
    if message.status is MessageStatus.FAILED:
        live.failed(error or "internal", message.notice or NO_ANSWER)
    else:
        live.done(message)
    return live


def _restarting() -> Unavailable:
    return Unavailable("Roost is restarting. Try again in a moment.", retry_after_s=3)

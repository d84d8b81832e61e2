"""Answers for the visitors of a site that shows a widget: bounded, streamed, and kept for its operator."""

from __future__ import annotations

import hashlib
import hmac
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Literal

from roost.clock import Clock, Ids
from roost.domain.answers import (
    Answer,
    AnswerEvent,
    AnswerSettings,
    Citation,
    Finished,
    Question,
    SourcesFound,
    TextAdded,
    TextReplaced,
    Turn,
)
from roost.domain.chat import REASON_LIMIT, Message, MessageStatus, check_id, check_text
from roost.domain.widgets import QUESTION_LIMIT, Widget
from roost.errors import LimitReached, NotFound, Unavailable
from roost.services.ports import Answerer, BotAnswers
from roost.services.rate_limit import RateLimit
from roost.storage import visits
from roost.storage.database import Database
from roost.storage.visits import Visit, VisitorExchange

AT_ONCE = 48
PER_ADDRESS_A_MINUTE = 10
PER_ADDRESS_AN_HOUR = 100
PER_WIDGET_A_MINUTE = 120
THUMBS_PER_ADDRESS_A_MINUTE = 30
_MARKER = re.compile(r"\[(\d{1,4})\]")


@dataclass(frozen=True, slots=True)
class Asking:
    """A visitor's question. The page made both ids, each a UUIDv7; `address` is the visitor's."""

    conversation_id: str
    question_id: str
    question: str
    address: str


@dataclass(frozen=True, slots=True)
class Answered:
    """The last of an answer's events; the answer is stored under `answer_id`."""

    answer_id: str
    answer: Answer


VisitorEvent = SourcesFound | TextAdded | TextReplaced | Answered


class WidgetAnswers:
    """`conversations` is conversations.db. Thread-safe."""

    def __init__(
        self, conversations: Database, answerer: Answerer, bots: BotAnswers, clock: Clock, ids: Ids
    ) -> None:
        self._database = conversations
        self._answerer = answerer
        self._bots = bots
        self._clock = clock
        self._ids = ids
        self._places = threading.BoundedSemaphore(AT_ONCE)
        self._stopping = threading.Event()
        self._by_minute = RateLimit(clock, PER_ADDRESS_A_MINUTE, 60)
        self._by_hour = RateLimit(clock, PER_ADDRESS_AN_HOUR, 3600)
        self._by_widget = RateLimit(clock, PER_WIDGET_A_MINUTE, 60)
        self._thumbs = RateLimit(clock, THUMBS_PER_ADDRESS_A_MINUTE, 60)
        # So that no address is stored: counters name visitors by a digest that another process cannot make.
        self._salt = ids.secret().encode()

    def ask(self, widget: Widget, asking: Asking) -> VisitorAnswer:
        """Counts the question; the answer is made as its events are read, and stored at their end. The same
        question under the same id gives the answer it got.

        Raises InvalidInput, Conflict (`id_taken`), NotFound (`widget_off`) when the widget's bot cannot be
        used, LimitReached, Unavailable.
        """
        question = check_text(asking.question, field="question", limit=QUESTION_LIMIT)
        visit = self._visit(widget, asking.conversation_id)
        question_id = check_id(asking.question_id, field="id")
        if self._stopping.is_set():
            raise _restarting()
        with self._database.read() as db:
            earlier = visits.answered_before(db, visit, question_id, question)
            context = visits.turns(db, visit)
        if earlier is not None:
            told = _told_again(earlier)
            return VisitorAnswer(
                lambda _: iter(told), earlier.id, _nothing, _nothing, lambda: None, self._stopping
            )
        self._count(widget, asking.address)
        settings = self._settings(widget)
        if not self._places.acquire(blocking=False):
            raise LimitReached("Many people are asking. Try again in a moment.", retry_after_s=5)
        whole = self._question(question, asking, settings, context)
        asked_at = self._clock.now()

        answer_id = self._ids.new()

        def store(answer: Answer, question_id: str = question_id) -> None:
            exchange = VisitorExchange(visit, question_id, answer_id, question, answer, asked_at)
            self._database.write(lambda db: visits.record(db, exchange))

        return VisitorAnswer(
            lambda stopped: self._answerer.answer(whole, stopped),
            answer_id,
            store,
            # Under an id of ours: the page's own is still to be answered when it asks again.
            lambda part: store(part, self._ids.new()),
            self._places.release,
            self._stopping,
        )

    def judge(
        self,
        widget: Widget,
        address: str,
        conversation_id: str,
        answer_id: str,
        thumb: Literal["up", "down"],
        reason: str | None,
    ) -> None:
        """Raises NotFound for what is no answer of this conversation, InvalidInput, LimitReached."""
        if reason is not None:
            check_text(reason, field="reason", limit=REASON_LIMIT)
        visit = self._visit(widget, conversation_id)
        _refuse_after(self._thumbs.wait_s(address))
        at = self._clock.now()
        self._database.write(lambda db: visits.judge(db, visit, answer_id, thumb, reason, at))

    def stop(self) -> None:
        """Ends the answers in the making; what was written of them is stored."""
        self._stopping.set()

    def _visit(self, widget: Widget, conversation_id: str) -> Visit:
        return Visit(widget.id, widget.bot_id, check_id(conversation_id, field="conversation_id"))

    def _count(self, widget: Widget, address: str) -> None:
        # The visitor's own limits first: one who is refused does not use up the site's.
        for limit, subject in (
            (self._by_minute, f"{widget.id} {address}"),
            (self._by_hour, f"{widget.id} {address}"),
            (self._by_widget, widget.id),
        ):
            _refuse_after(limit.wait_s(subject))

    def _settings(self, widget: Widget) -> AnswerSettings:
        if widget.bot_id is None:
            return AnswerSettings()
        try:
            return self._bots.answer_settings(widget.bot_id, widget.owner_id)
        except NotFound as error:
            # Never the installation's own settings instead: a bot's sources may be narrower.
            raise NotFound("This chat is switched off.", code="widget_off") from error

    def _question(
        self, text: str, asking: Asking, settings: AnswerSettings, context: tuple[Turn, ...]
    ) -> Question:
        digest = hmac.new(self._salt, asking.address.encode(), hashlib.sha256).hexdigest()[:24]
        return Question(
            text=text, person=f"widget:{digest}", platform="widget", settings=settings, context=context
        )


class VisitorAnswer:
    """One answer on its way to a visitor. `close` it in any case: it takes a place until then.

    `begin` makes the answer until it is told to stop; `store` keeps it whole, `store_part` what there was.
    """

    def __init__(
        self,
        begin: Callable[[Callable[[], bool]], Iterator[AnswerEvent]],
        answer_id: str,
        store: Callable[[Answer], None],
        store_part: Callable[[Answer], None],
        release: Callable[[], None],
        stopping: threading.Event,
    ) -> None:
        self._begin = begin
        self._answer_id = answer_id
        self._store = store
        self._store_part = store_part
        self._release = release
        self._stopping = stopping
        self._text = ""
        self._citations: tuple[Citation, ...] = ()
        self._stored = False
        self._closed = False

    def events(self, silence_s: float) -> Iterator[VisitorEvent | None]:
        """To be read once; None each time that nothing came for `silence_s`. Raises what retrieval and
        storage raise, and Unavailable when Roost stops.
        """
        made: SimpleQueue[AnswerEvent | Exception] = SimpleQueue()
        # In a thread of its own, so that whoever reads can tell the visitor that an answer is on its way, and
        # notices when there is no visitor any more.
        threading.Thread(target=self._make, args=(made,), name="visitor-answer", daemon=True).start()
        while True:
            try:
                event = made.get(timeout=silence_s)
            except Empty:
                yield None
                continue
            match event:
                case Exception():
                    raise event
                case Finished(answer):
                    self._stored = True
                    if answer.stopped and self._stopping.is_set():
                        raise _restarting()
                    self._store(answer)
                    yield Answered(self._answer_id, answer)
                    return
                case SourcesFound(citations):
                    self._citations = citations
                case TextAdded(added):
                    self._text += added
                case TextReplaced(text):
                    self._text = text
            yield event

    def _make(self, made: SimpleQueue[AnswerEvent | Exception]) -> None:
        try:
            for event in self._begin(lambda: self._closed or self._stopping.is_set()):
                made.put(event)
        except Exception as error:  # noqa: BLE001 - the thread's edge - whoever reads raises it
            made.put(error)

    def close(self) -> None:
        """May be called twice. What was written until the visitor left is stored."""
        if self._closed:
            return
        self._closed = True
        self._release()
        if self._text and not self._stored:
            self._store_part(self._so_far())

    def _so_far(self) -> Answer:
        named = {int(number) for number in _MARKER.findall(self._text)}
        return Answer(
            self._text,
            tuple(each for each in self._citations if each.n in named),
            (),
            refused=False,
            model=None,
            notice=None,
            tokens_used=0,
            stopped=True,
        )


def _nothing(_answer: Answer) -> None:
    """An answer that is stored already."""


def _told_again(message: Message) -> list[AnswerEvent]:
    answer = Answer(
        message.text,
        message.citations,
        message.nearest,
        refused=message.refused,
        model=message.model,
        notice=message.notice,
        tokens_used=0,
        stopped=message.status is MessageStatus.STOPPED,
    )
    return [SourcesFound(message.citations), TextAdded(message.text), Finished(answer)]


def _restarting() -> Unavailable:
    return Unavailable("This chat restarts. Ask again in a moment.", retry_after_s=3)


def _refuse_after(wait_s: float) -> None:
    if wait_s > 0:
        raise LimitReached("You ask faster than we can answer. Wait a little.", retry_after_s=wait_s)

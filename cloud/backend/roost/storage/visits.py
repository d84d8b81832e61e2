"""What visitors ask a widget: conversations of nobody who signed in, known to the page by their id."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from roost.clock import timestamp
from roost.domain.answers import Answer, Turn
from roost.domain.chat import CONTEXT_MESSAGES, Message, MessageStatus, title_of
from roost.errors import Conflict, NotFound
from roost.storage import chat
from roost.storage.statements import text

_LAST = 2**62


@dataclass(frozen=True, slots=True)
class Visit:
    """A conversation's place: the page made the id, and it belongs to the widget that it was begun at."""

    widget_id: str
    bot_id: str | None
    conversation_id: str


@dataclass(frozen=True, slots=True)
class VisitorExchange:
    """A question and its answer; `question_id` is the page's, so that nothing is stored twice."""

    visit: Visit
    question_id: str
    answer_id: str
    question: str
    answer: Answer
    asked_at: datetime


def turns(db: Connection, visit: Visit) -> tuple[Turn, ...]:
    """The context of the next question, oldest first. Raises Conflict for an id of another conversation."""
    _is_known(db, visit)
    return chat.turns_before(db, visit.conversation_id, _LAST, CONTEXT_MESSAGES)


def answered_before(db: Connection, visit: Visit, question_id: str, question: str) -> Message | None:
    """The answer this very question got already. Raises Conflict when its id is another message's."""
    asked = chat.find_message(db, question_id)
    if asked is None:
        return None
    if asked.thread_id != visit.conversation_id or asked.text != question or not _is_known(db, visit):
        raise Conflict(
            "This id is taken by another message. Send a fresh UUIDv7.", code="id_taken", field="id"
        )
    following = chat.list_messages(db, asked.thread_id, after_seq=asked.seq, limit=1)
    return following[0] if following else None


def record(db: Connection, exchange: VisitorExchange) -> None:
    """Stores both, in a conversation that is made when there is none. A repetition stores nothing."""
    visit = exchange.visit
    if chat.find_message(db, exchange.question_id) is not None:
        return
    if not _is_known(db, visit):
        db.execute(
            text(
                "INSERT INTO threads (id, bot_id, widget_id, platform, chat_key, person, title, created_at,"
                " updated_at) VALUES (:id, :bot_id, :widget_id, 'web', :chat_key, :person, :title, :at, :at)"
            ),
            {
                "id": visit.conversation_id,
                "bot_id": visit.bot_id,
                "widget_id": visit.widget_id,
                "chat_key": f"widget:{visit.conversation_id}",
                "person": f"widget:{visit.conversation_id}",
                "title": title_of(exchange.question),
                "at": timestamp(exchange.asked_at),
            },
        )
    chat.add_user_message(
        db, exchange.question_id, visit.conversation_id, exchange.question, exchange.asked_at
    )
    chat.add_pending_answer(db, exchange.answer_id, visit.conversation_id, None, exchange.asked_at)
    status = MessageStatus.STOPPED if exchange.answer.stopped else MessageStatus.DONE
    chat.finish_answer(db, exchange.answer_id, exchange.answer, status)
    chat.touch_thread(db, visit.conversation_id, exchange.asked_at)


def judge(db: Connection, visit: Visit, answer_id: str, thumb: str, reason: str | None, at: datetime) -> None:
    """The last word counts. Raises NotFound for what is no answer of this conversation."""
    message = chat.find_message(db, answer_id)
    if (
        not _is_known(db, visit)
        or message is None
        or message.thread_id != visit.conversation_id
        or message.role != "assistant"
    ):
        raise NotFound("There is no such answer any more.", field="answer_id")
    chat.set_feedback(db, answer_id, thumb, reason, at)


def _is_known(db: Connection, visit: Visit) -> bool:
    row = db.execute(
        text("SELECT widget_id FROM threads WHERE id = :id"), {"id": visit.conversation_id}
    ).one_or_none()
    if row is None:
        return False
    if row.widget_id != visit.widget_id:
        raise Conflict(
            "This id is taken by another conversation. Begin a new one.",
            code="id_taken",
            field="conversation_id",
        )
    return True

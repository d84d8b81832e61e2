"""What was asked and what became of it, one narrow row a question: written with the answer, counted later."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection

from roost.domain.answers import Answer, Citation
from roost.domain.topics import is_small_talk, topic_of
from roost.storage.statements import text

TITLE_KEPT = 300


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """A question that has been answered. `asker` tells people apart; `answered_at` is a timestamp's text."""

    question_id: str
    text: str
    answered_at: str
    platform: str
    asker: str
    bot_id: str | None = None
    widget_id: str | None = None
    owner_id: str | None = None


def record_question(db: Connection, answer_id: str, answer: Answer) -> None:
    """Notes the question before the answer `answer_id`, which was just stored, and the answer's pages."""
    asked = db.execute(
        text(
            "SELECT q.id, q.text, a.created_at, t.platform, t.bot_id, t.widget_id, t.owner_id,"
            " coalesce(t.owner_id, t.person, t.id) AS asker"
            " FROM messages a JOIN messages q ON q.thread_id = a.thread_id AND q.seq = a.seq - 1"
            " JOIN threads t ON t.id = a.thread_id WHERE a.id = :id AND q.role = 'user'"
        ),
        {"id": answer_id},
    ).one_or_none()
    if asked is not None:
        note_question(
            db,
            answer_id,
            AskedQuestion(
                question_id=asked.id,
                text=asked.text,
                answered_at=asked.created_at,
                platform=asked.platform,
                asker=asked.asker,
                bot_id=asked.bot_id,
                widget_id=asked.widget_id,
                owner_id=asked.owner_id,
            ),
            answer,
        )


def note_question(db: Connection, answer_id: str, asked: AskedQuestion, answer: Answer) -> None:
    """Like `record_question`, for who knows already what was asked.

    A greeting is noted as one: whether it was answered says nothing about the documents.
    """
    db.execute(
        text(
            "INSERT OR IGNORE INTO questions (answer_id, question_id, topic, outcome, platform, bot_id,"
            " widget_id, owner_id, asker, asked_at) VALUES (:answer_id, :question_id, :topic, :outcome,"
            " :platform, :bot_id, :widget_id, :owner_id, :asker, :asked_at)"
        ),
        {
            "answer_id": answer_id,
            "question_id": asked.question_id,
            "topic": topic_of(asked.text),
            "outcome": _outcome(asked.text, answer),
            "platform": "widget" if asked.widget_id else asked.platform,
            "bot_id": asked.bot_id,
            "widget_id": asked.widget_id,
            "owner_id": asked.owner_id,
            "asker": asked.asker,
            "asked_at": asked.answered_at,
        },
    )
    _add_pages(db, answer_id, answer.citations, 1, asked.answered_at)
    _add_pages(db, answer_id, answer.nearest, 0, asked.answered_at)


def _outcome(question: str, answer: Answer) -> str:
    if is_small_talk(question):
        return "none"
    if answer.shows_gap:
        return "unanswered"
    return "none" if answer.refused else "answered"


def _add_pages(
    db: Connection, answer_id: str, citations: Iterable[Citation], cited: int, asked_at: str
) -> None:
    """Each page once, however many of its headings are cited."""
    pages = [
        {
            "answer_id": answer_id,
            "page": citation.url.partition("#")[0],
            "title": citation.title.partition(" > ")[0][:TITLE_KEPT],
            "cited": cited,
            "asked_at": asked_at,
        }
        for citation in citations
    ]
    if pages:
        db.execute(
            text(
                "INSERT OR IGNORE INTO question_pages (answer_id, page, title, cited, asked_at)"
                " VALUES (:answer_id, :page, :title, :cited, :asked_at)"
            ),
            pages,
        )

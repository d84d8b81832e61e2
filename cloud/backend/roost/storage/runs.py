"""Runs in SQL: answers in the making, and what a restart must finish."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from roost.clock import timestamp
from roost.domain.answers import Answer
from roost.domain.chat import NEW_TITLE, Message, MessageStatus, Run, Thread, title_of
from roost.errors import Conflict
from roost.storage import chat
from roost.storage.statements import text

_SELECT_RUNS = (
    "SELECT r.id, r.thread_id, r.question_id, r.answer_id, r.status, r.attempt, r.error,"
    " t.owner_id, t.bot_id, q.text AS question, q.seq AS question_seq FROM runs r"
    " JOIN threads t ON t.id = r.thread_id JOIN messages q ON q.id = r.question_id WHERE "
)


@dataclass(frozen=True, slots=True)
class RunInput:
    """What a run works from: the question as stored, and whose it is."""

    run: Run
    owner_id: str
    bot_id: str | None
    question: str
    question_seq: int


@dataclass(frozen=True, slots=True)
class NewQuestion:
    """A question with the ids of all that it brings about. `new_thread` is made first, when given."""

    owner_id: str
    thread_id: str
    new_thread: Thread | None
    message_id: str
    text: str
    answer_id: str
    run_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Posted:
    """`created` is False when the very same question was stored before."""

    message: Message
    run_id: str
    created: bool


def post_question(db: Connection, new: NewQuestion) -> Posted:
    """Stores a question, its pending answer and their run: all or nothing.

    Raises NotFound for somebody else's thread; Conflict (id_taken) when the id has other content or another
    owner.
    """
    earlier = chat.find_message(db, new.message_id)
    if earlier is not None:
        return _posted_before(db, new, earlier)
    if new.new_thread is not None:
        chat.create_thread(db, new.new_thread)
    thread = chat.own_thread(db, new.owner_id, new.thread_id)
    chat.add_user_message(db, new.message_id, thread.id, new.text, new.at)
    chat.add_pending_answer(db, new.answer_id, thread.id, new.run_id, new.at)
    create_run(db, new.run_id, thread.id, new.message_id, new.answer_id, new.at)
    if thread.title == NEW_TITLE:
        chat.rename_thread(db, thread.id, title_of(new.text))
    chat.touch_thread(db, thread.id, new.at)
    message = chat.own_message(db, new.owner_id, new.message_id)
    return Posted(message, new.run_id, created=True)


def _posted_before(db: Connection, new: NewQuestion, earlier: Message) -> Posted:
    thread = chat.find_thread(db, earlier.thread_id)
    run = run_of_question(db, earlier.id)
    same_place = new.new_thread is not None or earlier.thread_id == new.thread_id
    if (
        thread is None
        or thread.owner_id != new.owner_id
        or run is None
        or not same_place
        or earlier.text != new.text
    ):
        raise Conflict(
            "This id is taken by another message. Send a fresh UUIDv7.", code="id_taken", field="id"
        )
    return Posted(earlier, run.id, created=False)


def store_answer(
    db: Connection, given: RunInput, answer: Answer, status: MessageStatus, at: datetime
) -> Message | None:
    """Puts the answer in its message and ends the run. None when it was ended before, or its thread is
    gone.
    """
    run = given.run
    if not finish_run(db, run.id, status, None, at):
        return None
    chat.finish_answer(db, run.answer_id, answer, status)
    chat.touch_thread(db, run.thread_id, at)
    return chat.find_message(db, run.answer_id)


def store_failure(db: Connection, run_id: str, code: str, sentence: str, at: datetime) -> None:
    """Ends a run without an answer; `sentence` tells the person why."""
    given = run_input(db, run_id)
    if given is not None and finish_run(db, run_id, MessageStatus.FAILED, code, at):
        chat.fail_answer(db, given.run.answer_id, sentence)


def create_run(
    db: Connection, run_id: str, thread_id: str, question_id: str, answer_id: str, at: datetime
) -> None:
    """The first attempt at answering `question_id` into `answer_id`."""
    db.execute(
        text(
            "INSERT INTO runs (id, thread_id, question_id, answer_id, status, attempt, created_at)"
            " VALUES (:id, :thread_id, :question_id, :answer_id, 'pending', 1, :at)"
        ),
        {
            "id": run_id,
            "thread_id": thread_id,
            "question_id": question_id,
            "answer_id": answer_id,
            "at": timestamp(at),
        },
    )


def find_run(db: Connection, owner_id: str, run_id: str) -> Run | None:
    """None when there is no such run, or it is in somebody else's thread."""
    row = db.execute(
        text(_SELECT_RUNS + "r.id = :id AND t.owner_id = :owner_id"),
        {"id": run_id, "owner_id": owner_id},
    ).one_or_none()
    return _run(row) if row else None


def run_of_question(db: Connection, question_id: str) -> Run | None:
    row = db.execute(text(_SELECT_RUNS + "r.question_id = :id"), {"id": question_id}).one_or_none()
    return _run(row) if row else None


def run_input(db: Connection, run_id: str) -> RunInput | None:
    """None when the run is finished, or was deleted with its thread."""
    row = db.execute(text(_SELECT_RUNS + "r.id = :id AND r.status = 'pending'"), {"id": run_id}).one_or_none()
    return RunInput(_run(row), row.owner_id, row.bot_id, row.question, row.question_seq) if row else None


def begin_again(db: Connection) -> list[tuple[str, int]]:
    """Raises the attempt of every unfinished run, and gives (run id, attempt), the oldest question first."""
    db.execute(text("UPDATE runs SET attempt = attempt + 1 WHERE status = 'pending'"))
    rows = db.execute(text("SELECT id, attempt FROM runs WHERE status = 'pending' ORDER BY created_at, id"))
    return [(row.id, row.attempt) for row in rows]


def finish_run(db: Connection, run_id: str, status: MessageStatus, error: str | None, at: datetime) -> bool:
    """False when the run was finished before, or its thread is gone: then nothing changes."""
    changed = db.execute(
        text(
            "UPDATE runs SET status = :status, error = :error, finished_at = :at"
            " WHERE id = :id AND status = 'pending'"
        ),
        {"id": run_id, "status": status, "error": error, "at": timestamp(at)},
    )
    return changed.rowcount == 1


def _run(row: Row[Any]) -> Run:
    return Run(
        id=row.id,
        thread_id=row.thread_id,
        question_id=row.question_id,
        answer_id=row.answer_id,
        status=MessageStatus(row.status),
        attempt=row.attempt,
        error=row.error,
    )

"""Runs in SQL: answers in the making, and what a restart must finish."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from roost.clock import timestamp
from roost.domain.chat import MessageStatus, Run

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

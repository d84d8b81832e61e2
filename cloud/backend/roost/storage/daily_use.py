"""What was used today of the limits on paid answers. Counters survive restarts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Connection

from roost.storage.statements import text

KEPT_DAYS = 7

Kind = Literal["questions", "tokens"]


def used(db: Connection, at: datetime, kind: Kind, subject: str) -> int:
    """The amount used on the day of `at`, in UTC."""
    return int(
        db.execute(
            text(
                "SELECT coalesce(sum(amount), 0) FROM daily_use"
                " WHERE day = :day AND kind = :kind AND subject = :subject"
            ),
            {"day": _day(at), "kind": kind, "subject": subject},
        ).scalar_one()
    )


def add(db: Connection, at: datetime, kind: Kind, subject: str, amount: int) -> None:
    """Adds to the day's amount, or takes from it, never below 0."""
    db.execute(
        text(
            "INSERT INTO daily_use (day, kind, subject, amount)"
            " VALUES (:day, :kind, :subject, max(:amount, 0))"
            " ON CONFLICT (day, kind, subject) DO UPDATE SET amount = max(amount + :amount, 0)"
        ),
        {"day": _day(at), "kind": kind, "subject": subject, "amount": amount},
    )


def forget_old(db: Connection, at: datetime) -> None:
    """Deletes what was counted more than a week before the day of `at`."""
    db.execute(
        text("DELETE FROM daily_use WHERE day < :oldest"), {"oldest": _day(at - timedelta(days=KEPT_DAYS))}
    )


def forget(db: Connection, subject: str) -> None:
    """Deletes what was counted of a person, or of a bot."""
    db.execute(text("DELETE FROM daily_use WHERE subject = :subject"), {"subject": subject})


def reserve(
    db: Connection, at: datetime, person: str, bot: str, questions_limit: int | None, tokens_limit: int | None
) -> Kind | None:
    """Counts one question of a person, unless a limit is reached: then which one, and nothing is counted."""
    if questions_limit is not None and used(db, at, "questions", person) >= questions_limit:
        return "questions"
    if tokens_limit is not None and used(db, at, "tokens", bot) >= tokens_limit:
        return "tokens"
    add(db, at, "questions", person, 1)
    return None


def _day(at: datetime) -> str:
    return at.strftime("%Y-%m-%d")

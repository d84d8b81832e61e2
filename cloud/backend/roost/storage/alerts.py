"""What trouble was told, in bot_configs.db, among what an installation does a single time."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from roost.clock import timestamp
from roost.storage.statements import text

_PREFIX = "alert:"


def told_subjects(db: Connection) -> frozenset[str]:
    """What was told to be in trouble, and not yet to be well again."""
    rows = db.execute(
        text("SELECT what FROM done_once WHERE substr(what, 1, :length) = :prefix"),
        {"prefix": _PREFIX, "length": len(_PREFIX)},
    )
    return frozenset(row.what.removeprefix(_PREFIX) for row in rows)


def remember_told(db: Connection, subject: str, at: datetime) -> None:
    db.execute(
        text("INSERT OR REPLACE INTO done_once (what, at) VALUES (:what, :at)"),
        {"what": _PREFIX + subject, "at": timestamp(at)},
    )


def forget_told(db: Connection, subject: str) -> None:
    db.execute(text("DELETE FROM done_once WHERE what = :what"), {"what": _PREFIX + subject})

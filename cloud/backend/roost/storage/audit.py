"""The audit log in bot_configs.db: added to, read, and cut at its old end; never changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, Row

from roost.clock import parse_timestamp, timestamp, uuid7
from roost.domain.audit import Action, AuditEntry
from roost.storage.statements import text


def add_entry(db: Connection, entry: AuditEntry, *, oldest: datetime, at_most: int) -> None:
    """Adds an entry that is not there yet; forgets all from before `oldest`, and the oldest ones beyond
    `at_most` of its kind: failed sign-ins, or anything else.
    """
    db.execute(
        text(
            "INSERT INTO audit (id, at, action, actor_id, actor, subject_id, subject, detail)"
            " VALUES (:id, :at, :action, :actor_id, :actor, :subject_id, :subject, :detail)"
            " ON CONFLICT (id) DO NOTHING"
        ),
        {
            "id": entry.id,
            "at": timestamp(entry.at),
            "action": entry.action.value,
            "actor_id": entry.actor_id,
            "actor": entry.actor,
            "subject_id": entry.subject_id,
            "subject": entry.subject,
            "detail": entry.detail,
        },
    )
    # Ids are UUIDv7, so they order by time.
    db.execute(
        text(
            "DELETE FROM audit WHERE id < :oldest"
            " OR ((action = :failed) = :strangers AND id <= (SELECT id FROM audit"
            " WHERE (action = :failed) = :strangers ORDER BY id DESC LIMIT 1 OFFSET :at_most))"
        ),
        {
            "oldest": uuid7(int(oldest.timestamp() * 1000), bytes(10)),
            "at_most": at_most,
            "failed": Action.SIGN_IN_FAILED.value,
            "strangers": entry.action is Action.SIGN_IN_FAILED,
        },
    )


def list_entries(db: Connection, before_id: str | None, limit: int) -> Sequence[AuditEntry]:
    """Newest first."""
    rows = db.execute(
        text(
            "SELECT id, at, action, actor_id, actor, subject_id, subject, detail FROM audit"
            " WHERE (:before IS NULL OR id < :before) ORDER BY id DESC LIMIT :limit"
        ),
        {"before": before_id, "limit": limit},
    )
    return [_entry(row) for row in rows]


def _entry(row: Row[tuple[object, ...]]) -> AuditEntry:
    return AuditEntry(
        id=row.id,
        at=parse_timestamp(row.at),
        action=Action(row.action),
        actor_id=row.actor_id,
        actor=row.actor,
        subject_id=row.subject_id,
        subject=row.subject,
        detail=row.detail,
    )

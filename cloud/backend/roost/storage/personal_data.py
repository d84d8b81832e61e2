"""What is kept of people in conversations.db, and its deletion: on their word, and after a time.

Functions take a connection; each call is bounded or asked for again until nothing is left.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from roost.clock import timestamp
from roost.storage.statements import text

BATCH = 500
_SAID_BEFORE = (
    """DELETE FROM messages WHERE id IN (SELECT id FROM messages
        WHERE created_at < :moment AND status <> 'pending' LIMIT :batch)""",
    """DELETE FROM threads WHERE id IN (SELECT t.id FROM threads t WHERE t.updated_at < :moment
        AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.thread_id = t.id) LIMIT :batch)""",
    """DELETE FROM inbox WHERE (bot_id, update_id) IN (SELECT bot_id, update_id FROM inbox
        WHERE finished_at < :moment AND status IN ('done', 'dropped') LIMIT :batch)""",
)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How much was deleted. `messages` are questions and answers; their feedback goes with them."""

    messages: int
    updates: int


def forget_person(db: Connection, person: str, bot_id: str | None, keep_update: int | None) -> Forgotten:
    """Deletes what `person` (platform:id) and the bot said, or all bots when `bot_id` is None.

    `keep_update` is the update that asked for it: its row stays until it is done.
    """
    values = {"person": person, "bot_id": bot_id, "keep": keep_update}
    messages = db.execute(
        text(
            "DELETE FROM messages WHERE thread_id IN (SELECT id FROM threads"
            " WHERE person = :person AND (:bot_id IS NULL OR bot_id = :bot_id))"
        ),
        values,
    ).rowcount
    db.execute(
        text("DELETE FROM threads WHERE person = :person AND (:bot_id IS NULL OR bot_id = :bot_id)"), values
    )
    updates = db.execute(
        text(
            "DELETE FROM inbox WHERE person = :person AND (:bot_id IS NULL OR bot_id = :bot_id)"
            " AND (:keep IS NULL OR update_id <> :keep)"
        ),
        values,
    ).rowcount
    return Forgotten(messages, updates)


def forget_update(db: Connection, bot_id: str, update_id: int, at: datetime) -> None:
    """The update is done; of it only its number stays, so that a second delivery is recognised."""
    db.execute(
        text("DELETE FROM replies WHERE bot_id = :bot_id AND update_id = :update_id"),
        {"bot_id": bot_id, "update_id": update_id},
    )
    db.execute(
        text(
            "UPDATE inbox SET payload = '{}', chat_key = '', person = '', status = 'dropped',"
            " reason = 'deleted', finished_at = :at WHERE bot_id = :bot_id AND update_id = :update_id"
        ),
        {"bot_id": bot_id, "update_id": update_id, "at": timestamp(at)},
    )


def forget_said_before(db: Connection, moment: datetime) -> int:
    """Deletes up to BATCH of the messages and finished updates from before `moment`.

    Returns how many; ask again until it is 0. Conversations of which nothing is left go as well.
    """
    values = {"moment": timestamp(moment), "batch": BATCH}
    deleted = 0
    for statement in _SAID_BEFORE:
        deleted += db.execute(text(statement), values).rowcount
    return deleted

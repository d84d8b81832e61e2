"""What a platform that does not deliver twice requires to be remembered, in conversations.db.

Functions take a connection, so that a mark and the messages up to it share one transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from roost.clock import timestamp
from roost.storage.inbox import Update, insert_updates


@dataclass(frozen=True, slots=True)
class ChannelMark:
    """Everything up to `message_id` has been seen in the channel; `guild_id` is None for a private one."""

    channel_id: int
    guild_id: int | None
    message_id: int


def receive_messages(
    db: Connection, bot_id: str, updates: Sequence[Update], marks: Sequence[ChannelMark], at: datetime
) -> list[int]:
    """Stores messages and how far the channels are seen; returns the ids of what is new."""
    new = insert_updates(db, bot_id, updates, at)
    put_marks(db, bot_id, marks)
    return new


def receive_interaction(
    db: Connection, bot_id: str, update: Update, sealed_token: str, expires_at: datetime, at: datetime
) -> list[int]:
    """Stores an interaction with its token; returns its id when it is new."""
    new = insert_updates(db, bot_id, [update], at)
    if new:
        put_interaction(db, bot_id, update.update_id, sealed_token, expires_at, at)
    return new


def put_marks(db: Connection, bot_id: str, marks: Iterable[ChannelMark]) -> None:
    """A mark only ever moves forward."""
    for mark in marks:
        db.execute(
            text(
                "INSERT INTO channel_marks (bot_id, channel_id, guild_id, message_id)"
                " VALUES (:bot_id, :channel_id, :guild_id, :message_id) ON CONFLICT (bot_id, channel_id)"
                " DO UPDATE SET message_id = max(message_id, excluded.message_id)"
            ),
            {
                "bot_id": bot_id,
                "channel_id": mark.channel_id,
                "guild_id": mark.guild_id,
                "message_id": mark.message_id,
            },
        )


def list_marks(db: Connection, bot_id: str) -> list[ChannelMark]:
    rows = db.execute(
        text("SELECT channel_id, guild_id, message_id FROM channel_marks WHERE bot_id = :bot_id"),
        {"bot_id": bot_id},
    )
    return [ChannelMark(row.channel_id, row.guild_id, row.message_id) for row in rows]


def drop_mark(db: Connection, bot_id: str, channel_id: int) -> None:
    db.execute(
        text("DELETE FROM channel_marks WHERE bot_id = :bot_id AND channel_id = :channel_id"),
        {"bot_id": bot_id, "channel_id": channel_id},
    )


def put_interaction(
    db: Connection, bot_id: str, update_id: int, sealed_token: str, expires_at: datetime, now: datetime
) -> None:
    """Keeps the token of an update that is in the inbox, and deletes what has expired by `now`."""
    db.execute(text("DELETE FROM interaction_tokens WHERE expires_at < :now"), {"now": timestamp(now)})
    db.execute(
        text(
            "INSERT OR IGNORE INTO interaction_tokens (bot_id, update_id, token, expires_at)"
            " VALUES (:bot_id, :update_id, :token, :expires_at)"
        ),
        {
            "bot_id": bot_id,
            "update_id": update_id,
            "token": sealed_token,
            "expires_at": timestamp(expires_at),
        },
    )


def find_interaction(db: Connection, bot_id: str, update_id: int, now: datetime) -> str | None:
    """The sealed token; None when it has expired or is no longer kept."""
    sealed: str | None = db.execute(
        text(
            "SELECT token FROM interaction_tokens"
            " WHERE bot_id = :bot_id AND update_id = :update_id AND expires_at > :now"
        ),
        {"bot_id": bot_id, "update_id": update_id, "now": timestamp(now)},
    ).scalar_one_or_none()
    return sealed


def forget_interactions_before(db: Connection, now: datetime) -> int:
    """Deletes the tokens that have expired; returns how many those were."""
    return db.execute(
        text("DELETE FROM interaction_tokens WHERE expires_at < :now"), {"now": timestamp(now)}
    ).rowcount

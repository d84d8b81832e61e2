"""The inbox in conversations.db: every update before it is acknowledged, and what is to be sent for it.

Functions take a connection, so that an answer, its replies and its messages share one transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from roost.clock import parse_timestamp, timestamp
from roost.domain.stopping import StopVerdict, judge_stop
from roost.errors import NotFound
from roost.storage import chat
from roost.storage.statements import text

FORGOTTEN = "forgotten"


@dataclass(frozen=True, slots=True)
class Update:
    """What a platform delivered: `payload` is its own JSON, `chat_key` names the conversation it belongs to.

    `person` is who sent it, as platform:id; empty where it is nobody's.
    """

    update_id: int
    chat_key: str
    payload: str
    person: str = ""


@dataclass(frozen=True, slots=True)
class InboxEntry:
    """An update that is not done. `answered` says that its replies are stored.

    `attempts` counts earlier starts that did not get it done. `stream_opened` without a `stream_message_id`
    is a send whose outcome is unknown.
    """

    update: Update
    answered: bool
    attempts: int
    received_at: str
    stream_opened: bool = False
    stream_message_id: int | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """One message to send. `opened` without `sent` is a send whose outcome is unknown."""

    part: int
    payload: str
    opened: bool
    sent: bool


def fresh_replies(payloads: Sequence[str], *, opened: bool) -> list[Reply]:
    """The replies as they were just stored, with the first one `opened` or none."""
    return [
        Reply(part, payload, opened=opened and part == 0, sent=False) for part, payload in enumerate(payloads)
    ]


def insert_updates(db: Connection, bot_id: str, updates: Iterable[Update], at: datetime) -> list[int]:
    """Stores what is new and returns its ids; what was delivered before is left as it is."""
    stored = []
    for update in updates:
        row = db.execute(
            text(
                "INSERT OR IGNORE INTO inbox (bot_id, update_id, chat_key, payload, person, status,"
                " received_at) VALUES (:bot_id, :update_id, :chat_key, :payload, :person, 'received', :at)"
                " RETURNING update_id"
            ),
            {
                "bot_id": bot_id,
                "update_id": update.update_id,
                "chat_key": update.chat_key,
                "payload": update.payload,
                "person": update.person,
                "at": timestamp(at),
            },
        ).one_or_none()
        if row is not None:
            stored.append(update.update_id)
    return stored


def take_up_unfinished(db: Connection, bot_id: str) -> list[InboxEntry]:
    """What earlier starts left undone, oldest first; counts this start as an attempt at it."""
    rows = db.execute(
        text(
            "SELECT update_id, chat_key, payload, person, status, attempts, received_at, stream_opened_at,"
            " stream_message_id FROM inbox"
            " WHERE bot_id = :bot_id AND status IN ('received', 'answered') ORDER BY update_id"
        ),
        {"bot_id": bot_id},
    ).all()
    db.execute(
        text("UPDATE inbox SET attempts = attempts + 1 WHERE bot_id = :bot_id AND status = 'received'"),
        {"bot_id": bot_id},
    )
    return [
        InboxEntry(
            update=Update(row.update_id, row.chat_key, row.payload, row.person),
            answered=row.status == "answered",
            attempts=row.attempts,
            received_at=row.received_at,
            stream_opened=row.stream_opened_at is not None,
            stream_message_id=row.stream_message_id,
        )
        for row in rows
    ]


def recall(db: Connection, bot_id: str, entry: InboxEntry) -> InboxEntry:
    """The entry as it stands now. Raises NotFound (`forgotten`) when it is finished or deleted."""
    row = db.execute(
        text(
            "SELECT status, stream_opened_at, stream_message_id FROM inbox"
            " WHERE bot_id = :bot_id AND update_id = :update_id AND status IN ('received', 'answered')"
        ),
        {"bot_id": bot_id, "update_id": entry.update.update_id},
    ).one_or_none()
    if row is None:
        raise NotFound("The message is finished or was deleted.", code=FORGOTTEN)
    return replace(
        entry,
        answered=row.status == "answered",
        stream_opened=row.stream_opened_at is not None,
        stream_message_id=row.stream_message_id,
    )


def store_replies(
    db: Connection, bot_id: str, update_id: int, payloads: Sequence[str], opened_at: datetime | None
) -> None:
    """Marks the update answered and stores what to send; the first part counts as opened when a time is
    given.

    Raises NotFound (`forgotten`) when the person has had the update deleted meanwhile.
    """
    marked = db.execute(
        text(
            "UPDATE inbox SET status = 'answered'"
            " WHERE bot_id = :bot_id AND update_id = :update_id AND status = 'received'"
        ),
        {"bot_id": bot_id, "update_id": update_id},
    ).rowcount
    if not marked:
        raise NotFound("The message was deleted before it was answered.", code=FORGOTTEN)
    for part, payload in enumerate(payloads):
        db.execute(
            text(
                "INSERT INTO replies (bot_id, update_id, part, payload, opened_at)"
                " VALUES (:bot_id, :update_id, :part, :payload, :opened_at)"
            ),
            {
                "bot_id": bot_id,
                "update_id": update_id,
                "part": part,
                "payload": payload,
                "opened_at": timestamp(opened_at) if opened_at is not None and part == 0 else None,
            },
        )


def store_answer(
    db: Connection,
    exchange: chat.Exchange,
    update_id: int,
    payloads: Sequence[str],
    opened_at: datetime | None,
) -> None:
    """The answer, its replies and its conversation."""
    store_replies(db, exchange.bot_id, update_id, payloads, opened_at)
    chat.record_exchange(db, exchange)


def list_replies(db: Connection, bot_id: str, update_id: int) -> list[Reply]:
    rows = db.execute(
        text(
            "SELECT part, payload, opened_at, sent_at FROM replies"
            " WHERE bot_id = :bot_id AND update_id = :update_id ORDER BY part"
        ),
        {"bot_id": bot_id, "update_id": update_id},
    )
    return [Reply(row.part, row.payload, row.opened_at is not None, row.sent_at is not None) for row in rows]


def open_reply(db: Connection, bot_id: str, update_id: int, part: int, at: datetime | None) -> None:
    """From here on the part may have arrived; None takes that back when the platform said that it did not."""
    db.execute(
        text(
            "UPDATE replies SET opened_at = :at"
            " WHERE bot_id = :bot_id AND update_id = :update_id AND part = :part"
        ),
        {"at": timestamp(at) if at else None, "bot_id": bot_id, "update_id": update_id, "part": part},
    )


def mark_sent(db: Connection, bot_id: str, update_id: int, part: int, at: datetime, *, last: bool) -> None:
    """The part arrived. After the last one the update is done."""
    key = {"bot_id": bot_id, "update_id": update_id, "part": part, "at": timestamp(at)}
    db.execute(
        text(
            "UPDATE replies SET sent_at = :at"
            " WHERE bot_id = :bot_id AND update_id = :update_id AND part = :part"
        ),
        key,
    )
    if last:
        finish(db, bot_id, update_id, at, reason=None, dropped=False)


def finish(
    db: Connection, bot_id: str, update_id: int, at: datetime, *, reason: str | None, dropped: bool
) -> None:
    """Nothing more is to be done for the update. `dropped` with a reason: it gets no (further) reply."""
    db.execute(
        text(
            "UPDATE inbox SET status = :status, reason = :reason, finished_at = :at"
            " WHERE bot_id = :bot_id AND update_id = :update_id"
        ),
        {
            "status": "dropped" if dropped else "done",
            "reason": reason,
            "at": timestamp(at),
            "bot_id": bot_id,
            "update_id": update_id,
        },
    )


def open_stream(db: Connection, bot_id: str, update_id: int, at: datetime) -> None:
    db.execute(
        text("UPDATE inbox SET stream_opened_at = :at WHERE bot_id = :bot_id AND update_id = :update_id"),
        {"at": timestamp(at), "bot_id": bot_id, "update_id": update_id},
    )


def set_stream_message(db: Connection, bot_id: str, update_id: int, message_id: int | None) -> None:
    """Remembers the message that shows the growing answer; None when it is gone or was never sent."""
    db.execute(
        text(
            "UPDATE inbox SET stream_message_id = :message_id,"
            " stream_opened_at = CASE WHEN :message_id IS NULL THEN NULL ELSE stream_opened_at END"
            " WHERE bot_id = :bot_id AND update_id = :update_id"
        ),
        {"message_id": message_id, "bot_id": bot_id, "update_id": update_id},
    )


def want_stop(
    db: Connection, bot_id: str, update_id: int, by: str, at: datetime, *, moderates: str | None
) -> StopVerdict:
    """Remembers that the question's answer is to end early, where `by` may say so: of their own questions,
    and in chats whose keys begin with `moderates`.
    """
    key = {"bot_id": bot_id, "update_id": update_id}
    row = db.execute(
        text("SELECT person, status, chat_key FROM inbox WHERE bot_id = :bot_id AND update_id = :update_id"),
        key,
    ).one_or_none()
    asker, unanswered = (row.person, row.status == "received") if row is not None else (None, False)
    moderator = row is not None and moderates is not None and row.chat_key.startswith(moderates)
    verdict = judge_stop(asker, by, unanswered=unanswered, moderator=moderator)
    if verdict is StopVerdict.STOPPED:
        db.execute(
            text(
                "UPDATE inbox SET stop_wanted_at = :at"
                " WHERE bot_id = :bot_id AND update_id = :update_id AND stop_wanted_at IS NULL"
            ),
            {**key, "at": timestamp(at)},
        )
    return verdict


def stop_is_wanted(db: Connection, bot_id: str, update_id: int) -> bool:
    row = db.execute(
        text("SELECT stop_wanted_at FROM inbox WHERE bot_id = :bot_id AND update_id = :update_id"),
        {"bot_id": bot_id, "update_id": update_id},
    ).one_or_none()
    return row is not None and row.stop_wanted_at is not None


def unanswered_before(db: Connection, bot_id: str, entry: InboxEntry, chat_key: str) -> list[int]:
    """What the sender of `entry` said in a conversation before it and has no answer to, oldest first."""
    rows = db.execute(
        text(
            "SELECT update_id FROM inbox"
            " WHERE bot_id = :bot_id AND status IN ('received', 'answered') AND status = 'received'"
            " AND chat_key = :chat_key AND person = :person"
            " AND (received_at, update_id) < (:received_at, :update_id)"
            " ORDER BY received_at, update_id"
        ),
        {
            "bot_id": bot_id,
            "chat_key": chat_key,
            "person": entry.update.person,
            "received_at": entry.received_at,
            "update_id": entry.update.update_id,
        },
    )
    return [row.update_id for row in rows]


def count_received_since(db: Connection, bot_ids: Sequence[str], since: datetime) -> dict[str, int]:
    """Messages bots received since then, by bot id."""
    counts = {}
    for bot_id in bot_ids:
        counts[bot_id] = int(
            db.execute(
                text(
                    "SELECT count(*) FROM inbox"
                    " WHERE bot_id = :bot_id AND received_at >= :since AND status <> 'dropped'"
                ),
                {"bot_id": bot_id, "since": timestamp(since)},
            ).scalar_one()
        )
    return counts


def last_received(db: Connection, bot_ids: Sequence[str]) -> dict[str, datetime]:
    """When people last wrote to bots, by bot id; bots nobody wrote to are absent."""
    found = {}
    for bot_id in bot_ids:
        at = db.execute(
            text(
                "SELECT received_at FROM inbox WHERE bot_id = :bot_id AND status <> 'dropped'"
                " ORDER BY received_at DESC LIMIT 1"
            ),
            {"bot_id": bot_id},
        ).scalar_one_or_none()
        if at is None:
            # The inbox forgets after some days; the conversations do not.
            at = db.execute(
                text("SELECT max(updated_at) FROM threads WHERE bot_id = :bot_id AND chat_key IS NOT NULL"),
                {"bot_id": bot_id},
            ).scalar_one_or_none()
        if at is not None:
            found[bot_id] = parse_timestamp(at)
    return found


def move_chat(db: Connection, bot_id: str, old: str, new: str) -> None:
    """The platform calls a chat by a new id: its conversations go on under that. May be repeated.

    Keys of conversations begin with the chat's id, alone or before a slash. One that has begun under the new
    id already stays as it is.
    """
    values = {"bot_id": bot_id, "old": old, "new": new, "length": len(old) + 1, "below": old + "/%"}
    for table in ("threads", "inbox"):
        db.execute(
            text(
                f"UPDATE OR IGNORE {table} SET chat_key = :new || substr(chat_key, :length)"  # noqa: S608 - fixed
                " WHERE bot_id = :bot_id AND (chat_key = :old OR chat_key LIKE :below)"
            ),
            values,
        )
    db.execute(
        text(
            "INSERT INTO moved_chats (bot_id, old_chat, new_chat) VALUES (:bot_id, :old, :new)"
            " ON CONFLICT (bot_id, old_chat) DO UPDATE SET new_chat = excluded.new_chat"
        ),
        values,
    )


def moved_chats(db: Connection, bot_id: str) -> dict[str, str]:
    """New ids of chats by their old ones."""
    rows = db.execute(
        text("SELECT old_chat, new_chat FROM moved_chats WHERE bot_id = :bot_id"), {"bot_id": bot_id}
    )
    return {row.old_chat: row.new_chat for row in rows}


def tell_once(db: Connection, bot_id: str, chat_id: str, what: str, at: datetime) -> bool:
    """True the first time it is asked for this chat and this `what`."""
    return bool(
        db.execute(
            text(
                "INSERT OR IGNORE INTO told_chats (bot_id, chat, what, told_at)"
                " VALUES (:bot_id, :chat, :what, :at)"
            ),
            {"bot_id": bot_id, "chat": chat_id, "what": what, "at": timestamp(at)},
        ).rowcount
    )


def forget_bot(db: Connection, bot_id: str) -> None:
    """Deletes a bot's inbox and the chats people had with it on its platform."""
    for table in ("inbox", "moved_chats", "told_chats"):
        db.execute(text(f"DELETE FROM {table} WHERE bot_id = :bot_id"), {"bot_id": bot_id})  # noqa: S608 - fixed
    db.execute(text("DELETE FROM channel_marks WHERE bot_id = :bot_id"), {"bot_id": bot_id})
    chat.forget_bot_chats(db, bot_id)


def forget_finished_before(db: Connection, moment: datetime) -> int:
    """Deletes what was finished before `moment`, with its replies; returns how many updates that were."""
    return db.execute(
        text("DELETE FROM inbox WHERE finished_at < :moment AND status IN ('done', 'dropped')"),
        {"moment": timestamp(moment)},
    ).rowcount

"""Conversations in SQL: threads and their messages, of the browser and of platforms' chats.

Every function takes a connection, so that several steps can share one transaction.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row

from roost.clock import parse_timestamp, timestamp
from roost.domain.answers import Answer, Citation, Evidence, Turn
from roost.domain.chat import (
    CONTEXT_IDLE_S,
    CONTEXT_MESSAGES,
    ChatStats,
    Message,
    MessageStatus,
    Thread,
    snippet_around,
    title_of,
)
from roost.errors import Conflict, Forbidden, InvalidInput, NotFound
from roost.storage.questions import AskedQuestion, note_question, record_question
from roost.storage.statements import text

_SELECT_THREADS = (
    "SELECT t.id, t.owner_id, t.bot_id, t.platform, t.title, t.created_at, t.updated_at FROM threads t WHERE "
)
_SELECT_MESSAGES = (
    "SELECT m.id, m.thread_id, m.seq, m.role, m.text, m.citations, m.nearest, m.run_id, m.status,"
    " m.model, m.refused, m.notice, m.created_at, f.thumb AS feedback FROM messages m"
    " LEFT JOIN feedback f ON f.message_id = m.id "
)


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question of a platform's chat and its answer. The three ids are fresh.

    `thread_id` is used when the chat is new. `chat_key` names the chat, and the person in it where contexts
    are kept apart. `person` is who asked, as platform:id.
    """

    bot_id: str
    platform: str
    chat_key: str
    thread_id: str
    question_id: str
    answer_id: str
    question: str
    answer: Answer
    asked_at: datetime
    answered_at: datetime
    person: str | None = None


def record_exchange(db: Connection, exchange: Exchange) -> None:
    """Stores a question and its answer in the chat's thread, which is made when there is none."""
    thread = db.execute(
        text(
            "INSERT INTO threads (id, bot_id, platform, chat_key, person, title, created_at, updated_at)"
            " VALUES (:id, :bot_id, :platform, :chat_key, :person, :title, :at, :at)"
            " ON CONFLICT (bot_id, chat_key) WHERE chat_key IS NOT NULL"
            " DO UPDATE SET updated_at = excluded.updated_at RETURNING id, person"
        ),
        {
            "id": exchange.thread_id,
            "bot_id": exchange.bot_id,
            "platform": exchange.platform,
            "chat_key": exchange.chat_key,
            "person": exchange.person,
            "title": title_of(exchange.question),
            "at": timestamp(exchange.answered_at),
        },
    ).one()
    add_user_message(db, exchange.question_id, thread.id, exchange.question, exchange.asked_at)
    _add_answer(db, thread.id, exchange)
    asked = AskedQuestion(
        question_id=exchange.question_id,
        text=exchange.question,
        answered_at=timestamp(exchange.answered_at),
        platform=exchange.platform,
        asker=thread.person or thread.id,
        bot_id=exchange.bot_id,
    )
    note_question(db, exchange.answer_id, asked, exchange.answer)


def chat_context(db: Connection, bot_id: str, chat_key: str, now: datetime) -> tuple[Turn, ...]:
    """The turns before this one, oldest first: up to 10, none before the last /clear or 30 idle minutes."""
    rows = db.execute(
        text(
            "SELECT m.role, m.text, m.created_at FROM messages m JOIN threads t ON t.id = m.thread_id"
            " WHERE t.bot_id = :bot_id AND t.chat_key = :chat_key AND m.status IN ('done', 'stopped')"
            " AND m.created_at > coalesce(t.context_since, '') ORDER BY m.seq DESC LIMIT :limit"
        ),
        {"bot_id": bot_id, "chat_key": chat_key, "limit": CONTEXT_MESSAGES},
    )
    turns: list[Turn] = []
    later = now
    for row in rows:
        at = parse_timestamp(row.created_at)
        if later - at > timedelta(seconds=CONTEXT_IDLE_S):
            break
        turns.append(Turn(row.role, row.text))
        later = at
    return tuple(reversed(turns))


def clear_context(db: Connection, bot_id: str, chat_key: str, at: datetime) -> None:
    """What was said so far is history from here on, no longer context."""
    db.execute(
        text("UPDATE threads SET context_since = :at WHERE bot_id = :bot_id AND chat_key = :chat_key"),
        {"at": timestamp(at), "bot_id": bot_id, "chat_key": chat_key},
    )


def chat_stats(db: Connection, bot_id: str, chat_key: str) -> ChatStats:
    row = db.execute(
        text(
            "SELECT count(*) FILTER (WHERE m.role = 'user') AS questions,"
            " coalesce(sum(m.refused), 0) AS refused, min(m.created_at) AS first_at"
            " FROM messages m JOIN threads t ON t.id = m.thread_id"
            " WHERE t.bot_id = :bot_id AND t.chat_key = :chat_key"
        ),
        {"bot_id": bot_id, "chat_key": chat_key},
    ).one()
    return ChatStats(row.questions, row.refused, parse_timestamp(row.first_at) if row.first_at else None)


def forget_bot_chats(db: Connection, bot_id: str) -> None:
    """Deletes the platform's chats of a bot with all their messages; people's own threads about it stay."""
    db.execute(
        text("DELETE FROM threads WHERE bot_id = :bot_id AND chat_key IS NOT NULL"), {"bot_id": bot_id}
    )


def create_thread_once(db: Connection, thread: Thread) -> tuple[Thread, bool]:
    """The thread, and whether it is new: the same id and bot again give what is there.

    Raises Conflict (id_taken) when the id is another thread's.
    """
    earlier = find_thread(db, thread.id)
    if earlier is None:
        create_thread(db, thread)
        return thread, True
    if earlier.owner_id != thread.owner_id or earlier.bot_id != thread.bot_id:
        raise Conflict(
            "This id is taken by another conversation. Send a fresh UUIDv7.", code="id_taken", field="id"
        )
    return earlier, False


def rename_own_thread(db: Connection, owner_id: str, thread_id: str, title: str) -> Thread:
    """Raises NotFound."""
    own_thread(db, owner_id, thread_id)
    rename_thread(db, thread_id, title)
    return own_thread(db, owner_id, thread_id)


def delete_own_thread(db: Connection, owner_id: str, thread_id: str) -> None:
    """Raises NotFound. The messages, runs and feedback go with it."""
    own_thread(db, owner_id, thread_id)
    delete_thread(db, thread_id)


def judge_answer(
    db: Connection, owner_id: str, message_id: str, thumb: str, reason: str | None, at: datetime
) -> None:
    """The last word counts. Raises NotFound, InvalidInput when the message is no answer."""
    if own_message(db, owner_id, message_id).role != "assistant":
        raise InvalidInput("Only answers can be judged.", field="message_id")
    set_feedback(db, message_id, thumb, reason, at)


def judge_platform_answer(
    db: Connection, bot_id: str, person: str, message_id: str, thumb: str, at: datetime
) -> None:
    """The last word of whoever asked counts. Raises NotFound for an answer that is not (or no longer) the
    bot's, Forbidden for somebody else's.
    """
    row = db.execute(
        text(
            "SELECT t.person FROM messages m JOIN threads t ON t.id = m.thread_id"
            " WHERE m.id = :id AND m.role = 'assistant' AND t.bot_id = :bot_id AND t.chat_key IS NOT NULL"
        ),
        {"id": message_id, "bot_id": bot_id},
    ).one_or_none()
    if row is None:
        raise NotFound("There is no such answer any more.")
    if row.person != person:
        raise Forbidden("Only the person who asked can judge this answer.")
    set_feedback(db, message_id, thumb, None, at)


def create_thread(db: Connection, thread: Thread) -> None:
    db.execute(
        text(
            "INSERT INTO threads (id, owner_id, bot_id, platform, title, created_at, updated_at)"
            " VALUES (:id, :owner_id, :bot_id, :platform, :title, :created_at, :updated_at)"
        ),
        {
            "id": thread.id,
            "owner_id": thread.owner_id,
            "bot_id": thread.bot_id,
            "platform": thread.platform,
            "title": thread.title,
            "created_at": timestamp(thread.created_at),
            "updated_at": timestamp(thread.updated_at),
        },
    )


def find_thread(db: Connection, thread_id: str) -> Thread | None:
    """Whoever owns it: for telling apart an id that is taken from one that is new."""
    row = db.execute(text(_SELECT_THREADS + "t.id = :id"), {"id": thread_id}).one_or_none()
    return _thread(row) if row else None


def own_thread(db: Connection, owner_id: str, thread_id: str) -> Thread:
    """Raises NotFound when there is no such thread, or it is somebody else's."""
    thread = find_thread(db, thread_id)
    if thread is None or thread.owner_id != owner_id:
        raise NotFound("There is no such conversation.", field="thread_id")
    return thread


def list_threads(
    db: Connection, owner_id: str, *, query: str | None, before: tuple[str, str] | None, limit: int
) -> list[Thread]:
    """A person's threads, the last used first. `query` is found literally, in any case, in titles and texts.

    `before` is the (updated_at, id) of the last thread already seen.
    """
    conditions = ["t.owner_id = :owner_id"]
    values: dict[str, object] = {"owner_id": owner_id, "limit": limit}
    if before is not None:
        conditions.append("(t.updated_at, t.id) < (:before_at, :before_id)")
        values |= {"before_at": before[0], "before_id": before[1]}
    if query:
        _define_casefold(db)
        conditions.append(
            "(instr(roost_casefold(t.title), :needle) OR EXISTS (SELECT 1 FROM messages m"
            " WHERE m.thread_id = t.id AND instr(roost_casefold(m.text), :needle)))"
        )
        values["needle"] = query.casefold()
    rows = db.execute(
        text(
            _SELECT_THREADS + " AND ".join(conditions) + " ORDER BY t.updated_at DESC, t.id DESC LIMIT :limit"
        ),
        values,
    )
    threads = [_thread(row) for row in rows]
    return (
        [replace(thread, snippet=_snippet(db, thread.id, query)) for thread in threads] if query else threads
    )


def rename_thread(db: Connection, thread_id: str, title: str) -> None:
    db.execute(text("UPDATE threads SET title = :title WHERE id = :id"), {"title": title, "id": thread_id})


def touch_thread(db: Connection, thread_id: str, at: datetime) -> None:
    """Puts the thread first in its owner's list."""
    db.execute(
        text("UPDATE threads SET updated_at = :at WHERE id = :id"), {"at": timestamp(at), "id": thread_id}
    )


def delete_thread(db: Connection, thread_id: str) -> None:
    """The messages, runs and feedback go with it."""
    db.execute(text("DELETE FROM threads WHERE id = :id"), {"id": thread_id})


def add_user_message(db: Connection, message_id: str, thread_id: str, body: str, at: datetime) -> None:
    _add_message(db, message_id, thread_id, "user", body, None, MessageStatus.DONE, at)


def add_pending_answer(
    db: Connection, message_id: str, thread_id: str, run_id: str | None, at: datetime
) -> None:
    _add_message(db, message_id, thread_id, "assistant", "", run_id, MessageStatus.PENDING, at)


def finish_answer(db: Connection, message_id: str, answer: Answer, status: MessageStatus) -> None:
    """Puts the answer into its pending message, and notes what was asked. A message that is finished already
    keeps what it has.
    """
    finished = db.execute(
        text(
            "UPDATE messages SET text = :text, citations = :citations, nearest = :nearest, status = :status,"
            " model = :model, refused = :refused, notice = :notice, tokens_used = :tokens_used,"
            " evidence = :evidence"
            " WHERE id = :id AND status = 'pending'"
        ),
        _answer_values(message_id, answer, status),
    ).rowcount
    if finished:
        record_question(db, message_id, answer)


def fail_answer(db: Connection, message_id: str, notice: str) -> None:
    db.execute(
        text("UPDATE messages SET status = 'failed', notice = :notice WHERE id = :id AND status = 'pending'"),
        {"id": message_id, "notice": notice},
    )


def find_message(db: Connection, message_id: str) -> Message | None:
    row = db.execute(text(_SELECT_MESSAGES + "WHERE m.id = :id"), {"id": message_id}).one_or_none()
    return _message(row) if row else None


def own_message(db: Connection, owner_id: str, message_id: str) -> Message:
    """Raises NotFound when there is no such message, or it is in somebody else's thread."""
    row = db.execute(
        text(
            _SELECT_MESSAGES
            + "JOIN threads t ON t.id = m.thread_id WHERE m.id = :id AND t.owner_id = :owner_id"
        ),
        {"id": message_id, "owner_id": owner_id},
    ).one_or_none()
    if row is None:
        raise NotFound("There is no such message.", field="message_id")
    return _message(row)


def list_messages(db: Connection, thread_id: str, *, after_seq: int = 0, limit: int) -> list[Message]:
    """A thread's messages in order."""
    rows = db.execute(
        text(_SELECT_MESSAGES + "WHERE m.thread_id = :id AND m.seq > :after ORDER BY m.seq LIMIT :limit"),
        {"id": thread_id, "after": after_seq, "limit": limit},
    )
    return [_message(row) for row in rows]


def turns_before(db: Connection, thread_id: str, seq: int, limit: int = CONTEXT_MESSAGES) -> tuple[Turn, ...]:
    """The context of the message `seq`, oldest first; answers still in the making are left out."""
    rows = db.execute(
        text(
            "SELECT role, text FROM messages WHERE thread_id = :id AND seq < :seq"
            " AND status IN ('done', 'stopped') ORDER BY seq DESC LIMIT :limit"
        ),
        {"id": thread_id, "seq": seq, "limit": limit},
    )
    return tuple(Turn(row.role, row.text) for row in reversed(rows.all()))


def set_feedback(db: Connection, message_id: str, thumb: str, reason: str | None, at: datetime) -> None:
    """The last word counts."""
    db.execute(
        text(
            "INSERT INTO feedback (message_id, thumb, reason, created_at) VALUES (:id, :thumb, :reason, :at)"
            " ON CONFLICT (message_id) DO UPDATE SET thumb = excluded.thumb, reason = excluded.reason,"
            " created_at = excluded.created_at"
        ),
        {"id": message_id, "thumb": thumb, "reason": reason, "at": timestamp(at)},
    )


def _add_message(
    db: Connection,
    message_id: str,
    thread_id: str,
    role: str,
    body: str,
    run_id: str | None,
    status: MessageStatus,
    at: datetime,
) -> None:
    db.execute(
        text(
            "INSERT INTO messages (id, thread_id, seq, role, text, run_id, status, created_at)"
            " SELECT :id, :thread_id, coalesce(max(seq), 0) + 1, :role, :text, :run_id, :status, :at"
            " FROM messages WHERE thread_id = :thread_id"
        ),
        {
            "id": message_id,
            "thread_id": thread_id,
            "role": role,
            "text": body,
            "run_id": run_id,
            "status": status,
            "at": timestamp(at),
        },
    )


def _add_answer(db: Connection, thread_id: str, exchange: Exchange) -> None:
    """As a pending answer that is finished at once."""
    status = MessageStatus.STOPPED if exchange.answer.stopped else MessageStatus.DONE
    values = _answer_values(exchange.answer_id, exchange.answer, status)
    db.execute(
        text(
            "INSERT INTO messages (id, thread_id, seq, role, text, citations, nearest, status, model,"
            " refused, notice, tokens_used, evidence, created_at)"
            " SELECT :id, :thread_id, max(seq) + 1, 'assistant', :text, :citations, :nearest, :status,"
            " :model, :refused, :notice, :tokens_used, :evidence, :at"
            " FROM messages WHERE thread_id = :thread_id"
        ),
        values | {"thread_id": thread_id, "at": timestamp(exchange.answered_at)},
    )


def _answer_values(message_id: str, answer: Answer, status: MessageStatus) -> dict[str, object]:
    return {
        "id": message_id,
        "text": answer.text,
        "citations": citations_json(answer.citations),
        "nearest": citations_json(answer.nearest),
        "status": status,
        "model": answer.model,
        "refused": int(answer.refused),
        "notice": answer.notice,
        "tokens_used": answer.tokens_used,
        "evidence": _evidence_json(answer.evidence),
    }


def _define_casefold(db: Connection) -> None:
    """SQLite's own lower() and LIKE know no letters beyond ASCII."""
    driver: Any = db.connection.driver_connection
    driver.create_function("roost_casefold", 1, str.casefold, deterministic=True)


def _thread(row: Row[Any]) -> Thread:
    return Thread(
        id=row.id,
        owner_id=row.owner_id,
        bot_id=row.bot_id,
        platform=row.platform,
        title=row.title,
        created_at=parse_timestamp(row.created_at),
        updated_at=parse_timestamp(row.updated_at),
    )


def _snippet(db: Connection, thread_id: str, query: str) -> str | None:
    """The text around the first hit in a thread's messages; None when its title alone has it."""
    found = db.execute(
        text(
            "SELECT text FROM messages WHERE thread_id = :id AND instr(roost_casefold(text), :needle)"
            " ORDER BY seq LIMIT 1"
        ),
        {"id": thread_id, "needle": query.casefold()},
    ).scalar_one_or_none()
    return None if found is None else snippet_around(found, query)


def _message(row: Row[Any]) -> Message:
    return Message(
        id=row.id,
        thread_id=row.thread_id,
        seq=row.seq,
        role=row.role,
        text=row.text,
        citations=_citations(row.citations),
        nearest=_citations(row.nearest),
        run_id=row.run_id,
        status=MessageStatus(row.status),
        model=row.model,
        refused=bool(row.refused),
        notice=row.notice,
        created_at=parse_timestamp(row.created_at),
        feedback=row.feedback,
    )


def citations_json(citations: Iterable[Citation]) -> str:
    return json.dumps([[each.n, each.title, each.url, each.text] for each in citations], ensure_ascii=False)


def _citations(stored: str) -> tuple[Citation, ...]:
    fields: Sequence[tuple[int, str, str, str]] = json.loads(stored)
    return tuple(Citation(n, title, url, passage) for n, title, url, passage in fields)


def _evidence_json(evidence: Evidence | None) -> str | None:
    if evidence is None:
        return None
    return json.dumps(
        {"index_version": evidence.index_version, "query": evidence.query, "chunks": evidence.chunks},
        ensure_ascii=False,
    )

"""Taking over sources and conversations from elsewhere: what is there already is left as it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from roost.clock import timestamp
from roost.domain.chat import Message, Thread
from roost.domain.documents import Source
from roost.storage import chat, sources
from roost.storage.statements import text

__all__ = ["Connection", "TakenConversations", "TakenSource", "take_conversations", "take_source"]


@dataclass(frozen=True, slots=True)
class TakenSource:
    source: Source
    added: bool


@dataclass(frozen=True, slots=True)
class TakenConversations:
    """`thread_ids` says which thread here each of the threads is."""

    thread_ids: Mapping[str, str]
    threads_added: int
    threads_known: int
    messages_added: int
    messages_known: int


def take_source(db: Connection, source: Source, other_id: str) -> TakenSource:
    """The source that reads this address already, or this one, under `other_id` where its own is taken."""
    known = sources.find_source(db, source.kind, source.url)
    if known is not None:
        return TakenSource(known, added=False)
    if any(each.id == source.id for each in sources.list_sources(db)):
        source = replace(source, id=other_id)
    sources.insert_source(db, source)
    return TakenSource(source, added=True)


def take_conversations(
    db: Connection,
    owner_id: str,
    items: Sequence[Thread | Message],
    earlier: Mapping[str, str],
    own_id: Callable[[str], str],
) -> TakenConversations:
    """Threads, each before its messages; `earlier` are the threads of batches before this one.

    What has this id and is this person's is known; where an id is somebody else's, `own_id` gives another.
    """
    thread_ids = dict(earlier)
    counts = {"threads_added": 0, "threads_known": 0, "messages_added": 0, "messages_known": 0}
    for item in items:
        if isinstance(item, Thread):
            thread_ids[item.id], added = _take_thread(db, owner_id, item, own_id)
            counts["threads_added" if added else "threads_known"] += 1
        else:
            added = _take_message(db, thread_ids[item.thread_id], item, own_id)
            counts["messages_added" if added else "messages_known"] += 1
    return TakenConversations(thread_ids, **counts)


def _take_thread(
    db: Connection, owner_id: str, thread: Thread, own_id: Callable[[str], str]
) -> tuple[str, bool]:
    for thread_id in (thread.id, own_id(thread.id)):
        known = chat.find_thread(db, thread_id)
        if known is None:
            chat.create_thread(db, replace(thread, id=thread_id))
            return thread_id, True
        if known.owner_id == owner_id:
            return thread_id, False
    raise ValueError(f"the id {own_id(thread.id)} is somebody else's")


def _take_message(db: Connection, thread_id: str, message: Message, own_id: Callable[[str], str]) -> bool:
    for message_id in (message.id, own_id(message.id)):
        known = chat.find_message(db, message_id)
        if known is None:
            _insert_message(db, replace(message, id=message_id, thread_id=thread_id))
            return True
        if known.thread_id == thread_id:
            return False
    raise ValueError(f"the id {own_id(message.id)} is in another conversation")


def _insert_message(db: Connection, message: Message) -> None:
    db.execute(
        text(
            "INSERT INTO messages (id, thread_id, seq, role, text, citations, nearest, status, model,"
            " refused, notice, created_at)"
            " SELECT :id, :thread_id, coalesce(max(seq), 0) + 1, :role, :text, :citations, :nearest, :status,"
            " :model, :refused, :notice, :at FROM messages WHERE thread_id = :thread_id"
        ),
        {
            "id": message.id,
            "thread_id": message.thread_id,
            "role": message.role,
            "text": message.text,
            "citations": chat.citations_json(message.citations),
            "nearest": chat.citations_json(message.nearest),
            "status": message.status.value,
            "model": message.model,
            "refused": int(message.refused),
            "notice": message.notice,
            "at": timestamp(message.created_at),
        },
    )
    if message.feedback is not None:
        chat.set_feedback(db, message.id, message.feedback, None, message.created_at)

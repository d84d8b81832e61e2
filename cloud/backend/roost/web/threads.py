"""Conversations and their messages."""

from __future__ import annotations

from flask import Response

from roost.domain import answers, chat
from roost.services.chat import CreatedThread, Posted
from roost.web.calls import Call
from roost.web.payload import ListQuery
from roost.web.payloads_chat import (
    AcceptedMessage,
    Citation,
    ExportQuery,
    Message,
    MessageList,
    NewMessage,
    NewThread,
    Thread,
    ThreadChange,
    ThreadList,
    ThreadQuery,
)


def index(call: Call, query: ThreadQuery) -> ThreadList:
    """Your conversations, the latest first; q searches titles and texts."""
    found = call.services.chat.list_threads(
        call.person, query=query.q, cursor=query.cursor, limit=query.limit
    )
    return ThreadList(items=[_shown_thread(thread) for thread in found.items], next_cursor=found.next_cursor)


def create(call: Call, body: NewThread) -> tuple[Thread, int]:
    """Begin a conversation; the same id again gives the existing one with 200."""
    created = call.services.chat.create_thread(
        call.person, thread_id=body.id, bot_id=body.bot_id, once=call.once(_created, _created_status)
    )
    return _created(created), _created_status(created)


def get(call: Call, thread_id: str) -> Thread:
    """One conversation."""
    return _shown_thread(call.services.chat.get_thread(call.person, thread_id))


def update(call: Call, thread_id: str, body: ThreadChange) -> Thread:
    """Rename a conversation."""
    renamed = call.services.chat.rename_thread(call.person, thread_id, body.title, call.once(_shown_thread))
    return _shown_thread(renamed)


def delete(call: Call, thread_id: str) -> None:
    """Delete a conversation with its messages."""
    call.services.chat.delete_thread(call.person, thread_id, call.once(lambda _: None))


def messages(call: Call, thread_id: str, query: ListQuery) -> MessageList:
    """A conversation's messages, oldest first."""
    found = call.services.chat.list_messages(call.person, thread_id, cursor=query.cursor, limit=query.limit)
    return MessageList(
        items=[shown_message(message) for message in found.items], next_cursor=found.next_cursor
    )


def create_message(call: Call, thread_id: str, body: NewMessage) -> tuple[AcceptedMessage, int]:
    """Ask: stores the message and starts the answer; the same id again gives the existing one with 200."""
    posted = call.services.chat.post_message(
        call.person, thread_id, body.id, body.text, call.once(_accepted, _accepted_status)
    )
    return _accepted(posted), _accepted_status(posted)


def export(call: Call, thread_id: str, query: ExportQuery) -> Response:
    """A conversation as a file."""
    file = call.services.chat.export_thread(call.person, thread_id, query.format)
    answer = Response(file.body, content_type=file.media_type)
    # The name is made of the conversation's id alone, so it needs no quoting.
    answer.headers["Content-Disposition"] = f'attachment; filename="{file.filename}"'
    return answer


def shown_message(message: chat.Message) -> Message:
    return Message(
        id=message.id,
        thread_id=message.thread_id,
        role="user" if message.role == "user" else "assistant",
        text=message.text,
        citations=shown_citations(message.citations),
        nearest=shown_citations(message.nearest),
        run_id=message.run_id,
        status=message.status,
        model=message.model,
        refused=message.refused,
        notice=message.notice,
        feedback=None if message.feedback is None else ("up" if message.feedback == "up" else "down"),
        created_at=message.created_at,
    )


def shown_citations(citations: tuple[answers.Citation, ...]) -> list[Citation]:
    return [Citation(n=each.n, title=each.title, url=each.url, text=each.text) for each in citations]


def _shown_thread(thread: chat.Thread) -> Thread:
    return Thread(
        id=thread.id,
        title=thread.title,
        bot_id=thread.bot_id,
        snippet=thread.snippet,
        created_at=thread.created_at,
        updated_at=thread.updated_at,
    )


def _created(created: CreatedThread) -> Thread:
    return _shown_thread(created.thread)


def _created_status(created: CreatedThread) -> int:
    return 201 if created.created else 200


def _accepted(posted: Posted) -> AcceptedMessage:
    return AcceptedMessage(message=shown_message(posted.message), run_id=posted.run_id)


def _accepted_status(posted: Posted) -> int:
    return 201 if posted.created else 200

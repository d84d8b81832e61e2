"""Conversations: their messages, and the rules for what a person may send."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from roost.domain.answers import Citation
from roost.errors import InvalidInput

TEXT_LIMIT = 16_000
TITLE_LIMIT = 200
REASON_LIMIT = 1_000
TITLE_FROM_QUESTION = 50
SNIPPET_LIMIT = 160
SNIPPET_LEAD = 40
CONTEXT_MESSAGES = 10
CONTEXT_IDLE_S = 30 * 60
NEW_TITLE = "New conversation"

_BLANKS = re.compile(r"\s+")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


class MessageStatus(StrEnum):
    PENDING = "pending"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Thread:
    """A conversation of a person (`owner_id`) or of a chat on a platform (`bot_id` and a chat key).

    `snippet` is the text around a hit, when it was found by a text of it.
    """

    id: str
    owner_id: str | None
    bot_id: str | None
    platform: str
    title: str
    created_at: datetime
    updated_at: datetime
    snippet: str | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """`role` is user or assistant. An assistant's message is pending and empty until its run is done.

    `feedback` is up or down, when its reader said so.
    """

    id: str
    thread_id: str
    seq: int
    role: str
    text: str
    citations: tuple[Citation, ...]
    nearest: tuple[Citation, ...]
    run_id: str | None
    status: MessageStatus
    model: str | None
    refused: bool
    notice: str | None
    created_at: datetime
    feedback: str | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """An answer in the making. `attempt` starts at 1 and rises when it is done again after a crash."""

    id: str
    thread_id: str
    question_id: str
    answer_id: str
    status: MessageStatus
    attempt: int
    error: str | None


@dataclass(frozen=True, slots=True)
class ChatStats:
    """What `/stats` says of one chat on a platform."""

    questions: int
    refused: int
    first_at: datetime | None


@dataclass(frozen=True, slots=True)
class DayUse:
    """What was used today, and the limits; a limit of None is none."""

    questions: int
    questions_limit: int | None
    tokens: int
    tokens_limit: int | None


def title_of(question: str) -> str:
    """The question's first 50 characters, cut at a word where one ends."""
    plain = _BLANKS.sub(" ", question).strip()
    if len(plain) <= TITLE_FROM_QUESTION:
        return plain or NEW_TITLE
    head = plain[:TITLE_FROM_QUESTION]
    if plain[TITLE_FROM_QUESTION] != " " and " " in head:
        head = head[: head.rindex(" ")]
    return head.rstrip() + "…"


def snippet_around(text: str, needle: str) -> str:
    """At most 160 characters of `text`, on one line, with the place where `needle` stands in them, in any
    case.
    """
    plain = _BLANKS.sub(" ", text).strip()
    found = max(0, plain.casefold().find(needle.casefold()))
    start = max(0, min(found - SNIPPET_LEAD, len(plain) - SNIPPET_LIMIT))
    end = start + SNIPPET_LIMIT
    return ("…" if start else "") + plain[start:end].strip() + ("…" if end < len(plain) else "")


def check_text(text: str, *, field: str, limit: int = TEXT_LIMIT) -> str:
    """The text, unchanged. Raises InvalidInput when it is blank, too long, or holds what cannot be stored."""
    if not text.strip():
        raise InvalidInput("The text is empty. Write something.", field=field)
    if len(text) > limit:
        raise InvalidInput(
            f"The text has {len(text):,} characters; {limit:,} is the most. Shorten it.", field=field
        )
    if "\0" in text or _SURROGATE.search(text):
        raise InvalidInput(
            "The text holds characters that cannot be stored (NUL or half a character).", field=field
        )
    return text


def check_id(value: str, *, field: str) -> str:
    """The id in its usual spelling. Raises InvalidInput when it is not a UUIDv7 (RFC 9562)."""
    try:
        parsed = UUID(value)
    except ValueError as error:
        raise InvalidInput("The id is not a UUID. Send a fresh UUIDv7.", field=field) from error
    if parsed.version != 7:
        raise InvalidInput("The id is not a UUID of version 7. Send a fresh UUIDv7.", field=field)
    return str(parsed)

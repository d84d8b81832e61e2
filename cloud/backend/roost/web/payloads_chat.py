"""Payloads of conversations and answers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from roost.domain.chat import MessageStatus
from roost.web.payload import ListQuery, Moment, NotBlank, Payload, Reference, Text, UuidV7


class Thread(Payload):
    id: str
    title: str
    bot_id: str | None
    snippet: str | None
    created_at: Moment
    updated_at: Moment


class ThreadList(Payload):
    items: list[Thread]
    next_cursor: str | None


class ThreadQuery(ListQuery):
    q: Annotated[str | None, Field(max_length=200)] = None


class NewThread(Payload):
    id: UuidV7 | None = None
    bot_id: Reference | None = None


class ThreadChange(Payload):
    title: Annotated[str, Field(min_length=1, max_length=200), NotBlank]


class Citation(Payload):
    n: int
    title: str
    url: str
    text: str


class Message(Payload):
    id: str
    thread_id: str
    role: Literal["user", "assistant"]
    text: str
    citations: list[Citation]
    nearest: list[Citation]
    run_id: str | None
    status: MessageStatus
    model: str | None
    refused: bool
    notice: str | None
    feedback: Literal["up", "down"] | None
    created_at: Moment


class MessageList(Payload):
    items: list[Message]
    next_cursor: str | None


class NewMessage(Payload):
    id: UuidV7
    text: Text


class AcceptedMessage(Payload):
    message: Message
    run_id: str


class RunSources(Payload):
    citations: list[Citation]


class RunDelta(Payload):
    text: str


class RunDone(Payload):
    message: Message
    stopped: bool


class NewFeedback(Payload):
    thumb: Literal["up", "down"]
    reason: Annotated[str | None, Field(min_length=1, max_length=1000)] = None


class Feedback(Payload):
    message_id: str
    thumb: Literal["up", "down"]
    reason: str | None


class FollowUp(Payload):
    question: str


class FollowUpList(Payload):
    items: list[FollowUp]
    next_cursor: None


class ExportQuery(Payload):
    format: Literal["md", "json"] = "md"


class ExportedMessage(Payload):
    id: str
    role: Literal["user", "assistant"]
    text: str
    status: MessageStatus
    model: str | None
    refused: bool
    citations: list[Citation]
    created_at: Moment


class ThreadExport(Payload):
    id: str
    title: str
    created_at: Moment
    messages: list[ExportedMessage]


class NewQuestion(Payload):
    question: Text
    thread_id: Reference | None = None
    bot_id: Reference | None = None


class AskedAnswer(Payload):
    answer: str
    citations: list[Citation]
    nearest: list[Citation]
    refused: bool
    model: str | None
    notice: str | None
    thread_id: str


class Prompt(Payload):
    key: str
    name: str
    text: str


class PromptList(Payload):
    items: list[Prompt]
    next_cursor: None

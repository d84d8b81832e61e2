"""Payloads of bots, their logs, and live events."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from roost.domain.bots import Desired, Platform, Status
from roost.web.payload import Moment, Name, Payload, Reference, Secret, Text, Url

Model = Annotated[str, Field(min_length=1, max_length=200)]
SourceIds = Annotated[list[Reference], Field(max_length=100)]
TransportName = Literal["polling", "webhook"]
AllowedChats = Annotated[list[Reference], Field(max_length=1000)]


def _polling() -> TransportName:
    return "polling"


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Bot(Payload):
    id: str
    owner_id: str
    platform: Platform
    name: str
    handle: str
    token_last4: str
    model: str | None
    system_prompt: str
    base_url: str | None
    has_api_key: bool
    source_ids: list[str] | None
    allowed_chats: list[str] | None
    invite_url: str | None
    transport: TransportName
    desired: Desired
    status: Status
    reason: str | None
    since: Moment
    uptime_s: int | None
    last_contact_at: Moment | None
    last_message_at: Moment | None
    messages_today: int
    tokens_today: int
    tokens_limit: int | None
    privacy_mode: bool | None
    deep_link: str | None
    created_at: Moment
    updated_at: Moment


class BotList(Payload):
    items: list[Bot]
    next_cursor: str | None


class NewBot(Payload):
    platform: Literal["telegram", "discord"]
    token: Secret
    name: Name | None = None
    model: Model | None = None
    system_prompt: Text = "default"
    start: bool = False
    transport: TransportName = "polling"
    base_url: Url | None = None
    api_key: Secret | None = None
    source_ids: SourceIds | None = None
    allowed_chats: AllowedChats | None = None


class BotChange(Payload):
    """Only the fields that are sent change; the defaults here are never read."""

    token: Secret = Field(default_factory=str)
    name: Name = Field(default_factory=str)
    model: Model | None = None
    system_prompt: Text = Field(default_factory=str)
    base_url: Url | None = None
    api_key: Secret | None = None
    source_ids: SourceIds | None = None
    allowed_chats: AllowedChats | None = None
    transport: TransportName = Field(default_factory=_polling)


class LogQuery(Payload):
    after: Annotated[int | None, Field(ge=0)] = None
    level: LogLevel | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class LogLine(Payload):
    id: int
    at: Moment
    level: LogLevel
    text: str


class LogLineList(Payload):
    items: list[LogLine]
    next_cursor: None
    dropped: int


class LiveLogLine(LogLine):
    bot_id: str

"""A bot: what its owner wants of it, and what is observed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from roost.domain.answers import AnswerSettings


class Platform(StrEnum):
    TELEGRAM = "telegram"
    DISCORD = "discord"


class Desired(StrEnum):
    """What the person wants. Only a person changes it, never a shutdown or a crash."""

    RUNNING = "running"
    STOPPED = "stopped"


class Status(StrEnum):
    """What is observed."""

    RUNNING = "running"
    STARTING = "starting"
    STOPPED = "stopped"
    DEGRADED = "degraded"
    CRASHED = "crashed"


@dataclass(frozen=True, slots=True)
class BotIdentity:
    """Who the platform says a token belongs to. `handle` is without the @."""

    platform_bot_id: str
    name: str
    handle: str


@dataclass(frozen=True, slots=True)
class Bot:
    """A registered bot, without its secrets."""

    id: str
    owner_id: str
    platform: Platform
    platform_bot_id: str
    name: str
    handle: str
    token_last4: str
    model: str | None
    system_prompt: str
    desired: Desired
    desired_since: datetime
    base_url: str | None
    has_api_key: bool
    source_ids: tuple[str, ...] | None
    allowed_chats: tuple[str, ...] | None
    transport: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Observed:
    """What the supervisor sees: `reason` says, for people, why a bot is not simply running;
    `last_contact_at` is the last successful poll.
    """

    status: Status
    reason: str | None
    since: datetime
    last_contact_at: datetime | None


@dataclass(frozen=True, slots=True)
class BotCredentials:
    """What a runner needs to be this bot. Its repr holds no secret."""

    bot: Bot
    token: str
    answers: AnswerSettings

    def __repr__(self) -> str:
        return f"BotCredentials(bot_id={self.bot.id!r})"

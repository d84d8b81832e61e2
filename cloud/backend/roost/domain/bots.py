"""A bot: what its owner wants of it, and what is observed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, StrEnum

from roost.domain.answers import AnswerSettings


class Platform(StrEnum):
    TELEGRAM = "telegram"
    DISCORD = "discord"


class Desired(StrEnum):
    """What the person wants. Only a person changes it, never a shutdown or a crash."""

    RUNNING = "running"
    STOPPED = "stopped"


class Transport(StrEnum):
    """How what people send reaches the bot: fetched, or brought by the platform to PUBLIC_URL."""

    POLLING = "polling"
    WEBHOOK = "webhook"


class Status(StrEnum):
    """What is observed."""

    RUNNING = "running"
    STARTING = "starting"
    STOPPED = "stopped"
    DEGRADED = "degraded"
    CRASHED = "crashed"


@dataclass(frozen=True, slots=True)
class BotIdentity:
    """Who the platform says a token belongs to. `handle` is without the @.

    `platform_bot_id` stands for the bot whatever its token: the user's id on Telegram, the application's on
    Discord.
    """

    platform_bot_id: str
    name: str
    handle: str


@dataclass(frozen=True, slots=True)
class Bot:
    """A registered bot, without its secrets. `proven`: its platform has told whose token it is; an import
    only says so, and yields to whoever shows a token of the bot.
    """

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
    proven: bool = True


INVITE_PERMISSIONS = (
    1 << 10  # view channels
    | 1 << 11  # send messages
    | 1 << 38  # send messages in threads
    | 1 << 14  # embed links
    | 1 << 16  # read message history: what was said while the bot was away
    | 1 << 6  # add reactions
)
"""Source: https://discord.com/developers/docs/topics/permissions"""


def invite_url(bot: Bot) -> str | None:
    """Where somebody adds a Discord bot to a server, with what it needs there; None for other platforms."""
    if bot.platform is not Platform.DISCORD:
        return None
    return (
        f"https://discord.com/oauth2/authorize?client_id={bot.platform_bot_id}"
        f"&scope=bot+applications.commands&permissions={INVITE_PERMISSIONS}"
    )


@dataclass(frozen=True, slots=True)
class Observed:
    """What the supervisor sees: `reason` says, for people, why a bot is not simply running;
    `last_contact_at` is the last successful poll.
    """

    status: Status
    reason: str | None
    since: datetime
    last_contact_at: datetime | None
    running_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class BotCredentials:
    """What a runner needs to be this bot. Its repr holds no secret.

    `webhook_secret` is None unless the platform is to bring the updates.
    """

    bot: Bot
    token: str
    answers: AnswerSettings
    webhook_secret: str | None = None

    def __repr__(self) -> str:
        return f"BotCredentials(bot_id={self.bot.id!r})"


class Unset(Enum):
    """Tells "leave it as it is" from "set it to nothing"."""

    UNSET = "unset"


UNSET = Unset.UNSET


@dataclass(frozen=True, slots=True)
class NewBot:
    """What a person asks for when registering a bot. Its repr holds no secret."""

    platform: Platform
    token: str
    name: str | None = None
    model: str | None = None
    system_prompt: str = "default"
    base_url: str | None = None
    api_key: str | None = None
    source_ids: tuple[str, ...] | None = None
    allowed_chats: tuple[str, ...] | None = None
    start: bool = False
    transport: Transport = Transport.POLLING

    def __repr__(self) -> str:
        return f"NewBot(platform={self.platform!r}, name={self.name!r})"


@dataclass(frozen=True, slots=True)
class BotChange:
    """What a person changes of a bot; what is UNSET stays. Its repr holds no secret."""

    token: str | Unset = UNSET
    name: str | Unset = UNSET
    system_prompt: str | Unset = UNSET
    model: str | Unset | None = UNSET
    base_url: str | Unset | None = UNSET
    api_key: str | Unset | None = UNSET
    source_ids: tuple[str, ...] | Unset | None = UNSET
    allowed_chats: tuple[str, ...] | Unset | None = UNSET
    transport: Transport | Unset = UNSET

    def __repr__(self) -> str:
        return "BotChange(...)"


@dataclass(frozen=True, slots=True)
class BotView:
    """A bot as people see it: what is stored of it beside what is observed. `uptime_s` is None unless it
    runs.

    `privacy_mode`: in groups it is shown only what is meant for it; None until the platform has said so.
    `tokens_limit` None: no limit.
    """

    bot: Bot
    status: Status
    reason: str | None
    since: datetime
    uptime_s: int | None
    last_contact_at: datetime | None
    last_message_at: datetime | None
    messages_today: int
    tokens_today: int
    tokens_limit: int | None
    privacy_mode: bool | None

    @property
    def deep_link(self) -> str | None:
        """The address that opens a chat with the bot; None where a platform has none."""
        if self.bot.platform is Platform.TELEGRAM and self.bot.handle:
            return f"https://t.me/{self.bot.handle}"
        return None


@dataclass(frozen=True, slots=True)
class BotLogLine:
    """One line of a bot's log. `id` rises while Roost runs; `level` is debug, info, warning or error."""

    bot_id: str
    id: int
    at: datetime
    level: str
    text: str

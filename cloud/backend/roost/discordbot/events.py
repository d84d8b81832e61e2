"""Reading what Discord delivers: only what is needed, and never failing on what is not as expected.

Source: https://discord.com/developers/docs/resources/message, …/interactions/receiving-and-responding
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from roost.storage.gateway import ChannelMark
from roost.storage.inbox import Update

PLATFORM = "discord"
DISCORD_EPOCH_MS = 1_420_070_400_000
PLAIN_MESSAGE, REPLY = 0, 19
SLASH_COMMAND, PRESSED_BUTTON = 2, 3
TEXT_OPTION = 3
CUSTOM_ID_LIMIT = 100
ADMINISTRATOR, MANAGE_MESSAGES = 1 << 3, 1 << 13
_UNSTORABLE = re.compile(r"[\0\ud800-\udfff]")
_MENTION = re.compile(r"<@!?(\d{1,20})>")


@dataclass(frozen=True, slots=True)
class Incoming:
    """Something said to the bot, as it is kept in the inbox. All ids are snowflakes.

    `text` is what was typed, without the mention of the bot; for a slash command, its argument, and `command`
    is its name. `hidden` says that Discord withheld the text, `attached` that there was something besides it.
    """

    id: int
    channel_id: int
    guild_id: int | None
    person_id: int
    text: str
    command: str | None = None
    hidden: bool = False
    attached: bool = False

    @property
    def private(self) -> bool:
        return self.guild_id is None

    @property
    def person(self) -> str:
        """Whom daily limits count, and whose record it is."""
        return f"{PLATFORM}:{self.person_id}"

    @property
    def chat_key(self) -> str:
        """Names a conversation: of a private channel, or of one person in a server's channel or thread."""
        return str(self.channel_id) if self.private else f"{self.channel_id}:{self.person_id}"

    def to_update(self) -> Update:
        return Update(
            self.id, self.chat_key, json.dumps(asdict(self), ensure_ascii=False), person=self.person
        )

    @classmethod
    def from_payload(cls, payload: str) -> Incoming:
        return cls(**json.loads(payload))


@dataclass(frozen=True, slots=True)
class Press:
    """Somebody pressed a button under a message of the bot, which may be old. All ids are snowflakes.

    `moderator`: they may delete others' messages there.
    """

    id: int
    channel_id: int
    message_id: int
    person_id: int
    custom_id: str
    moderator: bool = False

    @property
    def moderates(self) -> str | None:
        """How the keys of the conversations begin in which they may stop anybody's answer; None: in none."""
        return f"{self.channel_id}:" if self.moderator else None

    @property
    def person(self) -> str:
        """As Incoming's."""
        return f"{PLATFORM}:{self.person_id}"

    def to_update(self) -> Update:
        """In a line of its own for each person: a press waits for no answer in the making."""
        payload = json.dumps({"press": asdict(self)}, ensure_ascii=False)
        return Update(self.id, f"press:{self.person_id}", payload, person=self.person)


def read_stored(payload: str) -> Incoming | Press:
    """What `to_update` wrote."""
    stored = json.loads(payload)
    return Press(**stored["press"]) if "press" in stored else Incoming.from_payload(payload)


def snowflake(value: object) -> int | None:
    """An id as Discord writes it; None for anything else."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= 19:
        number = int(value)
        return number if number < 2**63 else None
    return None


def moment_of(snowflake_id: int) -> datetime:
    """When an id was made."""
    return datetime.fromtimestamp(((snowflake_id >> 22) + DISCORD_EPOCH_MS) / 1000, UTC)


def snowflake_at(moment: datetime) -> int:
    """The smallest id of that moment, to ask for what came after."""
    return max(0, int(moment.timestamp() * 1000) - DISCORD_EPOCH_MS) << 22


def mark_of(message: Mapping[str, Any]) -> ChannelMark | None:
    """How far a channel is seen with this message."""
    message_id, channel_id = snowflake(message.get("id")), snowflake(message.get("channel_id"))
    if message_id is None or channel_id is None:
        return None
    return ChannelMark(channel_id, snowflake(message.get("guild_id")), message_id)


def read_message(message: Mapping[str, Any], own_id: int) -> Incoming | None:
    """A person's message to the bot `own_id`: private, mentioning it, or replying to it. None for all others,
    for those of bots and webhooks, and for what Discord itself writes.
    """
    mark, author = mark_of(message), _mapping(message.get("author"))
    person_id = snowflake(author.get("id"))
    if mark is None or person_id is None or person_id == own_id:
        return None
    if author.get("bot") or "webhook_id" in message or message.get("type", 0) not in (PLAIN_MESSAGE, REPLY):
        return None
    named = {snowflake(_mapping(each).get("id")) for each in _list(message.get("mentions"))}
    replied = _mapping(_mapping(message.get("referenced_message")).get("author"))
    is_reply = message.get("type") == REPLY and snowflake(replied.get("id")) == own_id
    if mark.guild_id is not None and own_id not in named and not is_reply:
        return None
    content = message.get("content")
    text = content if isinstance(content, str) else ""
    attached = any(_list(message.get(kind)) for kind in ("attachments", "sticker_items"))
    return Incoming(
        id=mark.message_id,
        channel_id=mark.channel_id,
        guild_id=mark.guild_id,
        person_id=person_id,
        text=_typed(text, own_id, _names(message)),
        hidden=not text and own_id not in named and mark.guild_id is not None,
        attached=attached or bool(message.get("poll")),
    )


def read_interaction(interaction: Mapping[str, Any]) -> tuple[Incoming, str] | None:
    """A slash command and the token it is answered with; None for every other interaction."""
    data, token = _mapping(interaction.get("data")), interaction.get("token")
    interaction_id, channel_id = snowflake(interaction.get("id")), snowflake(interaction.get("channel_id"))
    person_id, name = _person_of(interaction), data.get("name")
    if interaction.get("type") != SLASH_COMMAND or interaction_id is None or channel_id is None:
        return None
    if person_id is None or not isinstance(name, str) or not isinstance(token, str):
        return None
    words = [
        str(option.get("value", ""))
        for option in map(_mapping, _list(data.get("options")))
        if option.get("type") == TEXT_OPTION
    ]
    incoming = Incoming(
        id=interaction_id,
        channel_id=channel_id,
        guild_id=snowflake(interaction.get("guild_id")),
        person_id=person_id,
        text=_storable(" ".join(words)).strip(),
        command=name,
    )
    return incoming, token


def read_press(interaction: Mapping[str, Any]) -> tuple[Press, str] | None:
    """A press of a button and the token it is answered with; None for every other interaction."""
    token, custom_id = interaction.get("token"), _mapping(interaction.get("data")).get("custom_id")
    ids = (
        snowflake(interaction.get("id")),
        snowflake(interaction.get("channel_id")),
        snowflake(_mapping(interaction.get("message")).get("id")),
        _person_of(interaction),
    )
    if interaction.get("type") != PRESSED_BUTTON or not isinstance(token, str):
        return None
    interaction_id, channel_id, message_id, person_id = ids
    if interaction_id is None or channel_id is None or message_id is None or person_id is None:
        return None
    known = _storable(custom_id)[:CUSTOM_ID_LIMIT] if isinstance(custom_id, str) else ""
    return Press(interaction_id, channel_id, message_id, person_id, known, _moderates(interaction)), token


def last_messages(guild: Mapping[str, Any]) -> dict[int, int]:
    """The last message of each of a server's channels and threads, as far as Discord says."""
    found = {}
    for each in (*_list(guild.get("channels")), *_list(guild.get("threads"))):
        channel = _mapping(each)
        channel_id, message_id = snowflake(channel.get("id")), snowflake(channel.get("last_message_id"))
        if channel_id is not None and message_id is not None:
            found[channel_id] = message_id
    return found


def _person_of(interaction: Mapping[str, Any]) -> int | None:
    """Who began an interaction: in a server a member, privately a user."""
    person = _mapping(interaction.get("user") or _mapping(interaction.get("member")).get("user"))
    return snowflake(person.get("id"))


def _moderates(interaction: Mapping[str, Any]) -> bool:
    """Discord tells what a member may do in the interaction's channel, as the decimal of a bit set."""
    permissions = snowflake(_mapping(interaction.get("member")).get("permissions"))
    return permissions is not None and bool(permissions & (ADMINISTRATOR | MANAGE_MESSAGES))


def _typed(content: str, own_id: int, names: Mapping[int, str]) -> str:
    """The text as the person meant it: the bot's mention gone, others by name."""

    def named(found: re.Match[str]) -> str:
        mentioned = int(found[1])
        return "" if mentioned == own_id else "@" + names.get(mentioned, "somebody")

    return _storable(_MENTION.sub(named, content)).strip()


def _names(message: Mapping[str, Any]) -> dict[int, str]:
    names = {}
    for each in map(_mapping, _list(message.get("mentions"))):
        person_id = snowflake(each.get("id"))
        name = each.get("global_name") or each.get("username")
        if person_id is not None and isinstance(name, str):
            names[person_id] = name
    return names


def _storable(text: str) -> str:
    return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []

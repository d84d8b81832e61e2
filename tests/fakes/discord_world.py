"""What a Discord keeps of one bot: its server, channels, messages, commands and interactions."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

Json = dict[str, Any]

EPOCH_MS = 1_420_070_400_000
MESSAGE_LIMIT = 2000
BOT_PERMISSIONS = str(1 << 10 | 1 << 11 | 1 << 38 | 1 << 14 | 1 << 16 | 1 << 6)
MESSAGE_CONTENT = 1 << 15
_counter = itertools.count(1)


def new_snowflake() -> str:
    return str((int(time.time() * 1000) - EPOCH_MS) << 22 | (next(_counter) & 0x3FFFFF))


def person(user_id: int | str, name: str | None = None, *, bot: bool = False) -> Json:
    return {
        "id": str(user_id),
        "username": name or f"person{user_id}",
        "discriminator": "0",
        "global_name": None,
        "avatar": None,
        "bot": bot,
        "public_flags": 0,
    }


@dataclass
class Interaction:
    """A slash command somebody used, or a button somebody pressed: then `message_id` is its message's."""

    id: str
    token: str
    channel_id: str
    user_id: str
    in_server: bool
    at: float = field(default_factory=time.time)
    deferred_after_s: float | None = None
    ephemeral: bool = False
    expired: bool = False
    message_id: str | None = None
    texts: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    custom_id: str | None = None
    rights: Json = field(default_factory=dict)

    def event(self, bot: FakeBot, given: Json) -> Json:
        options = []
        if given.get("question") is not None:
            options = [{"name": "question", "type": 3, "value": given["question"]}]
        user = person(self.user_id)
        place = (
            {"guild_id": bot.guild_id, "member": bot.member(user) | self.rights, "context": 0}
            if self.in_server
            else {"user": user, "context": 1}
        )
        return {
            "id": self.id,
            "application_id": bot.application_id,
            "type": 2 if self.custom_id is None else 3,
            "channel_id": self.channel_id,
            "channel": {"id": self.channel_id, "type": 0 if self.in_server else 1},
            "token": self.token,
            "version": 1,
            "locale": "en-US",
            "entitlements": [],
            **place,
            **self._what(bot, given, options),
        }

    def _what(self, bot: FakeBot, given: Json, options: list[Json]) -> Json:
        if self.custom_id is None or self.message_id is None:
            return {"data": {"id": "1", "name": given["name"], "type": 1, "options": options}}
        data = {"custom_id": self.custom_id, "component_type": 2, "id": 2}
        return {"data": data, "message": bot.messages[self.message_id]}


@dataclass
class FakeBot:
    """`user` and `application` have different ids, as those of old bots do."""

    token: str
    privileged: int = 0
    socket: web.WebSocketResponse | None = None
    session_id: str | None = None
    sequence: int = 0
    sent: deque[Json] = field(default_factory=lambda: deque(maxlen=2_000))
    muted: bool = False
    close_with: int | None = None
    refuse_sessions: int = 0
    resumes: int = 0
    intents: int = 0
    identified_at: list[float] = field(default_factory=list)
    messages: dict[str, Json] = field(default_factory=dict)
    nonces: dict[str, str] = field(default_factory=dict)
    sends: list[Json] = field(default_factory=list)
    edits: list[Json] = field(default_factory=list)
    typing: list[str] = field(default_factory=list)
    calls: deque[Json] = field(default_factory=lambda: deque(maxlen=20_000))
    limited: list[str] = field(default_factory=list)
    commands: list[Json] = field(default_factory=list)
    interactions: dict[str, Interaction] = field(default_factory=dict)
    closed_channels: set[str] = field(default_factory=set)
    channels: set[str] = field(default_factory=set)
    threads: dict[str, str] = field(default_factory=dict)
    interactions_url: str | None = None

    @property
    def signing_key(self) -> Ed25519PrivateKey:
        """Of the application; the same for the same token."""
        return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(self.token.encode()).digest())

    def signed(self, body: bytes, at: int) -> dict[str, str]:
        """The headers that Discord sends with a body."""
        signature = self.signing_key.sign(str(at).encode() + body).hex()
        return {
            "X-Signature-Ed25519": signature,
            "X-Signature-Timestamp": str(at),
            "Content-Type": "application/json",
        }

    @property
    def user_id(self) -> int:
        first = self.token.partition(".")[0]
        return int(base64.urlsafe_b64decode(first + "=" * (-len(first) % 4)))

    @property
    def application_id(self) -> str:
        return str(self.user_id + 100_000_000_000_000_000)

    @property
    def guild_id(self) -> str:
        return str(self.user_id + 200_000_000_000_000_000)

    @property
    def user(self) -> Json:
        return person(self.user_id, f"bot{self.user_id % 1_000_000}", bot=True)

    @property
    def application(self) -> Json:
        return {
            "id": self.application_id,
            "name": f"Bot {self.user_id % 1_000_000}",
            "icon": None,
            "description": "",
            "bot_public": True,
            "bot_require_code_grant": False,
            "owner": person(7),
            "verify_key": self.signing_key.public_key().public_bytes_raw().hex(),
            "flags": 0,
            "team": None,
            "summary": "",
            "interactions_endpoint_url": self.interactions_url,
            "bot": self.user,
        }

    @staticmethod
    def private_channel_of(user_id: int) -> int:
        return 800_000_000_000_000_000 + user_id

    def member(self, user: Json) -> Json:
        return {
            "user": user,
            "roles": [],
            "joined_at": _now(),
            "deaf": False,
            "mute": False,
            "flags": 0,
            "avatar": None,
            "nick": None,
            "permissions": BOT_PERMISSIONS,
        }

    def ready(self, gateway_url: str) -> Json:
        return {
            "v": 10,
            "user": self.user,
            "guilds": [{"id": self.guild_id, "unavailable": True}],
            "session_id": self.session_id,
            "session_type": "normal",
            "private_channels": [],
            "relationships": [],
            "resume_gateway_url": gateway_url,
            "application": {"id": self.application_id, "flags": 0},
            "shard": [0, 1],
        }

    def guild(self) -> Json:
        everyone = {
            "id": self.guild_id,
            "name": "@everyone",
            "permissions": BOT_PERMISSIONS,
            "position": 0,
            "color": 0,
            "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
            "hoist": False,
            "managed": False,
            "mentionable": False,
            "flags": 0,
        }
        empty = ("emojis", "stickers", "features", "voice_states", "presences", "stage_instances")
        nothing = ("icon", "splash", "discovery_splash", "afk_channel_id", "application_id", "banner")
        return {
            **{name: [] for name in (*empty, "guild_scheduled_events", "soundboard_sounds")},
            **dict.fromkeys((*nothing, "system_channel_id", "rules_channel_id", "vanity_url_code")),
            "id": self.guild_id,
            "name": "Aviary",
            "description": None,
            "owner_id": "7",
            "afk_timeout": 300,
            "verification_level": 0,
            "default_message_notifications": 0,
            "explicit_content_filter": 0,
            "mfa_level": 0,
            "system_channel_flags": 0,
            "premium_tier": 0,
            "preferred_locale": "en-US",
            "public_updates_channel_id": None,
            "nsfw_level": 0,
            "premium_progress_bar_enabled": False,
            "member_count": 2,
            "large": False,
            "unavailable": False,
            "joined_at": _now(),
            "roles": [everyone],
            "members": [self.member(self.user)],
            "channels": [self._channel(each, 0) for each in sorted(self.channels)],
            "threads": [self._thread(each, parent) for each, parent in sorted(self.threads.items())],
        }

    def channel(self, channel_id: str, *, writing: bool) -> None:
        """Raises what Discord answers where the bot has no business."""
        from tests.fakes.fake_discord import ApiError

        if channel_id in self.closed_channels:
            code, words = (50013, "Missing Permissions") if writing else (50001, "Missing Access")
            raise ApiError(403, code, words)
        known = channel_id in self.channels or channel_id in self.threads
        if not known and int(channel_id) < 800_000_000_000_000_000:
            raise ApiError(404, 10003, "Unknown Channel")

    def begin_session(self, socket: web.WebSocketResponse, intents: int) -> None:
        self.socket, self.session_id, self.sequence = socket, new_snowflake(), 0
        self.intents, self.muted = intents, False
        self.sent.clear()

    async def dispatch(self, event: str, data: Json) -> None:
        self.sequence += 1
        frame = {"op": 0, "t": event, "s": self.sequence, "d": data}
        self.sent.append(frame)
        if self.socket is not None and not self.socket.closed and not self.muted:
            try:
                await self.socket.send_str(json.dumps(frame))
            except ConnectionError:
                self.socket = None

    def new_message(self, channel_id: str, author: Json, content: str, *, body: Json, **more: Any) -> Json:
        reference = body.get("message_reference")
        if reference:
            reference = {
                "type": 0,
                "message_id": reference["message_id"],
                "channel_id": channel_id,
                "guild_id": self.guild_id,
            }
        message = {
            "id": new_snowflake(),
            "channel_id": channel_id,
            "author": author,
            "content": content,
            "timestamp": _now(),
            "edited_timestamp": None,
            "tts": False,
            "mention_everyone": False,
            "mentions": [],
            "mention_roles": [],
            "attachments": [],
            "embeds": [],
            "components": [],
            "pinned": False,
            "type": 19 if reference else 0,
            "flags": 0,
            **({"message_reference": reference} if reference else {}),
            **more,
        }
        self.messages[message["id"]] = message
        return message

    def said(self, given: Json) -> Json:
        """What a person says, in a server's channel or privately."""
        private = "channel_id" not in given
        channel_id = str(self.private_channel_of(given["user_id"])) if private else given["channel_id"]
        if not private and channel_id not in self.threads:
            self.channels.add(channel_id)
        author = person(given["user_id"], given.get("name"), bot=bool(given.get("by_bot")))
        if given.get("by_itself"):
            author = self.user
        more = given.get("more", {})
        message = self.new_message(channel_id, author, given.get("content", ""), body={}, **more)
        if given.get("mention"):
            message["mentions"] = [self.user, *message["mentions"]]
        if given.get("reply_to"):
            message["type"] = 19
            message["message_reference"] = {"message_id": given["reply_to"], "channel_id": channel_id}
            message["referenced_message"] = self.messages.get(given["reply_to"])
        if not private:
            message["guild_id"] = self.guild_id
        return message

    def shown_to_bot(self, message: Json) -> Json:
        """Without the message content intent, the text of what is not meant for the bot is withheld."""
        named = any(each["id"] == self.user["id"] for each in message["mentions"])
        own = message["author"]["id"] == self.user["id"]
        private = int(message["channel_id"]) >= 800_000_000_000_000_000
        if own or named or private or self.intents & MESSAGE_CONTENT:
            return message
        return {**message, "content": "", "attachments": [], "embeds": []}

    def used(self, given: Json) -> Interaction:
        """Somebody uses a slash command."""
        in_server = "channel_id" in given
        channel_id = str(given.get("channel_id") or self.private_channel_of(given["user_id"]))
        if in_server:
            self.channels.add(channel_id)
        return self._interaction(channel_id, str(given["user_id"]), in_server=in_server)

    def pressed(self, given: Json) -> Interaction:
        """Somebody presses a button that stands under a message, or forges a press."""
        message = self.messages[given["message_id"]]
        channel_id = message["channel_id"]
        in_server = int(channel_id) < 800_000_000_000_000_000
        interaction = self._interaction(channel_id, str(given["user_id"]), in_server=in_server)
        interaction.message_id = message["id"]
        interaction.custom_id = given.get("custom_id")
        if "permissions" in given:
            interaction.rights = {"permissions": given["permissions"]}
        if interaction.custom_id is None:
            [button] = [
                each
                for row in message["components"]
                for each in row["components"]
                if given["button"] in (each.get("label"), each.get("emoji", {}).get("name"))
            ]
            interaction.custom_id = button["custom_id"]
        return interaction

    def _interaction(self, channel_id: str, user_id: str, *, in_server: bool) -> Interaction:
        interaction_id = new_snowflake()
        secret = base64.urlsafe_b64encode(f"interaction:{interaction_id}:secret".encode()).decode()
        interaction = Interaction(interaction_id, secret.rstrip("="), channel_id, user_id, in_server)
        self.interactions[interaction.token] = interaction
        return interaction

    def record_send(self, message: Json, body: Json) -> None:
        self.sends.append({"message_id": message["id"], "at": time.time(), "body": body})

    def state(self) -> Json:
        return {
            "connected": self.socket is not None,
            "resumes": self.resumes,
            "identified_at": self.identified_at,
            "intents": self.intents,
            "commands": self.commands,
            "interactions_url": self.interactions_url,
            "typing": self.typing,
            "edits": self.edits,
            "limited": self.limited,
            "calls": list(self.calls),
            "messages": [
                {
                    "id": each["id"],
                    "channel_id": each["channel_id"],
                    "text": each["content"],
                    "components": each["components"],
                }
                for each in self.messages.values()
                if each["author"]["id"] == self.user["id"]
            ],
            "sends": [
                {
                    **send,
                    "channel_id": self.messages[send["message_id"]]["channel_id"],
                    "text": self.messages[send["message_id"]]["content"],
                }
                for send in self.sends
                if send["message_id"] in self.messages
            ],
            "interactions": [
                {
                    "id": each.id,
                    "user_id": each.user_id,
                    "deferred_after_s": each.deferred_after_s,
                    "ephemeral": each.ephemeral,
                    "message_id": each.message_id,
                    "texts": each.texts,
                    "told": each.told,
                    "custom_id": each.custom_id,
                }
                for each in self.interactions.values()
            ],
        }

    def _channel(self, channel_id: str, kind: int) -> Json:
        said = [int(each["id"]) for each in self.messages.values() if each["channel_id"] == channel_id]
        return {
            "id": channel_id,
            "type": kind,
            "guild_id": self.guild_id,
            "name": "general",
            "position": 0,
            "permission_overwrites": [],
            "nsfw": False,
            "topic": None,
            "last_message_id": str(max(said)) if said else None,
            "rate_limit_per_user": 0,
            "parent_id": None,
        }

    def _thread(self, thread_id: str, parent_id: str) -> Json:
        return {
            **self._channel(thread_id, 11),
            "parent_id": parent_id,
            "owner_id": "7",
            "message_count": 1,
            "member_count": 1,
            "thread_metadata": {
                "archived": False,
                "auto_archive_duration": 1440,
                "archive_timestamp": _now(),
                "locked": False,
            },
        }


def _now() -> str:
    return datetime.now(UTC).isoformat()

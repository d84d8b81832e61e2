"""Reading what Telegram delivers: only what is needed, and never failing on what is not as expected.

Source: https://core.telegram.org/bots/api#update
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PLATFORM = "telegram"
ALLOWED_UPDATES = ["message", "callback_query", "my_chat_member"]
TEXT_READ = 4_096
_UNSTORABLE = re.compile(r"[\0\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Myself:
    """The bot as Telegram knows it; `handle` is without the @."""

    id: int
    handle: str


@dataclass(frozen=True, slots=True)
class RepliedTo:
    """The message that is replied to; `text` is the part that was quoted, where one was."""

    sender_id: int | None
    text: str | None


@dataclass(frozen=True, slots=True)
class IncomingMessage:
    """A message somebody sent. `text` is a text or a caption; None for stickers, voice and the like.

    `sender_id` is the person, or the chat in whose name an anonymous administrator or a channel writes.
    `by_bot`: another bot, or a channel's post copied into its group. `named_ids` are the accounts without a
    handle that the text names. `moved_to` is the supergroup that the group has become.
    """

    chat_id: int
    private: bool
    message_id: int
    topic_id: int | None
    sender_id: int
    by_bot: bool
    text: str | None
    named_ids: frozenset[int]
    replied_to: RepliedTo | None
    moved_to: int | None

    @property
    def chat_key(self) -> str:
        """In a group everybody has a conversation of their own in each topic."""
        if self.private:
            return str(self.chat_id)
        return f"{self.chat_id}/{self.topic_id or 0}/{self.sender_id}"


@dataclass(frozen=True, slots=True)
class Press:
    """Somebody pressed a button under a message of the bot, which may be old."""

    id: str
    sender_id: int
    chat_id: int
    message_id: int
    data: str


@dataclass(frozen=True, slots=True)
class Membership:
    """The bot was added to a chat, removed from it, or given other rights there."""

    chat_id: int
    private: bool
    title: str
    present: bool
    may_write: bool


Event = IncomingMessage | Press | Membership


def person(sender_id: int) -> str:
    """Who wrote, as the inbox and the limits know them."""
    return f"{PLATFORM}:{sender_id}"


def update_id_of(update: Mapping[str, Any]) -> int | None:
    update_id = update.get("update_id")
    if not isinstance(update_id, int) or isinstance(update_id, bool) or abs(update_id) >= 2**63:
        return None
    return update_id


def read_stored(payload: str) -> Event | None:
    return read_update(_mapping(json.loads(payload)))


def read_update(update: Mapping[str, Any]) -> Event | None:
    """None for edits and everything else that is not answered."""
    if "message" in update:
        return _read_message(_mapping(update["message"]))
    if "callback_query" in update:
        return _read_press(_mapping(update["callback_query"]))
    if "my_chat_member" in update:
        return _read_membership(_mapping(update["my_chat_member"]))
    return None


def _read_message(message: Mapping[str, Any]) -> IncomingMessage | None:
    chat, sender = _mapping(message.get("chat")), _mapping(message.get("from"))
    chat_id, message_id = _number(chat.get("id")), _number(message.get("message_id"))
    in_the_name_of = _number(_mapping(message.get("sender_chat")).get("id"))
    sender_id = _number(sender.get("id")) if in_the_name_of is None else in_the_name_of
    if chat_id is None:
        return None
    is_bot = sender.get("is_bot") is True and in_the_name_of is None
    return IncomingMessage(
        chat_id=chat_id,
        private=chat.get("type") == "private",
        message_id=message_id or 0,
        topic_id=_number(message.get("message_thread_id"))
        if message.get("is_topic_message") is True
        else None,
        sender_id=chat_id if sender_id is None else sender_id,
        by_bot=is_bot or message.get("is_automatic_forward") is True,
        text=_text(message.get("text")) if "text" in message else _text(message.get("caption")),
        named_ids=_named_ids(message),
        replied_to=_replied_to(message),
        moved_to=_number(message.get("migrate_to_chat_id")),
    )


def _replied_to(message: Mapping[str, Any]) -> RepliedTo | None:
    replied = _mapping(message.get("reply_to_message"))
    # In a topic every message "replies" to the one that began it.
    if not replied or "forum_topic_created" in replied:
        return None
    quoted = _text(_mapping(message.get("quote")).get("text"))
    said = _text(replied.get("text")) or _text(replied.get("caption"))
    return RepliedTo(_number(_mapping(replied.get("from")).get("id")), quoted or said)


def _named_ids(message: Mapping[str, Any]) -> frozenset[int]:
    entities = message.get("entities") or message.get("caption_entities")
    if not isinstance(entities, list):
        return frozenset()
    named = (_number(_mapping(_mapping(each).get("user")).get("id")) for each in entities)
    return frozenset(each for each in named if each is not None)


def _read_press(query: Mapping[str, Any]) -> Press | None:
    message = _mapping(query.get("message"))
    sender_id = _number(_mapping(query.get("from")).get("id"))
    chat_id = _number(_mapping(message.get("chat")).get("id"))
    message_id = _number(message.get("message_id"))
    press_id, data = query.get("id"), _text(query.get("data"))
    if sender_id is None or chat_id is None or message_id is None or not isinstance(press_id, str):
        return None
    return Press(press_id, sender_id, chat_id, message_id, data or "")


def _read_membership(change: Mapping[str, Any]) -> Membership | None:
    chat, member = _mapping(change.get("chat")), _mapping(change.get("new_chat_member"))
    chat_id = _number(chat.get("id"))
    if chat_id is None:
        return None
    status = member.get("status")
    present = status in ("creator", "administrator", "member", "restricted")
    muted = status == "restricted" and member.get("can_send_messages") is False
    return Membership(
        chat_id=chat_id,
        private=chat.get("type") == "private",
        title=_text(chat.get("title")) or str(chat_id),
        present=present,
        may_write=present and not muted,
    )


def _text(value: object) -> str | None:
    return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", value)[:TEXT_READ] if isinstance(value, str) else None


def _number(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63:
        return value
    return None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}

"""What is meant for the bot, and what it is asked."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from roost.domain.answers import Turn
from roost.domain.chat_commands import Command, parse_command
from roost.storage.inbox import Update
from roost.telegrambot.updates import (
    IncomingMessage,
    Membership,
    Myself,
    Press,
    person,
    read_update,
    update_id_of,
)

QUOTED_LIMIT = 2_000
COMPARED = 40
STOP = "stop"


@dataclass(frozen=True, slots=True)
class Request:
    """`text` is what was said to the bot without its name; None when that was no text.

    `quoted` is a turn that the person refers to, and that need not be part of their own conversation.
    """

    text: str | None
    command: Command | None
    quoted: Turn | None


def to_inbox(update: Mapping[str, Any], myself: Myself) -> Update | None:
    """The update as it is stored; None when it is not for the bot: what others say in a group is not kept."""
    update_id, event = update_id_of(update), read_update(update)
    if update_id is None or event is None:
        return None
    payload = json.dumps(update)
    match event:
        case IncomingMessage() if event.moved_to is not None:
            return Update(update_id, f"{event.chat_id}/moved", payload)
        case IncomingMessage() if is_for(event, myself):
            command = read_request(event, myself).command
            if command is not None and command.name == STOP:
                # Not behind the answer that it is to stop.
                key = f"{event.chat_id}/stop/{event.sender_id}"
                return Update(update_id, key, payload, person(event.sender_id))
            return Update(update_id, event.chat_key, payload, person(event.sender_id))
        case Press():
            # Not behind the answer that is being made for the same person: a press is answered at once.
            key = f"{event.chat_id}/press/{event.sender_id}"
            return Update(update_id, key, payload, person(event.sender_id))
        case Membership():
            return Update(update_id, f"{event.chat_id}/member", payload)
    return None


def is_for(message: IncomingMessage, myself: Myself) -> bool:
    """In private always; in a group a mention, a reply to the bot, or a command with its name.

    Never what bots write, the bot itself included: two bots would answer each other for ever.
    """
    if message.by_bot or message.sender_id == myself.id:
        return False
    if message.private:
        return True
    command = parse_command(message.text or "")
    if command is not None and command.addressee is not None:
        return command.addressee.lower() == myself.handle.lower()
    if message.replied_to is not None and message.replied_to.sender_id == myself.id:
        return True
    return myself.id in message.named_ids or bool(_name(myself).search(message.text or ""))


def read_request(message: IncomingMessage, myself: Myself) -> Request:
    """A mention alone, in reply to somebody, asks what that person said."""
    text = message.text
    if text is not None:
        text = re.sub(r"[ \t]{2,}", " ", _name(myself).sub(" ", text)).strip(" \t\n,:")
    quoted = _quoted(message, myself)
    if text == "" and quoted is not None and quoted.role == "user":
        text, quoted = quoted.text, None
    return Request(text, parse_command(text) if text else None, quoted)


def with_quoted(context: tuple[Turn, ...], quoted: Turn | None) -> tuple[Turn, ...]:
    """The context, and what the person refers to unless it is in there."""
    if quoted is None or any(_begins_like(turn.text, quoted.text) for turn in context):
        return context
    return (*context, quoted)


def _quoted(message: IncomingMessage, myself: Myself) -> Turn | None:
    replied_to = message.replied_to
    if replied_to is None or not (replied_to.text or "").strip():
        return None
    role = "assistant" if replied_to.sender_id == myself.id else "user"
    return Turn(role, (replied_to.text or "").strip()[:QUOTED_LIMIT])


def _begins_like(one: str, other: str) -> bool:
    return _letters(one) == _letters(other)


def _letters(text: str) -> str:
    """How a text begins, whatever its formatting: what was sent is not what is stored."""
    return "".join(character for character in text[: COMPARED * 4] if character.isalnum())[:COMPARED]


def _name(myself: Myself) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w@/])@{re.escape(myself.handle)}(?!\w)", re.IGNORECASE)

"""Reading what Telegram delivers: only what is needed, and never failing on what is not as expected.

Source: https://core.telegram.org/bots/api#update
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from roost.storage.inbox import Update

ALLOWED_UPDATES = ["message"]
_UNSTORABLE = re.compile(r"[\0\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class IncomingMessage:
    """A message somebody sent. `text` is None for photos, stickers, voice and the like."""

    chat_id: int
    private: bool
    sender_id: int | None
    text: str | None


def to_inbox(update: Mapping[str, Any]) -> Update | None:
    """The update as it is stored; None when it has no usable id."""
    update_id = update.get("update_id")
    if not isinstance(update_id, int) or isinstance(update_id, bool) or abs(update_id) >= 2**63:
        return None
    chat = _mapping(_first_message(update).get("chat"))
    return Update(update_id, str(chat.get("id", "")), json.dumps(update))


def read_message(payload: str) -> IncomingMessage | None:
    """The new message of a stored update; None for edits and everything that is no message."""
    message = _mapping(json.loads(payload).get("message"))
    chat, sender = _mapping(message.get("chat")), _mapping(message.get("from"))
    chat_id, sender_id, text = chat.get("id"), sender.get("id"), message.get("text")
    if not isinstance(chat_id, int):
        return None
    return IncomingMessage(
        chat_id=chat_id,
        private=chat.get("type") == "private",
        sender_id=sender_id if isinstance(sender_id, int) else None,
        text=_UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text) if isinstance(text, str) else None,
    )


def _first_message(update: Mapping[str, Any]) -> Mapping[str, Any]:
    for kind in ALLOWED_UPDATES:
        if kind in update:
            return _mapping(update[kind])
    return {}


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}

"""A conversation as a file: markdown for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence

from roost.clock import timestamp
from roost.domain.chat import Message, Thread


def as_markdown(thread: Thread, messages: Sequence[Message]) -> str:
    """Every message with who said it and when; an answer's sources stand under it."""
    parts = [f"# {thread.title}"]
    for message in messages:
        who = "You" if message.role == "user" else "Roost"
        parts.append(f"## {who}, {timestamp(message.created_at)}")
        parts.append(message.text or f"({message.status})")
        if message.citations:
            parts.append("\n".join(f"[{each.n}] {each.title}: <{each.url}>" for each in message.citations))
    return "\n\n".join(parts) + "\n"


def as_json(thread: Thread, messages: Sequence[Message]) -> str:
    return json.dumps(
        {
            "id": thread.id,
            "title": thread.title,
            "created_at": timestamp(thread.created_at),
            "messages": [
                {
                    "id": message.id,
                    "role": message.role,
                    "text": message.text,
                    "status": message.status,
                    "model": message.model,
                    "refused": message.refused,
                    "citations": [
                        {"n": each.n, "title": each.title, "url": each.url, "text": each.text}
                        for each in message.citations
                    ],
                    "created_at": timestamp(message.created_at),
                }
                for message in messages
            ],
        },
        ensure_ascii=False,
        indent=2,
    )

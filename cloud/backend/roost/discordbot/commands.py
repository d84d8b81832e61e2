"""Offering the slash commands: asked for first, and written only when they differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from roost.discordbot import wording
from roost.discordbot.posts import Posts


async def offer_commands(posts: Posts, application_id: int) -> bool:
    """True when they had to be written. Raises what Posts raises."""
    wanted = wording.commands()
    offered = await posts.commands(application_id)
    if sorted(map(_essence, offered)) == sorted(map(_essence, wanted)):
        return False
    await posts.put_commands(application_id, wanted)
    return True


def _essence(command: Mapping[str, Any]) -> tuple[Any, ...]:
    """What makes a command ours; Discord adds much to it."""
    options = command.get("options") or []
    return (
        str(command.get("name")),
        str(command.get("description")),
        tuple(sorted(command.get("contexts") or ())),
        tuple(
            (
                str(option.get("name")),
                str(option.get("description")),
                option.get("type"),
                bool(option.get("required")),
                option.get("max_length"),
            )
            for option in options
            if isinstance(option, dict)
        ),
    )

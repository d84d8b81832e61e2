"""Buttons under a bot's messages, as Discord takes them. A button carries an id; what it means is looked up
when it is pressed, so that those under old messages work after any number of restarts.

Source: https://discord.com/developers/docs/components/reference
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Literal

from roost.discordbot import wording
from roost.domain import chat_wording

Components = list[dict[str, Any]]
Thumb = Literal["up", "down"]

ACTION_ROW, BUTTON = 1, 2
CHOSEN_STYLE, PLAIN_STYLE, DANGER_STYLE = 1, 2, 4

_THUMB = re.compile(r"(up|down):([0-9a-f-]{36})")
_STOP = re.compile(r"stop:([0-9]{1,18}|[1-8][0-9]{18})")
_CONFIRM = re.compile(r"(forget|keep):([0-9]{1,19})")


def thumb_buttons(answer_id: str, chosen: Thumb | None = None) -> Components:
    """What the asker thought of the answer; the chosen one says so in words, not by its colour alone."""
    return _row(
        {
            "style": CHOSEN_STYLE if thumb == chosen else PLAIN_STYLE,
            "emoji": {"name": emoji},
            "custom_id": f"{thumb}:{answer_id}",
            **({"label": wording.NOTED} if thumb == chosen else {}),
        }
        for thumb, emoji in (("up", chat_wording.THUMB_UP), ("down", chat_wording.THUMB_DOWN))
    )


def stop_button(update_id: int) -> Components:
    """Stands under the growing answer to that question."""
    return _row(({"style": PLAIN_STYLE, "label": chat_wording.STOP, "custom_id": f"stop:{update_id}"},))


def confirm_buttons(person_id: int) -> Components:
    """Ask whoever wants to be forgotten; nobody else's press counts."""
    return _row(
        (
            {"style": DANGER_STYLE, "label": chat_wording.FORGET_YES, "custom_id": f"forget:{person_id}"},
            {"style": PLAIN_STYLE, "label": chat_wording.FORGET_NO, "custom_id": f"keep:{person_id}"},
        )
    )


def read_thumb(custom_id: str) -> tuple[Thumb, str] | None:
    """The thumb and the answer's id; None for every other button."""
    found = _THUMB.fullmatch(custom_id)
    return ("up" if found[1] == "up" else "down", found[2]) if found else None


def read_stop(custom_id: str) -> int | None:
    """The question whose answer is to be stopped; None for every other button."""
    found = _STOP.fullmatch(custom_id)
    return int(found[1]) if found else None


def read_confirmation(custom_id: str) -> tuple[bool, int] | None:
    """Whether to forget, and the id of whoever was asked; None for every other button."""
    found = _CONFIRM.fullmatch(custom_id)
    return (found[1] == "forget", int(found[2])) if found else None


def _row(buttons: Iterable[dict[str, Any]]) -> Components:
    return [{"type": ACTION_ROW, "components": [{"type": BUTTON, **button} for button in buttons]}]

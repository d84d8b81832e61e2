"""Commands people type in a chat."""

from __future__ import annotations

import re
from dataclasses import dataclass

_COMMAND = re.compile(r"/([a-z0-9_]{1,32})(?:@(\w{1,64}))?(?:\s+(.*))?\Z", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Command:
    """`name` is lower case without the slash; `addressee` is the bot named after an @, if any."""

    name: str
    addressee: str | None
    argument: str


def parse_command(text: str) -> Command | None:
    """The command a message begins with, for example `/ask@handle how?`; None for plain text."""
    found = _COMMAND.match(text.strip())
    if found is None:
        return None
    return Command(found[1].lower(), found[2], (found[3] or "").strip())

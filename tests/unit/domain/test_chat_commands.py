from __future__ import annotations

import pytest

from roost.domain.chat_commands import Command, parse_command


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("/help", Command("help", None, "")),
        ("  /Ask  how?\nreally? ", Command("ask", None, "how?\nreally?")),
        ("/ask@roost_bot how?", Command("ask", "roost_bot", "how?")),
        ("/start deep-link", Command("start", None, "deep-link")),
        ("how do I /start?", None),
        ("/", None),
        ("/usr/bin is where?", None),
        ("//comment", None),
        ("", None),
    ],
)
def test_a_command_stands_at_the_beginning(text: str, command: Command | None) -> None:
    assert parse_command(text) == command

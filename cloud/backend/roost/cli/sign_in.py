"""`roost sign-in-link`"""

from __future__ import annotations

import argparse
from typing import Any

from roost.cli.command import Command, add_command


def add(nouns: Any, common: argparse.ArgumentParser) -> None:
    add_command(
        nouns,
        "sign-in-link",
        make_link,
        common,
        "print a link that signs the owner in, once, within 15 minutes",
    )


def make_link(command: Command) -> None:
    with command.connect() as roost:
        made = roost.post("/api/sign-in-links")
        served = roost.served
    terminal = command.terminal

    def in_words() -> None:
        terminal.say(made["url"])
        terminal.note(
            f"It signs the owner in, once, until {made['expires_at']}. Whoever has it is the owner."
        )
        if not served:
            terminal.note("No server uses this data folder: start Roost before you open it.")

    terminal.show(made, in_words)

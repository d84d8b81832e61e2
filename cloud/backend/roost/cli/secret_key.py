"""`roost rotate-key`"""

from __future__ import annotations

import argparse
from typing import Any

from roost.cli.command import Command, add_command


def add(nouns: Any, common: argparse.ArgumentParser) -> None:
    add_command(
        nouns,
        "rotate-key",
        rotate,
        common,
        "seal every stored secret under a new SECRET_KEY; may be repeated after a kill",
    )


def rotate(command: Command) -> None:
    with command.connect() as roost:
        done = roost.post("/api/secret-key/rotate")
    terminal = command.terminal

    def in_words() -> None:
        begun = "Finished the exchange that was begun before" if done["resumed"] else "Exchanged SECRET_KEY"
        terminal.say(f"{begun}: {done['resealed']} stored secrets are sealed under the new key.")
        if done["from_environment"]:
            terminal.note("SECRET_KEY_PREVIOUS is no longer needed. Remove it, and restart Roost.")
        else:
            terminal.note("The new key is in secret.key in the data folder. Back it up with the databases.")
        if done["unreadable"]:
            terminal.note(
                f"{done['unreadable']} stored secrets open under no key that is known, and stay as they are. "
                "`roost bots list` shows which bots crashed: enter their tokens again."
            )

    terminal.show(done, in_words)

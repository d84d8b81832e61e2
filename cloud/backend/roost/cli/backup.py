"""`roost backup …`"""

from __future__ import annotations

import argparse
from typing import Any

from roost.cli.command import Command, add_command, add_noun


def add(nouns: Any, common: argparse.ArgumentParser) -> None:
    commands = add_noun(nouns, "backup", "the copies in the bucket")
    now = add_command(commands, "now", back_up, common, "bring the copies in the bucket up to date")
    now.add_argument(
        "--adopt",
        action="store_true",
        help="go on with what is on this disk, in a bucket that was emptied, exchanged or used by others",
    )


def back_up(command: Command) -> None:
    if command.options.adopt:
        adopt(command)
        return
    with command.connect() as roost:
        done = roost.post("/api/backup")
    command.terminal.show(
        done, lambda: command.terminal.say(f"{done['bucket']} has everything as of {done['last_backup_at']}.")
    )


def adopt(command: Command) -> None:
    """Works while the server answers nobody: the request is left in the data folder."""
    from roost.errors import InvalidInput
    from roost.settings import Settings
    from roost.storage.adoption import request_adoption

    if command.server is not None:
        raise InvalidInput("--adopt is about the disk of one machine. Run it there, without --server.")
    data_dir = Settings.from_env(command.environ).data_dir
    if not data_dir.is_dir():
        raise InvalidInput(f"There is no {data_dir}. Set DATA_DIR to the folder that the server uses.")
    request_adoption(data_dir)
    terminal = command.terminal
    terminal.show(
        {"requested": True},
        lambda: terminal.say(
            "The bucket is used as it is, and filled from this disk: by a server that waits for it within "
            "15 seconds, else at the next start."
        ),
    )

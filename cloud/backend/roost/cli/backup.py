"""`roost backup …`"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from roost.cli import backup_history
from roost.cli.command import Command, add_command, add_noun

if TYPE_CHECKING:
    from roost.settings import Settings


def add(nouns: Any, common: argparse.ArgumentParser) -> None:
    commands = add_noun(nouns, "backup", "the copies in the bucket")
    now = add_command(commands, "now", back_up, common, "bring the copies in the bucket up to date")
    now.add_argument(
        "--adopt",
        action="store_true",
        help="go on with what is on this disk, in a bucket that was emptied, exchanged or used by others",
    )
    backup_history.add(commands, common)


def back_up(command: Command) -> None:
    if command.options.adopt and command.server is None:
        _adopt_here(command)
    else:
        _back_up(command)


def _back_up(command: Command) -> None:
    with command.connect() as roost:
        done = roost.post("/api/backup", {"adopt": command.options.adopt})
    sentence = done["trouble"] or f"{done['bucket']} has everything as of {done['last_backup_at']}."
    command.terminal.show(done, lambda: command.terminal.say(sentence))


def _adopt_here(command: Command) -> None:
    """A server that stands by answers nobody, and a start refuses such a bucket: then the request is left in
    the data folder. Never elsewhere: it would be followed when the bucket is found empty one day.
    """
    from roost.cli.reaching import stands_by
    from roost.errors import InvalidInput, Unavailable
    from roost.settings import Settings
    from roost.storage.adoption import adoption_done, request_adoption
    from roost.storage.data_folder import DataFolder

    settings = Settings.from_env(command.environ)
    data_dir = settings.data_dir
    if not data_dir.is_dir():
        raise InvalidInput(f"There is no {data_dir}. Set DATA_DIR to the folder that the server uses.")
    if not DataFolder(data_dir).in_use():
        request_adoption(data_dir)
        try:
            _back_up(command)
        finally:
            adoption_done(data_dir)
    elif stands_by(data_dir):
        _leave_request(command, settings)
    else:
        try:
            _back_up(command)
        except Unavailable:
            # It was beginning anew when it was looked at.
            if not stands_by(data_dir):
                raise
            _leave_request(command, settings)


def _leave_request(command: Command, settings: Settings) -> None:
    from roost.clock import SystemClock, SystemIds
    from roost.domain.audit import Action, AuditEntry
    from roost.storage.adoption import request_adoption
    from roost.storage.waiting_audit import leave_entry

    clock = SystemClock()
    bucket = f"gs://{settings.gcs_bucket_name}" if settings.gcs_bucket_name else str(settings.bucket_dir)
    leave_entry(
        settings.data_dir,
        AuditEntry(
            SystemIds(clock).new(), clock.now(), Action.BUCKET_ADOPTED, None, None, None, bucket, None
        ),
    )
    request_adoption(settings.data_dir)
    terminal = command.terminal
    terminal.show(
        {"requested": True},
        lambda: terminal.say(
            "The server that waits for the bucket uses it as it is, and fills it from this disk, within 15 "
            "seconds."
        ),
    )

"""`roost backup list`, `verify` and `restore`: from the bucket itself, whether a server runs or not."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roost.cli.command import REFUSED, Command, add_command

if TYPE_CHECKING:
    from roost.services.backup_history import BackupHistory, KeptSnapshot

SHOWN_AT_MOST = 20


def add(commands: Any, common: argparse.ArgumentParser) -> None:
    add_command(commands, "list", list_, common, "say what the bucket can give back")
    add_command(
        commands, "verify", verify, common, "download and check everything in the bucket, changing nothing"
    )
    restoring = add_command(
        commands, "restore", restore, common, "write the databases as they were into an empty folder"
    )
    restoring.add_argument(
        "--at",
        metavar="TIME",
        help="the moment, such as 2026-03-01T09:30:00Z; UTC where no zone is given; the newest by default",
    )
    restoring.add_argument(
        "--to", metavar="DIR", type=Path, required=True, help="a folder that is empty or not there yet"
    )


def list_(command: Command) -> None:
    history = _history(command).look()
    terminal = command.terminal

    def in_words() -> None:
        if history.earliest is not None and history.latest is not None:
            terminal.say(
                f"{history.bucket} can give back every moment from {_shown(history.earliest)} to "
                f"{_shown(history.latest)}."
            )
            if any(each.at < history.earliest for each in history.snapshots):
                terminal.say("Of the time before, it gives back the moments of the snapshots.")
        elif history.copies:
            terminal.say(f"{history.bucket} holds plain copies only.")
        else:
            terminal.say(f"{history.bucket} holds nothing of Roost's yet.")
        _show_snapshots(command, history.snapshots)
        if history.copies:
            terminal.table(
                ("plain copy", "bytes"), [(each.name, f"{each.size_bytes:,}") for each in history.copies]
            )

    terminal.show(_plain(asdict(history)), in_words)


def verify(command: Command) -> int | None:
    """Refused, exit code 1, when the newest state cannot be had."""
    terminal = command.terminal
    with terminal.progress() as progress:
        checked = _history(command).check(progress.show)

    def in_words() -> None:
        _show_snapshots(command, checked.snapshots)
        for each in checked.snapshots:
            if each.trouble is not None:
                terminal.note(each.trouble)
        for gap in checked.gaps:
            terminal.note(gap)
        verdict = (
            f"{checked.bucket}: {len(checked.snapshots)} snapshots and {checked.segments} segments, and the "
            "newest state can be restored."
            if checked.restorable
            else f"{checked.bucket}: the newest state CANNOT be restored."
        )
        terminal.say_painted(terminal.paint(verdict, "good" if checked.restorable else "bad"))

    terminal.show(_plain(asdict(checked)), in_words)
    return None if checked.restorable else REFUSED


def restore(command: Command) -> None:
    at = _moment(command.options.at)
    terminal = command.terminal
    with terminal.progress() as progress:
        recovered = _history(command).restore(command.options.to, at, progress.show)

    def in_words() -> None:
        for sentence in recovered.passed_over:
            terminal.note(sentence)
        for path in recovered.files.values():
            terminal.say(f"Wrote {path}, {path.stat().st_size:,} bytes.")
        if recovered.at is not None:
            terminal.say(f"That is how things stood at {_shown(recovered.at)}.")
        terminal.note(
            "The tokens in it open with the SECRET_KEY of then. To go on from here, see docs/operations.md, "
            '"Going back in time".'
        )

    terminal.show(_plain(asdict(recovered)), in_words)


def _history(command: Command) -> BackupHistory:
    from roost.settings import Settings

    return command.open_history(Settings.from_env(command.environ))


def _moment(typed: str | None) -> datetime | None:
    """Raises InvalidInput."""
    from datetime import UTC

    from roost.errors import InvalidInput

    if typed is None:
        return None
    try:
        moment = datetime.fromisoformat(typed)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidInput(
            f"{typed!r} is not a time. Write it as 2026-03-01T09:30:00Z.", field="at"
        ) from error


def _show_snapshots(command: Command, snapshots: Any) -> None:
    shown: list[KeptSnapshot] = sorted(snapshots, key=lambda each: each.at, reverse=True)
    if not shown:
        return
    command.terminal.table(
        ("at", "database", "bytes", "snapshot"),
        [
            (_shown(each.at), each.database, f"{each.size_bytes:,}", each.name)
            for each in shown[:SHOWN_AT_MOST]
        ],
        ["good" if each.trouble is None else "bad" for each in shown[:SHOWN_AT_MOST]],
    )
    if len(shown) > SHOWN_AT_MOST:
        command.terminal.note(f"and {len(shown) - SHOWN_AT_MOST} older ones; --json lists all")


def _shown(moment: datetime) -> str:
    from roost.clock import timestamp

    return timestamp(moment)


def _plain(value: Any) -> Any:
    """As JSON has it."""
    match value:
        case dict():
            return {str(name): _plain(each) for name, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
        case datetime():
            return _shown(value)
        case Path():
            return str(value)
        case _:
            return value

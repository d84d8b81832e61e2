"""One command, as its function sees it."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from roost.cli.terminal import Terminal

if TYPE_CHECKING:
    from roost.cli.connection import Connection
    from roost.services.backup_history import BackupHistory
    from roost.settings import Settings

DONE, REFUSED, MISUSED = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Command:
    """`connect()` reaches the Roost that is meant; `server` is its address when that is another machine's.
    `open_history` reaches the bucket itself.
    """

    options: argparse.Namespace
    terminal: Terminal
    environ: Mapping[str, str]
    server: str | None
    connect: Callable[[], AbstractContextManager[Connection]]
    open_history: Callable[[Settings], BackupHistory]


Run = Callable[[Command], int | None]
# Adds its own commands; the second parser carries the options that every command takes.
Noun = Callable[[Any, argparse.ArgumentParser], None]


def add_command(
    commands: Any, name: str, run: Run, common: argparse.ArgumentParser, summary: str
) -> argparse.ArgumentParser:
    """A command without arguments yet."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        parents=[common],
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)
    return parser


def add_noun(nouns: Any, name: str, summary: str) -> Any:
    """Where the noun's own commands are added."""
    parser = nouns.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
    return parser.add_subparsers(title="commands", metavar="command", required=True)

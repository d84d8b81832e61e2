"""`roost export FILE` and `roost import FILE`"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from roost.cli.command import Command, add_command
from roost.errors import InvalidInput

ZIP = "application/zip"


def add(nouns: Any, common: argparse.ArgumentParser) -> None:
    exporting = add_command(
        nouns, "export", export, common, "write your bots, the sources and your conversations into a file"
    )
    exporting.add_argument("file", type=Path)
    exporting.add_argument(
        "--with-tokens", action="store_true", help="the bots' tokens and keys too, readable"
    )
    exporting.add_argument("--force", action="store_true", help="replace the file if it is there")
    importing = add_command(
        nouns, "import", import_, common, "take over what `roost export` wrote; may be repeated"
    )
    importing.add_argument("file", type=Path)


def export(command: Command) -> None:
    """The file appears whole or not at all, readable by its owner only."""
    options, path = command.options, command.options.file
    if path.exists() and not options.force:
        raise InvalidInput(
            f"{path} exists. Choose another name, or add --force.", field="file", code="file_exists"
        )
    partial = path.with_name(path.name + ".partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file, command.connect() as roost:
            roost.download("/api/export", {"tokens": options.with_tokens}, file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:  # cleaned up and raised on - whatever it was
        partial.unlink(missing_ok=True)
        raise
    size = path.stat().st_size

    def in_words() -> None:
        command.terminal.say(f"Wrote {path}, {size:,} bytes.")
        if options.with_tokens:
            command.terminal.note("It holds the bots' tokens: whoever reads it is your bots.")

    command.terminal.show({"file": str(path), "size_bytes": size, "tokens": options.with_tokens}, in_words)


def import_(command: Command) -> None:
    terminal = command.terminal
    with command.options.file.open("rb") as file, command.connect() as roost:
        done = roost.upload("/api/import", file, ZIP)

    def in_words() -> None:
        for name in ("bots", "sources", "conversations", "messages"):
            counted = done[name]
            terminal.say(f"{name}: {counted['added']} added, {counted['known']} there already")
        for refused in done["refused"]:
            terminal.note(f"Left out: {refused}")
        if done["tokens_missing"]:
            terminal.note(
                f"{done['tokens_missing']} bots came without a token. Enter theirs before you start them."
            )

    terminal.show(done, in_words)

"""`roost status`"""

from __future__ import annotations

import argparse
from typing import Any

from roost.cli.command import Command, add_command
from roost.cli.terminal import printable


def add(nouns: Any, common: argparse.ArgumentParser) -> None:
    add_command(nouns, "status", show_status, common, "show how Roost is doing")


def show_status(command: Command) -> None:
    with command.connect() as roost:
        found = roost.get("/api/status")
        found["served"] = roost.served
    command.terminal.show(found, lambda: _in_words(command, found))


def _in_words(command: Command, found: dict[str, Any]) -> None:
    terminal, knowledge, replication = command.terminal, found["knowledge"], found["replication"]
    bots = ", ".join(f"{count} {status}" for status, count in found["bots"].items() if count) or "none"
    rows = [
        ("Roost", f"{found['version']}, {_standing(found)}"),
        ("bots", bots),
        (
            "knowledge",
            f"{knowledge['pages']} pages, {knowledge['chunks']} passages, {knowledge['vectors']} vectors",
        ),
        ("answers", f"written by {found['model']}" if found["model"] else "quoted passages: no model is set"),
        ("database", f"{found['database']['tier']}, SQLite {found['sqlite_version']}"),
        ("backup", _backup(replication)),
    ]
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        terminal.say_painted(f"{terminal.paint(name.ljust(width), 'faint')}  {printable(value)}")
    # A server that runs may be older than this command.
    if found["database"].get("trouble"):
        terminal.note(found["database"]["trouble"])
    if knowledge["reason"]:
        terminal.note(knowledge["reason"])


def _standing(found: dict[str, Any]) -> str:
    if not found["served"]:
        return "not running: this is what its data folder holds"
    return f"{found['state']}, up {uptime(found['uptime_s'])}" + (
        f": {found['reason']}" if found["reason"] else ""
    )


def _backup(replication: dict[str, Any]) -> str:
    if not replication["bucket"]:
        return "no bucket is configured: data stays in DATA_DIR"
    last = replication["last_shipped_at"] or "never"
    lag = replication["lag_s"]
    return f"{replication['bucket']}, last {last}" + ("" if lag is None else f", {lag:.0f} s behind")


def uptime(seconds: int) -> str:
    """The two largest units: `3 d 4 h`, `2 min 5 s`."""
    parts: list[str] = []
    for name, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {name}")
    return " ".join(parts[:2]) or "0 s"

"""`roost doctor`: every setting with its origin, and whether this machine is fit to run Roost."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from roost.cli.command import DONE, REFUSED, Command, add_command
from roost.errors import SettingsError

if TYPE_CHECKING:
    from roost.cli.doctor_checks import Finding
    from roost.settings import Key

STYLES = {"good": "good", "note": "faint", "warning": "warning", "bad": "bad"}
WORDS = {"good": "ok", "note": "-", "warning": "look", "bad": "BAD"}
MASK = "(set, not shown)"


def add(nouns: Any, common: argparse.ArgumentParser) -> None:
    parser = add_command(
        nouns,
        "doctor",
        examine,
        common,
        "show every setting with its origin, and what is wrong on this machine",
    )
    parser.add_argument("--offline", action="store_true", help="ask nobody on the network")


def examine(command: Command) -> int:
    """Exit code 1 when something needs the person."""
    from roost.cli import doctor_checks
    from roost.settings import Settings

    settings_shown = shown_settings(command)
    try:
        settings = Settings.from_env(command.environ)
    except SettingsError as error:
        findings: Sequence[Finding] = [doctor_checks.bad("settings", error.message)]
    else:
        with command.terminal.progress() as progress:
            findings = doctor_checks.examine(
                settings,
                offline=command.options.offline,
                report=lambda name: progress.show(f"checking {name}", 0, None),
            )
    troubled = [finding for finding in findings if finding.level == "bad"]
    result = {
        "ok": not troubled,
        "settings": settings_shown,
        "checks": [{"name": each.name, "level": each.level, "message": each.message} for each in findings],
    }
    command.terminal.show(result, lambda: _in_words(command, settings_shown, findings))
    return REFUSED if troubled else DONE


def shown_settings(command: Command) -> list[dict[str, str | None]]:
    """Each setting's value and where it comes from; what is secret is only said to be set."""
    from roost.settings import CLIENT_KEYS, KEYS, environment_layers

    layers = [(origin, values) for origin, values in environment_layers()]
    shown: list[dict[str, str | None]] = []
    for key in (*KEYS, *CLIENT_KEYS):
        value = command.environ.get(key.name, "").strip()
        origin = "default"
        if value:
            origin = next(
                (name for name, values in reversed(layers) if values.get(key.name, "").strip() == value),
                "environment",
            )
        shown.append(
            {"name": key.name, "value": _value(key, value), "origin": origin, "meaning": key.sentence}
        )
    return shown


def _value(key: Key, value: str) -> str | None:
    if value:
        return MASK if key.secret else _without_password(value)
    if key.default is None or key.default == ():
        return None
    return str(key.default)


def _without_password(value: str) -> str:
    """A value may be an address that carries a name and a password."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(value)
        secret = parts.password
    except ValueError:
        return value
    return value.replace(f":{secret}@", ":***@") if secret else value


def _in_words(
    command: Command, settings: Sequence[dict[str, str | None]], findings: Sequence[Finding]
) -> None:
    terminal = command.terminal
    terminal.table(
        ("SETTING", "VALUE", "ORIGIN"),
        [(str(each["name"]), each["value"] or "not set", str(each["origin"])) for each in settings],
    )
    terminal.say()
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        word = terminal.paint(WORDS[finding.level].ljust(4), STYLES[finding.level])
        terminal.say_painted(
            f"{word}  {terminal.paint(finding.name.ljust(width), 'strong')}  {printed(finding)}"
        )


def printed(finding: Finding) -> str:
    from roost.cli.terminal import printable

    return printable(finding.message)

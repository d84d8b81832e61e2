"""`roost bots …`"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, Any

from roost.cli.command import Command, add_command, add_noun
from roost.cli.naming import find_one
from roost.errors import InvalidInput, RemoteUnreachable

if TYPE_CHECKING:
    from roost.cli.connection import Connection

LOG_LINES = 50
FOLLOWED_EVERY_S = 1.0
SERVICE_UNAVAILABLE = 503
LEVELS = ("debug", "info", "warning", "error")
STYLES = {
    "running": "good",
    "starting": "warning",
    "degraded": "warning",
    "crashed": "bad",
    "stopped": "faint",
}
NOT_SERVED = "No server uses this data folder: what is wanted is stored, and done when Roost starts."


def add(nouns: Any, common: argparse.ArgumentParser) -> None:
    bots = add_noun(nouns, "bots", "register, start, stop and watch bots")
    add_command(bots, "list", list_bots, common, "list your bots; all of them for an owner")
    adding = add_command(
        bots, "add", add_bot, common, "register a bot; its token is asked for, or read from standard input"
    )
    adding.add_argument("--platform", choices=("telegram", "discord"), default="telegram")
    adding.add_argument("--name", help="how the bot is called here; its own name by default")
    adding.add_argument("--model", help="the model that writes its answers")
    adding.add_argument("--prompt", metavar="TEXT", help="its system prompt, or the key of a template")
    adding.add_argument("--start", action="store_true", help="start it at once")
    for name, summary in (
        ("start", "want a bot running"),
        ("stop", "want a bot stopped"),
        ("restart", "start a bot anew"),
    ):
        _about_one(add_command(bots, name, _want(name), common, summary))
    removing = add_command(bots, "remove", remove_bot, common, "stop a bot and forget it with its chats")
    _about_one(removing)
    removing.add_argument("--yes", action="store_true", help="do not ask")
    logs = add_command(bots, "logs", show_logs, common, "show a bot's latest log lines")
    _about_one(logs)
    logs.add_argument("--follow", "-f", action="store_true", help="go on with every new line, until Ctrl+C")
    logs.add_argument("--level", choices=LEVELS, default="debug", help="this level and above")
    logs.add_argument(
        "--lines", type=_lines, default=LOG_LINES, metavar="N", help="how many at first: 1 to 200"
    )


def list_bots(command: Command) -> None:
    with command.connect() as roost:
        found = roost.items("/api/bots")
    terminal = command.terminal

    def in_words() -> None:
        if not found:
            terminal.say("No bots yet. `roost bots add` registers one.")
            return
        terminal.table(
            ("STATUS", "NAME", "HANDLE", "PLATFORM", "TODAY", "ID", "REASON"),
            [
                (
                    bot["status"],
                    bot["name"],
                    "@" + bot["handle"],
                    bot["platform"],
                    str(bot["messages_today"]),
                    bot["id"],
                    bot["reason"] or "",
                )
                for bot in found
            ],
            [STYLES[bot["status"]] for bot in found],
        )

    terminal.show({"items": found}, in_words)


def add_bot(command: Command) -> None:
    options = command.options
    token = command.terminal.ask_secret("Token")
    body: dict[str, object] = {"platform": options.platform, "token": token, "start": options.start}
    given = {"name": options.name, "model": options.model, "system_prompt": options.prompt}
    body |= {field: value for field, value in given.items() if value is not None}
    with command.connect() as roost:
        bot = roost.post("/api/bots", body)
        _tell(command, roost, bot, "Registered")


def remove_bot(command: Command) -> None:
    with command.connect() as roost:
        bot = _find(roost, command.options.bot)
        command.terminal.confirm(
            f"Remove {_named(bot)} with the chats people had with it?", agreed=command.options.yes
        )
        roost.delete(f"/api/bots/{bot['id']}")
    command.terminal.show(
        {"id": bot["id"], "deleted": True}, lambda: command.terminal.say(f"Removed {_named(bot)}.")
    )


def show_logs(command: Command) -> None:
    options, terminal = command.options, command.terminal
    with command.connect() as roost:
        if not roost.served:
            raise InvalidInput(
                "Log lines are kept in the running server alone, and none uses this data folder. "
                "Start Roost, then ask again.",
                code="not_served",
            )
        bot = _find(roost, options.bot)
        path = f"/api/bots/{bot['id']}/logs"
        found = roost.get(path, level=options.level, limit=options.lines)
        if terminal.as_json and not options.follow:
            terminal.show(found, lambda: None)
            return
        for line in found["items"]:
            _log_line(command, line)
        if options.follow:
            _follow(command, roost, path, found["items"][-1]["id"] if found["items"] else 0)


def _follow(command: Command, roost: Connection, path: str, last_id: int) -> None:
    """Until Ctrl+C. A server that is away is waited for; one that began anew counts from 1 again."""
    from roost.cli.connection import ServerRefused

    away = False
    while True:
        time.sleep(FOLLOWED_EVERY_S)
        try:
            newest = roost.get(path, limit=1)["items"]
            if not newest or newest[-1]["id"] < last_id:
                last_id = 0
            found = roost.get(path, after=last_id, level=command.options.level, limit=200)
        except (RemoteUnreachable, ServerRefused) as error:
            if isinstance(error, ServerRefused) and error.status != SERVICE_UNAVAILABLE:
                raise
            if not away:
                command.terminal.note("Roost is away; waiting for it.")
            away, last_id = True, 0
            continue
        away = False
        for line in found["items"]:
            last_id = line["id"]
            _log_line(command, line)
        command.terminal.flush()


def _log_line(command: Command, line: dict[str, Any]) -> None:
    command.terminal.line(line, f"{line['at']} {line['level'].upper():<7} {line['text']}")


def _want(verb: str) -> Any:
    def run(command: Command) -> None:
        with command.connect() as roost:
            bot = roost.post(f"/api/bots/{_find(roost, command.options.bot)['id']}/{verb}")
            _tell(
                command, roost, bot, {"start": "Starting", "stop": "Stopping", "restart": "Restarting"}[verb]
            )

    return run


def _tell(command: Command, roost: Connection, bot: dict[str, Any], verb: str) -> None:
    def in_words() -> None:
        command.terminal.say(f"{verb} {_named(bot)}, id {bot['id']}.")
        if not roost.served and bot["desired"] == "running":
            command.terminal.note(NOT_SERVED)

    command.terminal.show(bot, in_words)


def _find(roost: Connection, wanted: str) -> dict[str, Any]:
    return find_one(roost.items("/api/bots"), wanted, ("id", "handle", "name"), "bot", "roost bots list")


def _named(bot: dict[str, Any]) -> str:
    return f"{bot['name']} (@{bot['handle']})"


def _about_one(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bot", help="its @handle, its name, its id, or the last characters of the id")


def _lines(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 200:
        raise argparse.ArgumentTypeError("1 to 200 lines can be shown")
    return number

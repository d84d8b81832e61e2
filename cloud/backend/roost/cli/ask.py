"""`roost ask "question"`"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, Any

from roost.cli.command import Command, add_command
from roost.cli.naming import find_one
from roost.errors import RemoteUnreachable, Unavailable

if TYPE_CHECKING:
    from roost.cli.connection import Connection

RESUMED_AT_MOST = 5
RESUMED_AFTER_S = 1.0


def add(nouns: Any, common: argparse.ArgumentParser) -> None:
    parser = add_command(nouns, "ask", ask, common, "ask a question; the answer comes with its sources")
    parser.add_argument("question")
    parser.add_argument("--bot", help="answer as this bot would: its model, prompt and sources")
    parser.add_argument("--thread", metavar="ID", help="go on with this conversation")


def ask(command: Command) -> None:
    from roost.clock import SystemClock, SystemIds

    options, ids = command.options, SystemIds(SystemClock())
    with command.connect() as roost:
        thread_id = options.thread
        if thread_id is None:
            body: dict[str, object] = {}
            if options.bot is not None:
                bots = roost.items("/api/bots")
                body["bot_id"] = find_one(
                    bots, options.bot, ("id", "handle", "name"), "bot", "roost bots list"
                )["id"]
            thread_id = roost.post("/api/threads", body)["id"]
        accepted = roost.post(
            f"/api/threads/{thread_id}/messages", {"id": ids.new(), "text": options.question}
        )
        answer = _Answer(command).read(roost, accepted["run_id"])
    answer["thread_id"] = thread_id
    command.terminal.show(answer, lambda: _sources_in_words(command, answer))


class _Answer:
    """An answer as it is written. On a terminal words appear as they come; elsewhere when they are final."""

    def __init__(self, command: Command) -> None:
        self._terminal = command.terminal
        self._shown = ""

    def read(self, roost: Connection, run_id: str) -> dict[str, Any]:
        """The finished message. Raises Unavailable when Roost says that it failed."""
        last_id: str | None = None
        for attempt in range(RESUMED_AT_MOST + 1):
            if attempt:
                time.sleep(RESUMED_AFTER_S)
            try:
                for event in roost.events(f"/api/runs/{run_id}/events", last_id):
                    last_id = event.id or last_id
                    if event.name == "error":
                        raise Unavailable(event.data["message"], code=event.data["code"])
                    message = self._take(event.name, event.data)
                    if message is not None:
                        return message
            except RemoteUnreachable:
                if attempt == RESUMED_AT_MOST:
                    raise
        raise Unavailable(
            "Roost went away while it was answering. The answer comes once it is back, "
            "and stands in the conversation then."
        )

    def _take(self, name: str, data: Any) -> dict[str, Any] | None:
        if name == "sources":
            # Also the beginning of an answer that is made again: what was said so far no longer counts.
            if self._shown:
                self._terminal.say()
                self._terminal.note("The answer begins again.")
            self._shown = ""
        elif name == "delta" and self._terminal.is_watched:
            self._shown += data["text"]
            self._terminal.say_part(data["text"])
        elif name == "done":
            message: dict[str, Any] = data["message"]
            if self._terminal.is_watched and self._shown:
                self._terminal.say()
            elif not self._terminal.as_json:
                self._terminal.say(message["text"])
            return message
        return None


def _sources_in_words(command: Command, answer: dict[str, Any]) -> None:
    terminal = command.terminal
    if answer["citations"]:
        terminal.say()
        for citation in answer["citations"]:
            number = terminal.paint(f"[{citation['n']}]", "strong")
            place = terminal.paint(citation["url"], "faint")
            terminal.say_painted(f"{number} {terminal.paint(citation['title'], 'strong')}  {place}")
    if answer["status"] == "stopped":
        terminal.note("The answer was stopped.")

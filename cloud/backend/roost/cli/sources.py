"""`roost sources …`"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, Any

from roost.cli.command import REFUSED, Command, add_command, add_noun
from roost.cli.naming import find_one
from roost.errors import InvalidInput, Unavailable

if TYPE_CHECKING:
    from roost.cli.connection import Connection
    from roost.cli.terminal import Progress

KINDS = ("website", "gitbook", "blog", "manual")
STAGES = {
    "discovering": "looking for pages",
    "fetching": "reading pages",
    "indexing": "making them searchable",
    "embedding": "learning what they mean",
}
POLLED_EVERY_S = 0.2
BEGUN_WITHIN_S = 30.0


def add(nouns: Any, common: argparse.ArgumentParser) -> None:
    sources = add_noun(nouns, "sources", "the places that answers come from")
    add_command(sources, "list", list_sources, common, "list the sources and how their crawls went")
    adding = add_command(sources, "add", add_source, common, "add a source and crawl it")
    adding.add_argument("url", nargs="?", help="its address; the manual has none")
    adding.add_argument("--kind", choices=KINDS, default="website")
    adding.add_argument("--every", type=int, metavar="SECONDS", help="how often it is crawled")
    adding.add_argument("--no-wait", action="store_true", help="do not wait for the first crawl")
    crawling = add_command(sources, "crawl", crawl_source, common, "crawl a source now, and wait for it")
    _about_one(crawling)
    crawling.add_argument("--no-wait", action="store_true", help="only ask for it")
    removing = add_command(
        sources, "remove", remove_source, common, "forget a source and what was read from it"
    )
    _about_one(removing)
    removing.add_argument("--yes", action="store_true", help="do not ask")


def list_sources(command: Command) -> None:
    with command.connect() as roost:
        found = roost.items("/api/sources")
    terminal = command.terminal

    def in_words() -> None:
        if not found:
            terminal.say("No sources yet. `roost sources add URL` adds one.")
            return
        terminal.table(
            ("STAGE", "KIND", "ADDRESS", "PAGES", "FAILED", "LAST SUCCESS", "ID", "REASON"),
            [
                (
                    "paused" if source["paused"] else source["stage"],
                    source["kind"],
                    source["url"] or "/manual/",
                    str(source["pages"]),
                    str(source["failed"]),
                    source["last_success_at"] or "never",
                    source["id"],
                    source["reason"] or "",
                )
                for source in found
            ],
        )

    terminal.show({"items": found}, in_words)


def add_source(command: Command) -> int | None:
    options = command.options
    body: dict[str, object] = {"kind": options.kind}
    if options.url is not None:
        body["url"] = options.url
    if options.every is not None:
        body["every_s"] = options.every
    with command.connect() as roost:
        source = roost.post("/api/sources", body)
        command.terminal.note(f"Added {_named(source)}, id {source['id']}.")
        return _crawl(command, roost, source)


def crawl_source(command: Command) -> int | None:
    with command.connect() as roost:
        return _crawl(command, roost, _find(roost, command.options.source))


def remove_source(command: Command) -> None:
    with command.connect() as roost:
        source = _find(roost, command.options.source)
        command.terminal.confirm(
            f"Remove {_named(source)} with its {source['pages']} pages?", agreed=command.options.yes
        )
        roost.delete(f"/api/sources/{source['id']}")
    command.terminal.show(
        {"id": source["id"], "deleted": True}, lambda: command.terminal.say(f"Removed {_named(source)}.")
    )


def _crawl(command: Command, roost: Connection, before: dict[str, Any]) -> int | None:
    """Asks for a crawl and waits for its end, unless told otherwise. A crawl that failed is a refusal."""
    terminal = command.terminal
    if command.options.no_wait:
        if not roost.served:
            raise InvalidInput(
                "No server uses this data folder, so this command itself must crawl. Leave --no-wait out, "
                "or start Roost: it crawls by itself.",
                code="not_served",
            )
        asked = roost.post(f"/api/sources/{before['id']}/crawl")
        terminal.show(asked, lambda: terminal.say(f"Roost crawls {_named(asked)}."))
        return None
    roost.begin_crawling()
    roost.post(f"/api/sources/{before['id']}/crawl")
    with terminal.progress() as progress:
        after = _wait_for_crawl(roost, before, progress)
        if after["last_success_at"] == after["last_started_at"] or _succeeded(before, after):
            _wait_for_meaning(roost, progress)
    succeeded = _succeeded(before, after)

    def in_words() -> None:
        if succeeded:
            terminal.say(f"Read {_named(after)}: {after['pages']} pages, {after['failed']} failed.")
            if after["reason"]:
                terminal.note(after["reason"])
        else:
            terminal.say(f"{_named(after)} was not read: {after['reason'] or 'the crawl was cancelled.'}")

    terminal.show(after, in_words)
    return None if succeeded else REFUSED


def _succeeded(before: dict[str, Any], after: dict[str, Any]) -> bool:
    return bool(after["last_success_at"] and after["last_success_at"] != before["last_success_at"])


def _wait_for_crawl(roost: Connection, before: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """The source once the crawl has ended, whether well or not. Raises Unavailable when none begins."""
    begun = False
    deadline_s = time.monotonic() + BEGUN_WITHIN_S
    while True:
        source = _find(roost, before["id"])
        running = source["stage"] not in ("idle", "embedding")
        begun = begun or running or source["last_started_at"] != before["last_started_at"]
        if begun and not running:
            return source
        if not begun and time.monotonic() > deadline_s:
            raise Unavailable(
                "The crawl waits for others to end. It is made all the same; `roost sources list` shows it."
            )
        if running:
            known = source["stage"] != "discovering"
            progress.show(
                STAGES.get(source["stage"], source["stage"]),
                source["done"],
                source["total"] if known else None,
            )
        time.sleep(POLLED_EVERY_S)


def _wait_for_meaning(roost: Connection, progress: Progress) -> None:
    """Until every passage has its vector, where there is a model to make them."""
    while True:
        state = roost.get("/api/knowledge")
        missing = state["chunks"] - state["vectors"]
        if missing <= 0 or not _is_being_embedded(state):
            return
        progress.show(STAGES["embedding"], state["vectors"], state["chunks"])
        time.sleep(POLLED_EVERY_S)


def _is_being_embedded(state: dict[str, Any]) -> bool:
    return "is being prepared" in (state.get("reason") or "")


def _find(roost: Connection, wanted: str) -> dict[str, Any]:
    found = roost.items("/api/sources")
    return find_one(found, wanted, ("id", "url", "kind"), "source", "roost sources list")


def _named(source: dict[str, Any]) -> str:
    return source["url"] or "Roost's manual"


def _about_one(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", help="its address, its id, or the last characters of the id")

"""A whole world for the real process: a documentation site, Telegram, a model endpoint, people who ask."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

from tests.e2e.roost_process import RoostProcess
from tests.fakes.docs_site import DocsSite, docs_site, html
from tests.fakes.fake_llm import FakeLlm
from tests.fakes.fake_telegram import FakeTelegram

TOKEN = "700000001:" + "A" * 35
TOPICS = (
    ("Perches", "perch", "A perch is set up with the perch command and holds up to twelve birds."),
    ("Nests", "nest", "Nests are built in spring. Use the nest planner to choose a sheltered corner."),
    ("Feeding", "feed", "Feed the birds twice a day, at seven and at nineteen o'clock."),
    ("Migration", "migration", "Migration begins in September; the flock leaves over the southern gate."),
    ("Ringing", "ring", "Every bird carries a ring with a number of seven digits on its left leg."),
)
QUESTION = "How many birds does a perch hold?"


class World:
    """`roost` is not started yet; `telegram`, `site` and `llm` are."""

    def __init__(self, roost: RoostProcess, telegram: FakeTelegram, site: DocsSite, llm: FakeLlm) -> None:
        self.roost = roost
        self.telegram = telegram
        self.site = site
        self.llm = llm

    def start_with_bot(self) -> None:
        """A running server that has read the site, and a running Telegram bot."""
        self.roost.start()
        with self.roost.client() as client:
            self.read_site(client)
            self.telegram.add(TOKEN)
            reply = client.post("/api/bots", json={"platform": "telegram", "token": TOKEN, "start": True})
            assert reply.status_code == 201, reply.text
        wait_for(lambda: self.telegram.polling() == 1, "the bot polls")

    def read_site(self, client: httpx.Client) -> str:
        """Adds the site as a source and waits until it is searchable, vectors and all; the source's id."""
        reply = client.post("/api/sources", json={"kind": "website", "url": self.site.url + "/"})
        assert reply.status_code == 201, reply.text

        def indexed() -> bool:
            state = client.get("/api/knowledge").json()
            return bool(state["pages"] == len(TOPICS) + 1 and 0 < state["chunks"] == state["vectors"])

        wait_for(indexed, "the site is indexed", within_s=120)
        return str(reply.json()["id"])

    def answers(self, chat_id: int) -> list[str]:
        """What the bot sent into a chat, in order."""
        return self.telegram.sends(TOKEN, chat_id)


@contextmanager
def world(
    data_dir: Path,
    environ: Mapping[str, str] | None = None,
    *,
    written: bool = False,
    also_allowed: Sequence[str] = (),
) -> Iterator[World]:
    """With `written` answers come from the model endpoint, else they are quoted passages. `also_allowed` are
    further private hosts that may be read.
    """
    with ExitStack() as stack:
        telegram = stack.enter_context(FakeTelegram())
        site = stack.enter_context(docs_site())
        llm = stack.enter_context(FakeLlm())
        links = "".join(f'<li><a href="/{slug}">{title}</a>' for title, slug, _ in TOPICS)
        site.pages["/"] = html("Aviary", f"<main><h1>Aviary</h1><p>How to keep birds.<ul>{links}</ul></main>")
        for title, slug, sentence in TOPICS:
            body = f'<main><h1>{title}</h1><h2 id="how">How it works</h2><p>{sentence}</p></main>'
            site.pages[f"/{slug}"] = html(title, body)
        settings = {
            "TELEGRAM_API_BASE_URL": telegram.url,
            "ALLOW_PRIVATE_SOURCES": ",".join((site.allowed, *also_allowed)),
            **({"OPENAI_API_KEY": "sk-test-" + "x" * 24, "OPENAI_BASE_URL": llm.base_url} if written else {}),
            **(environ or {}),
        }
        roost = stack.enter_context(RoostProcess(data_dir, settings))
        yield World(roost, telegram, site, llm)


def wait_for(condition: Callable[[], bool], what: str, within_s: float = 20.0) -> None:
    deadline_s = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline_s:
            raise AssertionError(f"this did not come true within {within_s:.0f} s: {what}")
        time.sleep(0.02)

"""Bots on a Telegram Bot API on loopback: memory, restarts, bursts, outages."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx

from scripts.benchmarks.process_tree import cpu_s, pss_mb
from scripts.benchmarks.table import Figure, quantile, show
from tests.e2e.world import QUESTION, World, wait_for, world
from tests.fakes.docs_site import html

CHATS = range(1001, 1051)
BOTS_FEW, BOTS_MANY = 10, 50
OUTAGE_S = 50.0


def run() -> str:
    return "\n".join((_many_bots(), _burst(), _outage()))


def token(number: int) -> str:
    return f"{710_000_000 + number}:" + random.Random(number).choice("CDEFG") * 35


def _many_bots() -> str:
    with started() as here, here.roost.client() as client:
        add_bots(here, client, 0, BOTS_FEW)
        time.sleep(3)
        few_mb = pss_mb(here.roost.pid)
        add_bots(here, client, BOTS_FEW, BOTS_MANY)
        time.sleep(3)
        many_mb = pss_mb(here.roost.pid)
        here.roost.kill()
        began_s = time.monotonic()
        here.roost.launch()
        wait_for(lambda: "Restored" in here.roost.printed.split("Roost is at")[-1], "the databases are open")
        opened_s = time.monotonic()
        wait_for(lambda: here.telegram.polling() == BOTS_MANY, "all poll again", within_s=60)
        polling_s = time.monotonic()
    each_mb = (many_mb - few_mb) / (BOTS_MANY - BOTS_FEW)
    how = "PSS of the process tree with 10 and with 50 bots polling; then kill -9 and a start on the folder."
    return show(
        "Many Telegram bots",
        how,
        [
            Figure(
                "memory per further bot (10 to 50)",
                f"{each_mb:.2f} MB",
                "<= 0.3 MB",
                "1.7 MB",
                each_mb <= 0.3,
            ),
            Figure(
                "50 bots polling again, from open databases",
                f"{polling_s - opened_s:.1f} s",
                "<= 3 s",
                "11.8 and 19.2 s",
                polling_s - opened_s <= 3,
            ),
            Figure("the same, from the start of the process", f"{polling_s - began_s:.1f} s", "-", "-", None),
        ],
    )


def _burst() -> str:
    figures = []
    for latency_ms, target_s in ((0, 0.5), (150, 1.0)):
        with started() as here, here.roost.client() as client:
            here.read_site(client)
            fill_index(here, client)
            add_bots(here, client, 0, 1)
            here.telegram.text(token(0), 1, QUESTION)
            wait_for(lambda: len(here.telegram.sends(token(0), 1)) == 1, "the bot is warm")
            for method in ("sendMessage", "sendChatAction"):
                here.telegram.control("latency", method=method, seconds=latency_ms / 1000)
            before_s = cpu_s(here.roost.pid)
            asked_s: dict[int, float] = {}

            def ask(chat_id: int, asked_s: dict[int, float] = asked_s) -> None:
                asked_s[chat_id] = time.time()
                here.telegram.text(token(0), chat_id, QUESTION)

            with ThreadPoolExecutor(10) as people:
                list(people.map(ask, CHATS))
            wait_for(
                lambda: len(here.telegram.sends(token(0))) >= len(CHATS) + 1, "all are answered", within_s=60
            )
            spent_ms = (cpu_s(here.roost.pid) - before_s) * 1000 / len(CHATS)
            state = here.telegram.state(token(0))
            waits_s = [
                send["at"] - asked_s[send["chat_id"]] for send in state["sends"] if send["chat_id"] in asked_s
            ]
        answered, slow_s = len(waits_s), quantile(waits_s, 0.95)
        peers = "4 of 50" if latency_ms == 0 else "50 of 50 with p50 5 s"
        figures += [
            Figure(
                f"50 private chats ask at once, Telegram answering in {latency_ms} ms",
                f"{answered} of 50, p50 {quantile(waits_s, 0.5):.2f} s, p95 {slow_s:.2f} s",
                f"50 of 50, p95 <= {target_s} s",
                peers,
                answered == len(CHATS) and slow_s <= target_s,
            ),
            Figure(f"CPU an answer, {latency_ms} ms", f"{spent_ms:.0f} ms", "-", "-", None),
        ]
    how = (
        "One bot, typing on, index of 1,000 chunks, quoted passages; ten threads ask at once; from each "
        "question's arrival at the Bot API to its answer's acceptance there."
    )
    return show("A burst of questions", how, figures)


def _outage() -> str:
    with started() as here, here.roost.client() as client:
        add_bots(here, client, 0, 5)
        here.roost.kill()
        here.telegram.control("down", down=True)
        here.roost.start()
        time.sleep(OUTAGE_S)
        here.telegram.control("down", down=False)
        began_s = time.monotonic()
        wait_for(lambda: here.telegram.polling() == 5, "all poll again", within_s=60)
        recovered_s = time.monotonic() - began_s
    how = f"Five bots; every connection to the Bot API is reset for the first {OUTAGE_S:.0f} s after a start."
    return show(
        "Telegram unreachable at the start",
        how,
        [
            Figure(
                "bots poll again after its return",
                f"{recovered_s:.1f} s",
                "<= 10 s",
                "never",
                recovered_s <= 10,
            )
        ],
    )


@contextmanager
def started() -> Iterator[World]:
    with tempfile.TemporaryDirectory() as folder, world(Path(folder)) as here:
        here.roost.start()
        yield here


def add_bots(here: World, client: httpx.Client, first: int, last: int) -> None:
    for number in range(first, last):
        here.telegram.add(token(number))
        reply = client.post("/api/bots", json={"platform": "telegram", "token": token(number), "start": True})
        reply.raise_for_status()
    wait_for(lambda: here.telegram.polling() == last, "all poll", within_s=60)


def fill_index(here: World, client: httpx.Client, chunks: int = 1000) -> None:
    """Adds pages of made-up text until the index holds so many chunks, with vectors."""
    words = random.Random(7)
    vocabulary = [
        "".join(words.choices("bcdfglmnprst", k=2)) + words.choice("aeiou") + "n" for _ in range(900)
    ]
    links = ""
    for page in range(chunks // 10):
        sections = "".join(
            f"<h2 id='s{section}'>{words.choice(vocabulary)} {section}</h2>"
            f"<p>{' '.join(words.choices(vocabulary, k=110))}.</p>"
            for section in range(10)
        )
        here.site.pages[f"/made/{page}"] = html(f"Made up {page}", sections)
        links += f"<li><a href='/made/{page}'>{page}</a>"
    here.site.pages["/made"] = html("Made up", f"<ul>{links}</ul>")
    client.post("/api/sources", json={"kind": "website", "url": f"{here.site.url}/made"}).raise_for_status()

    def filled() -> bool:
        state = client.get("/api/knowledge").json()
        return bool(state["chunks"] >= chunks and state["vectors"] == state["chunks"])

    wait_for(filled, f"the index holds {chunks} chunks", within_s=300)

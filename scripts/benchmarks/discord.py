"""Bots on a Discord on loopback: memory, restarts, kills, bursts of growing answers."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx

from scripts.benchmarks.process_tree import cpu_s, pss_mb
from scripts.benchmarks.table import Figure, quantile, show
from tests.e2e.world import QUESTION, World, wait_for, world
from tests.fakes.fake_discord import FakeDiscord, token_of

BOTS_FEW, BOTS_MANY = 10, 50
PEOPLE = range(1001, 1051)
IN_FLIGHT, WHILE_DOWN = range(101, 111), range(201, 206)
CHANNEL = 500_000_000_000_000_001
STREAMS = range(301, 321)


def run() -> str:
    return "\n".join((_many_bots(), _burst(), _kill(), _streams()))


def _many_bots() -> str:
    with started() as (here, discord), here.roost.client() as client:
        add_bots(discord, client, 0, BOTS_FEW)
        time.sleep(3)
        few_mb = pss_mb(here.roost.pid)
        add_bots(discord, client, BOTS_FEW, BOTS_MANY)
        time.sleep(3)
        many_mb = pss_mb(here.roost.pid)
        here.roost.kill()
        wait_for(lambda: discord.connected() == 0, "Discord has noticed")
        began_s = time.monotonic()
        here.roost.launch()
        wait_for(lambda: "Restored" in here.roost.printed.split("Roost is at")[-1], "the databases are open")
        opened_s = time.monotonic()
        wait_for(lambda: discord.connected() == BOTS_MANY, "all are on the gateway", within_s=60)
        ready_s = time.monotonic()
    each_mb = (many_mb - few_mb) / (BOTS_MANY - BOTS_FEW)
    how = (
        "PSS of the process tree with 10 and with 50 bots on the gateway, without TLS; then kill -9 and a"
        " start on the folder."
    )
    return show(
        "Many Discord bots",
        how,
        [
            Figure(
                "memory per further bot (10 to 50)", f"{each_mb:.2f} MB", "<= 0.4 MB", "-", each_mb <= 0.4
            ),
            Figure(
                "50 bots ready again, from open databases",
                f"{ready_s - opened_s:.1f} s",
                "<= 3 s",
                "-",
                ready_s - opened_s <= 3,
            ),
            Figure("the same, from the start of the process", f"{ready_s - began_s:.1f} s", "-", "-", None),
        ],
    )


def _burst() -> str:
    with started() as (here, discord), here.roost.client() as client:
        here.read_site(client)
        add_bots(discord, client, 0, 1)
        token = token_of(0)
        discord.private(token, 1, QUESTION)
        wait_for(lambda: bool(discord.answers(token, 1)), "the bot is warm")
        before_s = cpu_s(here.roost.pid)
        asked_s: dict[str, float] = {}

        def ask(number: int) -> None:
            at = time.time()
            asked_s[discord.mention(token, CHANNEL + number, number, QUESTION)] = at

        with ThreadPoolExecutor(10) as people:
            list(people.map(ask, PEOPLE))
        wait_for(lambda: len(discord.sends(token)) > len(PEOPLE), "all are answered", within_s=60)
        spent_ms = (cpu_s(here.roost.pid) - before_s) * 1000 / len(PEOPLE)
        waits_s = [
            send["at"] - asked_s[send["body"]["message_reference"]["message_id"]]
            for send in discord.state(token)["sends"]
            if "message_reference" in send["body"]
        ]
    slow_s = quantile(waits_s, 0.95)
    how = (
        "One bot, 50 people mention it at once in 50 channels, typing on, quoted passages; from each"
        " question's arrival at Discord to its answer's acceptance there."
    )
    return show(
        "A burst of mentions",
        how,
        [
            Figure(
                "50 people mention the bot at once",
                f"{len(waits_s)} of 50, p50 {quantile(waits_s, 0.5):.2f} s, p95 {slow_s:.2f} s",
                "50 of 50, p95 <= 1.5 s",
                "-",
                len(waits_s) == len(PEOPLE) and slow_s <= 1.5,
            ),
            Figure("CPU an answer", f"{spent_ms:.0f} ms", "<= 30 ms", "-", spent_ms <= 30),
        ],
    )


def _kill() -> str:
    with started(written=True) as (here, discord), here.roost.client() as client:
        here.read_site(client)
        add_bots(discord, client, 0, 1)
        token = token_of(0)
        here.llm.hold()
        for number in IN_FLIGHT:
            discord.mention(token, CHANNEL + number, number, QUESTION)
        wait_for(lambda: len(here.llm.received) >= len(IN_FLIGHT), "the model was asked for all")
        here.roost.kill()
        for number in WHILE_DOWN:
            discord.mention(token, CHANNEL + number, number, QUESTION)
        here.llm.release()
        here.roost.start()
        wait_for(lambda: len(discord.sends(token)) >= 15, "all are answered", within_s=60)
        time.sleep(2)
        replies = Counter(
            send["body"]["message_reference"]["message_id"] for send in discord.state(token)["sends"]
        )
    twice = sum(count > 1 for count in replies.values())
    return show(
        "Discord: kill -9 with questions in flight",
        "Ten mentions while the model writes, kill -9, five more while it is down, start.",
        [
            Figure(
                "answered, twice",
                f"{len(replies)} of 15, {twice}",
                "15 of 15, 0",
                "0 of 10",
                len(replies) == 15 and not twice,
            )
        ],
    )


def _streams() -> str:
    with started(written=True) as (here, discord), here.roost.client() as client:
        here.read_site(client)
        add_bots(discord, client, 0, 1)
        token = token_of(0)
        discord.control("limited", limited=True)
        here.llm.say("word " * 120 + "[1]")
        here.llm.pause_s = 0.08
        for number in STREAMS:
            discord.mention(token, CHANNEL, number, QUESTION)
        wait_for(lambda: len(discord.sends(token)) >= len(STREAMS), "all have begun", within_s=120)
        wait_for(
            lambda: all("…" not in text[-3:] for text in discord.sends(token)), "all are whole", within_s=120
        )
        state = discord.state(token)
    refused = sum(operation == "editMessage" for operation in state["limited"])
    return show(
        "Discord: twenty growing answers in one channel",
        "Discord takes five messages and five edits in five seconds a channel; twenty answers are written"
        " there at once.",
        [
            Figure("edits that drew a 429", str(refused), "0", "-", refused == 0),
            Figure("edits in all", str(len(state["edits"])), "-", "-", None),
        ],
    )


@contextmanager
def started(*, written: bool = False) -> Iterator[tuple[World, FakeDiscord]]:
    with FakeDiscord() as discord, tempfile.TemporaryDirectory() as folder:
        environ = {"DISCORD_API_BASE_URL": discord.api_base_url, "DISCORD_GATEWAY_URL": discord.gateway_url}
        with world(Path(folder), environ, written=written) as here:
            here.roost.start()
            yield here, discord


def add_bots(discord: FakeDiscord, client: httpx.Client, first: int, last: int) -> None:
    for number in range(first, last):
        discord.add(token_of(number))
        asked = {"platform": "discord", "token": token_of(number), "start": True}
        client.post("/api/bots", json=asked).raise_for_status()
    wait_for(lambda: discord.connected() == last, "all are on the gateway", within_s=60)

"""Both platforms in one process: a hundred Telegram and fifty Discord bots, one question each at once."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from scripts.benchmarks import discord as discord_side
from scripts.benchmarks import telegram as telegram_side
from scripts.benchmarks.discord import CHANNEL
from scripts.benchmarks.process_tree import cpu_s, pss_mb
from scripts.benchmarks.table import Figure, quantile, show
from scripts.benchmarks.telegram import token
from tests.e2e.world import QUESTION, wait_for
from tests.fakes.fake_discord import token_of

TELEGRAM_BOTS, DISCORD_BOTS = 100, 50
CHAT = 77


def run() -> str:
    asked_s: dict[str, float] = {}
    with discord_side.started(written=True) as (here, discord), here.roost.client() as client:
        here.read_site(client)
        telegram_side.add_bots(here, client, 0, TELEGRAM_BOTS)
        discord_side.add_bots(discord, client, 0, DISCORD_BOTS)
        here.telegram.text(token(0), CHAT + 1, QUESTION)
        wait_for(lambda: bool(here.telegram.sends(token(0), CHAT + 1)), "the model endpoint is warm")
        memory_mb, before_s = pss_mb(here.roost.pid), cpu_s(here.roost.pid)

        def ask(number: int) -> None:
            at = time.time()
            if number < TELEGRAM_BOTS:
                here.telegram.text(token(number), CHAT, QUESTION)
                asked_s[token(number)] = at
            else:
                bot = token_of(number - TELEGRAM_BOTS)
                discord.mention(bot, CHANNEL + number, number, QUESTION)
                asked_s[bot] = at

        with ThreadPoolExecutor(10) as people:
            list(people.map(ask, range(TELEGRAM_BOTS + DISCORD_BOTS)))

        def answered_s() -> list[float]:
            waits = []
            for number in range(TELEGRAM_BOTS):
                sends = here.telegram.state(token(number))["sends"]
                waits += [send["at"] - asked_s[token(number)] for send in sends if send["chat_id"] == CHAT]
            for number in range(DISCORD_BOTS):
                sends = discord.state(token_of(number))["sends"]
                waits += [send["at"] - asked_s[token_of(number)] for send in sends]
            return waits

        everybody = TELEGRAM_BOTS + DISCORD_BOTS
        wait_for(lambda: len(answered_s()) >= everybody, "all are answered", within_s=90)
        spent_ms = (cpu_s(here.roost.pid) - before_s) * 1000 / everybody
        waits_s = answered_s()
    slow_s = quantile(waits_s, 0.95)
    how = (
        "One process, 100 Telegram and 50 Discord bots, one question to each at once, written answers from a "
        "stand-in that answers at once; from each question's arrival to the first message of its answer."
    )
    return show(
        "Both platforms in one process",
        how,
        [
            Figure(
                "one message to each of 150 bots at once",
                f"{len(waits_s)} of {everybody}, p50 {quantile(waits_s, 0.5):.2f} s, p95 {slow_s:.2f} s",
                "all answered, p95 <= 1.5 s",
                "-",
                len(waits_s) == everybody and slow_s <= 1.5,
            ),
            Figure("CPU a written answer", f"{spent_ms:.0f} ms", "<= 30 ms", "-", spent_ms <= 30),
            Figure("memory with 150 bots", f"{memory_mb:.0f} MB", "-", "-", None),
        ],
    )

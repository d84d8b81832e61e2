"""A Discord bot on the real process: added, asked, killed, and nobody left without an answer or with two."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.world import QUESTION, World, wait_for, world
from tests.fakes.fake_discord import FakeDiscord, token_of

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

TOKEN = token_of(1)
CHANNEL = 500_000_000_000_000_001
IN_FLIGHT = range(101, 111)
WHILE_DOWN = range(201, 206)


@contextmanager
def with_discord(data_dir: Path, *, written: bool = False) -> Iterator[tuple[World, FakeDiscord]]:
    with FakeDiscord() as discord:
        environ = {"DISCORD_API_BASE_URL": discord.api_base_url, "DISCORD_GATEWAY_URL": discord.gateway_url}
        with world(data_dir, environ, written=written) as here:
            yield here, discord


def start_with_bot(here: World, discord: FakeDiscord) -> dict[str, Any]:
    """A running server that has read the site, and a running Discord bot."""
    here.roost.start()
    discord.add(TOKEN)
    with here.roost.client() as client:
        here.read_site(client)
        reply = client.post("/api/bots", json={"platform": "discord", "token": TOKEN, "start": True})
        assert reply.status_code == 201, reply.text
        wait_for(lambda: discord.connected() == 1, "the bot is on the gateway")
        bot: dict[str, Any] = client.get(f"/api/bots/{reply.json()['id']}").json()
    return bot


def ask(discord: FakeDiscord, people: range) -> None:
    for number in people:
        discord.mention(TOKEN, CHANNEL + number % 20, number, QUESTION)


def answered(discord: FakeDiscord, people: list[int]) -> bool:
    """Whether a message replies to each person's question."""
    return len(answers(discord)) >= len(people)


def answers(discord: FakeDiscord) -> Counter[str]:
    """How many messages reply to each question."""
    sends = discord.state(TOKEN)["sends"]
    return Counter(send["body"]["message_reference"]["message_id"] for send in sends)


def inbox_size(data_dir: Path) -> int:
    with closing(sqlite3.connect(f"file:{data_dir}/conversations.db?mode=ro", uri=True)) as db:
        return int(db.execute("SELECT count(*) FROM inbox").fetchone()[0])


def test_a_bot_is_added_answers_with_its_sources_and_runs_again_after_a_kill(tmp_path: Path) -> None:
    with with_discord(tmp_path) as (here, discord):
        bot = start_with_bot(here, discord)
        assert bot["invite_url"].startswith("https://discord.com/oauth2/authorize?client_id=")
        discord.private(TOKEN, 7, QUESTION)
        wait_for(lambda: bool(discord.answers(TOKEN, 7)), "the question is answered")
        assert "twelve" in discord.answers(TOKEN, 7)[0]
        assert f"](<{here.site.url}/perch" in discord.answers(TOKEN, 7)[-1]
        with here.roost.client() as client:
            again = client.post("/api/bots", json={"platform": "discord", "token": TOKEN})
            assert again.status_code == 409, again.text
            wrong = client.post("/api/bots", json={"platform": "discord", "token": token_of(9)})
            assert wrong.status_code == 422
            assert "Reset Token" in wrong.json()["error"]["message"]
        here.roost.kill()
        here.roost.start()
        wait_for(lambda: discord.connected() == 1, "the bot is back")
        with here.roost.client() as client:
            found = client.get(f"/api/bots/{bot['id']}").json()
        assert found["desired"] == "running"
        assert TOKEN not in here.roost.printed


def test_a_thumb_under_an_answer_from_before_a_kill_counts(tmp_path: Path) -> None:
    with with_discord(tmp_path) as (here, discord):
        start_with_bot(here, discord)
        discord.mention(TOKEN, CHANNEL, 7, QUESTION)
        wait_for(lambda: len(answers(discord)) == 1, "the question is answered")
        answer = discord.state(TOKEN)["messages"][-1]["id"]
        wait_for(lambda: bool(discord.buttons(TOKEN, answer)), "the answer has grown to its end")
        here.roost.kill()
        here.roost.start()
        wait_for(lambda: discord.connected() == 1, "the bot is back")
        up, down = discord.buttons(TOKEN, answer)
        discord.press(TOKEN, answer, 8, up)
        discord.press(TOKEN, answer, 7, down)
        wait_for(lambda: discord.buttons(TOKEN, answer) == [up, f"{down} Noted"], "it is shown")
        with closing(sqlite3.connect(f"file:{tmp_path}/conversations.db?mode=ro", uri=True)) as db:
            assert db.execute("SELECT thumb FROM feedback").fetchall() == [("down",)]


def test_ten_mentions_in_flight_and_five_while_down_are_answered_once(tmp_path: Path) -> None:
    with with_discord(tmp_path, written=True) as (here, discord):
        start_with_bot(here, discord)
        here.llm.hold()
        ask(discord, IN_FLIGHT)
        wait_for(lambda: inbox_size(tmp_path) == 10, "all ten are in the inbox")
        wait_for(lambda: len(here.llm.received) >= 10, "the model was asked for all ten")
        here.roost.kill()
        ask(discord, WHILE_DOWN)
        here.llm.release()
        here.roost.start()
        everybody = [*IN_FLIGHT, *WHILE_DOWN]
        wait_for(lambda: answered(discord, everybody), "all fifteen are answered", within_s=60)
        time.sleep(2)
        assert len(answers(discord)) == 15
        assert set(answers(discord).values()) == {1}


def test_a_stop_leaves_the_gateway_in_time_and_a_start_takes_up_what_was_missed(tmp_path: Path) -> None:
    with with_discord(tmp_path) as (here, discord):
        start_with_bot(here, discord)
        ask(discord, range(1, 2))
        wait_for(lambda: len(answers(discord)) == 1, "the first is answered")
        began_s = time.monotonic()
        assert here.roost.terminate() == 0
        assert time.monotonic() - began_s < 8
        ask(discord, range(2, 3))
        here.roost.start()
        wait_for(lambda: len(answers(discord)) == 2, "the one that was missed is answered")

"""Kill -9 at the worst moments: every question is answered, and none twice."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from roost.discordbot import wording
from tests.fakes.bot_house import wait_until
from tests.fakes.discord_house import DiscordHouse
from tests.fakes.fake_discord import FakeDiscord, token_of
from tests.fakes.fixed_answerer import FixedAnswerer

REPOSITORY = Path(__file__).resolve().parents[3]
TOKEN = token_of(1)
CHANNEL = 500_000_000_000_000_001
IN_FLIGHT = range(101, 111)
WHILE_DOWN = range(201, 206)


@pytest.fixture
def data_dir(tmp_path: Path, discord: FakeDiscord) -> Path:
    discord.add(TOKEN)
    house = DiscordHouse(tmp_path, discord.url, FixedAnswerer())
    house.seed_bot(1)
    house.stop()
    return tmp_path


@contextmanager
def roost_process(data_dir: Path, discord: FakeDiscord, *options: str) -> Iterator[None]:
    """Runs the stored bots in a process of their own, once connected, and ends it with kill -9."""
    log_file = data_dir / "process.log"
    with log_file.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.fakes.discord_house", str(data_dir), discord.url, *options],
            cwd=REPOSITORY,
            env={"PYTHONPATH": f"{REPOSITORY / 'cloud' / 'backend'}:{REPOSITORY}", "PATH": "/usr/bin:/bin"},
            stdout=output,
            stderr=output,
        )
    try:
        wait_until(lambda: discord.connected() == 1)
        yield
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        assert TOKEN.encode() not in log_file.read_bytes()
        assert b"aW50ZXJhY3Rpb2" not in log_file.read_bytes()


def rows(data_dir: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(data_dir / "conversations.db", timeout=5)) as db:
        return db.execute(query).fetchall()


def ask(discord: FakeDiscord, people: range) -> None:
    for number in people:
        discord.mention(TOKEN, CHANNEL + number % 20, number, f"question of {number}")


def all_done(data_dir: Path, count: int) -> bool:
    return rows(data_dir, "SELECT count(*) FROM inbox WHERE status = 'done'") == [(count,)]


def answers(discord: FakeDiscord) -> Counter[int]:
    """How often each person got an answer of theirs."""
    return Counter(int(text.rsplit(" ", 1)[1]) for text in discord.sends(TOKEN))


@pytest.mark.parametrize("with_nonces", [True, False])
def test_ten_in_the_making_and_five_while_it_was_down_are_answered_once(
    data_dir: Path, discord: FakeDiscord, with_nonces: bool
) -> None:
    with roost_process(data_dir, discord, "hold"):
        ask(discord, IN_FLIGHT)
        wait_until(lambda: rows(data_dir, "SELECT count(*) FROM inbox") == [(len(IN_FLIGHT),)])
    assert answers(discord) == Counter()
    ask(discord, WHILE_DOWN)
    if not with_nonces:
        discord.control("forget_nonces", token=TOKEN)
    with roost_process(data_dir, discord):
        wait_until(lambda: all_done(data_dir, 15))
    assert answers(discord) == Counter([*IN_FLIGHT, *WHILE_DOWN])
    assert rows(data_dir, "SELECT count(*) FROM messages WHERE role = 'assistant'") == [(15,)]


@pytest.mark.parametrize("remembered", ["nonces", "only the history"])
def test_answers_that_discord_took_and_never_confirmed_stand_there_once(
    data_dir: Path, discord: FakeDiscord, remembered: str
) -> None:
    discord.hold("sendMessage", accept=True)
    with roost_process(data_dir, discord):
        ask(discord, IN_FLIGHT)
        wait_until(lambda: sum(answers(discord).values()) == 10)
    discord.release()
    if remembered != "nonces":
        discord.control("forget_nonces", token=TOKEN)
    ask(discord, WHILE_DOWN)
    with roost_process(data_dir, discord):
        wait_until(lambda: all_done(data_dir, 15))
    assert answers(discord) == Counter([*IN_FLIGHT, *WHILE_DOWN])


def test_a_kill_anywhere_in_a_burst_leaves_nobody_waiting_and_doubles_nothing(
    data_dir: Path, discord: FakeDiscord
) -> None:
    discord.control("latency", operation="sendMessage", seconds=0.1)
    instants = random.Random(20)
    asked: list[int] = []
    for burst in range(4):
        with roost_process(data_dir, discord):
            people = range(1_000 * (burst + 1), 1_000 * (burst + 1) + 15)
            asked += people
            ask(discord, people)
            time.sleep(instants.uniform(0.0, 0.5))
    with roost_process(data_dir, discord):
        wait_until(lambda: all_done(data_dir, len(asked)))
    assert answers(discord) == Counter(asked)


def test_a_growing_answer_that_was_cut_off_is_finished_in_the_same_message(
    data_dir: Path, discord: FakeDiscord
) -> None:
    with roost_process(data_dir, discord, "slow"):
        discord.private(TOKEN, 7, "write at length")
        wait_until(
            lambda: rows(data_dir, "SELECT count(*) FROM inbox WHERE stream_message_id IS NOT NULL") == [(1,)]
        )
    discord.control("forget_nonces", token=TOKEN)
    with roost_process(data_dir, discord):
        wait_until(lambda: all_done(data_dir, 1))
    assert discord.answers(TOKEN, 7) == ["Answer to: write at length"]


def test_a_command_cut_off_is_followed_up_and_after_its_time_answered_in_its_message(
    data_dir: Path, discord: FakeDiscord
) -> None:
    with roost_process(data_dir, discord, "hold"):
        discord.slash(TOKEN, "ask", 7, "in time", channel_id=str(CHANNEL))
        discord.slash(TOKEN, "ask", 8, "too late", channel_id=str(CHANNEL))
        wait_until(
            lambda: rows(data_dir, "SELECT count(*) FROM inbox WHERE stream_message_id IS NOT NULL") == [(2,)]
        )
    with closing(sqlite3.connect(data_dir / "conversations.db", timeout=5)) as db, db:
        db.execute(
            "UPDATE interaction_tokens SET expires_at = '2020-01-01'"
            " WHERE update_id = (SELECT max(update_id) FROM interaction_tokens)"
        )
    with roost_process(data_dir, discord):
        wait_until(lambda: all_done(data_dir, 2))
    state = discord.state(TOKEN)
    assert state["interactions"][0]["texts"] == ["Answer to: in time"]
    edited = {edit["message_id"]: edit["text"] for edit in state["edits"]}
    assert edited[state["interactions"][1]["message_id"]] == "Answer to: too late"
    assert state["sends"] == []
    assert rows(data_dir, "SELECT count(*) FROM interaction_tokens") == [(1,)]


@pytest.mark.parametrize("arrived", [False, True])
def test_refusals_that_a_kill_cut_off_reach_their_askers_alone(
    data_dir: Path, discord: FakeDiscord, arrived: bool
) -> None:
    with closing(sqlite3.connect(data_dir / "bot_configs.db", timeout=5)) as db, db:
        db.execute("UPDATE bot_configs SET allowed_chats = '[\"1\"]'")
    discord.hold("editOriginal", accept=arrived)
    with roost_process(data_dir, discord):
        for number in IN_FLIGHT:
            discord.slash(TOKEN, "ask", number, "here?", channel_id=str(CHANNEL + number % 3))
        wait_until(lambda: all(each["ephemeral"] for each in discord.state(TOKEN)["interactions"]))
        wait_until(lambda: rows(data_dir, "SELECT count(*) FROM inbox WHERE status = 'answered'") == [(10,)])
    discord.release()
    for number in IN_FLIGHT:
        discord.mention(TOKEN, CHANNEL + number % 3, number, "and without a command?")
    with roost_process(data_dir, discord):
        wait_until(lambda: all_done(data_dir, 10))
        wait_until(lambda: rows(data_dir, "SELECT count(*) FROM inbox WHERE status = 'dropped'") == [(10,)])
    state = discord.state(TOKEN)
    told = [wording.not_here(CHANNEL + number % 3) for number in IN_FLIGHT]
    assert [each["texts"] for each in state["interactions"]] == [[each] for each in told]
    assert state["sends"] == []


def test_what_only_its_asker_may_see_is_never_put_into_the_channel(
    data_dir: Path, discord: FakeDiscord
) -> None:
    discord.hold("editOriginal", accept=False)
    with roost_process(data_dir, discord):
        for number, name in enumerate(("stats", "forget", "clear", "help"), 1):
            discord.slash(TOKEN, name, number, channel_id=str(CHANNEL))
        discord.slash(TOKEN, "stats", 7)
        wait_until(lambda: rows(data_dir, "SELECT count(*) FROM inbox WHERE status = 'answered'") == [(5,)])
    discord.release()
    discord.control("expire", token=TOKEN)
    with roost_process(data_dir, discord):
        wait_until(lambda: all_done(data_dir, 1))
        wait_until(lambda: rows(data_dir, "SELECT count(*) FROM inbox WHERE status = 'dropped'") == [(4,)])
    assert discord.sends(TOKEN, CHANNEL) == []
    assert len(discord.answers(TOKEN, 7)) == 1


def test_a_kill_while_the_histories_are_read_leaves_them_to_the_next_start(
    data_dir: Path, discord: FakeDiscord
) -> None:
    with roost_process(data_dir, discord):
        ask(discord, IN_FLIGHT)
        wait_until(lambda: all_done(data_dir, 10))
    ask(discord, WHILE_DOWN)
    discord.hold("history", accept=True)
    with roost_process(data_dir, discord):
        wait_until(lambda: any(call["operation"] == "history" for call in discord.state(TOKEN)["calls"]))
        # What is said now must not hide what was said before it.
        ask(discord, range(301, 304))
        wait_until(lambda: rows(data_dir, "SELECT count(*) FROM inbox") == [(13,)])
    discord.release()
    with roost_process(data_dir, discord):
        wait_until(lambda: all_done(data_dir, 18))
    assert answers(discord) == Counter([*IN_FLIGHT, *WHILE_DOWN, *range(301, 304)])

"""Kill -9 at the worst moments: every question is answered, and only an open send may arrive twice."""

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

from tests.fakes.bot_house import BotHouse, token_of, wait_until
from tests.fakes.fake_telegram import FakeTelegram
from tests.fakes.fixed_answerer import FixedAnswerer

REPOSITORY = Path(__file__).resolve().parents[3]
TOKEN = token_of(1)
IN_FLIGHT = range(100, 110)
WHILE_DOWN = range(200, 205)


@pytest.fixture
def data_dir(tmp_path: Path, telegram: FakeTelegram) -> Path:
    telegram.add(TOKEN)
    house = BotHouse(tmp_path, telegram.url, FixedAnswerer())
    house.seed_bot(1)
    house.stop()
    return tmp_path


@contextmanager
def roost_process(data_dir: Path, telegram: FakeTelegram, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Runs the stored bots in a process of their own, and ends it with kill -9."""
    log_file = data_dir / "process.log"
    with log_file.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.fakes.bot_house", str(data_dir), telegram.url, *options],
            cwd=REPOSITORY,
            env={"PYTHONPATH": f"{REPOSITORY / 'cloud' / 'backend'}:{REPOSITORY}", "PATH": "/usr/bin:/bin"},
            stdout=output,
            stderr=output,
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        assert TOKEN.encode() not in log_file.read_bytes()


def rows(data_dir: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(data_dir / "conversations.db", timeout=5)) as db:
        return db.execute(query).fetchall()


def ask(telegram: FakeTelegram, chats: range) -> None:
    for chat_id in chats:
        telegram.text(TOKEN, chat_id, f"question of {chat_id}")


def all_done(data_dir: Path, count: int) -> bool:
    return rows(data_dir, "SELECT count(*) FROM inbox WHERE status = 'done'") == [(count,)]


def sends_by_chat(telegram: FakeTelegram) -> Counter[int]:
    return Counter(send["chat_id"] for send in telegram.state(TOKEN)["sends"])


def test_questions_whose_answers_were_being_made_are_answered_once(
    data_dir: Path, telegram: FakeTelegram
) -> None:
    with roost_process(data_dir, telegram, "hold"):
        wait_until(lambda: telegram.polling() == 1)
        ask(telegram, IN_FLIGHT)
        wait_until(lambda: rows(data_dir, "SELECT count(*) FROM inbox") == [(len(IN_FLIGHT),)])
    assert sends_by_chat(telegram) == Counter()
    ask(telegram, WHILE_DOWN)
    with roost_process(data_dir, telegram):
        wait_until(lambda: all_done(data_dir, 15))
    assert sends_by_chat(telegram) == Counter([*IN_FLIGHT, *WHILE_DOWN])
    assert rows(data_dir, "SELECT count(*) FROM messages WHERE role = 'assistant'") == [(15,)]


def test_answers_that_the_platform_had_not_taken_yet_arrive_once(
    data_dir: Path, telegram: FakeTelegram
) -> None:
    telegram.hold("sendMessage", accept=False)
    with roost_process(data_dir, telegram):
        wait_until(lambda: telegram.polling() == 1)
        ask(telegram, IN_FLIGHT)
        wait_until(
            lambda: rows(data_dir, "SELECT count(*) FROM inbox WHERE status = 'answered'") == [(10,)], 20
        )
    telegram.release()
    ask(telegram, WHILE_DOWN)
    with roost_process(data_dir, telegram):
        wait_until(lambda: all_done(data_dir, 15))
    assert sends_by_chat(telegram) == Counter([*IN_FLIGHT, *WHILE_DOWN])


def test_a_kill_anywhere_in_a_burst_of_sends_leaves_nobody_waiting_and_doubles_only_what_was_open(
    data_dir: Path, telegram: FakeTelegram
) -> None:
    telegram.control("reply_latency", method="sendMessage", seconds=0.15)
    instants = random.Random(20)
    asked: list[int] = []
    open_at_kill: Counter[int] = Counter()
    for burst in range(5):
        with roost_process(data_dir, telegram):
            wait_until(lambda: telegram.polling() == 1)
            chats = range(1_000 * (burst + 1), 1_000 * (burst + 1) + 20)
            asked += chats
            ask(telegram, chats)
            time.sleep(instants.uniform(0.0, 0.5))
        opened = "SELECT i.chat_key FROM replies r JOIN inbox i USING (bot_id, update_id)"
        unknown = rows(data_dir, f"{opened} WHERE r.opened_at IS NOT NULL AND r.sent_at IS NULL")
        open_at_kill.update(int(str(row[0])) for row in unknown)
    with roost_process(data_dir, telegram):
        wait_until(lambda: all_done(data_dir, len(asked)))
    sends = sends_by_chat(telegram)
    assert len(asked) == 100
    assert set(sends) == set(asked)
    repeated = sends - Counter(asked)
    assert repeated <= open_at_kill
    assert open_at_kill


def test_a_growing_answer_that_was_cut_off_is_finished_in_the_same_message(
    data_dir: Path, telegram: FakeTelegram
) -> None:
    with roost_process(data_dir, telegram, "slow"):
        wait_until(lambda: telegram.polling() == 1)
        telegram.text(TOKEN, 7, "write at length")
        wait_until(
            lambda: rows(data_dir, "SELECT count(*) FROM inbox WHERE stream_message_id IS NOT NULL") == [(1,)]
        )
    with roost_process(data_dir, telegram):
        wait_until(lambda: all_done(data_dir, 1))
    state = telegram.state(TOKEN)
    assert len(state["sends"]) == 1
    assert state["edits"][-1]["text"] == "Answer to: write at length"
    assert state["edits"][-1]["message_id"] == state["sends"][0]["message_id"]

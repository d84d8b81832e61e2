"""kill -9 at the worst moments: every question is answered, none twice, and nothing acknowledged is lost."""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from roost.clock import SystemClock, SystemIds
from tests.e2e.world import QUESTION, TOKEN, World, wait_for, world

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

IN_FLIGHT = range(101, 111)
WHILE_DOWN = range(201, 206)


def ask_all(here: World, chats: range) -> None:
    for chat_id in chats:
        here.telegram.text(TOKEN, chat_id, QUESTION)


def answered_once(here: World) -> bool:
    return all(len(here.answers(chat_id)) >= 1 for chat_id in (*IN_FLIGHT, *WHILE_DOWN))


def counts(here: World) -> Counter[int]:
    return Counter(send["chat_id"] for send in here.telegram.state(TOKEN)["sends"])


def inbox_size(data_dir: Path) -> int:
    with closing(sqlite3.connect(f"file:{data_dir}/conversations.db?mode=ro", uri=True)) as db:
        return int(db.execute("SELECT count(*) FROM inbox").fetchone()[0])


def test_questions_in_flight_while_the_model_writes_are_answered_once(tmp_path: Path) -> None:
    with world(tmp_path, written=True) as here:
        here.start_with_bot()
        here.llm.hold()
        ask_all(here, IN_FLIGHT)
        wait_for(lambda: inbox_size(tmp_path) == 10, "all ten are in the inbox")
        wait_for(lambda: len(here.llm.received) >= 10, "the model was asked for all ten")
        here.roost.kill()
        ask_all(here, WHILE_DOWN)
        here.llm.release()
        here.roost.start()
        wait_for(lambda: answered_once(here), "all fifteen are answered", within_s=60)
        time.sleep(2)
        assert counts(here) == Counter(dict.fromkeys((*IN_FLIGHT, *WHILE_DOWN), 1))


def test_answers_that_telegram_had_not_taken_are_sent_once(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        here.start_with_bot()
        here.telegram.hold("sendMessage", accept=False)
        ask_all(here, IN_FLIGHT)
        wait_for(lambda: inbox_size(tmp_path) == 10, "all ten are in the inbox")
        wait_for(lambda: len(here.telegram.state(TOKEN)["actions"]) >= 1, "the bot is typing")
        time.sleep(1)
        here.roost.kill()
        ask_all(here, WHILE_DOWN)
        here.telegram.release()
        here.roost.start()
        wait_for(lambda: answered_once(here), "all fifteen are answered", within_s=60)
        time.sleep(2)
        assert counts(here) == Counter(dict.fromkeys((*IN_FLIGHT, *WHILE_DOWN), 1))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_killed_amid_the_sends_nobody_goes_unanswered_and_doubles_are_only_open_sends(
    tmp_path: Path, seed: int
) -> None:
    with world(tmp_path) as here:
        here.start_with_bot()
        here.telegram.hold("sendMessage", accept=True)
        ask_all(here, IN_FLIGHT)
        wait_for(lambda: sum(counts(here).values()) >= 1, "the first send is open")
        time.sleep(random.Random(seed).uniform(0, 0.3))
        here.roost.kill()
        open_sends = set(counts(here))
        here.telegram.release()
        here.roost.start()
        wait_for(
            lambda: all(here.answers(chat_id) for chat_id in IN_FLIGHT), "all ten are answered", within_s=60
        )
        time.sleep(2)
        doubled = {chat_id for chat_id, times in counts(here).items() if times > 1}
        assert doubled <= open_sends
        assert max(counts(here).values()) <= 2


class Writers:
    """People who create conversations until the server is gone, and note what was acknowledged."""

    def __init__(self, here: World, count: int) -> None:
        self.acknowledged: list[str] = []
        self._here = here
        self._threads = [threading.Thread(target=self._create_many) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join(30)

    def _create_many(self) -> None:
        with self._here.roost.client() as client:
            for _ in range(2000):
                thread_id = SystemIds(SystemClock()).new()
                try:
                    reply = client.post("/api/threads", json={"id": thread_id})
                except httpx.TransportError:
                    return
                if reply.status_code == 201:
                    self.acknowledged.append(thread_id)


def test_every_acknowledged_write_is_there_after_a_kill(tmp_path: Path) -> None:
    """Hostile case 90: kill -9 during saves."""
    with world(tmp_path) as here:
        here.roost.start()
        writers = Writers(here, 4)
        wait_for(lambda: len(writers.acknowledged) >= 200, "two hundred writes are acknowledged")
        here.roost.kill()
        writers.join()
        assert len(writers.acknowledged) >= 200
        with closing(sqlite3.connect(tmp_path / "conversations.db")) as db:
            assert db.execute("PRAGMA quick_check").fetchone() == ("ok",)
            stored = {row[0] for row in db.execute("SELECT id FROM threads")}
        assert set(writers.acknowledged) <= stored


def test_every_acknowledged_write_is_there_after_sigterm(tmp_path: Path) -> None:
    """Hostile case 89: SIGTERM during saves."""
    with world(tmp_path) as here:
        here.roost.start()
        writers = Writers(here, 2)
        wait_for(lambda: len(writers.acknowledged) >= 100, "a hundred writes are acknowledged")
        assert here.roost.terminate() == 0
        writers.join()
        assert not (tmp_path / "conversations.db-wal").exists()
        with closing(sqlite3.connect(tmp_path / "conversations.db")) as db:
            stored = {row[0] for row in db.execute("SELECT id FROM threads")}
        assert set(writers.acknowledged) <= stored


def test_bots_that_ran_run_again_and_stopped_ones_stay_stopped(tmp_path: Path) -> None:
    """S003-2, S003-3, S003-6, S003-23, S003-30: the log counts the bots, and only those that ran start."""
    other = "700000002:" + "B" * 35
    with world(tmp_path) as here:
        here.start_with_bot()
        here.telegram.add(other)
        with here.roost.client() as client:
            asked = {"platform": "telegram", "token": other, "start": True}
            stopped = client.post("/api/bots", json=asked).json()
            wait_for(lambda: here.telegram.polling() == 2, "both poll")
            assert client.post(f"/api/bots/{stopped['id']}/stop", json={}).status_code == 200
        here.roost.kill()
        here.roost.start()
        wait_for(lambda: here.telegram.polling() == 1, "one polls")
        with here.roost.client() as client:
            by_id = {bot["id"]: bot for bot in client.get("/api/bots").json()["items"]}
        assert len(by_id) == 2
        assert by_id[stopped["id"]]["status"] == "stopped"
        assert [bot["desired"] for bot in by_id.values()].count("running") == 1
        assert "Restored 2 bot(s) from storage, starting 1" in here.roost.printed
        assert TOKEN not in here.roost.printed

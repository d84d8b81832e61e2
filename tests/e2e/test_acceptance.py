"""What Roost promises of data, bots and knowledge over its life, each shown on the real process."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.world import QUESTION, TOKEN, World, wait_for, world
from tests.fakes.docs_site import html

pytestmark = pytest.mark.timeout(120)


def stored_bots(data_dir: Path) -> dict[str, dict[str, Any]]:
    """The rows of bot_configs by id, read from the file beside the running server."""
    with closing(sqlite3.connect(f"file:{data_dir}/bot_configs.db?mode=ro", uri=True)) as db:
        db.row_factory = sqlite3.Row
        return {row["bot_id"]: dict(row) for row in db.execute("SELECT * FROM bot_configs")}


def the_bot(client: httpx.Client) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/api/bots").json()["items"][0]
    return found


def answered(here: World, chat_id: int, words: str) -> bool:
    return any(words in text for text in here.answers(chat_id))


def test_a_bot_is_in_the_table_as_soon_as_it_is_registered_changed_or_deleted(tmp_path: Path) -> None:
    """S003-9, S003-22, S003-37: `SELECT * FROM bot_configs` shows each change at once; a kill undoes none.
    Defect 10: the token is not readable there.
    """
    with world(tmp_path) as here:
        here.roost.start()
        here.telegram.add(TOKEN)
        with here.roost.client() as client:
            new = {"platform": "telegram", "token": TOKEN, "name": "Desk", "model": "gpt-4o"}
            bot = client.post("/api/bots", json=new).json()
            row = stored_bots(tmp_path)[bot["id"]]
            assert (row["name"], row["model"], row["status"]) == ("Desk", "gpt-4o", "stopped")
            assert TOKEN not in str(row)
            client.patch(f"/api/bots/{bot['id']}", json={"name": "Front desk"})
            assert stored_bots(tmp_path)[bot["id"]]["name"] == "Front desk"
            client.post(f"/api/bots/{bot['id']}/start")
            assert stored_bots(tmp_path)[bot["id"]]["status"] == "running"
            here.roost.kill()
        here.roost.start()
        with here.roost.client() as client:
            assert (the_bot(client)["name"], the_bot(client)["model"]) == ("Front desk", "gpt-4o")
            wait_for(lambda: here.telegram.polling() == 1, "the same token is used again")
            assert client.delete(f"/api/bots/{bot['id']}").status_code == 204
        assert stored_bots(tmp_path) == {}
        here.roost.kill()
        here.roost.start()
        with here.roost.client() as client:
            assert client.get("/api/bots").json()["items"] == []


def test_a_stop_ends_the_bots_keeps_their_wish_and_forgets_their_logs(tmp_path: Path) -> None:
    """S003-14, S003-15, S003-24, S003-36. Defect 5: shutdown stops the bots and keeps what is wanted of them.
    Defect 9: they run in the server's own loop, so that a signal ends them in order.
    """
    with world(tmp_path) as here:
        here.start_with_bot()
        with here.roost.client() as client:
            bot = the_bot(client)
            here.telegram.text(TOKEN, 8, QUESTION)
            wait_for(lambda: answered(here, 8, "twelve"), "the bot answers")
            assert "chat 8" in client.get(f"/api/bots/{bot['id']}/logs").text
        assert here.roost.terminate() == 0
        wait_for(lambda: here.telegram.polling() == 0, "nobody polls any more")
        assert stored_bots(tmp_path)[bot["id"]]["status"] == "running"
        here.roost.start()
        wait_for(lambda: here.telegram.polling() == 1, "the bot polls again")
        assert "Restored 1 bot(s) from storage, starting 1" in here.roost.printed
        with here.roost.client() as client:
            assert "chat 8" not in client.get(f"/api/bots/{bot['id']}/logs").text
        assert len(here.answers(8)) == 1


def test_a_running_bot_answers_from_what_the_last_crawl_found(tmp_path: Path) -> None:
    """S003-12, S003-42. Defect 12: a crawl that finds nothing new changes nothing; no crawl restarts a bot or
    leaves it without answers.
    """
    with world(tmp_path) as here:
        here.start_with_bot()
        with here.roost.client() as client:
            source = client.get("/api/sources").json()["items"][0]["id"]
            since = the_bot(client)["since"]

            def crawl() -> int:
                before = client.get("/api/sources").json()["items"][0]["last_success_at"]
                client.post(f"/api/sources/{source}/crawl").raise_for_status()
                wait_for(
                    lambda: client.get("/api/sources").json()["items"][0]["last_success_at"] != before,
                    "the crawl is done",
                )
                return int(client.get("/api/knowledge").json()["index_version"])

            version = int(client.get("/api/knowledge").json()["index_version"])
            assert crawl() == version
            here.site.pages["/perch"] = html(
                "Perches",
                "<main><h1>Perches</h1><h2 id='how'>How it works</h2>"
                "<p>A perch is set up with the perch command and holds up to ninety birds.</p></main>",
            )
            assert crawl() > version
            here.telegram.text(TOKEN, 9, QUESTION)
            wait_for(lambda: answered(here, 9, "ninety"), "the bot answers from the new page")
            assert not answered(here, 9, "twelve")
            assert (the_bot(client)["status"], the_bot(client)["since"]) == ("running", since)


def test_knowledge_that_is_lost_is_read_and_built_again(tmp_path: Path) -> None:
    """S003-13, S003-25, S003-26: index and pages are local and made anew from the sources alone."""
    with world(tmp_path) as here:
        here.roost.start()
        with here.roost.client() as client:
            here.read_site(client)
        assert here.roost.terminate() == 0
        for name in ("knowledge.db", "knowledge.db-wal", "knowledge.db-shm"):
            (tmp_path / name).unlink(missing_ok=True)
        for folder in ("chroma_db", "scraped_data"):
            shutil.rmtree(tmp_path / folder, ignore_errors=True)
        here.roost.start()
        with here.roost.client() as client:

            def told() -> bool:
                answer = client.post("/api/ask", json={"question": QUESTION}).json()["answer"]
                return "twelve" in answer.replace("*", "")

            wait_for(told, "the site answers again", within_s=60)


def test_a_slow_platform_holds_nothing_up(tmp_path: Path) -> None:
    """S003-2, S003-3, S003-6. Defect 3: bots come back after the databases are open, in the background: the
    page and the API answer while Telegram is silent.
    """
    with world(tmp_path) as here:
        here.start_with_bot()
        here.roost.kill()
        here.telegram.control("down", down=True)
        here.roost.start(ready_within_s=10)
        with here.roost.client() as client:
            assert the_bot(client)["desired"] == "running"
            assert the_bot(client)["status"] in ("starting", "degraded")
        here.telegram.control("down", down=False)
        wait_for(lambda: here.telegram.polling() == 1, "the bot is back by itself", within_s=15)
        printed = here.roost.printed
        assert printed.rindex("SQLite") < printed.rindex("Restored 1 bot(s) from storage, starting 1")

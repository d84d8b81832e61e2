"""kill -9 of the server under an open page: answers arrive, nothing typed is lost, it goes on by itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.pages import ask, visit
from tests.e2e.world import QUESTION, TOKEN, wait_for, world

pytestmark = pytest.mark.timeout(120)

LONG = "Twelve birds sit on a perch [1]. " + " ".join(f"Word{n}" for n in range(200)) + " and that is all."


def test_killed_amid_an_answer_it_arrives_and_what_was_asked_while_down_is_sent(
    tmp_path: Path, browser: Browser
) -> None:
    """S003-21, S003-32, S003-36: conversations survive, and the bot is there and running after a refresh."""
    with world(tmp_path, written=True) as here:
        here.start_with_bot()
        here.llm.say(LONG)
        here.llm.pause_s = 0.05
        with visit(browser, here.roost.base_url, "/ask", refusals=True) as page:
            answers = page.get_by_role("article")
            ask(page, QUESTION)
            expect(answers.last).to_contain_text("Word5")
            here.roost.kill()
            ask(page, "And how are nests built?")
            expect(page.get_by_text("And how are nests built?")).to_be_visible()
            expect(page.get_by_role("status").get_by_text("Not saved · 1 waiting").first).to_be_visible()
            here.llm.pause_s = 0.0
            here.roost.start()
            expect(answers).to_have_count(2)
            for nth in (0, 1):
                expect(answers.nth(nth)).to_contain_text("and that is all.")
                assert answers.nth(nth).locator(".answer-text").inner_text().count("and that is all.") == 1
            page.reload()
            expect(answers).to_have_count(2)
            expect(page.get_by_text("And how are nests built?")).to_have_count(1)
            page.goto("/")
            row = page.get_by_role("list", name="Your bots").get_by_role("listitem")
            expect(row).to_contain_text("Running")
        wait_for(lambda: here.telegram.polling() == 1, "the bot polls again")


def test_a_question_asked_while_down_survives_a_reload_of_the_tab(tmp_path: Path, browser: Browser) -> None:
    with world(tmp_path) as here:
        here.roost.start()
        with here.roost.client() as client:
            here.read_site(client)
        with visit(browser, here.roost.base_url, "/ask", refusals=True) as page:
            ask(page, QUESTION)
            expect(page.get_by_role("article")).to_contain_text("twelve birds")
            here.roost.kill()
            ask(page, "What ring does a bird carry?")
            expect(page.get_by_text("Not sent")).to_be_visible()
            here.roost.start()
            page.reload()
            expect(page.get_by_role("article").nth(1)).to_contain_text("seven digits")
            with here.roost.client() as client:
                thread = client.get("/api/threads").json()["items"][0]
                kept = client.get(f"/api/threads/{thread['id']}/messages").json()["items"]
            assert [message["text"] for message in kept if message["role"] == "user"] == [
                QUESTION,
                "What ring does a bird carry?",
            ]


def test_a_bot_started_in_the_page_runs_after_a_kill_and_a_stopped_one_does_not(
    tmp_path: Path, browser: Browser
) -> None:
    """S003-10, S003-23, S003-29, S003-30: kill -9 right after Start still starts it again; Stop holds."""
    with world(tmp_path) as here:
        here.roost.start()
        here.telegram.add(TOKEN)
        with here.roost.client() as client:
            client.post("/api/bots", json={"platform": "telegram", "token": TOKEN})
        with visit(browser, here.roost.base_url, refusals=True) as page:
            row = page.get_by_role("list", name="Your bots").get_by_role("listitem")
            for action, shown in (("Start", "Running"), ("Stop", "Stopped")):
                row.get_by_role("button", name="Actions for").click()
                with page.expect_response("**/api/bots/*/" + action.lower()):
                    page.get_by_role("menuitem", name=action, exact=True).click()
                here.roost.kill()
                here.roost.start()
                page.reload()
                expect(row).to_contain_text(shown)
        assert here.telegram.polling() == 0

"""A deploy under an open page: it says so quietly, and what is typed meanwhile is sent by itself."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.fleet import fleet, state, threads
from tests.e2e.pages import ask, visit
from tests.e2e.roost_process import RoostProcess
from tests.e2e.world import QUESTION, TOPICS, wait_for
from tests.fakes.docs_site import Reply, docs_site, html
from tests.fakes.fake_gcs import FakeGcs, Fault
from tests.fakes.fake_llm import FakeLlm
from tests.fakes.front_door import FrontDoor

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(150)]


def port(roost: RoostProcess) -> int:
    return urlsplit(roost.base_url).port or 0


def test_a_question_sent_while_roost_moves_is_answered_by_the_new_container(
    tmp_path: Path, browser: Browser
) -> None:
    """Fault 9, as a person sees it."""
    with FakeGcs("roost") as gcs, fleet(tmp_path, gcs) as here:
        old, new = here.container("old", "one"), here.container("new", "two")
        old.start()
        with FrontDoor(port(old)) as door, visit(browser, door.url, "/ask", refusals=True) as page:
            answers = page.get_by_role("article")
            ask(page, "First?")
            expect(answers).to_have_count(1)
            # The newcomer takes a while to read the bucket.
            gcs.fail("list", *[Fault(delay_s=1)] * 4)
            new.launch()
            wait_for(lambda: state(old) in ("handover", "standby"), "the old one hands over")
            ask(page, "Second?")
            expect(page.get_by_text("Roost is moving to a new container").first).to_be_visible()
            expect(page.get_by_text("Second?").first).to_be_visible()
            new.wait_until_ready(40)
            door.lead_to(port(new))
            expect(answers).to_have_count(2, timeout=30_000)
            expect(page.get_by_text("Roost is moving")).to_have_count(0, timeout=30_000)
            expect(page.get_by_text("Not saved")).to_have_count(0)
            page.reload()
            expect(answers).to_have_count(2)
            expect(page.get_by_text("Second?")).not_to_have_count(0)
        assert len(threads(new)) == 1


def after_a_while(reply: Reply) -> Reply:
    def parts(stop: threading.Event) -> Iterator[bytes]:
        stop.wait(3)
        yield reply.body

    return Reply(stream=parts)


def test_an_answer_under_way_goes_on_in_a_new_container_that_has_read_nothing_yet(
    tmp_path: Path, browser: Browser
) -> None:
    said = " ".join(f"word{number}" for number in range(80)) + " and twelve birds [1]."
    with FakeGcs("roost") as gcs, fleet(tmp_path, gcs) as here, docs_site() as site, FakeLlm() as llm:
        links = "".join(f"<a href='/{slug}'>{title}</a> " for title, slug, _ in TOPICS)
        site.pages["/"] = html("Aviary", f"<p>How to keep birds.</p>{links}")
        for title, slug, sentence in TOPICS:
            site.pages[f"/{slug}"] = html(title, f"<h2 id='how'>How it works</h2><p>{sentence}</p>")
        llm.say(said)
        llm.pause_s = 0.1
        settings = {
            "ALLOW_PRIVATE_SOURCES": site.allowed,
            "OPENAI_API_KEY": "sk-test-" + "x" * 24,
            "OPENAI_BASE_URL": llm.base_url,
        }
        old, new = here.container("old", "one", **settings), here.container("new", "two", **settings)
        old.start()
        with old.client() as client:
            client.post("/api/sources", json={"kind": "website", "url": site.url + "/"})

            def indexed() -> bool:
                state = client.get("/api/knowledge").json()
                return bool(state["pages"] == len(TOPICS) + 1 and 0 < state["chunks"] == state["vectors"])

            wait_for(indexed, "the site is indexed", within_s=120)
        with FrontDoor(port(old)) as door, visit(browser, door.url, "/ask", refusals=True) as page:
            ask(page, QUESTION)
            expect(page.get_by_text("word3").first).to_be_visible()
            # The first page takes the new container a while.
            site.pages["/"] = after_a_while(site.pages["/"])
            new.start(40)
            door.lead_to(port(new))
            expect(page.get_by_text("twelve birds").first).to_be_visible(timeout=60_000)
            expect(page.get_by_role("article")).to_have_count(1)
        with new.client() as client:
            (thread,) = client.get("/api/threads").json()["items"]
            messages = client.get(f"/api/threads/{thread['id']}/messages").json()["items"]
        assert messages[1]["text"].endswith("and twelve birds [1].")
        assert len(messages) == 2

"""A deploy under an open page: it says so quietly, and what is typed meanwhile is sent by itself."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.fleet import fleet, state, threads
from tests.e2e.pages import ask, visit
from tests.e2e.roost_process import RoostProcess
from tests.e2e.world import wait_for
from tests.fakes.fake_gcs import FakeGcs, Fault
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

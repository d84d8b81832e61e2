"""A first answer in three steps, in a real browser on a fresh data folder."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.pages import ask, visit
from tests.e2e.world import QUESTION, world

pytestmark = pytest.mark.timeout(120)


def test_open_add_a_website_ask(tmp_path: Path, browser: Browser) -> None:
    """S003-34, S003-39: the page is served and everything works without a key or a bucket."""
    with world(tmp_path) as here:
        here.roost.start()
        with visit(browser, here.roost.base_url, sign_in=False) as page:
            page.get_by_role("button", name="Continue as the local owner").click()
            page.get_by_role("link", name="add a source").click()
            page.get_by_role("textbox", name="Address").fill(here.site.url)
            page.get_by_role("button", name="Add this website").click()
            page.get_by_role("link", name="Ask your docs").click()
            ask(page, QUESTION)
            answer = page.get_by_role("article")
            expect(answer).to_contain_text("holds up to twelve birds")
            expect(answer).to_contain_text("Quoted passages")
            source = answer.get_by_role("list", name="Sources").get_by_role("link").first
            expect(source).to_have_attribute("href", f"{here.site.url}/perch#how")
            answer.get_by_role("button", name="Source 1").first.click()
            with page.context.expect_page() as opened:
                page.get_by_role("dialog").get_by_role("link", name="Open the page at this place").click()
            assert opened.value.url == f"{here.site.url}/perch#how"
        assert "No bucket configured: data stays in DATA_DIR" in here.roost.printed


def test_the_shipped_manual_is_a_source_without_any_site(tmp_path: Path, browser: Browser) -> None:
    with world(tmp_path) as here:
        here.roost.start()
        with visit(browser, here.roost.base_url, "/knowledge") as page:
            page.get_by_role("button", name=re.compile("own manual")).click()
            page.get_by_role("link", name="Ask your docs").click()
            ask(page, "How do I add a Telegram bot?")
            source = page.get_by_role("article").get_by_role("list", name="Sources").get_by_role("link").first
            with page.context.expect_page() as opened:
                source.click()
            manual = opened.value
            address, _, heading = manual.url.partition("#")
            assert address.startswith(f"{here.roost.base_url}/manual/")
            expect(manual.locator(f"[id='{heading}']")).to_be_visible()

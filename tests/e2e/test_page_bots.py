"""Telegram bots in the real page, beside a Telegram that names them, refuses them and takes them away."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.pages import visit
from tests.e2e.world import QUESTION, World, wait_for, world

pytestmark = pytest.mark.timeout(120)

UP = re.compile(r"Up (\d+) s")


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("data")) as running:
        running.roost.start()
        with running.roost.client() as client:
            running.read_site(client)
        yield running


@pytest.fixture
def page(here: World, browser: Browser) -> Iterator[Page]:
    with visit(browser, here.roost.base_url, refusals=True) as visited:
        yield visited


def token_of(number: int) -> str:
    return f"{number}:" + "T" * 35


def add_bot(page: Page, token: str) -> None:
    page.get_by_role("button", name="Add a bot").first.click()
    dialog = page.get_by_role("dialog", name="Add a bot")
    dialog.get_by_label("Token", exact=True).fill(token)
    dialog.get_by_role("button", name="Add the bot").click()


def open_added_bot(page: Page, here: World, number: int) -> None:
    here.telegram.add(token_of(number))
    add_bot(page, token_of(number))
    page.get_by_role("dialog", name=f"Bot {number}").get_by_role("link", name="Open the bot").click()
    expect(page.get_by_role("heading", name=f"Bot {number}", level=1)).to_be_visible()


def status(page: Page, word: str) -> None:
    expect(page.get_by_role("main").get_by_text(word, exact=True).first).to_be_visible()


def test_a_wrong_token_is_explained_under_its_field_and_a_right_one_is_named(here: World, page: Page) -> None:
    """S003-29: a bot is registered in the page, and started."""
    add_bot(page, token_of(710_000_001))
    dialog = page.get_by_role("dialog", name="Add a bot")
    field = dialog.get_by_label("Token", exact=True)
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(re.compile("Telegram refuses this token"))
    here.telegram.add(token_of(710_000_001))
    dialog.get_by_role("button", name="Add the bot").click()
    added = page.get_by_role("dialog", name="Bot 710000001")
    expect(added).to_contain_text("This is @bot710000001_bot.")
    added.get_by_role("button", name="Done").click()
    row = page.get_by_role("list", name="Your bots").get_by_role("listitem").filter(has_text="710000001")
    expect(row).to_contain_text("Running")
    assert token_of(710_000_001) not in page.content()


def test_the_same_bot_twice_is_refused_with_what_to_do(here: World, page: Page) -> None:
    here.telegram.add(token_of(710_000_002))
    add_bot(page, token_of(710_000_002))
    page.get_by_role("dialog", name="Bot 710000002").get_by_role("button", name="Done").click()
    add_bot(page, token_of(710_000_002))
    expect(page.get_by_role("dialog", name="Add a bot")).to_contain_text("already")


def test_a_bot_is_stopped_started_and_restarted(here: World, page: Page) -> None:
    """S003-31: bots are stopped, started and restarted at any time."""
    open_added_bot(page, here, 710_000_003)
    status(page, "Running")
    page.get_by_role("button", name="Stop").click()
    status(page, "Stopped")
    page.get_by_role("button", name="Start").click()
    status(page, "Running")
    page.get_by_role("button", name="Restart").click()
    log = page.get_by_role("log")
    expect(log.get_by_text("Running.")).to_have_count(3)
    status(page, "Running")


def test_uptime_and_status_survive_a_refresh(here: World, page: Page) -> None:
    """S003-43: running indicators persist across a refresh of the page."""
    open_added_bot(page, here, 710_000_004)
    expect(page.get_by_text(re.compile(r"Up ([2-9]|\d\d) s"))).to_be_visible()
    before = UP.search(page.get_by_text(UP).inner_text())
    page.reload()
    status(page, "Running")
    after = UP.search(page.get_by_text(UP).inner_text())
    assert before is not None
    assert after is not None
    assert int(after[1]) >= int(before[1]) >= 2


def test_trouble_shows_at_once_with_its_reason_and_goes_when_mended(here: World, page: Page) -> None:
    number = 710_000_005
    open_added_bot(page, here, number)
    status(page, "Running")
    here.telegram.fault("401", "getupdates", token_of(number))
    # Ends the long poll; the next one meets the fault.
    here.telegram.text(token_of(number), 5, "/start")
    status(page, "Crashed")
    expect(page.get_by_role("main")).to_contain_text("Telegram refuses the token")
    page.get_by_role("link", name="Bots", exact=True).click()
    expect(page.get_by_text(f"1 needs you: Bot {number}.")).to_be_visible()
    page.get_by_role("link", name=f"Bot {number}").click()
    page.get_by_role("button", name="Restart").click()
    status(page, "Running")


def test_the_log_is_live_searchable_and_per_bot(here: World, page: Page) -> None:
    """Defect 11: details and logs work in the page."""
    number = 710_000_006
    open_added_bot(page, here, number)
    log = page.get_by_role("log")
    expect(log).to_contain_text("Running.")
    here.telegram.text(token_of(number), 6, QUESTION)
    expect(log).to_contain_text("Answered in chat 6")
    page.get_by_role("searchbox", name="Search the log").fill("Answered")
    expect(log).not_to_contain_text("Running.")
    page.get_by_role("link", name="Bots", exact=True).click()
    open_added_bot(page, here, 710_000_007)
    expect(page.get_by_role("log")).to_contain_text("Running.")
    expect(page.get_by_role("log")).not_to_contain_text("Answered in chat 6")


def test_a_bot_is_edited_and_deleted_by_typing_its_name(here: World, page: Page) -> None:
    """Defect 6: deleting a running bot neither hangs nor leaves its row behind."""
    open_added_bot(page, here, 710_000_008)
    page.get_by_role("link", name="Model").click()
    page.get_by_label("Name", exact=True).fill("Aviary bot")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("heading", name="Aviary bot", level=1)).to_be_visible()
    page.get_by_role("link", name="Bots", exact=True).click()
    page.get_by_role("button", name="Actions for Aviary bot").click()
    page.get_by_role("menuitem", name="Delete").click()
    dialog = page.get_by_role("dialog", name="Delete Aviary bot?")
    delete = dialog.get_by_role("button", name="Delete the bot")
    expect(delete).to_be_disabled()
    dialog.get_by_label("Type Aviary bot to confirm").fill("Aviary")
    expect(delete).to_be_disabled()
    dialog.get_by_label("Type Aviary bot to confirm").fill("Aviary bot")
    delete.click()
    expect(page.get_by_role("link", name="Aviary bot")).to_have_count(0)
    with here.roost.client() as client:
        assert "Aviary bot" not in [bot["name"] for bot in client.get("/api/bots").json()["items"]]
    wait_for(
        lambda: not here.telegram.state(token_of(710_000_008))["polling"], "nobody polls for it any more"
    )

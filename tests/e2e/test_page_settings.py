"""Settings, sign-out and the keyboard in the real page."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.pages import visit
from tests.e2e.world import TOKEN, World, world

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("data")) as running:
        running.start_with_bot()
        yield running


@pytest.fixture
def page(here: World, browser: Browser) -> Iterator[Page]:
    with visit(browser, here.roost.base_url, refusals=True) as visited:
        expect(visited.get_by_role("list", name="Your bots")).to_be_visible()
        yield visited


def heading(page: Page, title: str) -> None:
    expect(page.get_by_role("heading", name=title, level=1)).to_be_visible()


def test_an_api_key_is_shown_once_works_and_stops_when_revoked(here: World, page: Page) -> None:
    page.goto("/settings")
    page.get_by_label("Name", exact=True).fill("nightly report")
    page.get_by_role("button", name="Make a key").click()
    dialog = page.get_by_role("dialog", name="The new key")
    secret = dialog.locator("code").inner_text().strip()
    dialog.get_by_role("button", name="I have stored it").click()
    headers = {"Authorization": f"Bearer {secret}"}
    asked = {"question": "How many birds does a perch hold?"}
    answer = httpx.post(f"{here.roost.base_url}/api/ask", json=asked, headers=headers, timeout=20)
    assert "up to twelve birds" in answer.json()["answer"].replace("*", "")
    page.reload()
    keys = page.get_by_role("list", name="Your API keys")
    expect(keys).to_contain_text("nightly report")
    expect(keys).to_contain_text("last used")
    assert secret not in page.content()
    keys.get_by_role("button", name="Revoke nightly report").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(keys).to_have_count(0)
    assert httpx.get(f"{here.roost.base_url}/api/bots", headers=headers).status_code == 401


def test_signing_out_ends_the_session_in_the_page_and_on_the_server(here: World, page: Page) -> None:
    """Hostile case 31: the cookie is worth nothing after sign-out."""
    cookie = next(each for each in page.context.cookies() if each["name"] == "roost_session")
    page.goto("/settings")
    page.get_by_role("region", name="Account").get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Continue as the local owner")).to_be_visible()
    old = {"roost_session": cookie["value"]}
    assert httpx.get(f"{here.roost.base_url}/api/bots", cookies=old).status_code == 401


def test_the_keyboard_reaches_pages_search_lists_and_help(page: Page) -> None:
    for keys, title in (
        ("ga", "Ask your docs anything."),
        ("gk", "Knowledge"),
        ("gs", "Status"),
        ("gb", "Bots"),
    ):
        page.evaluate("document.activeElement?.blur()")
        for key in keys:
            page.keyboard.press(key)
        heading(page, title)
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    heading(page, "Bot 700000001")
    page.keyboard.press("r")
    asked = page.get_by_role("dialog", name="Restart Bot 700000001?")
    expect(asked).to_be_visible()
    page.keyboard.press("Escape")
    expect(asked).to_have_count(0)
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox", name="Search the log")).to_be_focused()
    page.keyboard.type("gb?c")
    expect(page.get_by_role("searchbox", name="Search the log")).to_have_value("gb?c")
    page.keyboard.press("Control+k")
    find = page.get_by_role("combobox", name="Find a page, a bot or an action")
    find.fill("knowl")
    page.keyboard.press("Enter")
    heading(page, "Knowledge")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("c")
    expect(page.get_by_role("dialog", name="Add a source")).to_be_visible()


def test_shortcuts_can_be_switched_off_and_the_skip_link_comes_first(page: Page) -> None:
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.goto("/settings")
    page.get_by_role("checkbox", name="Keyboard shortcuts").uncheck()
    page.get_by_role("heading", name="Settings", level=1).click()
    page.keyboard.press("c")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("Control+k")
    expect(page.get_by_role("dialog", name="Find a page, a bot or an action")).to_be_visible()


def test_bots_by_name_and_unknown_pages(here: World, page: Page) -> None:
    page.goto("/bots")
    heading(page, "Bots")
    page.goto("/nothing/here")
    heading(page, "No such page")
    assert TOKEN not in page.content()

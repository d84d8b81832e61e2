"""A one-time link signs in by its button, in a real browser under the page's own policy."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

from tests.e2e.roost_process import RoostProcess


def test_the_button_behind_a_link_signs_in_once(tmp_path: Path, chromium: str) -> None:
    # A public address closes local sign-in, so that a link is printed.
    environ = {"PUBLIC_URL": "http://localhost"}
    with RoostProcess(tmp_path, environ) as process, sync_playwright() as playwright:
        process.start()
        code = re.search(r"/auth/link#(\S+)", process.printed)
        assert code is not None, process.printed
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--disable-quic"]
        )
        try:
            page = browser.new_page()
            page.goto(f"{process.base_url}/auth/link#{code[1]}")
            page.get_by_role("button", name="Sign in").click()
            page.wait_for_url(f"{process.base_url}/")
            user = page.evaluate("async () => (await (await fetch('/api/session')).json()).user")
            assert user["role"] == "owner"

            again = browser.new_context().new_page()
            again.goto(f"{process.base_url}/auth/link#{code[1]}")
            again.get_by_role("button", name="Sign in").click()
            expect(again.get_by_role("status")).to_contain_text("used up or too old")
        finally:
            browser.close()

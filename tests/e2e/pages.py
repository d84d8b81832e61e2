"""Roost's page in a browser, watched: no error in the console, no request to another origin."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page, expect

PATIENCE_MS = 15_000
# What the browser itself writes about an answer that is no success; the page shows those to the person.
REFUSED_REQUEST = "Failed to load resource"


@contextmanager
def visit(
    browser: Browser,
    base_url: str,
    path: str = "/",
    *,
    sign_in: bool = True,
    refusals: bool = False,
    **options: Any,
) -> Iterator[Page]:
    """A fresh browser profile on `path`; signed in as the local owner unless told otherwise.

    Fails at its end when the page wrote an error to the console or asked another origin for anything. With
    `refusals` the server may have refused or dropped requests.
    """
    context = browser.new_context(base_url=base_url, **options)
    try:
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        errors: list[str] = []
        foreign: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
        page.on("request", lambda request: foreign.append(request.url))
        if sign_in:
            context.request.post("/auth/local", data={})
        page.goto(path)
        yield page
        unexpected = [each for each in errors if not (refusals and each.startswith(REFUSED_REQUEST))]
        assert unexpected == []
        strangers = [
            url for url in foreign if not url.startswith((base_url + "/", "data:", "blob:" + base_url))
        ]
        assert strangers == []
    finally:
        context.close()


def ask(page: Page, question: str) -> None:
    """Types a question into the Ask page and sends it."""
    field = page.get_by_role("textbox", name="Your question")
    field.fill(question)
    field.press("Enter")
    expect(field).to_have_value("")

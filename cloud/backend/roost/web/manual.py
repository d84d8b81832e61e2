"""Roost's own manual as pages: the same anchors as its passages are cited with."""

from __future__ import annotations

import re
from functools import cache
from html import escape
from importlib import resources

from flask import Response
from markdown_it import MarkdownIt

from roost.domain.headings import heading_slugs
from roost.errors import NotFound
from roost.web.calls import Call
from roost.web.html import page as html_page

_PAGE_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


def page(call: Call, page: str) -> Response:
    """A page of Roost's manual."""
    rendered = _rendered(page) if _PAGE_NAME.fullmatch(page) else None
    if rendered is None:
        raise NotFound("The manual has no such page. See /manual/welcome for those it has.")
    title, body = rendered
    answer = html_page(title, _contents(page) + body)
    answer.headers["Cache-Control"] = "no-cache"
    answer.add_etag()
    return answer.make_conditional(call.request)  # type: ignore[return-value]


def titles() -> dict[str, str]:
    """The manual's pages by name, in the order of their names, with their titles."""
    folder = resources.files("roost").joinpath("manual")
    names = sorted(file.name.removesuffix(".md") for file in folder.iterdir() if file.name.endswith(".md"))
    found = {}
    for name in names:
        rendered = _rendered(name)
        if rendered is not None:
            found[name] = rendered[0]
    return found


@cache
def _rendered(name: str) -> tuple[str, str] | None:
    """The title (the first heading, of level 1) and the HTML of a page; None when there is no such page."""
    file = resources.files("roost").joinpath("manual", f"{name}.md")
    if not file.is_file():
        return None
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(file.read_text("utf-8"))
    openings = [place for place, token in enumerate(tokens) if token.type == "heading_open"]
    headings = [tokens[place + 1].content for place in openings]
    for place, slug in zip(openings, heading_slugs(headings), strict=True):
        tokens[place].attrSet("id", slug)
    title = name
    if openings and tokens[openings[0]].tag == "h1":
        title = headings[0]
        del tokens[openings[0] : openings[0] + 3]
    return title, markdown.renderer.render(tokens, markdown.options, {})


def _contents(current: str) -> str:
    mark = {current: ' aria-current="page"'}
    entries = "".join(
        f'<li><a href="/manual/{name}"{mark.get(name, "")}>{escape(title)}</a></li>'
        for name, title in titles().items()
    )
    return f'<nav aria-label="Manual"><ul>{entries}</ul></nav>'

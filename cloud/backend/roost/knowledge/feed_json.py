"""Reads JSON Feed (jsonfeed.org, versions 1 and 1.1)."""

from __future__ import annotations

import html
import json

from roost.knowledge.feed_xml import ARTICLE_LIMIT, ENTRY_LIMIT, Feed, FeedEntry

VERSION = "https://jsonfeed.org/version/"


def is_json(body: bytes) -> bool:
    return body.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{"


def read_json_feed(body: bytes) -> Feed:
    """What is no feed has no entries."""
    try:
        document = json.loads(body.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError):
        return Feed()
    if not isinstance(document, dict) or not _text(document, "version").startswith(VERSION):
        return Feed()
    items = document.get("items")
    found = (
        [_entry(item) for item in items[:ENTRY_LIMIT] if isinstance(item, dict)]
        if isinstance(items, list)
        else []
    )
    return Feed(
        entries=[entry for entry in found if entry.link],
        home=_text(document, "home_page_url"),
        following=_text(document, "next_url"),
    )


def _entry(item: dict[str, object]) -> FeedEntry:
    plain = _text(item, "content_text")
    markup = _text(item, "content_html") or (f"<p>{html.escape(plain)}</p>" if plain else "")
    return FeedEntry(
        link=_text(item, "url"),
        title=_text(item, "title"),
        markup=markup if len(markup) <= ARTICLE_LIMIT else "",
    )


def _text(document: dict[str, object], name: str) -> str:
    value = document.get(name)
    return value.strip() if isinstance(value, str) else ""

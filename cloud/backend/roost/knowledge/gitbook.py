"""GitBook's markdown: every page is also served as markdown, with notes for machines around it."""

from __future__ import annotations

import re

ACCEPT = "text/markdown,text/html;q=0.9,application/xhtml+xml;q=0.9,text/plain;q=0.8,*/*;q=0.1"

_INDEX_NOTE = re.compile(r"\A\s*(?:^>.*documentation index.*\n(?:^>.*\n)*)", re.IGNORECASE | re.MULTILINE)
_AGENT_NOTE = re.compile(
    r"^#{1,2} Agent Instructions[^\n]*\s*\n.*\Z", re.IGNORECASE | re.MULTILINE | re.DOTALL
)


def without_notes(markdown: bytes) -> bytes:
    """The page as its author wrote it: without the pointer to the index and the closing words to agents."""
    text = _INDEX_NOTE.sub("", markdown.decode("utf-8", "replace"))
    note = _AGENT_NOTE.search(text)
    # A page that begins with this heading is about agents; the note comes after a page's own text.
    return (text[: note.start()] if note and text[: note.start()].strip() else text).encode()


def without_suffix(url: str) -> str:
    """The address of the page that `url`, one of its markdown forms, belongs to."""
    return url.removesuffix(".md")

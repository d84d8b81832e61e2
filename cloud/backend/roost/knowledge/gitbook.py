"""GitBook's markdown: every page is also served as markdown, with notes for machines around it."""

from __future__ import annotations

import re

ACCEPT = "text/markdown,text/html;q=0.9,application/xhtml+xml;q=0.9,text/plain;q=0.8,*/*;q=0.1"

_INDEX_NOTE = "documentation index"
# Neither part can match in two ways: a search that tries them all takes minutes on five megabytes of blanks.
_AGENT_NOTE = re.compile(r"^#{1,2} Agent Instructions[^\n]*\n", re.IGNORECASE | re.MULTILINE)


def without_notes(markdown: bytes) -> bytes:
    """The page as its author wrote it: without the pointer to the index and the closing words to agents."""
    text = _without_index_note(markdown.decode("utf-8", "replace"))
    note = _AGENT_NOTE.search(text)
    # A page that begins with this heading is about agents; the note comes after a page's own text.
    return (text[: note.start()] if note and text[: note.start()].strip() else text).encode()


def _without_index_note(text: str) -> str:
    """A quotation that opens the page and points to the index goes, to its last line."""
    end = len(text) - len(text.lstrip())
    first, _, _ = text[end:].partition("\n")
    if not first.startswith(">") or _INDEX_NOTE not in first.lower():
        return text
    while text.startswith(">", end):
        end = text.find("\n", end) + 1 or len(text)
    return text[end:]


def without_suffix(url: str) -> str:
    """The address of the page that `url`, one of its markdown forms, belongs to."""
    return url.removesuffix(".md")

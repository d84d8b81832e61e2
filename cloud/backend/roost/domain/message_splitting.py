"""Cutting a long markdown text into messages that each read well."""

from __future__ import annotations

import re
from dataclasses import dataclass

_FENCE = re.compile(r"^ {0,3}(`{3,8}|~{3,8})([^`\n]*)$")
_SPAN = re.compile(r"`[^`\n]+`|\*\*[^*\n]+\*\*|!?\[[^\]\n]*\]\([^)\s]*\)|\[\d+\]|https?://\S+")
_SENTENCE_END = re.compile(r"[.!?…。]['\")\]]*\s+")
_SPACE = re.compile(r"\s+")
OPENING_LIMIT = 60
_JOINERS = "\u200d\ufe0f"


def utf16_length(text: str) -> int:
    """How long Telegram takes a text to be: in UTF-16 code units."""
    return len(text) + sum(1 for character in text if character > "\uffff")


def split_markdown(text: str, limit: int) -> list[str]:
    """Pieces of at most `limit` UTF-16 units: cut between paragraphs, else lines, sentences, words.

    A code block that has to be cut is closed and opened again; links, bold text, code and emoji stay whole
    unless one alone exceeds the limit.
    """
    pieces: list[str] = []
    rest, reopened = text.strip("\n"), ""
    while utf16_length(reopened + rest) > limit:
        cut = _best_cut(rest, limit - utf16_length(reopened))
        head, fence = rest[:cut], _open_fence(reopened + rest[:cut])
        if fence is None:
            pieces.append((reopened + head).strip("\n"))
            reopened, rest = "", rest[cut:].lstrip("\n")
        else:
            room = limit - utf16_length(reopened) - utf16_length(fence.closing) - 1
            cut = min(cut, max(1, _line_cut(rest, room)))
            pieces.append(f"{reopened}{rest[:cut].rstrip(chr(10))}\n{fence.closing}")
            reopened, rest = fence.opening + "\n", rest[cut:].removeprefix("\n")
    if rest.strip():
        pieces.append(reopened + rest)
    return [piece for piece in pieces if piece.strip()]


@dataclass(frozen=True, slots=True)
class _Fence:
    opening: str
    closing: str


def _best_cut(text: str, limit: int) -> int:
    """Where to cut: an index in 1..len(text) whose head fits."""
    end = _index_at(text, limit)
    window = text[:end]
    forbidden = [(found.start(), found.end()) for found in _SPAN.finditer(text[: end + 2_000])]
    fence_starts = _fence_starts(window)
    for candidates in (
        [found for found in fence_starts if found > 0],
        [found.start() + 1 for found in re.finditer(r"\n\n", window)],
        [found.start() + 1 for found in re.finditer(r"\n", window)],
        [found.end() for found in _SENTENCE_END.finditer(window)],
        [found.end() for found in _SPACE.finditer(window)],
    ):
        for cut in reversed(candidates):
            if cut < end // 3:
                break
            inside = any(start < cut < stop for start, stop in forbidden)
            if cut < len(text) and not inside and not _makes_a_fence(text, cut):
                return cut
    cut = end
    for start, stop in forbidden:
        if 0 < start < cut < stop:
            cut = start
    if cut > 1 and _makes_a_fence(text, cut):
        cut -= 1
    return _not_inside_a_cluster(text, cut)


def _makes_a_fence(text: str, cut: int) -> bool:
    """Whether backticks in the middle of a line would open a code block, standing first in the next piece."""
    return text[cut - 1] != "\n" and text[cut:].lstrip(" ").startswith(("```", "~~~"))


def _line_cut(text: str, limit: int) -> int:
    end = _index_at(text, limit)
    newline = text.rfind("\n", 0, end)
    return newline if newline > 0 else _not_inside_a_cluster(text, end)


def _index_at(text: str, limit: int) -> int:
    """The index up to which the text takes at most `limit` units; at least 1."""
    units = 0
    for index, character in enumerate(text):
        units += 2 if character > "\uffff" else 1
        if units > limit:
            return max(1, index)
    return len(text)


def _not_inside_a_cluster(text: str, cut: int) -> int:
    moved = cut
    while moved > 1 and moved < len(text) and (text[moved] in _JOINERS or text[moved - 1] == "\u200d"):
        moved -= 1
    return moved if moved > cut - 32 else cut


def _fence_starts(window: str) -> list[int]:
    """Where code blocks begin that do not end within the window."""
    position, opened_at, opening = 0, None, ""
    for line in window.split("\n"):
        found = _FENCE.match(line)
        if found is not None:
            if opened_at is None:
                opened_at, opening = position, found[1]
            elif found[1].startswith(opening) and not found[2].strip():
                opened_at = None
        position += len(line) + 1
    return [] if opened_at is None else [opened_at]


def _open_fence(text: str) -> _Fence | None:
    """The code block that is open at the end of the text."""
    opened: _Fence | None = None
    for line in text.split("\n"):
        found = _FENCE.match(line)
        if found is None:
            continue
        if opened is None:
            opened = _Fence(line if len(line) <= OPENING_LIMIT else found[1], found[1])
        elif found[1].startswith(opened.closing) and not found[2].strip():
            opened = None
    return opened

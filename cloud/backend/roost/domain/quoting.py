"""Quoted passages: the answer without a model. Cut where a sentence, a list item or code ends; never
dressed up.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from roost.domain.answers import Citation
from roost.domain.citations import CitedText, Sources
from roost.domain.stop_words import STOP_WORDS

PASSAGES = 3
PASSAGE_CHARS = 700
# A passage far behind the best one only distracts.
WORTH = 0.55

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_SENTENCE_END = re.compile(r"(?<=[.!?…。])\s+")
_WORD = re.compile(r"\w{3,}")
_FENCED = re.compile(r"((?:^|\n) {0,3}(?:`{3,}|~{3,})[\s\S]*?(?:\n {0,3}(?:`{3,}|~{3,})[ \t]*(?=\n|$)|$))")
_CODE = re.compile(r"(`+[^`]*`+|\*\*[^*\n]+\*\*)")
_HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+(.*?)[ \t]*#*$", re.MULTILINE)
# Of no use to the eye, though a search may need them.
_COMMON = STOP_WORDS | frozenset(
    """
    able already always another because before both called did does doing done each either else even ever
    every example give given gives going happen happens here however into kind know like made make makes
    many may maybe mean means might much must need needs never next now off once only other possible really
    same see shall since something still such sure take then thing things think through try trying under
    until use used uses using very want wants way ways were while without work works yes yet
    """.split()  # noqa: SIM905 - words read better than a list of strings
)


def quoted_answer(question: str, sources: Sources, introduction: str) -> tuple[str, tuple[Citation, ...]]:
    """Markdown with the best passages under their titles, each with its number, and the citations of
    those numbers.
    """
    terms = terms_of(question)
    chosen = sources.citations[:PASSAGES]
    parts = [introduction]
    for place, citation in enumerate(chosen, 1):
        parts.append(f"**{citation.title}** [{place}]")
        excerpt = highlighted(made_plain(excerpt_of(citation.text, terms)), terms)
        if excerpt:
            parts.append(excerpt)
    return "\n\n".join(parts), chosen


def terms_of(question: str) -> frozenset[str]:
    """The words worth finding again, in lower case."""
    return frozenset(word for word in _WORD.findall(question.casefold()) if word not in _COMMON)


def excerpt_of(text: str, terms: frozenset[str], limit: int = PASSAGE_CHARS) -> str:
    """The part of a passage that says most about the terms, whole blocks where they fit."""
    text = text.strip()
    if len(text) <= limit:
        return text
    blocks = [piece for block in blocks_of(text) for piece in _pieces(block, limit)]
    start = max(range(len(blocks)), key=lambda place: (_hits(blocks[place], terms), -place))
    taken = [blocks[start]]
    size = len(blocks[start])
    for block in blocks[start + 1 :]:
        if size + len(block) + 2 > limit:
            break
        taken.append(block)
        size += len(block) + 2
    for block in reversed(blocks[:start]):
        if size + len(block) + 2 > limit:
            break
        taken.insert(0, block)
        size += len(block) + 2
    return "\n\n".join(taken)


def blocks_of(text: str) -> Iterator[str]:
    """Paragraphs, lists and tables, and whole fenced code."""
    lines: list[str] = []
    fence: str | None = None
    for line in text.splitlines():
        mark = _FENCE.match(line)
        if fence is not None:
            lines.append(line)
            if mark and mark[1].startswith(fence) and not line.strip().strip(fence[0]):
                fence = None
                yield "\n".join(lines)
                lines = []
            continue
        if mark or not line.strip():
            if lines:
                yield "\n".join(lines)
            lines = []
        if mark:
            fence = mark[1]
        if line.strip():
            lines.append(line)
    if lines:
        yield "\n".join([*lines, fence] if fence else lines)


def highlighted(text: str, terms: frozenset[str]) -> str:
    """The terms in bold, but for code and for what is bold already."""
    if not terms:
        return text
    parts: list[str] = []
    words = "|".join(map(re.escape, sorted(terms, key=len, reverse=True)))
    pattern = re.compile(rf"\b(?:{words})\b", re.IGNORECASE)
    for block in _FENCED.split(text):
        if _FENCE.match(block.lstrip("\n")):
            parts.append(block)
            continue
        parts.extend(
            piece if _CODE.fullmatch(piece) else pattern.sub(r"**\g<0>**", piece)
            for piece in _CODE.split(block)
        )
    return "".join(parts)


def made_plain(text: str) -> str:
    """A page's markdown without links, images and headings: links and images as their text, headings in
    bold.
    """
    plain = CitedText(Sources(()))
    return _HEADING.sub(r"**\1**", plain.push(text) + plain.finish())


def _pieces(block: str, limit: int) -> Iterator[str]:
    """A block that alone is too long, cut between lines of code, list items or sentences."""
    if len(block) <= limit:
        yield block
        return
    lines = block.split("\n")
    mark = _FENCE.match(lines[0])
    if mark:
        inner = lines[1:-1] if _FENCE.match(lines[-1]) and len(lines) > 1 else lines[1:]
        for piece in _filled(inner, "\n", limit):
            yield f"{lines[0]}\n{piece}\n{mark[1]}"
    elif len(lines) > 1:
        yield from _filled(lines, "\n", limit)
    else:
        yield from _filled(_SENTENCE_END.split(block), " ", limit)


def _filled(pieces: Sequence[str], glue: str, limit: int) -> Iterator[str]:
    taken: list[str] = []
    size = 0
    for piece in pieces:
        if taken and size + len(piece) > limit:
            yield glue.join(taken)
            taken, size = [], 0
        taken.append(piece if len(piece) <= limit else _at_a_word(piece, limit))
        size += len(taken[-1]) + len(glue)
    if taken:
        yield glue.join(taken)


def _at_a_word(text: str, limit: int) -> str:
    head = text[:limit]
    return (head[: head.rindex(" ")] if " " in head else head) + " …"


def _hits(block: str, terms: frozenset[str]) -> int:
    words = set(_WORD.findall(block.casefold()))
    return len(words & terms)

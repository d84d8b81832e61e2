"""Markdown that a site serves as such, cut into sections: GitBook's `.md` pages, READMEs, the manual."""

from __future__ import annotations

import re

from roost.domain.documents import Section
from roost.domain.headings import heading_slug
from roost.knowledge.html_walk import SECTION_LIMIT, one_line, visible

LINK_LIMIT = 2_000

_TARGET = re.compile(r"(?<!!)\[[^\]\n]{0,300}\]\(\s*<?([^)\s>]{1,1000})")
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_ATX = re.compile(r"^ {0,3}(#{1,6})[ \t]+(.*)$")
# Only from where blanks begin: tried from each of them, a line of blanks takes minutes.
_EXPLICIT_ANCHOR = re.compile(
    r"(?<!\s)\s*(?:\{#([\w-]{1,100})\}|<a (?:id|name|href)=\"#?([\w-]{1,100})\">\s*</a>)"
)
_SETEXT = re.compile(r"^ {0,3}(=+|-{2,})[ \t]*$")
_RULE = re.compile(r"^ {0,3}(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,})$")
_IMAGE = re.compile(r"!\[([^\]\n]{0,300})\]\([^)\n]{0,2000}\)")
_LINK = re.compile(r"\[([^\]\n]{1,300})\]\([^)\n]{0,2000}\)")
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_TAG = re.compile(r"</?[a-zA-Z][^<>\n]{0,1000}>")
_TEMPLATE_TAG = re.compile(r"\{%[^%\n]{0,300}%\}")
_EMPHASIS = re.compile(r"(?<![\w*])(\*\*|__)(?=\S)(.{1,500}?)(?<=\S)\1(?![\w*])")
_FRONT_MATTER = re.compile(r"\A---\n.{0,10000}?\n---\n", re.DOTALL)


def markdown_title(text: str) -> str:
    """The first heading of level 1, or an empty text."""
    return next((section.heading for section in markdown_sections(text[:20_000]) if section.level == 1), "")


def markdown_links(text: str) -> tuple[str, ...]:
    """Where the page's links lead, in order, as they are written."""
    return tuple(dict.fromkeys(_TARGET.findall(text)))[:LINK_LIMIT]


def markdown_sections(text: str, *, anchors: bool = True) -> tuple[Section, ...]:
    """Sections by their headings. Code is kept as it is; elsewhere links, images and tags leave their words.

    With `anchors` a heading without one of its own gets GitHub's slug.
    """
    text = _FRONT_MATTER.sub("", text.replace("\r\n", "\n"))
    sections: list[Section] = []
    taken: dict[str, int] = {}
    level, heading, anchor = 0, "", None
    lines: list[str] = []

    def close() -> None:
        body = _plain("\n".join(lines)).strip("\n")
        if body.strip() or heading:
            sections.append(Section(level, heading, anchor, body))
        lines.clear()

    fence = ""
    for line in text.split("\n"):
        opening = _FENCE.match(line)
        if fence:
            if opening and line.strip().startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
            lines.append(line)
            continue
        if opening:
            fence = opening.group(1)
            lines.append(line)
            continue
        full = len(sections) >= SECTION_LIMIT
        found = None if full else _ATX.match(line)
        underline = None if full else _SETEXT.match(line)
        if found:
            close()
            level, raw = len(found.group(1)), _without_closing(found.group(2))
        elif (
            underline
            and lines
            and lines[-1].strip()
            and not lines[-1].lstrip().startswith(("|", "-", ">", "#"))
        ):
            raw = lines.pop()
            close()
            level = 1 if underline.group(1)[0] == "=" else 2
        else:
            if not _RULE.match(line):
                lines.append(line)
            continue
        explicit = _EXPLICIT_ANCHOR.search(raw)
        heading = one_line(_inline(_EXPLICIT_ANCHOR.sub("", raw)).replace("`", ""))
        anchor = _anchor(explicit, heading, taken) if anchors else None
    close()
    return tuple(sections)


def _without_closing(heading: str) -> str:
    """Without the signs that may close a heading (`## Name ##`); those of a name (`C#`) stay."""
    heading = heading.strip(" \t")
    rest = heading.rstrip("#")
    return rest.rstrip(" \t") if not rest or rest[-1] in " \t" else heading


def _anchor(explicit: re.Match[str] | None, heading: str, taken: dict[str, int]) -> str:
    """`taken` counts the repeats of every anchor, so that one heading over and over costs no more."""
    slug = (explicit.group(1) or explicit.group(2)) if explicit else heading_slug(heading)
    anchor, repeat = slug, taken.get(slug, 0)
    while anchor in taken:
        repeat += 1
        anchor = f"{slug}-{repeat}"
    taken[slug] = repeat
    taken.setdefault(anchor, 0)
    return anchor


def _plain(body: str) -> str:
    """Everything outside code reduced to words."""
    parts = re.split(r"(?ms)^( {0,3}(?:```|~~~).*?(?:^ {0,3}(?:```|~~~)[`~]*[ \t]*$|\Z))", body)
    return visible(
        "".join(part if index % 2 else _inline(_COMMENT.sub("", part)) for index, part in enumerate(parts))
    )


def _inline(text: str) -> str:
    pieces = re.split(r"(`[^`\n]+`)", text)
    return "".join(piece if index % 2 else _words(piece) for index, piece in enumerate(pieces))


def _words(text: str) -> str:
    text = _TEMPLATE_TAG.sub("", _TAG.sub("", text))
    return _EMPHASIS.sub(r"\2", _LINK.sub(r"\1", _IMAGE.sub(r"\1", text)))

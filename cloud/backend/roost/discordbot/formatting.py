"""Answers as Discord messages: its own markdown, numbered sources with links, cut to its limit.

Source: https://support.discord.com/hc/en-us/articles/210298617
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import urlsplit

from roost.discordbot.buttons import Components
from roost.domain import chat_wording
from roost.domain.answers import Answer, Citation
from roost.domain.message_splitting import split_markdown, utf16_length
from roost.domain.tables import with_tables_laid_out

MESSAGE_LIMIT = 2000
PIECE_LIMIT, GROWING_LIMIT, SMALLEST_PIECE = 1_900, 1_400, 250
TITLE_LIMIT = 80
GROWING = " …"

_FENCE = re.compile(r"^ {0,3}(?P<fence>`{3,}|~{3,})(?P<language>[^`\n]*)$")
_INLINE = re.compile(
    r"(?<!\\)(?:"
    r"(?P<code>`+[^`\n]+`+)"
    r"|!?\[(?P<label>[^\]\n]*)\]\((?P<url>(?:[^()\s]|\([^()\s]*\))*)(?:\s+\"[^\"\n]*\")?\)"
    r"|\[(?P<number>\d{1,3})\]"
    r"|<(?P<tag>@|#|/|a?:|t:|id:)(?=[^>\s]*>)"
    r")"
)
_DEEP_HEADING = re.compile(r"^ {0,3}#{4,6}\s+(.*?)\s*#*\s*$")


def answer_parts(answer: Answer) -> list[str]:
    """An answer with its numbered sources as messages in order; at least one, each within Discord's limit."""
    nothing = chat_wording.STOPPED_UNWRITTEN if answer.stopped else chat_wording.NO_ANSWER
    shown = answer.text.strip() or nothing
    if answer.citations:
        shown += "\n\n**Sources**\n" + "\n".join(
            f"[{each.n}] [{_title(each)}]({each.url})" for each in answer.citations
        )
    return parts(shown, (*answer.citations, *answer.nearest))


def parts(markdown: str, citations: Sequence[Citation] = ()) -> list[str]:
    """Markdown as messages within Discord's limit. Only links of `citations` stay links.

    Where addresses are so long and so many that they do not fit, numbers lose theirs first: the list of
    sources has them too.
    """
    laid_out = with_tables_laid_out(markdown)
    return [part for part in _parts(laid_out, citations, PIECE_LIMIT) if part.strip()] or ["…"]


def _parts(markdown: str, citations: Sequence[Citation], limit: int) -> Iterator[str]:
    """Pieces of the limit; a piece that its links make too long for a message is cut in two."""
    for piece in split_markdown(markdown, limit):
        part = to_discord(piece, citations)
        if utf16_length(part) <= MESSAGE_LIMIT:
            yield part
        elif limit > SMALLEST_PIECE:
            yield from _parts(piece, citations, max(SMALLEST_PIECE, utf16_length(piece) * 3 // 5))
        else:
            part = to_discord(piece, citations, numbers_link=False)
            yield part if utf16_length(part) <= MESSAGE_LIMIT else to_discord(piece)


def growing_part(markdown: str, citations: Sequence[Citation]) -> str:
    """The beginning of an answer that is still being written, as one message."""
    pieces = split_markdown(with_tables_laid_out(markdown), GROWING_LIMIT)
    shown = to_discord(pieces[0], citations) if pieces else ""
    if utf16_length(shown) > MESSAGE_LIMIT - len(GROWING):
        shown = to_discord(pieces[0], ())
    return shown.rstrip() + GROWING


def to_discord(markdown: str, citations: Sequence[Citation] = (), *, numbers_link: bool = True) -> str:
    """Discord reads most markdown itself. Links lead only where citations do, and nothing is a mention."""
    links = _Links(citations, numbers_link=numbers_link)
    lines: list[str] = []
    fence = ""
    for line in markdown.split("\n"):
        found = _FENCE.match(line)
        if fence:
            closes = found is not None and found["fence"].startswith(fence) and not found["language"].strip()
            lines.append("```" if closes else line.replace("```", "`\u200b``"))
            fence = "" if closes else fence
        elif found:
            fence = found["fence"]
            lines.append("```" + "".join(re.findall(r"[\w+#.-]+", found["language"])[:1]))
        else:
            heading = _DEEP_HEADING.match(line)
            shown = f"**{heading[1].replace('**', '')}**" if heading else line
            lines.append(_INLINE.sub(links.shown, shown))
    if fence:
        lines.append("```")
    return "\n".join(lines).strip("\n")


def to_payloads(contents: Sequence[str], components: Components | None = None) -> list[str]:
    """Messages in order, as they are stored until they are sent. The components stand under the last."""
    last = len(contents) - 1
    return [
        json.dumps(
            {"content": content, **({"components": components} if components and part == last else {})},
            ensure_ascii=False,
        )
        for part, content in enumerate(contents)
    ]


def from_payload(payload: str) -> tuple[str, Components | None]:
    """A message's content and components."""
    stored = json.loads(payload)
    return str(stored["content"]), stored.get("components")


class _Links:
    """The links a message may have: those of its citations."""

    def __init__(self, citations: Iterable[Citation], *, numbers_link: bool) -> None:
        self._by_number: dict[int, str] = {}
        self._urls: set[str] = set()
        for citation in citations:
            if urlsplit(citation.url).scheme in ("http", "https"):
                if numbers_link:
                    self._by_number.setdefault(citation.n, citation.url)
                self._urls.add(citation.url)

    def shown(self, found: re.Match[str]) -> str:
        if found["code"] is not None:
            return found[0]
        if found["tag"] is not None:
            return "<\u200b" + found["tag"]
        if found["number"] is not None:
            url = self._by_number.get(int(found["number"]))
            return f"[[{found['number']}]]({_target(url)})" if url else found[0]
        label, url = found["label"], found["url"]
        if not self._allows(url):
            return label
        return f"[{label}]({_target(url)})" if label else _target(url)

    def _allows(self, url: str) -> bool:
        return url in self._urls or any(known.partition("#")[0] == url for known in self._urls)


def _target(url: str) -> str:
    """In angle brackets Discord shows no preview, and parentheses in the address do no harm."""
    return "<" + url.replace(" ", "%20").replace("<", "%3C").replace(">", "%3E") + ">"


def _title(citation: Citation) -> str:
    """A title as one line that markdown reads as plain text within a link."""
    flat = " ".join(citation.title.split())[:TITLE_LIMIT] or "page"
    return re.sub(r"([\\*_`~|])", r"\\\1", flat.replace("[", "(").replace("]", ")"))

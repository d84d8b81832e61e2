"""Answers as Telegram messages: markdown to Telegram's HTML, numbered sources with links, cut to its limit.

Source: https://core.telegram.org/bots/api#html-style
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from roost.domain import chat_wording
from roost.domain.answers import Answer, Citation
from roost.domain.message_splitting import split_markdown, utf16_length
from roost.domain.tables import with_tables_laid_out

# After parsing. Beyond a hundred entities the others are passed over, and beyond some 9,500 bytes of them the
# message is refused (tdlib/telegram-bot-api, issues 165 and 374).
MESSAGE_LIMIT = 4096
ENTITIES_AT_MOST = 100
MARKUP_LIMIT = 8_192
PIECE_LIMIT, SMALLEST_PIECE = 3_400, 200
TITLE_LIMIT = 120

_FENCE = re.compile(r"^ {0,3}(?P<fence>`{3,8}|~{3,8})\s*(?P<info>(?P<language>[\w+#.-]*)[^\n`]*)$")
_INLINE = re.compile(
    r"(?<!\\)(?:"
    r"(?P<code>(?P<ticks>`{1,3})(?!`)[^\n]+?(?<!`)(?P=ticks)(?!`))"
    r"|!?\[(?P<label>[^\]\n]*)\]\((?P<url>(?:[^()\s]|\([^()\s]*\))*)(?:\s+\"[^\"\n]*\")?\)"
    r"|\[(?P<number>\d{1,3})\]"
    r"|\*\*(?P<bold>[^*\n]+)\*\*"
    r"|__(?P<bold2>[^_\n]+)__"
    r"|(?<![\w*])\*(?P<italic>[^*\s](?:[^*\n]*[^*\s])?)\*(?![\w*])"
    r"|(?<!\w)_(?P<italic2>[^_\s](?:[^_\n]*[^_\s])?)_(?!\w)"
    r"|~~(?P<struck>[^~\n]+)~~"
    r")"
)
_HEADING = re.compile(r"^ {0,3}#{1,6}\s+(.*?)\s*#*\s*$")
_BULLET = re.compile(r"^(\s*)[-*+]\s+(.*)$")
_QUOTE = re.compile(r"^ {0,3}>\s?(.*)$")
# What Telegram makes a link or a mention by itself: names, mail addresses, and hosts without a scheme.
_DETECTED = re.compile(
    r"(?<![\w@./+-])(?:@[A-Za-z]\w{3,31}|[\w.+-]+@(?:[\w-]+\.)+[a-z]{2,}"
    r"|(?:[\w-]+\.)+[a-z]{2,}(?:[/?#:][^\s<>]*[\w/])?)(?![\w@])"
)
_TAG = re.compile(r"</?[a-z][^>]*>")
_ESCAPED = re.compile(r"\\([\\`*_{}\[\]()#+.!>~|-])")


@dataclass(frozen=True, slots=True)
class Part:
    """One message: as Telegram HTML, and as plain text for when Telegram refuses the former.

    A button is its label and what Telegram sends back when it is pressed: an id, of up to 64 bytes.
    """

    html: str
    plain: str
    buttons: tuple[tuple[str, str], ...] = ()

    def to_json(self) -> str:
        fields = {"html": self.html, "plain": self.plain, "buttons": self.buttons}
        return json.dumps(fields, ensure_ascii=False)

    @classmethod
    def from_json(cls, stored: str) -> Part:
        fields = json.loads(stored)
        buttons = tuple((str(label), str(data)) for label, data in fields.get("buttons", ()))
        return cls(fields["html"], fields["plain"], buttons)


def with_buttons(made: Sequence[Part], buttons: tuple[tuple[str, str], ...]) -> list[Part]:
    """The buttons stand under the last message."""
    return [*made[:-1], replace(made[-1], buttons=buttons)]


def answer_parts(answer: Answer) -> list[Part]:
    """An answer with its numbered sources as messages in order; at least one."""
    nothing = chat_wording.STOPPED_UNWRITTEN if answer.stopped else chat_wording.NO_ANSWER
    shown = answer.text.strip() or nothing
    if answer.citations:
        shown += "\n\n**Sources**\n" + "\n".join(
            f"[{each.n}] [{_title(each)}]({each.url})" for each in answer.citations
        )
    return parts(shown, (*answer.citations, *answer.nearest))


def parts(markdown: str, citations: Sequence[Citation] = ()) -> list[Part]:
    """Markdown as messages within Telegram's limits. Only links of `citations` stay links."""
    return list(_parts(with_tables_laid_out(markdown), citations, PIECE_LIMIT))


def _parts(markdown: str, citations: Sequence[Citation], limit: int) -> Iterator[Part]:
    """Pieces of the limit; a piece that formatting makes too much for a message is cut in two."""
    for piece in split_markdown(markdown, limit):
        part = Part(to_html(piece, citations), to_plain(piece, citations))
        if _fits(part):
            yield part
        elif limit > SMALLEST_PIECE:
            yield from _parts(piece, citations, max(SMALLEST_PIECE, utf16_length(piece) * 3 // 5))
        else:
            # So many links that even a short piece exceeds the limits: the links are given up, not the text.
            yield Part(html.escape(piece, quote=False), piece)


def _fits(part: Part) -> bool:
    shown = html.unescape(_TAG.sub("", part.html))
    return (
        utf16_length(shown) <= MESSAGE_LIMIT
        and utf16_length(part.plain) <= MESSAGE_LIMIT
        and len(_TAG.findall(part.html)) <= 2 * ENTITIES_AT_MOST
        and utf16_length(part.html) <= MARKUP_LIMIT
    )


def to_html(markdown: str, citations: Sequence[Citation] = ()) -> str:
    """The subset of HTML that Telegram reads, always balanced; everything else is escaped text."""
    links = _Links(citations)
    blocks: list[str] = []
    code: list[str] | None = None
    fence = language = ""
    quoted: list[str] = []
    for line in markdown.split("\n"):
        found = _FENCE.match(line)
        if code is not None:
            if found and found["fence"].startswith(fence) and not found["info"]:
                blocks.append(_code_block(code, language))
                code = None
            else:
                code.append(line)
            continue
        quote = _QUOTE.match(line)
        if quoted and not quote:
            blocks.append(_quotation(quoted))
            quoted = []
        if found:
            code, fence, language = [], found["fence"], found["language"]
        elif quote:
            quoted.append(_line(quote[1], links))
        else:
            blocks.append(_line(line, links))
    if code is not None:
        blocks.append(_code_block(code, language))
    if quoted:
        blocks.append(_quotation(quoted))
    return "\n".join(blocks).strip("\n")


def to_plain(markdown: str, citations: Sequence[Citation] = ()) -> str:
    """The same without any formatting; links keep their addresses."""
    links = _Links(citations)
    lines = (_INLINE.sub(lambda found: _plain_span(found, links), line) for line in markdown.split("\n"))
    return "\n".join(map(_unescaped, lines)).strip("\n")


class _Links:
    """The links a message may have: those of its citations."""

    def __init__(self, citations: Iterable[Citation]) -> None:
        self._by_number: dict[int, str] = {}
        self._urls: set[str] = set()
        for citation in citations:
            if urlsplit(citation.url).scheme in ("http", "https"):
                self._by_number.setdefault(citation.n, citation.url)
                self._urls.add(citation.url)

    def of_number(self, number: int) -> str | None:
        return self._by_number.get(number)

    def allows(self, url: str) -> bool:
        return url in self._urls or any(known.partition("#")[0] == url for known in self._urls)


def _line(line: str, links: _Links) -> str:
    heading = _HEADING.match(line)
    if heading:
        return f"<b>{_spans(heading[1], links, inside_bold=True)}</b>"
    bullet = _BULLET.match(line)
    if bullet:
        return f"{bullet[1]}• {_spans(bullet[2], links)}"
    return _spans(line, links)


def _spans(text: str, links: _Links, *, inside_bold: bool = False) -> str:
    made, position = [], 0
    for found in _INLINE.finditer(text):
        made.append(_text(text[position : found.start()]))
        made.append(_span(found, links, inside_bold))
        position = found.end()
    made.append(_text(text[position:]))
    return "".join(made)


def _span(found: re.Match[str], links: _Links, inside_bold: bool) -> str:
    if found["code"] is not None:
        return f"<code>{html.escape(_code(found), quote=False)}</code>"
    if found["number"] is not None:
        url = links.of_number(int(found["number"]))
        shown = f"[{found['number']}]"
        return f'<a href="{html.escape(url)}">{shown}</a>' if url else shown
    if found["label"] is not None:
        label, url = found["label"], found["url"]
        if not links.allows(url):
            return _text(label)
        return f'<a href="{html.escape(url)}">{html.escape(_unescaped(label) or url, quote=False)}</a>'
    bold, italic = found["bold"] or found["bold2"], found["italic"] or found["italic2"]
    if bold is not None:
        inner = _spans(bold, links, inside_bold=True)
        return inner if inside_bold else f"<b>{inner}</b>"
    if italic is not None:
        return f"<i>{_spans(italic, links, inside_bold=inside_bold)}</i>"
    return f"<s>{_spans(found['struck'], links, inside_bold=inside_bold)}</s>"


def _plain_span(found: re.Match[str], links: _Links) -> str:
    if found["label"] is not None:
        return f"{found['label']} {found['url']}" if links.allows(found["url"]) else found["label"]
    if found["code"] is not None:
        return _code(found)
    spans = (found[name] for name in ("bold", "bold2", "italic", "italic2", "struck"))
    return next((span for span in spans if span is not None), found[0])


def _code(found: re.Match[str]) -> str:
    return found["code"].strip("`").strip() or found["code"]


def _text(text: str) -> str:
    """Words alone: what Telegram would link by itself stands as code, for nobody vouches for it."""
    plain, made, position = _unescaped(text), "", 0
    for found in _DETECTED.finditer(plain):
        made += f"{html.escape(plain[position : found.start()], quote=False)}<code>"
        made += f"{html.escape(found[0], quote=False)}</code>"
        position = found.end()
    return made + html.escape(plain[position:], quote=False)


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)


def _code_block(lines: Sequence[str], language: str) -> str:
    body = html.escape("\n".join(lines), quote=False)
    if language:
        return f'<pre><code class="language-{html.escape(language)}">{body}</code></pre>'
    return f"<pre>{body}</pre>"


def _quotation(lines: Sequence[str]) -> str:
    return "<blockquote>" + "\n".join(lines) + "</blockquote>"


def _title(citation: Citation) -> str:
    """A title as one line that markdown reads as plain text within a link."""
    flat = " ".join(citation.title.split())[:TITLE_LIMIT] or "page"
    return re.sub(r"([\\*_`~])", r"\\\1", flat.replace("[", "(").replace("]", ")"))

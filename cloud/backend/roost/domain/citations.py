"""Citations: numbered sources of an answer, and the text of a model made safe and numbered while it streams.

The text that comes out holds only markers that map to a source, numbered by first use, one number an address,
and no link and no image: pages are reached through the citations, which come from the index.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote, urldefrag

from roost.domain.answers import Citation
from roost.domain.documents import Passage

HELD_MARKER = 40
HELD_LINK = 2_000
HELD_CODE = 400

_UNSAFE_IN_LABEL = re.compile(r"[\[\]`*<>\\|~]+")
_BLANKS = re.compile(r"\s+")
# Control characters have no business in an answer; half a character cannot be stored.
_UNSTORABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
# Signs that turn the order of what follows round, so that it reads as what it is not (CVE-2021-42574).
_TURNING = re.compile(r"[\u202a-\u202e\u2066-\u2069]")
_MARKER = re.compile(r"\\?\[\^?(\d{1,4}(?:\s*[,;]\s*\d{1,4})*)\\?\]|【(\d{1,4})[^】\n]{0,30}】")
_HALF_MARKER = re.compile(r"\\?\[\^?(?:\d[\d\s,;]*\\?)?$|【[^】\n]*$")
_LABEL = r"!?\[((?:[^\[\]\n\\]|\\.|\[[^\[\]\n]*\](?:\([^()\n]*\))?)*)\]"
_TARGET = r"\(\s*(?:<[^<>\n]*>|[^\s()]*(?:\([^\s()]*\)[^\s()]*)*)(?:\s+[^()\n]*)?\)"
_LINK = re.compile(_LABEL + _TARGET)
# What markdown renderers and chat platforms turn into links by themselves.
_SCHEMES = ("https", "http", "ftp", "tg", "ton", "steam", "discord", "javascript", "data", "vbscript")
_ADDRESS = re.compile(
    rf"(?:(?:{'|'.join(_SCHEMES)})://|(?:mailto|xmpp|javascript|vbscript|data):|www\.)[^\s<>\"'`\[\]]+",
    re.IGNORECASE,
)
_BEGINNINGS = sorted(
    {f"{scheme}://"[:size] for scheme in _SCHEMES for size in range(1, len(scheme) + 4)}
    | {start[:size] for start in ("www.", "mailto:", "xmpp:") for size in range(1, len(start) + 1)}
)
_HALF_ADDRESS = re.compile(rf"(?:{'|'.join(map(re.escape, _BEGINNINGS))})$", re.IGNORECASE)
_AUTOLINK = re.compile(r"<(?=[A-Za-z][A-Za-z0-9+.-]{1,31}:|[\w.+-]{1,64}@)")
_HALF_AUTOLINK = re.compile(r"<[\w.+-]{0,64}$")
_FENCE = re.compile(r"(?:^|(?<=\n)) {0,3}(`{3,}|~{3,})")
_TRAILING = ".,;:!?"
_NEXT = re.compile(rf"[\[!`~<【]|\\(?=\[|$)|{_ADDRESS.pattern}|{_HALF_ADDRESS.pattern}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Sources:
    """The addresses an answer may cite, each once, numbered from 1, with all that was retrieved of it."""

    citations: tuple[Citation, ...]

    @classmethod
    def of(cls, passages: Sequence[Passage]) -> Sources:
        """In the order the passages rank; passages of one address share its number."""
        by_url: dict[str, Citation] = {}
        for passage in passages:
            earlier = by_url.get(passage.url)
            if earlier is None:
                by_url[passage.url] = Citation(len(by_url) + 1, label_of(passage), passage.url, passage.text)
            else:
                by_url[passage.url] = replace(earlier, text=f"{earlier.text}\n\n{passage.text}")
        return cls(tuple(by_url.values()))

    def numbered(self, order: Sequence[int]) -> tuple[Citation, ...]:
        """The sources of these numbers, numbered anew in this order."""
        return tuple(replace(self.citations[n - 1], n=place) for place, n in enumerate(order, 1))

    def announced(self, order: Sequence[int]) -> tuple[Citation, ...]:
        """All sources: those used, in the order of their use, then the others."""
        others = [each.n for each in self.citations if each.n not in order]
        return self.numbered([*order, *others])


def label_of(passage: Passage) -> str:
    """`Title > Heading`, on one line and without signs that markdown reads."""
    title, heading = plain_label(passage.title), plain_label(passage.heading)
    return f"{title} > {heading}" if heading and heading != title else title


def plain_label(text: str) -> str:
    return _BLANKS.sub(" ", _UNSAFE_IN_LABEL.sub(" ", storable(text))).strip()


def storable(text: str) -> str:
    """The text without control characters, halves of characters and signs that turn its order round."""
    return _UNSTORABLE.sub("\ufffd", _TURNING.sub("", text))


def nearest_pages(passages: Sequence[Passage], limit: int = 3) -> tuple[Citation, ...]:
    """The closest pages, each once, for a question the documents do not answer."""
    pages: dict[str, Citation] = {}
    for passage in passages:
        page = urldefrag(passage.url).url
        if page not in pages and len(pages) < limit:
            pages[page] = Citation(len(pages) + 1, plain_label(passage.title) or page, page, passage.text)
    return tuple(pages.values())


def markdown_link(citation: Citation) -> str:
    """A link to an address of the index; whatever could end the link early is percent-encoded."""
    address = quote(citation.url, safe=":/?#@!$&'*+,;=%~-._")
    return f"[{citation.title}]({address})"


class CitedText:
    """Takes a model's text bit by bit and gives out what is settled; `order` holds the source numbers used so
    far.

    What could still become a marker, a link or code is held back until it is decided. Links and images become
    their text, addresses become code, markers without a source and doubled ones vanish. Code stays as it is.
    """

    def __init__(self, sources: Sources) -> None:
        self._known = len(sources.citations)
        self._pending = ""
        self._fence: str | None = None
        self._last = "\n"
        self._held_blanks = ""
        self._adjacent: set[int] = set()
        self.started = False
        self.order: list[int] = []

    def push(self, added: str) -> str:
        """What of the text so far is settled and was not given out before."""
        self.started = True
        self._pending += storable(added).replace("\r\n", "\n")
        return self._settle(final=False)

    def finish(self) -> str:
        """The rest."""
        return self._settle(final=True).rstrip()

    def _settle(self, *, final: bool) -> str:
        out: list[str] = []
        while self._pending:
            step = self._in_fence(final) if self._fence else self._in_text(final)
            if step is None:
                break
            out.append(step)
        return "".join(out)

    def _in_fence(self, final: bool) -> str | None:
        """Code, line by line, until the fence closes."""
        line, newline, _ = self._pending.partition("\n")
        mark = line.strip()
        fence = self._fence or ""
        may_close = self._last == "\n" and (mark.startswith(fence) or fence.startswith(mark))
        if not newline and not final and may_close:
            return None
        if self._last == "\n" and mark.startswith(fence) and not mark.strip(fence[0]):
            self._fence = None
        return self._take(len(line) + len(newline))

    def _in_text(self, final: bool) -> str | None:
        found = _NEXT.search(self._pending)
        if found is None:
            return self._plain(len(self._pending))
        if found.start() > 0:
            return self._plain(found.start())
        sign = self._pending[0]
        if sign in "`~":
            return self._code(final)
        if sign in "[!【\\":
            return self._bracket(final)
        if sign == "<":
            return self._angle(final)
        return self._word(final)

    def _code(self, final: bool) -> str | None:
        run = len(self._pending) - len(self._pending.lstrip(self._pending[0]))
        mark = self._pending[0] * run
        if run == len(self._pending) and not final:
            return None
        if run >= 3 and self._at_line_start():
            self._fence = mark
            line, newline, _ = self._pending.partition("\n")
            return self._take(len(line) + len(newline))
        if mark[0] == "~":
            return self._plain(run)
        close = re.compile(rf"(?<!`){mark}(?!`)").search(self._pending, run)
        paragraph = self._pending.find("\n\n", run)
        if (
            close
            and (paragraph < 0 or close.start() < paragraph)
            and (final or close.end() < len(self._pending))
        ):
            return self._take(close.end())
        undecided = paragraph < 0 and len(self._pending) < HELD_CODE
        return None if undecided and not final else self._plain(run)

    def _bracket(self, final: bool) -> str | None:
        marker = _MARKER.match(self._pending)
        if marker and not self._pending.startswith("(", marker.end()):
            if marker.end() == len(self._pending) and not final:
                return None
            numbers = [int(n) for n in re.findall(r"\d+", marker[1] or marker[2])]
            self._pending = self._pending[marker.end() :]
            return self._cite(numbers)
        link = _LINK.match(self._pending)
        if link:
            # The link's text is read again: it may hold markers, or another link.
            self._pending = link[1] + self._pending[link.end() :]
            return ""
        if not final and len(self._pending) < HELD_LINK:
            half_marker = _HALF_MARKER.match(self._pending) and len(self._pending) < HELD_MARKER
            if half_marker or self._pending in ("!", "\\") or _may_become_link(self._pending):
                return None
        return self._plain(1)

    def _angle(self, final: bool) -> str | None:
        if _AUTOLINK.match(self._pending):
            self._pending = self._pending[1:]
            return self._emit("< ")
        if not final and _HALF_AUTOLINK.match(self._pending):
            return None
        return self._plain(1)

    def _word(self, final: bool) -> str | None:
        address = _ADDRESS.match(self._pending)
        if address:
            if address.end() == len(self._pending) and not final and address.end() < HELD_LINK:
                return None
            shown = _without_trailing_signs(address[0])
            self._pending = self._pending[len(shown) :]
            return self._emit(f"`{shown}`")
        if not final and _HALF_ADDRESS.match(self._pending):
            return None
        return self._plain(len(self._pending))

    def _cite(self, numbers: Sequence[int]) -> str:
        given: list[str] = []
        for n in numbers:
            if not 1 <= n <= self._known or n in self._adjacent:
                continue
            if n not in self.order:
                self.order.append(n)
            self._adjacent.add(n)
            given.append(f"[{self.order.index(n) + 1}]")
        if not given:
            # A marker that vanishes takes the blank before it along.
            self._held_blanks = ""
            return ""
        adjacent = self._adjacent
        out = self._emit("".join(given))
        self._adjacent = adjacent
        return out

    def _plain(self, size: int) -> str:
        """Text, but for its trailing blanks: they wait for what comes next."""
        taken, self._pending = self._pending[:size], self._pending[size:]
        body = taken.rstrip(" ")
        blanks = taken[len(body) :]
        out = self._emit(body) if body else ""
        self._held_blanks += blanks
        return out

    def _take(self, size: int) -> str:
        """Code, exactly as it stands."""
        taken, self._pending = self._pending[:size], self._pending[size:]
        out = self._held_blanks + taken
        self._held_blanks = ""
        self._last = taken[-1]
        self._adjacent = set()
        return out

    def _emit(self, piece: str) -> str:
        """No `](`, `][` between words, and no `]:` leaves here: none of them can make a link then."""
        piece = self._held_blanks + piece
        self._held_blanks = ""
        piece = re.sub(r"\](?=[(:])", "] ", piece)
        if self._last == "]" and piece[0] in "(:":
            piece = " " + piece
        self._last = piece[-1]
        self._adjacent = set()
        return piece

    def _at_line_start(self) -> bool:
        return self._last == "\n" and len(self._held_blanks) <= 3


def _may_become_link(text: str) -> bool:
    """Whether what begins with a bracket lacks only its end to be a link or an image."""
    if text[0] == "\\" or (text[0] == "!" and not text.startswith("![")):
        return False
    opening, closing = "[", "]"
    depth = 0
    place = text.index("[")
    while place < len(text):
        sign = text[place]
        if sign == "\n":
            return False
        if sign == "\\":
            place += 1
        elif sign == opening:
            depth += 1
        elif sign == closing:
            depth -= 1
            if depth == 0:
                if opening == "(" or text[place + 1 : place + 2] not in ("", "("):
                    return False
                opening, closing = "(", ")"
        place += 1
    return True


def _without_trailing_signs(address: str) -> str:
    """An address without the punctuation of the sentence it stands in."""
    while address[-1] in _TRAILING or (address[-1] == ")" and address.count(")") > address.count("(")):
        address = address[:-1]
    return address

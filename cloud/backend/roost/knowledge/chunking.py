"""Cuts a page into passages that fit the embedder, along its headings, paragraphs, list items and lines of
code.

Pure: the same page and token counter give the same chunks with the same ids, so that only what changed is
embedded again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from roost.domain.documents import Chunk, ExtractedPage, Section

TokenCounter = Callable[[str], int]

TOKEN_LIMIT = 256  # what all-MiniLM-L6-v2 was trained to read; what is beyond is not searched by meaning
SPECIAL_TOKENS = 2  # [CLS] and [SEP]
BREADCRUMB_LIMIT = 64  # tokens of the prefix at most, so that three quarters are left for the text
TINY_TOKENS = 8  # a section below this, mostly a heading alone, is merged with its neighbour
MERGED_TOKENS = 128  # ... as long as the result stays this small: a citation names the first heading only
CHARACTERS_PER_TOKEN = 8  # a run of signs without a border is one token to the model, whatever its length
MINIMUM_BUDGET = 64
TITLE_LIMIT = 300  # characters

_FENCE = re.compile(r"^\s*(`{3,}|~{3,})")
_LIST_ITEM = re.compile(r"^\s*(?:[-*+]|\d{1,4}[.)])\s+")
_TABLE_ROW = re.compile(r"^\s*\|")
_SENTENCE_END = re.compile(r"(?<=[.!?\u3002\uff01\uff1f])\s+")
_WORD_OR_SIGN = re.compile(r"[^\W_]+|[^\w\s]|_")
_BLANKS = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class _Part:
    """One passage on its way: the section it starts in and its blocks of text with their sizes in tokens."""

    section: Section
    path: tuple[str, ...]
    blocks: tuple[str, ...]
    tokens: int


@dataclass(slots=True)
class _Outline:
    """The headings above the section being read."""

    title: str
    above: list[tuple[int, str]] = field(default_factory=list)

    def enter(self, section: Section) -> tuple[str, ...]:
        heading = _one_line(section.heading)
        if section.level > 0 and heading:
            while self.above and self.above[-1][0] >= section.level:
                self.above.pop()
            self.above.append((section.level, heading))
        names = [name for _, name in self.above]
        return tuple(names[1:] if names and names[0] == self.title else names)


def chunk_page(source_id: str, page: ExtractedPage, count_tokens: TokenCounter) -> tuple[Chunk, ...]:
    """The page's passages in reading order. Every passage fits TOKEN_LIMIT with its breadcrumb in front, as
    `embedded_text` joins them.

    A page without any text still gives one chunk that holds its title.
    """

    def count(text: str) -> int:
        return max(count_tokens(text), len(text) // CHARACTERS_PER_TOKEN)

    url = storable(page.url)
    title = _one_line(page.title)[:TITLE_LIMIT] or url
    outline = _Outline(title)
    parts: list[_Part] = []
    for section in page.sections or (Section(0, "", None, ""),):
        path = outline.enter(section)
        budget = _budget(title, path, count)
        blocks = tuple(_fitted_blocks(storable(section.body), budget, count))
        if not blocks and not path:
            continue
        parts.extend(_packed(section, path, blocks, budget, count))
    if not parts:
        parts = [_Part(Section(0, "", None, ""), (), (), 0)]
    merged = _merge_tiny(parts, title, count)
    return tuple(_numbered(source_id, url, title, merged))


def embedded_text(title: str, heading_path: Sequence[str], text: str) -> str:
    """What is given to the embedder and counted by it: the breadcrumb in front says where the text stands."""
    return f"{_prefix(title, heading_path)}\n{text}"


def _prefix(title: str, path: Sequence[str]) -> str:
    """The breadcrumb; an overlong one keeps the beginnings of its first and last name."""
    whole = " > ".join((title, *path))
    if estimate_tokens(whole) <= BREADCRUMB_LIMIT:
        return whole
    names = (title, path[-1]) if path else (title,)
    return " > ".join(_clipped(name, BREADCRUMB_LIMIT // len(names)) for name in names)


def _clipped(name: str, tokens: int) -> str:
    low, high = 0, len(name)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if estimate_tokens(name[:middle]) <= tokens else (low, middle - 1)
    return name[:low].strip()


def storable(text: str) -> str:
    """Without what SQLite and the tokenizer cannot take: lone surrogates and NUL."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\x00", " ")


def text_sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def estimate_tokens(text: str) -> int:
    """A counter for when no model is there, which tends to count too many: four letters of a word, or one
    other sign, a token.
    """
    return sum(
        1 + (len(word) - 1) // 4 if word.isascii() else len(word) for word in _WORD_OR_SIGN.findall(text)
    )


def _chunk_id(url: str, path: Sequence[str], ordinal: int) -> str:
    return hashlib.sha256(
        "\x1f".join((url, *path, str(ordinal))).encode("utf-8", "surrogatepass")
    ).hexdigest()


def _numbered(source_id: str, url: str, title: str, parts: Sequence[_Part]) -> Iterator[Chunk]:
    ordinals: dict[tuple[str, ...], int] = {}
    for part in parts:
        ordinal = ordinals.get(part.path, 0)
        ordinals[part.path] = ordinal + 1
        yield Chunk(
            id=_chunk_id(url, (title, *part.path), ordinal),
            source_id=source_id,
            url=url,
            title=title,
            heading_path=part.path,
            anchor=part.section.anchor,
            ordinal=ordinal,
            text="\n\n".join(part.blocks),
        )


def _budget(title: str, path: tuple[str, ...], count_tokens: TokenCounter) -> int:
    return max(MINIMUM_BUDGET, TOKEN_LIMIT - SPECIAL_TOKENS - count_tokens(_prefix(title, path)))


def _packed(
    section: Section, path: tuple[str, ...], blocks: Sequence[str], budget: int, count_tokens: TokenCounter
) -> Iterator[_Part]:
    """Fills passages up to the budget; a section with a heading alone still gives one."""
    taken: list[str] = []
    size = 0
    for block in blocks:
        tokens = count_tokens(block)
        if taken and size + tokens > budget:
            yield _Part(section, path, tuple(taken), size)
            taken, size = [], 0
        taken.append(block)
        size += tokens
    if taken or not blocks:
        yield _Part(section, path, tuple(taken), size)


def _merge_tiny(parts: Sequence[_Part], title: str, count_tokens: TokenCounter) -> list[_Part]:
    """Joins a tiny passage to its neighbour in the same branch where both fit."""
    merged: list[_Part] = []
    for part in parts:
        if merged:
            joined = _joined(merged[-1], part, count_tokens)
            tiny = part.tokens < TINY_TOKENS or merged[-1].tokens < TINY_TOKENS
            related = _is_below(part.path, merged[-1].path) or _is_sibling(part.path, merged[-1].path)
            if (
                tiny
                and related
                and joined.tokens <= min(MERGED_TOKENS, _budget(title, joined.path, count_tokens))
            ):
                merged[-1] = joined
                continue
        merged.append(part)
    return merged


def _joined(first: _Part, second: _Part, count_tokens: TokenCounter) -> _Part:
    """Both texts under the name and anchor of the larger one; the other's heading stands in the text, so that
    no title is lost.
    """
    if second.tokens > first.tokens:
        kept, blocks = second, (*_named(first, second.path), *second.blocks)
    else:
        kept, blocks = first, (*first.blocks, *_named(second, first.path))
    return replace(kept, blocks=blocks, tokens=sum(map(count_tokens, blocks)))


def _named(part: _Part, under: tuple[str, ...]) -> tuple[str, ...]:
    """The part's blocks below its heading, unless the breadcrumb `under` says the heading already."""
    if not part.path or part.path[-1] in under:
        return part.blocks
    return (f"**{part.path[-1]}**", *part.blocks)


def _is_below(path: tuple[str, ...], above: tuple[str, ...]) -> bool:
    return path[: len(above)] == above


def _is_sibling(path: tuple[str, ...], other: tuple[str, ...]) -> bool:
    return len(path) == len(other) > 0 and path[:-1] == other[:-1]


def _fitted_blocks(body: str, budget: int, count_tokens: TokenCounter) -> Iterator[str]:
    for block in _blocks(body):
        if count_tokens(block) <= budget:
            yield block
        else:
            yield from _split(block, budget, count_tokens)


def _blocks(body: str) -> Iterator[str]:
    """Paragraphs, whole lists, whole tables and whole fenced code, in order."""
    lines: list[str] = []
    fence: str | None = None
    pending_blank = False
    for line in body.splitlines():
        mark = _FENCE.match(line)
        if fence is not None:
            lines.append(line)
            if mark and mark[1].startswith(fence) and not line.strip().strip(fence[0]):
                fence = None
                yield from _flush(lines)
            continue
        if not line.strip():
            pending_blank = bool(lines)
            continue
        if (pending_blank or mark) and not _continues_list(lines, line):
            yield from _flush(lines)
        pending_blank = False
        if mark:
            fence = mark[1]
        lines.append(line.rstrip())
    yield from _flush(lines)


def _flush(lines: list[str]) -> Iterator[str]:
    if lines:
        yield "\n".join(lines)
        lines.clear()


def _continues_list(lines: Sequence[str], line: str) -> bool:
    """A blank line between items, or before an item's indented second paragraph, does not end a list."""
    return (
        bool(lines)
        and bool(_LIST_ITEM.match(lines[0]))
        and bool(_LIST_ITEM.match(line) or line.startswith(("  ", "\t")))
    )


def _split(block: str, budget: int, count_tokens: TokenCounter) -> Iterator[str]:
    """A block larger than the budget, cut at the best borders it has: items and rows, lines of code,
    sentences, words.
    """
    lines = block.split("\n")
    if _FENCE.match(lines[0]):
        yield from _split_code(lines, budget, count_tokens)
    elif _LIST_ITEM.match(lines[0]):
        yield from _filled(_items(lines), "\n", budget, count_tokens)
    elif _TABLE_ROW.match(lines[0]):
        yield from _split_table(lines, budget, count_tokens)
    elif len(lines) > 1:
        yield from _filled(lines, "\n", budget, count_tokens)
    else:
        yield from _filled(_SENTENCE_END.split(block), " ", budget, count_tokens)


def _split_code(lines: Sequence[str], budget: int, count_tokens: TokenCounter) -> Iterator[str]:
    """Every piece is fenced again, so that each shows as code by itself."""
    opening = lines[0]
    mark = _FENCE.match(opening)
    closing = mark[1] if mark else "```"
    inner = list(lines[1:-1] if len(lines) > 1 and lines[-1].strip().startswith(closing) else lines[1:])
    room = max(MINIMUM_BUDGET // 2, budget - count_tokens(opening) - count_tokens(closing))
    for piece in _filled(inner, "\n", room, count_tokens):
        yield f"{opening}\n{piece}\n{closing}"


def _split_table(lines: Sequence[str], budget: int, count_tokens: TokenCounter) -> Iterator[str]:
    """The header is repeated above each piece where it leaves room for rows."""
    has_header = len(lines) > 2 and not lines[1].strip(" |:-")
    header = "\n".join(lines[:2]) if has_header else ""
    room = budget - count_tokens(header)
    if not has_header or room < budget // 2:
        yield from _filled(lines, "\n", budget, count_tokens)
        return
    for piece in _filled(lines[2:], "\n", room, count_tokens):
        yield f"{header}\n{piece}"


def _items(lines: Sequence[str]) -> list[str]:
    """List items at the outermost level, each with its continuation lines."""
    indent = len(lines[0]) - len(lines[0].lstrip())
    items: list[list[str]] = []
    for line in lines:
        if not items or (_LIST_ITEM.match(line) and len(line) - len(line.lstrip()) <= indent):
            items.append([])
        items[-1].append(line)
    return ["\n".join(item) for item in items]


def _filled(pieces: Sequence[str], glue: str, budget: int, count_tokens: TokenCounter) -> Iterator[str]:
    """Joins pieces as long as they fit; a piece that alone is too large is cut smaller."""
    taken: list[str] = []
    size = 0
    for piece in pieces:
        tokens = count_tokens(piece)
        if taken and size + tokens > budget:
            yield glue.join(taken)
            taken, size = [], 0
        if tokens > budget:
            yield from _cut(piece, budget, count_tokens)
        else:
            taken.append(piece)
            size += tokens
    if taken:
        yield glue.join(taken)


def _cut(piece: str, budget: int, count_tokens: TokenCounter) -> Iterator[str]:
    if "\n" in piece:
        yield from _filled(piece.split("\n"), "\n", budget, count_tokens)
        return
    sentences = _SENTENCE_END.split(piece)
    if len(sentences) > 1:
        yield from _filled(sentences, " ", budget, count_tokens)
        return
    words = piece.split()
    if len(words) > 1:
        yield from _filled(words, " ", budget, count_tokens)
        return
    # One unbroken run of signs (a key, base64, a script without spaces): by length, for no border is left.
    step = max(1, len(piece) * budget // (2 * max(1, count_tokens(piece))))
    for start in range(0, len(piece), step):
        yield piece[start : start + step]


def _one_line(text: str) -> str:
    return _BLANKS.sub(" ", storable(text)).strip()

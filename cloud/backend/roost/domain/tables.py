"""Tables for chats that show none: aligned in a code block where they are narrow enough, else row by row.

Source: https://github.github.com/gfm/#tables-extension-
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

BLOCK_COLUMNS = 60
"""What a phone shows of a code block when it is turned, and a desktop always."""
GAP = "  "
BETWEEN_CELLS = " · "

# A short cell under a long header, or in a wide column, makes a table many times longer than it was written.
GROWTH, GROWTH_FREE = 4, 1_000

# In a list a fence stands as far to the right as what it belongs to.
_FENCE = re.compile(r"^([ \t]*)(`{3,}|~{3,})([^`\n]*)$")
_OTHER_BLOCK = re.compile(r"^ {0,3}(?:>|#{1,6}\s|`{3}|~{3}|(?:[-*+]|\d{1,9}[.)])\s)")
_DELIMITER = re.compile(r":?-+:?")
_CODE = re.compile(r"(?<!`)(`{1,2})(?!`)(.+?)(?<!`)\1(?!`)")
_MARKUP = re.compile(
    r"(?<!\\)(?:\*\*(?P<bold>[^*]+)\*\*|__(?P<bold2>[^_]+)__|~~(?P<struck>[^~]+)~~"
    r"|(?<![\w*])\*(?P<italic>[^*\s](?:[^*]*[^*\s])?)\*(?![\w*])"
    r"|(?<!\w)_(?P<italic2>[^_\s](?:[^_]*[^_\s])?)_(?!\w))"
)
_ESCAPED = re.compile(r"\\([\\`*_{}\[\]()#+.!>~|-])")
_ALIGNMENTS = {(False, False): "<", (True, False): "<", (True, True): "^", (False, True): ">"}
_OPENS_CODE = re.compile(r"\s*(?:`{3}|~{3})")


@dataclass(frozen=True, slots=True)
class Table:
    """`rows` may be ragged. `alignments` are `<`, `>` or `^`, one a column of the delimiter row."""

    header: tuple[str, ...]
    alignments: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def with_tables_laid_out(markdown: str, columns: int = BLOCK_COLUMNS) -> str:
    """The markdown with each table as lines that read well without being a table.

    A table of at most `columns` columns of monospaced text becomes a code block, with its cells' markup
    removed. A wider one, and one with links or with text from right to left, becomes lines `Header: cell`,
    the first cell of each row in bold; where that is many times longer than the table, one line a row.
    """
    if "|" not in markdown:
        return markdown
    lines = markdown.split("\n")
    made: list[str] = []
    fence, deepest, place = "", 0, 0
    while place < len(lines):
        line = lines[place]
        found = _FENCE.match(line)
        if found and not fence:
            fence, deepest = found[2], len(found[1].expandtabs(4)) + 3
        elif found and _closes(found, fence, deepest):
            fence = ""
        elif not fence and (end := _table_end(lines, place)):
            if made and made[-1].strip():
                made.append("")
            made.extend(_laid_out(lines[place:end], columns))
            if end < len(lines) and lines[end].strip():
                made.append("")
            place = end
            continue
        made.append(line)
        place += 1
    return "\n".join(made)


def _closes(found: re.Match[str], fence: str, deepest: int) -> bool:
    return found[2].startswith(fence) and len(found[1].expandtabs(4)) <= deepest and not found[3].strip()


def columns_of(text: str) -> int:
    """How many columns of monospaced text it takes: wide characters two, combining ones none."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _table_end(lines: Sequence[str], start: int) -> int | None:
    """The line behind the table whose header stands at `start`; None when there is no table."""
    if start + 1 >= len(lines) or not _is_row(lines[start]) or not _is_delimiter(lines[start + 1]):
        return None
    end = start + 2
    while end < len(lines) and _is_row(lines[end]):
        end += 1
    return end


def _is_row(line: str) -> bool:
    return "|" in line and not _OTHER_BLOCK.match(line)


def _is_delimiter(line: str) -> bool:
    if "|" not in line or set(line) - set("|:- \t\r"):
        return False
    return all(_DELIMITER.fullmatch(cell) for cell in _cells(line))


def _cells(line: str) -> tuple[str, ...]:
    """Cut at every pipe that is not escaped, as GitHub does, in code too."""
    row = line.strip().removeprefix("|")
    if row.endswith("|") and not row.endswith("\\|"):
        row = row[:-1]
    return tuple(" ".join(cell.split()) for cell in re.split(r"(?<!\\)\|", row))


def _laid_out(lines: Sequence[str], columns: int) -> list[str]:
    delimiters = _cells(lines[1])
    alignments = tuple(_ALIGNMENTS[each[0] == ":", each[-1] == ":"] for each in delimiters)
    rows = tuple(cells for line in lines[2:] if any(cells := _cells(line)))
    table = Table(_cells(lines[0]), alignments, rows)
    if not any(any(row) for row in (table.header, *table.rows)):
        return list(lines)
    allowed = GROWTH * sum(map(len, lines)) + GROWTH_FREE
    for made in (_block(table, columns), _by_header(table, allowed)):
        if made is not None and sum(map(len, made)) <= allowed:
            return made
    return list(_by_row(table))


def _block(table: Table, columns: int) -> list[str] | None:
    """None when the table does not fit, or loses something in a code block."""
    written = [table.header, *table.rows]
    count = max(map(len, written))
    if count * (1 + len(GAP)) - len(GAP) > columns:
        return None
    if any("](" in cell or _turns(cell) for row in written for cell in row):
        return None
    shown = [tuple(map(_unmarked, row)) for row in written]
    widths = [max(columns_of(row[n]) if n < len(row) else 0 for row in shown) for n in range(count)]
    if sum(widths) + len(GAP) * (count - 1) > columns:
        return None
    rule = GAP.join("-" * max(1, width) for width in widths)
    first, *others = (_aligned(row, widths, table.alignments) for row in shown)
    body = [first, rule, *others]
    return None if any("```" in line for line in body) else ["```", *body, "```"]


def _aligned(row: Sequence[str], widths: Sequence[int], alignments: Sequence[str]) -> str:
    placed = []
    for n, cell in enumerate(row):
        room = widths[n] - columns_of(cell)
        alignment = alignments[n] if n < len(alignments) else "<"
        before = {"<": 0, ">": room, "^": room // 2}[alignment]
        placed.append(" " * before + cell + " " * (room - before))
    return GAP.join(placed).rstrip()


def _by_header(table: Table, allowed: int) -> list[str] | None:
    """`Header: cell`, a cell a line; None when that is longer than allowed, or there is no row."""
    made: list[str] = []
    size = 0
    for row in table.rows:
        if made:
            made.append("")
        for n, cell in enumerate(row):
            header = _inline(table.header[n]).rstrip(": ") if n < len(table.header) else ""
            if not cell:
                continue
            shown = _inline(cell) if n else _bold(_inline(cell))
            made.append(_no_fence(f"{header}: {shown}" if header else shown))
            size += len(made[-1])
            if size > allowed:
                return None
    return made or None


def _by_row(table: Table) -> Iterator[str]:
    yield _no_fence(BETWEEN_CELLS.join(_inline(cell) for cell in table.header if cell))
    for first, *others in table.rows:
        cells = [_bold(_inline(first)), *map(_inline, others)]
        yield _no_fence(BETWEEN_CELLS.join(cell for cell in cells if cell))


def _inline(cell: str) -> str:
    """A cell outside of a table. The escape of a pipe stays, but for code: there it would be seen."""
    return _CODE.sub(lambda found: found[0].replace("\\|", "|"), cell)


def _bold(cell: str) -> str:
    return f"**{cell}**" if cell and "*" not in cell else cell


def _unmarked(cell: str) -> str:
    """A cell as a code block shows it: code as it is, other text without markup and escapes."""
    made, position = [], 0
    for found in _CODE.finditer(cell):
        made.append(_words(cell[position : found.start()]))
        made.append(found[2].replace("\\|", "|").strip())
        position = found.end()
    return "".join([*made, _words(cell[position:])])


def _words(text: str) -> str:
    for _ in range(2):
        text = _MARKUP.sub(lambda found: next(span for span in found.groups() if span is not None), text)
    return _ESCAPED.sub(r"\1", text)


def _no_fence(line: str) -> str:
    """A line that opens no code block, whatever its first cell is."""
    return f"\u200b{line}" if _OPENS_CODE.match(line) else line


def _turns(text: str) -> bool:
    """Whether any of it is read from right to left: side by side such cells change their order."""
    return not text.isascii() and any(unicodedata.bidirectional(sign) in ("R", "AL", "AN") for sign in text)

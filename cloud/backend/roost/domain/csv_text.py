"""Tables as CSV (RFC 4180) that spreadsheets open as they are meant: no cell is taken for a formula."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

# By this mark Excel knows UTF-8.
BYTE_ORDER_MARK = "\ufeff"
LINE_END = "\r\n"
# What begins a formula in Excel, LibreOffice or Google Sheets, also in its full-width form, behind signs that
# they pass over. A cell also begins behind a semicolon, a tab and an end of line: where a comma is the
# decimal sign, Excel takes these for the separators, and the quotes around all but the first cell for text.
_FORMULA = re.compile(
    '(^|;|\t|\r\n?|\n)([\\s"\u200b-\u200f\u2060\ufeff]*)(?=[=+@\\-\uff1d\uff0b\uff0d\uff20])'
)
_BREAKS_OUT = ("\t", "\r", "\n")

Cell = str | int | float | None


def csv_lines(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[str]:
    """The lines of the file, each with its end; the first begins with a byte order mark."""
    yield BYTE_ORDER_MARK + _line(header)
    for row in rows:
        yield _line(row)


def _line(cells: Sequence[Cell]) -> str:
    return ",".join(_written(cell) for cell in cells) + LINE_END


def _written(cell: Cell) -> str:
    if cell is None:
        return ""
    if not isinstance(cell, str):
        return str(cell)
    text = neutral(cell)
    return '"' + text.replace('"', '""') + '"'


def neutral(text: str) -> str:
    """The text, with an apostrophe before what a spreadsheet would compute (OWASP, CSV injection)."""
    safe = _FORMULA.sub(r"\1'\2", text)
    return "'" + safe if safe.startswith(_BREAKS_OUT) else safe

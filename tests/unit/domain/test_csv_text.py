from __future__ import annotations

import csv
import io

import pytest

from roost.domain.csv_text import csv_lines, neutral


@pytest.mark.parametrize(
    "cell",
    [
        "=cmd|' /C calc'!A0",
        "+1+1",
        "-2+3",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "  =1",
        "\u00a0=1",
        "＝1+1",  # noqa: RUF001 - what Excel takes for an equals sign too
        '=HYPERLINK("http://evil.example","x")',
        "\u200b=1",
        "\ufeff@SUM(A1)",
        "\tplain",
    ],
)
def test_79_a_cell_is_never_a_formula(cell: str) -> None:
    """Hostile case 79: CSV cell =cmd -> neutralised."""
    assert neutral(cell) == "'" + cell
    [row] = read(list(csv_lines(("text",), [(cell,)])))[1:]
    assert row == ["'" + cell]


@pytest.mark.parametrize("end", [";", "\n", "\r\n", "\t"])
@pytest.mark.parametrize("passed_over", ["", " ", '"', "\u200b"])
def test_79_no_part_of_a_cell_is_one_where_other_signs_separate(end: str, passed_over: str) -> None:
    """Excel in most of Europe separates by semicolons: of `"a","b;=c;d"` it makes three cells."""
    formula = f"{passed_over}=cmd|'/C calc'!A0;then"
    assert neutral(f"why{end}{formula}") == f"why{end}'{formula}"


@pytest.mark.parametrize(
    "cell", ["plain", "a=b", "1-2", "mail me @ home", 'say "hi"', "two\nlines, and a comma", "日本語 🐦", ""]
)
def test_text_comes_back_as_it_was(cell: str) -> None:
    [row] = read(list(csv_lines(("text",), [(cell,)])))[1:]
    assert row == [cell]


def test_a_spreadsheet_sees_utf_8_lines_and_numbers() -> None:
    lines = list(csv_lines(("question", "times", "reason"), [("Wie?", 3, None)]))
    assert lines == ['\ufeff"question","times","reason"\r\n', '"Wie?",3,\r\n']
    assert lines[0].encode("utf-8").startswith(b"\xef\xbb\xbf")


def read(lines: list[str]) -> list[list[str]]:
    return list(csv.reader(io.StringIO("".join(lines).removeprefix("\ufeff"), newline="")))

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roost.domain.message_splitting import split_markdown
from roost.domain.tables import BLOCK_COLUMNS, columns_of, with_tables_laid_out

PLANS = "| Plan | Price |\n|:-----|------:|\n| **Free** [1] | 0 |\n| Team | 12 |"


def block_of(laid_out: str) -> list[str]:
    lines = laid_out.split("\n")
    return lines[lines.index("```") + 1 : len(lines) - 1 - lines[::-1].index("```")]


def test_a_narrow_table_is_aligned_in_a_code_block() -> None:
    assert with_tables_laid_out(f"Before:\n{PLANS}\nafter").split("\n") == [
        "Before:",
        "",
        "```",
        "Plan      Price",
        "--------  -----",
        "Free [1]      0",
        "Team         12",
        "```",
        "",
        "after",
    ]


def test_a_wide_table_is_told_row_by_row() -> None:
    long = "It goes on for longer than a phone is wide, and then some more"
    assert with_tables_laid_out(f"{PLANS}\n| {long} | [2] |") == (
        f"Plan: **Free** [1]\nPrice: 0\n\nPlan: **Team**\nPrice: 12\n\nPlan: **{long}**\nPrice: [2]"
    )


def test_wide_characters_count_twice_and_joined_ones_not_at_all() -> None:
    shown = block_of(with_tables_laid_out("| 名前 | n |\n|-|-|\n| e\u0301 | 1 |\n| abcd | 2 |"))
    assert [columns_of(line) for line in shown] == [7, 7, 7, 7]
    assert "```" not in with_tables_laid_out(f"| {'名' * (BLOCK_COLUMNS // 2 + 1)} |\n|-|\n| 1 |")


@pytest.mark.parametrize("cell", ["[Leases](https://docs.example/leases)", "شكرا", "תודה", "a ``` b"])
def test_a_table_that_a_code_block_would_spoil_is_told_row_by_row(cell: str) -> None:
    laid_out = with_tables_laid_out(f"| A | B |\n|---|---|\n| x | {cell} |")
    assert laid_out == f"A: **x**\nB: {cell}"


def test_ragged_rows_lose_no_cell() -> None:
    ragged = "a | b\n--|--\n1 |\n1 | 2 | 3\n| 4"
    assert block_of(with_tables_laid_out(ragged)) == ["a  b", "-  -  -", "1", "1  2  3", "4"]
    assert with_tables_laid_out(ragged, columns=0) == "a: **1**\n\na: **1**\nb: 2\n3\n\na: **4**"


def test_escaped_pipes_are_pipes_of_the_cell() -> None:
    table = "| A | B |\n|---|---|\n| x \\| y | `p \\| q` |"
    assert block_of(with_tables_laid_out(table))[2] == "x | y  p | q"
    assert with_tables_laid_out(table, columns=0) == "A: **x \\| y**\nB: `p | q`"


@pytest.mark.parametrize("opening", ["```", "~~~", "```sh"])
def test_no_cell_opens_a_code_block(opening: str) -> None:
    laid_out = with_tables_laid_out(f"| | B |\n|---|---|\n| {opening} | {opening} |\n\nafter", columns=0)
    assert not [line for line in laid_out.split("\n") if line.startswith(("```", "~~~"))]


@pytest.mark.parametrize(
    "text",
    [
        "a | b",
        "a | b\n---",
        "Run `a | b`.\n\n- x",
        "```\n| a | b |\n|---|---|\n```",
        "~~~~\n| a |\n|---|\n~~~\n| b |\n|---|",
        "| a | b |\n| c | d |",
        "> | a |\n> |---|",
    ],
)
def test_what_is_no_table_stays_as_it_is(text: str) -> None:
    assert with_tables_laid_out(text) == text


def test_a_thousand_columns_are_a_thousand_lines() -> None:
    wide = "|".join(map(str, range(1_000)))
    laid_out = with_tables_laid_out(f"{wide}\n{'-|' * 1_000}\n{wide}")
    assert laid_out.startswith("0: **0**\n1: 1\n")
    assert laid_out.endswith("\n999: 999")


@pytest.mark.parametrize("header", ["h" * 8_000 + "|", "w" * 50 + "| b"])
def test_a_table_does_not_grow_without_end(header: str) -> None:
    table = f"|{header}\n|-|-\n" + "||x\n" * 3_000
    laid_out = with_tables_laid_out(table)
    assert len(laid_out) <= 5 * len(table) + 1_000
    assert laid_out.count("x") == 3_000


def test_a_block_that_is_cut_is_a_block_in_every_piece() -> None:
    rows = "\n".join(f"| {n} | {n * n} |" for n in range(300))
    pieces = split_markdown(with_tables_laid_out(f"| n | square |\n|--:|--:|\n{rows}"), 900)
    assert len(pieces) > 3
    assert all(piece.startswith("```\n") and piece.endswith("\n```") for piece in pieces)
    shown = [line for piece in pieces for line in piece.split("\n") if line != "```"]
    assert [line.split() for line in shown[2:]] == [[str(n), str(n * n)] for n in range(300)]


@given(st.text(alphabet="ab |-:\n`~*_[](1)\\日ש", max_size=300))
def test_whatever_is_written_no_word_is_lost(text: str) -> None:
    table = f"| h | i |\n|---|---|\n{text}"
    for columns in (0, BLOCK_COLUMNS):
        laid_out = with_tables_laid_out(table, columns)
        for sign in "ab日ש":
            assert laid_out.count(sign) >= text.count(sign)


@pytest.mark.parametrize("indent", ["", "   ", "     ", "\t"])
def test_a_table_in_a_fence_that_belongs_to_a_list_stays_as_it_is(indent: str) -> None:
    fenced = f"1. Write:\n\n{indent}```\n{indent}| a | b |\n{indent}|---|---|\n{indent}```"
    assert with_tables_laid_out(fenced) == fenced
    assert block_of(with_tables_laid_out(f"{fenced}\n\n{PLANS}")[len(fenced) :])[0] == "Plan      Price"


def test_a_fence_shown_in_a_fence_does_not_end_it() -> None:
    fenced = "```markdown\n    ```\n| a | b |\n|---|---|\n```"
    assert with_tables_laid_out(fenced) == fenced


@pytest.mark.parametrize("item", ["- Pipe it: `ps | sort`", "2. Pipe it: `ps | sort`"])
def test_a_list_ends_a_table(item: str) -> None:
    assert with_tables_laid_out(f"{PLANS}\n{item}").endswith(f"```\n\n{item}")


@pytest.mark.parametrize("empty", ["||\n|-|", "|" * 130 + "\n" + "|-" * 130 + "|"])
def test_a_table_without_a_word_is_not_swallowed(empty: str) -> None:
    assert with_tables_laid_out(empty) == empty

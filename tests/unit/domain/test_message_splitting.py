from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roost.domain.message_splitting import split_markdown, utf16_length

LIMIT = 200
markdown = st.lists(
    st.sampled_from(
        [
            "word ",
            "A sentence ends. ",
            "\n",
            "\n\n",
            "```python\n",
            "```\n",
            "`code here` ",
            "**bold words** ",
            "[label](https://docs.example/page#part) ",
            "👩‍👩‍👧‍👦",
            "🦜" * 30,
            "שלום ",
            "x" * 250,
            "- item\n",
        ]
    ),
    max_size=80,
).map("".join)


def without_fences(text: str) -> str:
    return "".join(line for line in "".join(text.split(" ")).split("\n") if not line.startswith("```"))


@given(markdown)
def test_every_piece_fits_and_nothing_is_lost(text: str) -> None:
    pieces = split_markdown(text, LIMIT)
    assert all(0 < utf16_length(piece) <= LIMIT for piece in pieces)
    assert without_fences("\n".join(pieces)) == without_fences(text)


def test_backticks_within_a_line_do_not_become_a_code_block() -> None:
    text = "word " * 8 + "A sentence ends. " + "🦜" * 60 + "A sentence ends. ```python\n"
    assert not any(piece.startswith("```") for piece in split_markdown(text, LIMIT))


def test_units_are_those_of_utf_16() -> None:
    text = "a🦜é"
    assert utf16_length(text) == len(text.encode("utf-16-le")) // 2 == 4


def test_a_short_text_stays_one_piece() -> None:
    assert split_markdown("Hello.\n\nWorld.", LIMIT) == ["Hello.\n\nWorld."]
    assert split_markdown("  \n", LIMIT) == []


def test_the_cut_falls_between_paragraphs() -> None:
    first, second = "one " * 30, "two " * 30
    assert split_markdown(f"{first.strip()}\n\n{second.strip()}", LIMIT) == [first.strip(), second.strip()]


def test_a_code_block_that_must_be_cut_is_closed_and_opened_again() -> None:
    lines = [f"print({number})" for number in range(60)]
    pieces = split_markdown("```python\n" + "\n".join(lines) + "\n```", LIMIT)
    assert len(pieces) > 2
    for piece in pieces:
        assert piece.startswith("```python\n")
        assert piece.rstrip().endswith("```")
    assert [line for piece in pieces for line in piece.split("\n") if line.startswith("print")] == lines


@pytest.mark.parametrize(
    "span", ["**bold words of a kind**", "`some code here`", "[a label](https://docs.example/p)"]
)
def test_formatting_and_links_stay_whole(span: str) -> None:
    text = "z" * 60 + span * 12
    for piece in split_markdown(text, LIMIT):
        assert piece.replace("z", "").replace(span, "") == ""


def test_a_family_of_emoji_is_not_torn_apart() -> None:
    family = "👩‍👩‍👧‍👦"
    pieces = split_markdown(family * 100, LIMIT)
    assert set("".join(pieces).replace(family, "")) == set()
    assert all(piece.replace(family, "") == "" for piece in pieces)

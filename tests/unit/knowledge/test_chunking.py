from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from roost.domain.documents import Chunk, ExtractedPage, Section
from roost.knowledge.chunking import (
    SPECIAL_TOKENS,
    TOKEN_LIMIT,
    chunk_page,
    embedded_text,
    estimate_tokens,
    storable,
)

URL = "https://docs.example/install"


def count(text: str) -> int:
    """Like the model's own counter: whitespace is nothing, every sign is a token, words are cut in fours."""
    return estimate_tokens(text)


def page(*sections: Section, title: str = "Install") -> ExtractedPage:
    return ExtractedPage(URL, title, sections, ())


def chunks(*sections: Section, title: str = "Install") -> tuple[Chunk, ...]:
    return chunk_page("s", page(*sections, title=title), count)


def sentences(number: int, word: str = "fox") -> str:
    return " ".join(f"Sentence {n} tells how the quick brown {word} jumps over dogs." for n in range(number))


def test_a_section_becomes_a_passage_under_its_headings() -> None:
    (only,) = chunks(
        Section(1, "Install", "install", ""),
        Section(2, "Linux", "linux", ""),
        Section(3, "Debian", "debian", "Use the package of your distribution and run it as a service."),
    )
    assert only.breadcrumb == "Install > Linux > Debian"
    assert (only.anchor, only.url, only.ordinal) == ("debian", URL, 0)
    assert "package of your distribution" in only.text


def test_a_heading_leaves_the_path_when_its_section_ends() -> None:
    found = chunks(
        Section(2, "Linux", "linux", sentences(2)),
        Section(3, "Debian", "debian", sentences(2)),
        Section(2, "Windows", "windows", sentences(2)),
    )
    assert [chunk.heading_path for chunk in found] == [("Linux",), ("Linux", "Debian"), ("Windows",)]


def test_a_heading_without_text_is_found_in_its_neighbour() -> None:
    (only,) = chunks(
        Section(2, "Unsupported systems", "unsupported", ""), Section(2, "Linux", "linux", sentences(3))
    )
    assert only.anchor == "linux"
    assert "Unsupported systems" in only.text


def test_a_page_without_text_is_still_found_by_its_title() -> None:
    assert [chunk.breadcrumb for chunk in chunks(title="Price list")] == ["Price list"]
    assert [chunk.breadcrumb for chunk in chunks(Section(2, "Fees", "fees", ""))] == ["Install > Fees"]


def test_long_text_is_cut_between_sentences() -> None:
    found = chunks(Section(2, "Long", "long", sentences(80)))
    assert len(found) > 2
    assert all(chunk.text.startswith("Sentence") and chunk.text.endswith("dogs.") for chunk in found)
    assert [chunk.ordinal for chunk in found] == list(range(len(found)))


def test_long_code_is_cut_between_lines_and_fenced_again() -> None:
    lines = [f"call_number_{n}(argument={n})" for n in range(120)]
    found = chunks(Section(2, "Code", "code", "```python\n" + "\n".join(lines) + "\n```"))
    assert len(found) > 1
    assert all(chunk.text.startswith("```python\n") and chunk.text.endswith("\n```") for chunk in found)
    kept = [line for chunk in found for line in chunk.text.splitlines() if not line.startswith("```")]
    assert kept == lines


def test_a_short_list_stays_whole_and_a_long_one_is_cut_between_items() -> None:
    short = "\n".join(f"- step {n}\n  with a detail" for n in range(3))
    assert [chunk.text for chunk in chunks(Section(2, "Steps", "steps", short))] == [short]
    long = "\n".join(f"- step {n} does this and that\n  with a detail that belongs to it" for n in range(60))
    found = chunks(Section(2, "Steps", "steps", long))
    assert len(found) > 1
    assert all(chunk.text.startswith("- step") for chunk in found)
    assert all(chunk.text.endswith("belongs to it") for chunk in found)


def test_a_long_table_repeats_its_header() -> None:
    rows = "\n".join(f"| SETTING_{n} | {n} | what it does |" for n in range(60))
    found = chunks(Section(2, "Settings", "settings", f"| setting | default | what |\n|---|---|---|\n{rows}"))
    assert len(found) > 1
    assert all(chunk.text.startswith("| setting | default | what |\n|---|---|---|\n") for chunk in found)


def test_ids_stay_when_another_section_changes() -> None:
    before = chunks(Section(2, "A", "a", sentences(3)), Section(2, "B", "b", sentences(3)))
    after = chunks(Section(2, "A", "a", sentences(4)), Section(2, "B", "b", sentences(3)))
    assert before[1] == after[1]
    assert before[0].id == after[0].id
    assert before[0].text != after[0].text


def test_an_endless_run_of_letters_is_cut() -> None:
    found = chunks(Section(2, "Key", "key", "A" * 20_000))
    assert len(found) > 5
    assert "".join(chunk.text for chunk in found).replace("\n", "") == "A" * 20_000


def test_an_overlong_breadcrumb_leaves_room_for_the_text() -> None:
    long = "Everything about installing " * 20
    (only,) = chunks(Section(2, long, "x", sentences(3)), title=long)
    assert count(embedded_text(only.title, only.heading_path, only.text)) <= TOKEN_LIMIT - SPECIAL_TOKENS


def test_a_page_of_megabytes_is_cut_in_linear_time() -> None:
    found = chunks(Section(2, "Big", "big", "word " * 400_000))
    assert sum(len(chunk.text.split()) for chunk in found) == 400_000


_words = st.text(
    alphabet=st.characters(codec="utf-8", categories=("L", "N", "P", "Zs", "Cc"), max_codepoint=0x3FF),
    max_size=300,
)
_sections = st.lists(
    st.builds(
        Section,
        st.integers(0, 6),
        st.text(max_size=60),
        st.sampled_from((None, "a", "b")),
        st.lists(
            st.one_of(_words, st.sampled_from(("```", "- item", "| a | b |", "  ", "~~~ x"))), max_size=30
        ).map("\n".join),
    ),
    max_size=8,
)


@settings(max_examples=150, deadline=None)
@given(_sections, st.text(max_size=400))
def test_whatever_the_page_nothing_is_lost_and_everything_fits(sections: list[Section], title: str) -> None:
    found = chunks(*sections, title=title)
    assert found == chunks(*sections, title=title)
    assert len({chunk.id for chunk in found}) == len(found) > 0
    shown = " ".join(chunk.text for chunk in found)
    for section in sections:
        for word in re.findall(r"\w{3,}", storable(section.body)):
            assert word[:1] in shown
    letters = {sign for section in sections for sign in storable(section.body) if sign.isalnum()}
    assert letters <= set(shown)
    for chunk in found:
        assert "\x00" not in chunk.text
        # A fence around every piece of cut code, and one heading, may come on top of the budget.
        assert count(embedded_text(chunk.title, chunk.heading_path, chunk.text)) <= TOKEN_LIMIT + 32

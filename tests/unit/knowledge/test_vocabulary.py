"""Which words a misspelt one may stand for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roost.knowledge.vocabulary import LONGEST_BYTES, SHORTEST, Vocabulary, words_of

LETTERS = "abcdefghijklmnopqrstuvwxyz"
WORDS = ["telegram", "webhook", "token", "install", "configuration", "revoke", "where", "there", "files"]


def vocabulary(*words: str) -> Vocabulary:
    made = Vocabulary()
    made.add(words)
    return made


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("telegrma", "telegram"),
        ("etlegram", "telegram"),
        ("telegam", "telegram"),
        ("elegram", "telegram"),
        ("telegramm", "telegram"),
        ("telefram", "telegram"),
        ("fles", "files"),
        ("confgiuratoin", "configuration"),
    ],
)
def test_a_slip_is_found(typed: str, meant: str) -> None:
    assert vocabulary(*WORDS).nearest(typed) == [meant]


@pytest.mark.parametrize(
    "typed", ["entanglement", "quantum", "tlegrma", "vevoke", "fils" * 9, "tok", "", "bake"]
)
def test_what_is_not_near_stays(typed: str) -> None:
    assert vocabulary(*WORDS, "base").nearest(typed) == []


def test_of_several_all_are_told_that_are_equally_near() -> None:
    assert vocabulary("there", "theme", "thing", "thesis").nearest("thene") == ["theme", "there"]


def test_letters_beyond_ascii_count_as_one() -> None:
    assert vocabulary("übersicht", "настройка").nearest("übersciht") == ["übersicht"]
    assert vocabulary("übersicht", "настройка").nearest("натсройка") == ["настройка"]
    assert vocabulary("größe").nearest("gröfe") == ["größe"]


def test_it_knows_what_it_was_given_however_often() -> None:
    made = vocabulary("webhook", "tokens", "webhook", "abc", "a" * (LONGEST_BYTES + 1))
    made.add(["tokens", "zebra"])
    assert len(made) == 3
    assert "webhook" in made
    assert "zebra" in made
    assert "abc" not in made
    assert "webhooks" not in made
    assert "a" * (LONGEST_BYTES + 1) not in made
    assert "anything" not in Vocabulary()
    assert Vocabulary().nearest("anything") == []


def test_beyond_its_bound_it_takes_nothing_more_and_keeps_what_it_has() -> None:
    made = Vocabulary(words_at_most=2)
    made.add(["webhook", "tokens"])
    made.add(["zebra"])
    assert len(made) == 2
    assert made.nearest("webhok") == ["webhook"]


def test_two_hundred_thousand_words_take_less_than_eight_megabytes() -> None:
    made = vocabulary(*(f"word{''.join(LETTERS[int(digit)] for digit in str(n))}" for n in range(200_000)))
    assert len(made) == 200_000
    assert made.size_bytes < 8_000_000


def test_words_are_letters_alone_in_lower_case() -> None:
    assert words_of("Set MAX_TOKENS=4096 in docs/setup.md, Straße; v2beta") == {
        "tokens",
        "docs",
        "setup",
        "straße",
        "beta",
    }


@given(st.text(LETTERS, min_size=SHORTEST + 2, max_size=12), st.data())
def test_any_slip_behind_the_first_letter_finds_its_word(word: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(1, len(word) - 2))
    here, following = word[place], word[place + 1]
    other = data.draw(st.sampled_from(LETTERS))
    tail = data.draw(
        st.sampled_from([following + here, following, here + here + following, other + following])
    )
    typed = word[:place] + tail + word[place + 2 :]
    assert word in vocabulary(word, *WORDS).nearest(typed)

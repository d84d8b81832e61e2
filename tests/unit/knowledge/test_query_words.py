from __future__ import annotations

import pytest

from roost.knowledge.query_words import WORDS_AT_MOST, identifier_words, query_words


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("How do I reset my password?", ("reset", "password")),
        ("who are you", ("who", "are", "you")),
        ("What is max_tokens?", ("max_tokens", "max", "tokens")),
        ("see docs/setup.md", ("see", "docs/setup.md", "docs", "setup", "md")),
        ("reset RESET Reset", ("reset",)),
        ('"quotes" OR (NOT) NEAR* col:x', ("quotes", "near", "col:x", "col", "x")),
        ("?!", ()),
        ("", ()),
    ],
)
def test_the_telling_words_are_searched_for(question: str, words: tuple[str, ...]) -> None:
    assert query_words(question) == words


def test_a_pasted_log_is_bounded() -> None:
    assert len(query_words(" ".join(f"line{n}" for n in range(5_000)))) == WORDS_AT_MOST


def test_camel_case_names_are_found_by_their_parts() -> None:
    assert identifier_words(["call getUpdates of HTTPServer, plain words"]) == "get Updates HTTP Server"

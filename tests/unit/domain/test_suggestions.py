from __future__ import annotations

import pytest

from roost.domain.suggestions import question_about


@pytest.mark.parametrize(
    ("heading", "question"),
    [
        ("Add the bot to Roost", "How do I add the bot to Roost?"),
        ("How to rotate keys", "How do I rotate keys?"),
        ("What survives a restart?", "What survives a restart?"),
        ("Keyboard shortcuts", "What do the docs say about “Keyboard shortcuts”?"),
        ("**Bold** [link](javascript:alert(1))", None),
        ("Rate limits <img src=x>", None),
        ("Limits:", "What do the docs say about “Limits”?"),
        ("See also", None),
        ("Next steps", None),
        ("Basic usage", None),
        ("Overview", None),
        ("1.2.3", None),
        ("", None),
        ("GET /api/bots/{id}", None),
        ("A heading that goes on and on until nobody wants to read it as a question any more", None),
    ],
)
def test_a_heading_makes_a_question_or_none(heading: str, question: str | None) -> None:
    assert question_about(heading) == question


def test_a_heading_that_several_pages_have_is_asked_with_its_page() -> None:
    assert question_about("Limits", "Sources") == "What do the docs say about “Limits” in “Sources”?"
    assert question_about("Add a bot", "Bots") == "What do the docs say about “Add a bot” in “Bots”?"
    assert question_about("Limits", "Limits") is None
    assert question_about("Overview", "Sources") is None

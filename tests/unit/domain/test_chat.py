"""Rules for what a person may send, and how conversations are named and written out."""

import json
from datetime import UTC, datetime

import pytest

from roost.clock import uuid7
from roost.domain.answers import Citation
from roost.domain.chat import (
    TEXT_LIMIT,
    Message,
    MessageStatus,
    Thread,
    check_id,
    check_text,
    title_of,
)
from roost.domain.chat_export import as_json, as_markdown
from roost.errors import InvalidInput

NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
UUID7 = uuid7(1_700_000_000_000, bytes(range(10)))


@pytest.mark.parametrize(
    ("question", "title"),
    [
        ("How?", "How?"),
        ("  two\n\nlines ", "two lines"),
        ("x" * 50, "x" * 50),
        ("x" * 51, "x" * 50 + "…"),
        (
            "How do I start the machine that stands in the hall?",
            "How do I start the machine that stands in the…",
        ),
        (
            "How do I start the machine that stands in a hall now",
            "How do I start the machine that stands in a hall…",
        ),
        ("\n", "New conversation"),
    ],
)
def test_a_title_is_the_questions_beginning_cut_at_a_word(question: str, title: str) -> None:
    assert title_of(question) == title


@pytest.mark.parametrize("text", ["", " \n", "a\0", "\udcff", "x" * (TEXT_LIMIT + 1)])
def test_text_that_cannot_be_kept_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_text(text, field="text")
    assert refused.value.field == "text"


def test_the_longest_text_is_kept_as_it_is() -> None:
    assert check_text("x" * TEXT_LIMIT, field="text") == "x" * TEXT_LIMIT


@pytest.mark.parametrize(
    "value", ["", "../../x", "1" * 5000, "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "é" * 36]
)
def test_an_id_is_a_uuid_of_version_7(value: str) -> None:
    with pytest.raises(InvalidInput):
        check_id(value, field="id")
    assert check_id(UUID7.upper(), field="id") == UUID7


def test_an_export_holds_every_message_with_its_sources() -> None:
    thread = Thread("t", "anna", None, "web", "About <b>", NOON, NOON)
    citation = Citation(1, "Start", "https://docs.example/start#press", "Press.")

    def message(
        n: int, role: str, text: str, citations: tuple[Citation, ...], status: MessageStatus
    ) -> Message:
        return Message(f"m{n}", "t", n, role, text, citations, (), None, status, None, False, None, NOON)

    messages = [
        message(1, "user", "How?", (), MessageStatus.DONE),
        message(2, "assistant", "Press [1].", (citation,), MessageStatus.DONE),
        message(3, "assistant", "", (), MessageStatus.PENDING),
    ]
    assert as_markdown(thread, messages) == (
        "# About <b>\n\n## You, 2026-05-01T12:00:00.000Z\n\nHow?\n\n"
        "## Roost, 2026-05-01T12:00:00.000Z\n\nPress [1].\n\n"
        "[1] Start: <https://docs.example/start#press>\n\n## Roost, 2026-05-01T12:00:00.000Z\n\n(pending)\n"
    )
    document = json.loads(as_json(thread, messages))
    assert [each["text"] for each in document["messages"]] == ["How?", "Press [1].", ""]
    assert document["messages"][1]["citations"][0]["url"] == "https://docs.example/start#press"

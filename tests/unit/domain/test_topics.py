from __future__ import annotations

import pytest

from roost.domain.topics import TOPIC_LIMIT, is_small_talk, topic_of


@pytest.mark.parametrize(
    "question",
    [
        "How do I add a bot?",
        "how to add bots",
        "Adding a bot",
        "  HOW can I add a bot ?!  ",
        "What's the way to add a bot?",
        "/ask how do i add a bot",
        "@aviary_bot How do I add a bot?",
        "<@12345> how do I add a bot",
        "Ｈow do I add a bot",  # noqa: RUF001 - a full-width letter
    ],
)
def test_the_same_question_in_other_words_is_one_topic(question: str) -> None:
    assert topic_of(question) == "add bot"


def test_what_turns_a_question_round_makes_another_topic() -> None:
    assert topic_of("Can I start without a token?") != topic_of("Can I start with a token?")
    assert topic_of("Why does it not start?") != topic_of("Why does it start?")
    assert topic_of("add a bot to a server") != topic_of("add a server to a bot")


def test_words_that_only_ask_are_a_topic_where_there_are_no_others() -> None:
    assert topic_of("Who are you?") == "who are you"
    assert topic_of("Wie füge ich einen Bot hinzu?") == "wie füge ich einen bot hinzu"
    assert topic_of("🤷") == ""
    assert len(topic_of("perch " * 5000)) <= TOPIC_LIMIT


@pytest.mark.parametrize(
    "text",
    [
        "hi",
        "Hello!",
        "hey there 👋",
        "Good morning",
        "thank you very much",
        "ok",
        "Hola",
        "…",
        "/start",
        "Hi bot, how are you?",
    ],
)
def test_greetings_are_no_questions(text: str) -> None:
    assert is_small_talk(text)


@pytest.mark.parametrize(
    "text",
    [
        "Hi, how do I add a bot?",
        "How good is it?",
        "Is there a test mode?",
        "help",
        "morning feeding times",
        "How are you updated?",
    ],
)
def test_questions_with_a_greeting_are_questions(text: str) -> None:
    assert not is_small_talk(text)

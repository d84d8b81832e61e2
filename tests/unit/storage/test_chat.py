"""Conversations in SQL: chats of platforms, context, search, and what a deletion takes with it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import text

from roost.clock import uuid7
from roost.domain.answers import Answer, Citation, Turn
from roost.domain.chat import MessageStatus, Thread
from roost.errors import NotFound
from roost.storage import chat
from roost.storage.database import Database

NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
CITED = Citation(1, "Guide", "https://docs.example/guide#start", "Press start.")
ANSWER = Answer("Press start. [1]", (CITED,), (), refused=False, model=None, notice=None, tokens_used=0)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "conversations.db", "conversations")
    database.open()
    yield database
    database.close()


def new_id(number: int) -> str:
    return uuid7(number, number.to_bytes(10, "big"))


def exchange(number: int, at: datetime, *, chat_key: str = "42", question: str = "How?") -> chat.Exchange:
    return chat.Exchange(
        bot_id="bot-1",
        platform="telegram",
        chat_key=chat_key,
        thread_id=new_id(number * 3),
        question_id=new_id(number * 3 + 1),
        answer_id=new_id(number * 3 + 2),
        question=question,
        answer=ANSWER,
        asked_at=at,
        answered_at=at + timedelta(seconds=1),
    )


def thread_of(database: Database, owner_id: str, number: int, title: str, at: datetime = NOON) -> str:
    thread = Thread(new_id(number), owner_id, None, "web", title, at, at)
    database.write(lambda db: chat.create_thread(db, thread))
    return thread.id


def test_a_chat_keeps_one_thread_and_its_messages_in_order(database: Database) -> None:
    database.write(lambda db: chat.record_exchange(db, exchange(1, NOON, question="First?")))
    database.write(
        lambda db: chat.record_exchange(db, exchange(2, NOON + timedelta(minutes=1), question="Second?"))
    )
    with database.read() as db:
        assert db.execute(text("SELECT count(*), min(title) FROM threads")).one() == (1, "First?")
        stored = chat.list_messages(db, new_id(3), limit=10)
    assert [(m.role, m.text, m.status) for m in stored] == [
        ("user", "First?", MessageStatus.DONE),
        ("assistant", "Press start. [1]", MessageStatus.DONE),
        ("user", "Second?", MessageStatus.DONE),
        ("assistant", "Press start. [1]", MessageStatus.DONE),
    ]
    assert stored[1].citations == (CITED,)


def test_context_ends_at_clear_at_thirty_idle_minutes_and_at_ten_messages(database: Database) -> None:
    def context(now: datetime, chat_key: str = "42") -> tuple[Turn, ...]:
        with database.read() as db:
            return chat.chat_context(db, "bot-1", chat_key, now)

    for number in range(7):
        at = NOON + timedelta(minutes=number)
        database.write(
            partial(chat.record_exchange, exchange=exchange(number + 1, at, question=f"Q{number}"))
        )
    latest = NOON + timedelta(minutes=6, seconds=1)
    assert [turn.text for turn in context(latest) if turn.role == "user"] == ["Q2", "Q3", "Q4", "Q5", "Q6"]
    assert context(latest + timedelta(minutes=30))
    assert context(latest + timedelta(minutes=30, seconds=1)) == ()
    assert context(latest, "43") == ()
    database.write(lambda db: chat.clear_context(db, "bot-1", "42", latest))
    assert context(latest + timedelta(seconds=5)) == ()
    database.write(
        lambda db: chat.record_exchange(db, exchange(9, latest + timedelta(seconds=5), question="Anew?"))
    )
    assert [turn.text for turn in context(latest + timedelta(seconds=9))] == ["Anew?", "Press start. [1]"]


def test_context_stops_at_an_idle_gap_in_the_middle(database: Database) -> None:
    database.write(lambda db: chat.record_exchange(db, exchange(1, NOON, question="Old?")))
    database.write(
        lambda db: chat.record_exchange(db, exchange(2, NOON + timedelta(minutes=40), question="New?"))
    )
    with database.read() as db:
        turns = chat.chat_context(db, "bot-1", "42", NOON + timedelta(minutes=41))
    assert [turn.text for turn in turns] == ["New?", "Press start. [1]"]


def test_stats_are_of_one_bot_and_chat(database: Database) -> None:
    database.write(lambda db: chat.record_exchange(db, exchange(1, NOON)))
    database.write(lambda db: chat.record_exchange(db, exchange(2, NOON, chat_key="43")))
    with database.read() as db:
        stats = chat.chat_stats(db, "bot-1", "42")
        assert (stats.questions, stats.refused, stats.first_at) == (1, 0, NOON)
        assert chat.chat_stats(db, "bot-2", "42").questions == 0


@pytest.mark.parametrize(
    ("query", "found"),
    [("strasse", True), ("ÜBER", True), ("100%", True), ("1_0", False), ("10%0", False), ("'; DROP", False)],
)
def test_search_is_literal_and_knows_letters_of_every_script(
    database: Database, query: str, found: bool
) -> None:
    thread_id = thread_of(database, "anna", 1, "Straße")
    database.write(lambda db: chat.add_user_message(db, new_id(2), thread_id, "über 100% sicher", NOON))
    with database.read() as db:
        assert bool(chat.list_threads(db, "anna", query=query, before=None, limit=5)) is found
        assert chat.list_threads(db, "otto", query=query, before=None, limit=5) == []


def test_a_deleted_thread_leaves_no_message_behind(database: Database) -> None:
    thread_id = thread_of(database, "anna", 1, "Gone soon")
    database.write(lambda db: chat.add_user_message(db, new_id(2), thread_id, "secret", NOON))
    database.write(lambda db: chat.set_feedback(db, new_id(2), "up", None, NOON))
    database.write(lambda db: chat.delete_thread(db, thread_id))
    with database.read() as db:
        for table in ("threads", "messages", "feedback"):
            assert db.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() == 0  # noqa: S608 - fixed names


def test_somebody_elses_thread_and_message_are_not_found(database: Database) -> None:
    thread_id = thread_of(database, "anna", 1, "Mine")
    database.write(lambda db: chat.add_user_message(db, new_id(2), thread_id, "hello", NOON))
    with database.read() as db:
        assert chat.own_thread(db, "anna", thread_id).title == "Mine"
        assert chat.own_message(db, "anna", new_id(2)).text == "hello"
        with pytest.raises(NotFound):
            chat.own_thread(db, "otto", thread_id)
        with pytest.raises(NotFound):
            chat.own_message(db, "otto", new_id(2))

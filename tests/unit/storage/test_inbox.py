from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from roost.storage import inbox
from roost.storage.database import Database
from roost.storage.inbox import Update

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
FIRST, SECOND = Update(10, "5", "{}"), Update(11, "6", "{}")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / "conversations.db", "conversations")
    opened.open()
    yield opened
    opened.close()


def receive(database: Database, *updates: Update, bot_id: str = "b", at: datetime = NOW) -> list[int]:
    return database.write(lambda db: inbox.insert_updates(db, bot_id, updates, at))


def test_an_update_is_stored_once_for_each_bot(database: Database) -> None:
    assert receive(database, FIRST, SECOND) == [10, 11]
    assert receive(database, SECOND, FIRST) == []
    assert receive(database, FIRST, bot_id="other") == [10]


def test_what_is_not_done_is_taken_up_in_order_and_the_attempts_are_counted(database: Database) -> None:
    receive(database, SECOND, FIRST, Update(12, "7", "{}"))
    database.write(lambda db: inbox.finish(db, "b", 12, NOW, reason=None, dropped=False))
    database.write(lambda db: inbox.store_replies(db, "b", 11, ["one"], None))
    first = database.write(lambda db: inbox.take_up_unfinished(db, "b"))
    second = database.write(lambda db: inbox.take_up_unfinished(db, "b"))
    assert [(entry.update.update_id, entry.answered) for entry in first] == [(10, False), (11, True)]
    assert [entry.attempts for entry in first] == [0, 0]
    assert [entry.attempts for entry in second] == [1, 0]


def test_a_reply_goes_from_stored_over_opened_to_sent(database: Database) -> None:
    receive(database, FIRST)
    database.write(lambda db: inbox.store_replies(db, "b", 10, ["one", "two"], NOW))
    assert _standing(database) == [("one", True, False), ("two", False, False)]
    database.write(lambda db: inbox.open_reply(db, "b", 10, 0, None))
    assert _standing(database)[0] == ("one", False, False)
    database.write(lambda db: inbox.open_reply(db, "b", 10, 0, NOW))
    database.write(lambda db: inbox.mark_sent(db, "b", 10, 0, NOW, last=False))
    assert _standing(database) == [("one", True, True), ("two", False, False)]
    assert len(database.write(lambda db: inbox.take_up_unfinished(db, "b"))) == 1
    database.write(lambda db: inbox.mark_sent(db, "b", 10, 1, NOW, last=True))
    assert database.write(lambda db: inbox.take_up_unfinished(db, "b")) == []


def test_the_message_of_a_growing_answer_is_remembered_and_can_be_taken_back(database: Database) -> None:
    receive(database, FIRST)
    database.write(lambda db: inbox.open_stream(db, "b", 10, NOW))
    assert _stream(database) == (True, None)
    database.write(lambda db: inbox.set_stream_message(db, "b", 10, 77))
    assert _stream(database) == (True, 77)
    database.write(lambda db: inbox.set_stream_message(db, "b", 10, None))
    assert _stream(database) == (False, None)


def test_messages_are_counted_by_bot_without_what_was_dropped(database: Database) -> None:
    receive(database, FIRST, SECOND)
    receive(database, Update(9, "5", "{}"), at=NOW - timedelta(days=1))
    database.write(lambda db: inbox.finish(db, "b", 11, NOW, reason="a group", dropped=True))
    with database.read() as db:
        assert inbox.count_received_since(db, ["b", "c"], NOW - timedelta(hours=12)) == {"b": 1, "c": 0}


def test_what_was_finished_long_ago_is_forgotten_with_its_replies(database: Database) -> None:
    receive(database, FIRST, SECOND)
    database.write(lambda db: inbox.store_replies(db, "b", 10, ["one"], None))
    database.write(lambda db: inbox.mark_sent(db, "b", 10, 0, NOW, last=True))
    assert database.write(lambda db: inbox.forget_finished_before(db, NOW)) == 0
    assert database.write(lambda db: inbox.forget_finished_before(db, NOW + timedelta(seconds=1))) == 1
    assert _standing(database) == []
    assert len(database.write(lambda db: inbox.take_up_unfinished(db, "b"))) == 1


def _standing(database: Database) -> list[tuple[str, bool, bool]]:
    with database.read() as db:
        return [(reply.payload, reply.opened, reply.sent) for reply in inbox.list_replies(db, "b", 10)]


def _stream(database: Database) -> tuple[bool, int | None]:
    (entry,) = database.write(lambda db: inbox.take_up_unfinished(db, "b"))
    return entry.stream_opened, entry.stream_message_id

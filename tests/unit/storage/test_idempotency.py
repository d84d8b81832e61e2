"""A write sent again gives the first answer."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from roost.errors import InvalidInput
from roost.storage.database import Database
from roost.storage.idempotency import Once, Replayed, StoredReply, write_once

NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    database = Database(tmp_path / "conversations.db", "conversations")
    database.open()
    return database


def once(key: str = "k1", person: str = "p1", body: str = "b1", at: datetime = NOW) -> Once:
    return Once(
        person, "POST", "/api/things", key, body, at, lambda result: StoredReply(201, f'{{"id": "{result}"}}')
    )


def add(db: Connection) -> str:
    number = db.execute(text("SELECT count(*) FROM daily_use")).scalar_one()
    db.execute(
        text("INSERT INTO daily_use (day, kind, subject, amount) VALUES ('now', 'tokens', :id, 1)"),
        {"id": f"row-{number}"},
    )
    return f"row-{number}"


def rows(database: Database) -> int:
    with database.read() as db:
        return int(db.execute(text("SELECT count(*) FROM daily_use")).scalar_one())


def test_the_same_request_again_replays_the_first_reply(database: Database) -> None:
    assert write_once(database, once(), add) == "row-0"
    with pytest.raises(Replayed) as again:
        write_once(database, once(), add)
    assert again.value.reply == StoredReply(201, '{"id": "row-0"}')
    assert rows(database) == 1


def test_the_key_with_another_body_is_refused(database: Database) -> None:
    write_once(database, once(), add)
    with pytest.raises(InvalidInput) as refusal:
        write_once(database, once(body="b2"), add)
    assert refusal.value.code == "idempotency_mismatch"
    assert rows(database) == 1


def test_keys_are_each_persons_own(database: Database) -> None:
    write_once(database, once(), add)
    assert write_once(database, once(person="p2"), add) == "row-1"


def test_a_failed_write_stores_no_reply(database: Database) -> None:
    def fail(db: Connection) -> str:
        add(db)
        raise InvalidInput("no")

    with pytest.raises(InvalidInput):
        write_once(database, once(), fail)
    assert write_once(database, once(), add) == "row-0"


def test_a_key_is_kept_for_seven_days(database: Database) -> None:
    write_once(database, once(), add)
    with pytest.raises(Replayed):
        write_once(database, once(at=NOW + timedelta(days=6, hours=23)), add)
    assert write_once(database, once(at=NOW + timedelta(days=7, seconds=1)), add) == "row-1"


def test_without_a_key_every_write_counts(database: Database) -> None:
    write_once(database, None, add)
    write_once(database, None, add)
    assert rows(database) == 2

"""Exchanging the key under which secrets are stored, in real files."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from roost.errors import DecryptionRefused, SettingsError
from roost.storage.database import Database
from roost.storage.inspection import count_sealed
from roost.storage.sealed import SEALED, Resealed, count_unreadable, reseal
from roost.storage.secrets import (
    Cipher,
    begin_key_exchange,
    finish_key_exchange,
    load_or_create_secret_key,
    load_previous_secret_key,
)
from roost.storage.statements import text

OLD, NEW, LOST = "o" * 40, "n" * 40, "l" * 40


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / "bot_configs.db", "bot_configs")
    opened.open()
    yield opened
    opened.close()


def add_bot(database: Database, bot_id: str, cipher: Cipher, api_key: str | None = None) -> None:
    sealed = api_key and cipher.seal(api_key, f"bot_configs/{bot_id}/api_key")

    def write(db: object) -> None:
        db.execute(  # type: ignore[attr-defined]
            text(
                "INSERT OR IGNORE INTO users (id, kind, subject, name, role, created_at)"
                " VALUES ('me', 'local', 'owner', 'Me', 'owner', '2030-01-01T00:00:00.000Z')"
            )
        )
        db.execute(  # type: ignore[attr-defined]
            text(
                "INSERT INTO bot_configs (bot_id, owner_id, platform, platform_bot_id, name, handle, token,"
                " token_last4, status_since, api_key, created_at, updated_at) VALUES (:id, 'me', 'telegram',"
                " :id, 'B', 'b', :token, 'last', 'now', :api_key, 'now', 'now')"
            ),
            {
                "id": bot_id,
                "token": cipher.seal(f"token of {bot_id}", f"bot_configs/{bot_id}/token"),
                "api_key": sealed,
            },
        )

    database.write(write)


def opened(database: Database, cipher: Cipher, bot_id: str, column: str = "token") -> str:
    with database.read() as db:
        sealed = db.execute(
            text(f"SELECT {column} FROM bot_configs WHERE bot_id = :id"),  # noqa: S608 - fixed columns
            {"id": bot_id},
        ).scalar_one()
    return cipher.open(sealed, f"bot_configs/{bot_id}/{column}")


def test_everything_is_sealed_under_the_new_key_and_opens_without_the_old(database: Database) -> None:
    old = Cipher(OLD)
    for number in range(5):
        add_bot(database, f"b{number}", old, api_key="sk-1" if number == 3 else None)
    done = database.write(lambda db: reseal(db, "bot_configs", Cipher(NEW, OLD)))
    assert done == Resealed(6, 0)
    alone = Cipher(NEW)
    assert [opened(database, alone, f"b{number}") for number in range(5)] == [
        f"token of b{n}" for n in range(5)
    ]
    assert opened(database, alone, "b3", "api_key") == "sk-1"
    with pytest.raises(DecryptionRefused):
        opened(database, old, "b0")


def test_doing_it_again_seals_nothing_twice(database: Database) -> None:
    add_bot(database, "b0", Cipher(OLD))
    both = Cipher(NEW, OLD)
    assert database.write(lambda db: reseal(db, "bot_configs", both)) == Resealed(1, 0)
    assert database.write(lambda db: reseal(db, "bot_configs", both)) == Resealed(0, 0)


def test_what_no_key_opens_is_counted_and_left_as_it_is(database: Database) -> None:
    add_bot(database, "b0", Cipher(OLD))
    add_bot(database, "b1", Cipher(LOST))
    assert database.write(lambda db: reseal(db, "bot_configs", Cipher(NEW, OLD))) == Resealed(1, 1)
    assert opened(database, Cipher(LOST), "b1") == "token of b1"


def test_a_reply_that_holds_a_secret_is_sealed_anew_and_others_are_left(database: Database) -> None:
    old = Cipher(OLD)
    place = "idempotency/me//api/keys/k1"

    def write(db: object) -> None:
        for key, body in (("k1", old.seal('{"key":"roost_x"}', place)), ("k2", '{"plain":1}'), ("k3", "")):
            db.execute(  # type: ignore[attr-defined]
                text(
                    "INSERT INTO idempotency (person_id, method, path, key, body_sha256, status, body,"
                    " created_at) VALUES ('me', 'POST', '/api/keys', :key, 'x', 201, :body, 'now')"
                ),
                {"key": key, "body": body},
            )

    database.write(write)
    assert database.write(lambda db: reseal(db, "bot_configs", Cipher(NEW, OLD))) == Resealed(1, 0)
    with database.read() as db:
        bodies = {row.key: row.body for row in db.execute(text("SELECT key, body FROM idempotency"))}
    assert Cipher(NEW).open(bodies["k1"], place) == '{"key":"roost_x"}'
    assert (bodies["k2"], bodies["k3"]) == ('{"plain":1}', "")


def test_every_column_that_is_named_exists(tmp_path: Path) -> None:
    for name, columns in SEALED.items():
        made = Database(tmp_path / f"all-{name}.db", name)
        made.open()
        with made.read() as db:
            assert count_unreadable(db, name, Cipher(NEW)) == Resealed(0, 0)
        made.close()
        assert columns


def test_the_cipher_goes_on_opening_what_was_sealed_before_an_exchange() -> None:
    cipher = Cipher(OLD)
    before = cipher.seal("a", "here")
    cipher.exchange(NEW)
    assert cipher.open(before, "here") == "a"
    assert not cipher.is_current(before)
    after = cipher.seal("b", "here")
    assert cipher.is_current(after)
    assert Cipher(NEW).open(after, "here") == "b"


@pytest.mark.parametrize("text_", ["", "no base64 !", '{"json": 1}', "AAAA"])
def test_what_is_no_ciphertext_is_not_current(text_: str) -> None:
    assert not Cipher(OLD).is_current(text_)


def test_the_two_key_files_open_everything_at_every_moment(tmp_path: Path) -> None:
    old = load_or_create_secret_key(tmp_path)
    fresh, resumed = begin_key_exchange(tmp_path)
    assert not resumed
    assert fresh != old
    assert load_or_create_secret_key(tmp_path) == fresh
    assert load_previous_secret_key(tmp_path) == old
    assert begin_key_exchange(tmp_path) == (fresh, True)
    finish_key_exchange(tmp_path)
    assert load_previous_secret_key(tmp_path) is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["secret.key"]


def test_an_exchange_that_was_cut_off_before_the_new_key_begins_anew(tmp_path: Path) -> None:
    old = load_or_create_secret_key(tmp_path)
    (tmp_path / "secret.key.previous").write_text(old)
    fresh, resumed = begin_key_exchange(tmp_path)
    assert not resumed
    assert (load_previous_secret_key(tmp_path), load_or_create_secret_key(tmp_path)) == (old, fresh)


def test_a_damaged_previous_key_is_refused_rather_than_forgotten(tmp_path: Path) -> None:
    load_or_create_secret_key(tmp_path)
    (tmp_path / "secret.key.previous").write_text("short")
    with pytest.raises(SettingsError, match="secret.key.previous is damaged"):
        begin_key_exchange(tmp_path)


def test_a_look_from_outside_counts_what_opens_and_changes_nothing(
    database: Database, tmp_path: Path
) -> None:
    add_bot(database, "b0", Cipher(OLD))
    add_bot(database, "b1", Cipher(LOST))
    assert count_sealed(tmp_path, OLD, None) == Resealed(1, 1)
    assert count_sealed(tmp_path, NEW, OLD) == Resealed(1, 1)
    with sqlite3.connect(f"file:{tmp_path}/bot_configs.db?mode=ro", uri=True) as db:
        assert db.execute("SELECT count(*) FROM bot_configs").fetchone() == (2,)
    db.close()

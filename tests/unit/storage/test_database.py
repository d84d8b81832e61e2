"""The one door for writes, on real files."""

import asyncio
import sqlite3
import threading
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from roost.errors import DatabaseUnreadable, SchemaTooNew, Unavailable
from roost.storage.copies import copy_database
from roost.storage.database import Database
from roost.storage.migrations import inspect_file, migrations


@pytest.fixture
def database(tmp_path: Path) -> Database:
    database = Database(tmp_path / "conversations.db", "conversations")
    database.open()
    return database


def insert(db: Connection, id_: str) -> None:
    db.execute(text("CREATE TABLE IF NOT EXISTS entries (id TEXT PRIMARY KEY)"))
    db.execute(text("INSERT INTO entries (id) VALUES (:id)"), {"id": id_})


def ids(database: Database) -> set[str]:
    with database.read() as db:
        if not db.execute(text("SELECT 1 FROM sqlite_master WHERE name = 'entries'")).scalar():
            return set()
        return set(db.execute(text("SELECT id FROM entries")).scalars())


def test_a_write_returns_its_result_and_is_seen_by_readers(database: Database) -> None:
    def count_after(db: Connection) -> int:
        insert(db, "a")
        return int(db.execute(text("SELECT count(*) FROM entries")).scalar_one())

    assert database.write(count_after) == 1
    assert ids(database) == {"a"}
    database.close()


def test_a_failing_write_undoes_itself_and_nothing_else(database: Database) -> None:
    started, release = threading.Event(), threading.Event()

    def slow(db: Connection) -> None:
        insert(db, "slow")
        started.set()
        release.wait(5)

    def failing(db: Connection) -> None:
        insert(db, "lost")
        insert(db, "slow")

    outcomes: list[BaseException | None] = []

    def attempt(id_: str) -> None:
        try:
            database.write(failing if id_ == "failing" else lambda db: insert(db, id_))
            outcomes.append(None)
        except IntegrityError as error:
            outcomes.append(error)

    first = threading.Thread(target=database.write, args=(slow,))
    first.start()
    started.wait(5)
    others = [threading.Thread(target=attempt, args=(id_,)) for id_ in ("a", "failing", "b")]
    for thread in others:
        thread.start()
    release.set()
    for thread in (first, *others):
        thread.join(5)
    assert ids(database) == {"slow", "a", "b"}
    assert [type(outcome) for outcome in outcomes].count(IntegrityError) == 1
    database.close()


def test_acknowledged_writes_of_many_threads_are_all_there_after_reopening(tmp_path: Path) -> None:
    path = tmp_path / "conversations.db"
    database = Database(path, "conversations")
    database.open()
    acknowledged: list[str] = []

    def write_many(worker: int) -> None:
        for number in range(50):
            id_ = f"{worker}-{number}"
            database.write(partial(insert, id_=id_))
            acknowledged.append(id_)

    threads = [threading.Thread(target=write_many, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    database.close()
    assert not path.with_name("conversations.db-wal").exists()
    again = Database(path, "conversations")
    again.open()
    assert len(acknowledged) == 400
    assert ids(again) == set(acknowledged)
    again.close()


async def store_and_be_cancelled(database: Database) -> None:
    for id_ in ("a", "b", "c"):
        asyncio.wrap_future(database.submit(partial(insert, id_=id_))).cancel()
    assert await asyncio.wrap_future(database.submit(lambda db: "stored")) == "stored"


def test_what_was_submitted_is_stored_whoever_stops_waiting_for_it(database: Database) -> None:
    asyncio.run(store_and_be_cancelled(database))
    assert ids(database) == {"a", "b", "c"}
    database.close()


def test_a_submitted_write_fails_as_a_write_does_and_is_refused_when_closed(database: Database) -> None:
    database.write(lambda db: insert(db, "a"))
    outcome = database.submit(lambda db: insert(db, "a"))
    with pytest.raises(IntegrityError):
        outcome.result(20)
    database.close()
    with pytest.raises(Unavailable):
        database.submit(lambda db: insert(db, "late"))


def test_readers_cannot_write(database: Database) -> None:
    database.write(lambda db: insert(db, "kept"))
    with pytest.raises(Unavailable, match="read-only"), database.read() as db:
        db.execute(text("DELETE FROM entries"))
    database.close()


def test_a_closed_database_refuses_writes_and_closing_twice_is_harmless(database: Database) -> None:
    database.close()
    database.close()
    with pytest.raises(Unavailable) as refusal:
        database.write(lambda db: insert(db, "late"))
    assert refusal.value.retryable
    assert refusal.value.retry_after_s == 2


def test_a_write_inside_a_write_is_refused_instead_of_waiting_for_ever(database: Database) -> None:
    with pytest.raises(RuntimeError, match="writer's own thread"):
        database.write(lambda db: database.write(lambda inner: None))
    database.close()


def test_a_full_disk_is_told_and_what_was_saved_stays(database: Database) -> None:
    database.write(lambda db: insert(db, "kept"))

    def shrink(db: Connection) -> None:
        pages = db.exec_driver_sql("PRAGMA page_count").scalar_one()
        db.exec_driver_sql(f"PRAGMA max_page_count={pages}")

    def insert_many(db: Connection) -> None:
        for number in range(100):
            insert(db, f"{number:0>2000}")

    database.write(shrink)
    with pytest.raises(Unavailable) as refusal:
        database.write(insert_many)
    assert refusal.value.code == "disk_full"
    assert ids(database) == {"kept"}
    database.close()


def test_errors_do_not_carry_the_values_that_were_written(database: Database) -> None:
    database.write(lambda db: insert(db, "secret-value"))
    with pytest.raises(IntegrityError) as refusal:
        database.write(lambda db: insert(db, "secret-value"))
    assert "secret-value" not in str(refusal.value)
    database.close()


def test_a_file_that_is_not_sqlite_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "conversations.db"
    path.write_bytes(b"this is a text file, much longer than a header" * 100)
    with pytest.raises(DatabaseUnreadable, match="conversations.db"):
        inspect_file(str(path), "conversations")
    with pytest.raises(DatabaseUnreadable, match="conversations.db"):
        Database(path, "conversations").open()
    assert path.read_bytes().startswith(b"this is a text file")


@pytest.mark.parametrize("name", ["bot_configs", "conversations", "knowledge"])
def test_a_newer_schema_is_refused_and_left_as_it_was(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"{name}.db"
    newer = len(migrations(name)) + 1
    with sqlite3.connect(path) as driver:
        driver.execute("CREATE TABLE future (x)")
        driver.execute(f"PRAGMA user_version={newer}")
    with pytest.raises(SchemaTooNew, match="newer Roost"):
        inspect_file(str(path), name)
    with pytest.raises(SchemaTooNew):
        Database(path, name).open()
    with sqlite3.connect(path) as driver:
        assert driver.execute("SELECT name FROM sqlite_master").fetchall() == [("future",)]


@pytest.mark.parametrize("name", ["bot_configs", "conversations", "knowledge"])
def test_a_database_of_each_older_schema_reaches_the_newest(tmp_path: Path, name: str) -> None:
    newest = tmp_path / "newest.db"
    database = Database(newest, name)
    database.open()
    database.close()
    for number in range(len(migrations(name))):
        path = tmp_path / f"from-{number}.db"
        with sqlite3.connect(path) as driver:
            for migration in migrations(name)[:number]:
                driver.executescript(migration.sql)
            driver.execute(f"PRAGMA user_version={number}")
        older = Database(path, name)
        older.open()
        older.close()
        assert schema(path) == schema(newest)


def schema(path: Path) -> list[tuple[str, str]]:
    with sqlite3.connect(path) as driver:
        return driver.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()


def test_writes_go_into_the_file_that_was_opened_wherever_its_folder_is_moved(tmp_path: Path) -> None:
    folder, away = tmp_path / "data", tmp_path / "away"
    database = Database(folder / "conversations.db", "conversations")
    database.open()
    folder.rename(away)
    database.write(lambda db: insert(db, "a"))
    with pytest.raises(Unavailable, match="cannot be opened"):
        ids(database)
    away.rename(folder)
    database.write(lambda db: insert(db, "b"))
    assert ids(database) == {"a", "b"}
    database.close()


def test_the_log_outlives_readers_and_copies_until_the_database_closes(database: Database) -> None:
    log = database.path.with_name("conversations.db-wal")
    before = log.stat().st_ino
    with database.read() as db:
        db.execute(text("SELECT 1 FROM sqlite_master"))
    copy_database(database.path, database.path.with_name("copy.db"))
    assert log.stat().st_ino == before
    assert log.stat().st_size > 0
    database.close()
    assert not log.exists()


def test_a_guard_refuses_writes_before_the_commit_and_stores_nothing(tmp_path: Path) -> None:
    database = Database(tmp_path / "conversations.db", "conversations")
    asked: list[int] = []

    def admit() -> None:
        asked.append(1)
        if len(asked) == 2:
            raise Unavailable("not now", code="standby")

    database.guard(admit, lambda: True)
    database.open()
    with pytest.raises(Unavailable, match="not now"):
        database.write(lambda db: insert(db, "refused"))
    assert ids(database) == set()
    database.write(lambda db: insert(db, "kept"))
    assert ids(database) == {"kept"}
    database.close()


def test_a_write_that_may_not_be_acknowledged_any_more_after_its_commit_is_not(tmp_path: Path) -> None:
    database = Database(tmp_path / "conversations.db", "conversations")
    asked: list[int] = []

    def admit() -> None:
        asked.append(1)
        if len(asked) == 3:
            raise Unavailable("no longer", code="standby")

    database.guard(admit, lambda: True)
    database.open()
    with pytest.raises(Unavailable, match="no longer"):
        database.write(lambda db: insert(db, "stored"))
    assert ids(database) == {"stored"}
    database.close()


def test_what_is_committed_after_a_large_write_was_undone_survives_a_kill(tmp_path: Path) -> None:
    database = Database(tmp_path / "conversations.db", "conversations")
    database.open()
    database.write(lambda db: db.exec_driver_sql("CREATE TABLE large (v BLOB, k TEXT)"))
    database.write(lambda db: db.exec_driver_sql("CREATE INDEX large_k ON large (k)"))
    with sqlite3.connect(database.path) as driver:
        # What follows begins the log, as after any checkpoint.
        driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    started, release = threading.Event(), threading.Event()

    def first(db: Connection) -> None:
        started.set()
        release.wait(20)

    def undone(db: Connection) -> None:
        for _ in range(3000):
            db.exec_driver_sql("INSERT INTO large VALUES (randomblob(3000), hex(randomblob(300)))")
        raise ZeroDivisionError

    batch = [database.submit(run) for run in (first, undone, partial(insert, id_="kept"))]
    started.wait(20)
    release.set()
    batch[2].result(20)
    database.write(lambda db: insert(db, "later"))
    killed = tmp_path / "killed"
    killed.mkdir()
    for suffix in ("", "-wal"):
        name = f"conversations.db{suffix}"
        (killed / name).write_bytes((tmp_path / name).read_bytes())
    after = Database(killed / "conversations.db", "conversations")
    after.open()
    assert ids(after) == {"kept", "later"}
    after.close()
    database.close()


def test_a_checkpoint_waits_until_it_is_allowed(tmp_path: Path) -> None:
    database = Database(tmp_path / "conversations.db", "conversations")
    allowed = threading.Event()
    database.guard(lambda: None, allowed.is_set)
    database.open()

    def insert_many(db: Connection, name: str) -> None:
        for number in range(200):
            insert(db, f"{name}-{number:0>30000}")

    log = database.path.with_name("conversations.db-wal")
    database.write(lambda db: insert_many(db, "a"))
    database.write(lambda db: insert_many(db, "b"))
    assert log.stat().st_size > 10_000_000
    allowed.set()
    database.write(lambda db: insert(db, "c"))
    database.write(lambda db: insert(db, "d"))
    assert log.stat().st_size <= 1024 * 1024
    database.close()


def test_an_errand_runs_between_transactions_on_the_writers_thread(database: Database) -> None:
    seen: list[tuple[str, int]] = []

    def look() -> int:
        with database.opened_state() as state:
            state.copy_to(database.path.with_name("copy.db"), lambda: None)
        with sqlite3.connect(database.path.with_name("copy.db")) as copy:
            count = int(copy.execute("SELECT count(*) FROM entries").fetchone()[0])
        seen.append((threading.current_thread().name, count))
        return count

    threads = [
        threading.Thread(target=lambda each=each: database.write(partial(insert, id_=f"{each}")))
        for each in range(20)
    ]
    for thread in threads:
        thread.start()
    database.exclusively(look)
    for thread in threads:
        thread.join(20)
    assert database.exclusively(look) == 20
    assert [name for name, _ in seen] == ["writer-conversations"] * 2
    with pytest.raises(ZeroDivisionError):
        database.exclusively(lambda: 1 // 0)
    database.close()
    with pytest.raises(Unavailable):
        database.exclusively(look)


def test_a_frozen_database_stores_what_was_queued_refuses_the_rest_and_thaws(database: Database) -> None:
    started, release = threading.Event(), threading.Event()

    def slow(db: Connection) -> None:
        insert(db, "queued")
        started.set()
        release.wait(20)

    writing = threading.Thread(target=database.write, args=(slow,))
    writing.start()
    started.wait(20)
    freezing = threading.Thread(target=database.freeze, args=("Handing over.", "handover"))
    freezing.start()
    release.set()
    freezing.join(20)
    assert ids(database) == {"queued"}
    with pytest.raises(Unavailable, match="Handing over") as refusal:
        database.write(lambda db: insert(db, "late"))
    assert (refusal.value.code, refusal.value.retry_after_s) == ("handover", 2)
    writing.join(20)
    database.thaw()
    database.write(lambda db: insert(db, "again"))
    assert ids(database) == {"queued", "again"}
    database.close()


def test_a_file_opened_for_reading_is_read_left_alone_and_opened_later(database: Database) -> None:
    database.write(lambda db: insert(db, "kept"))
    database.close()
    before = database.path.read_bytes()
    database.open_for_reading()
    assert ids(database) == {"kept"}
    with pytest.raises(Unavailable):
        database.write(lambda db: insert(db, "refused"))
    database.close()
    assert database.path.read_bytes() == before
    database.open()
    database.write(lambda db: insert(db, "later"))
    assert ids(database) == {"kept", "later"}
    database.close()


def test_a_file_of_an_older_or_newer_roost_is_not_opened_for_reading(tmp_path: Path) -> None:
    for version, error in ((1, Unavailable), (999, SchemaTooNew)):
        database = Database(tmp_path / f"{version}.db", "conversations")
        with sqlite3.connect(database.path) as driver:
            driver.execute(f"PRAGMA user_version={version}")
        with pytest.raises(error):
            database.open_for_reading()
        database.close()
    with pytest.raises(DatabaseUnreadable):
        Database(tmp_path / "absent.db", "conversations").open_for_reading()
    assert not (tmp_path / "absent.db").exists()


def test_a_file_that_another_program_holds_is_told_and_taken_up_again(database: Database) -> None:
    database.write(lambda db: db.exec_driver_sql("PRAGMA busy_timeout=50"))
    other = sqlite3.connect(database.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable) as refusal:
        database.write(lambda db: insert(db, "refused"))
    assert refusal.value.code == "database_locked"
    other.execute("ROLLBACK")
    other.close()
    database.write(lambda db: insert(db, "kept"))
    assert ids(database) == {"kept"}
    database.close()


def test_the_log_shrinks_once_its_rows_are_in_the_file(database: Database) -> None:
    def insert_many(db: Connection, name: str) -> None:
        for number in range(200):
            insert(db, f"{name}-{number:0>30000}")

    log = database.path.with_name("conversations.db-wal")
    database.write(lambda db: insert_many(db, "a"))
    assert log.stat().st_size > 4 * 1024 * 1024
    database.write(lambda db: insert(db, "b"))
    database.write(lambda db: insert(db, "c"))
    assert log.stat().st_size <= 1024 * 1024
    database.close()


def test_a_file_of_another_program_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    fresh, numbered = tmp_path / "fresh.db", tmp_path / "numbered.db"
    for path, version in ((fresh, 0), (numbered, 1)):
        with sqlite3.connect(path) as driver:
            driver.execute("CREATE TABLE bot_configs (x)")
            driver.execute(f"PRAGMA user_version={version}")
        before = path.read_bytes()
        with pytest.raises(DatabaseUnreadable, match="not written by Roost"):
            inspect_file(str(path), "bot_configs")
        assert path.read_bytes() == before


def test_damage_beyond_the_header_is_found_before_anything_starts(database: Database) -> None:
    for number in range(300):
        database.write(partial(insert, id_=f"{number:0>2000}"))
    database.close()
    inspect_file(str(database.path), "conversations")
    with database.path.open("r+b") as file:
        file.seek(database.path.stat().st_size // 2)
        file.write(b"\xa5" * 65_536)
    with pytest.raises(DatabaseUnreadable, match="damaged|cannot be read"):
        inspect_file(str(database.path), "conversations")


@pytest.mark.parametrize("name", ["a?b", "a#b", "a%41b", "a b", "ä", "file:x"])
def test_a_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    database = Database(folder / "conversations.db", "conversations")
    database.open()
    database.close()
    inspect_file(str(database.path), "conversations")
    assert [path.name for path in tmp_path.iterdir()] == [name]

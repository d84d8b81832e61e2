"""Numbered schema changes, one folder of SQL a database. A released file is never edited; a newer schema is
refused.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, cast

from roost.errors import DatabaseUnreadable, SchemaTooNew

if TYPE_CHECKING:
    # The server looks at the files before it forks; SQLAlchemy's half second of imports is the worker's.
    from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class Migration:
    number: int
    name: str
    sql: str


def migrations(database: str) -> tuple[Migration, ...]:
    """All schema changes of `database` ("bot_configs", "conversations", "knowledge"), in order, numbered
    from 1 without gaps.
    """
    folder = resources.files("roost.storage").joinpath("sql", database)
    files = sorted(
        (file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name
    )
    found = tuple(Migration(int(file.name[:4]), file.name, file.read_text("utf-8")) for file in files)
    if [migration.number for migration in found] != list(range(1, len(found) + 1)):
        raise ValueError(f"the migrations of {database} are not numbered 1 to {len(found)}")
    return found


def migrate(db: Connection, database: str) -> None:
    """Applies what is missing, each change in a transaction with its number. Raises SchemaTooNew."""
    known = migrations(database)
    driver = cast(sqlite3.Connection, db.connection.driver_connection)
    current = int(driver.execute("PRAGMA user_version").fetchone()[0])
    refuse_newer(database, current, len(known))
    for migration in known[current:]:
        driver.execute("BEGIN IMMEDIATE")
        try:
            for statement in _statements(migration.sql):
                driver.execute(statement)
            driver.execute(f"PRAGMA user_version={migration.number}")
        except BaseException:
            driver.execute("ROLLBACK")
            raise
        driver.execute("COMMIT")


def refuse_newer(database: str, current: int, newest: int) -> None:
    """Raises SchemaTooNew when the file was written by a newer Roost than this one."""
    if current > newest:
        raise SchemaTooNew(
            f"{database}.db was written by a newer Roost (schema {current}; this one knows {newest}). "
            "Run that version, or restore an older copy of the file."
        )


def inspect_file(path: str, database: str) -> None:
    """Looks at a database file without changing it, before anything is started.

    Raises SchemaTooNew, or DatabaseUnreadable for a file that is damaged or not SQLite.
    """
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=2) as driver:
            current = int(driver.execute("PRAGMA user_version").fetchone()[0])
            driver.execute("SELECT count(*) FROM sqlite_master").fetchone()
        driver.close()
    except sqlite3.DatabaseError as error:
        raise DatabaseUnreadable(
            f"{path} cannot be read as a SQLite file ({error}). "
            "Put a good copy in its place, or move it away to start anew."
        ) from error
    refuse_newer(database, current, len(migrations(database)))


def _statements(sql: str) -> Iterator[str]:
    """Splits a script at the semicolons that end statements; a trigger's body stays whole."""
    statement = ""
    for line in sql.splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        raise ValueError(f"unfinished statement: {statement.strip()[:80]}")

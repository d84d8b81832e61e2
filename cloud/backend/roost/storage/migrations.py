"""Numbered schema changes, one folder of SQL a database. A released file is never edited; a newer schema is
refused.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, cast

from roost.errors import DatabaseUnreadable, SchemaTooNew, Unavailable

if TYPE_CHECKING:
    # The server looks at the files before it forks; SQLAlchemy's half second of imports is the worker's.
    from sqlalchemy import Connection


# Every page is looked at before the start up to this size, which takes about a second.
CHECKED_UP_TO_BYTES = 256 * 1024 * 1024
_FIRST_TABLE = re.compile(r"CREATE (?:VIRTUAL )?TABLE (\w+)")


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
        except BaseException:  # cleaned up and raised on - whatever it was
            driver.execute("ROLLBACK")
            raise
        driver.execute("COMMIT")


def require_newest(db: Connection, database: str) -> None:
    """Raises SchemaTooNew, or Unavailable for a file that has yet to be migrated."""
    newest = len(migrations(database))
    driver = cast(sqlite3.Connection, db.connection.driver_connection)
    current = int(driver.execute("PRAGMA user_version").fetchone()[0])
    refuse_newer(database, current, newest)
    if current < newest:
        raise Unavailable(
            f"{database}.db was written by an older Roost (schema {current}; this one needs {newest}). "
            "It is brought up to date once this Roost may write.",
            code="schema_too_old",
            retry_after_s=5,
        )


def refuse_newer(database: str, current: int, newest: int) -> None:
    """Raises SchemaTooNew when the file was written by a newer Roost than this one."""
    if current > newest:
        raise SchemaTooNew(
            f"{database}.db was written by a newer Roost (schema {current}; this one knows {newest}). "
            "Run that version, or restore an older copy of the file."
        )


def inspect_file(path: str, database: str) -> None:
    """Looks at a database file without changing it, before anything is started.

    Raises SchemaTooNew, or DatabaseUnreadable for a file that is damaged, not SQLite, or not Roost's.
    """
    known = migrations(database)
    try:
        # As a URI, with every odd character of the path quoted: one that is not would name another file.
        with closing(sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=ro", uri=True, timeout=2)) as db:
            current = int(db.execute("PRAGMA user_version").fetchone()[0])
            tables = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            small = Path(path).stat().st_size <= CHECKED_UP_TO_BYTES
            found = db.execute("PRAGMA quick_check(1)").fetchone()[0] if small else "ok"
    except (sqlite3.DatabaseError, OSError) as error:
        raise DatabaseUnreadable(
            f"{path} cannot be read as a SQLite file ({error}). "
            "Put a good copy in its place, or move it away to start anew."
        ) from error
    if found != "ok":
        raise DatabaseUnreadable(
            f"{path} is damaged. Put a good copy in its place, or move it away to start anew."
        )
    refuse_newer(database, current, len(known))
    first = _FIRST_TABLE.search(known[0].sql)
    if (current == 0 and tables) or (current > 0 and first is not None and first[1] not in tables):
        raise DatabaseUnreadable(
            f"{path} was not written by Roost. Move it away, or give Roost a folder of its own."
        )


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

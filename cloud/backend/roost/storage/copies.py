"""Whole copies of database files: making them while the file is in use, and looking at one before it is."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

from roost.errors import DatabaseUnreadable, Unavailable
from roost.storage.migrations import migrations, refuse_newer

HEADER = b"SQLite format 3\x00"


def copy_database(path: Path, target: Path) -> int:
    """A consistent copy of a file, also while it is being written; returns its schema number.

    Equal content gives equal bytes, whatever journal or checkpoint the file is at. Opens the file through
    SQLite alone: a plain descriptor, once closed, would drop the locks of all our connections to it. Raises
    Unavailable when the disk is full, DatabaseUnreadable for a damaged file.
    """
    target.unlink(missing_ok=True)
    try:
        with (
            closing(_connect(path)) as source,
            closing(sqlite3.connect(target, isolation_level=None)) as copy,
        ):
            copy.execute("PRAGMA synchronous=OFF")
            source.backup(copy)
            # So that a person's sqlite3 opens it without making files beside it.
            copy.execute("PRAGMA journal_mode=DELETE").fetchall()
            return int(copy.execute("PRAGMA user_version").fetchone()[0])
    except sqlite3.Error as error:
        target.unlink(missing_ok=True)
        raise _translate(error, path) from error


def has_content(path: Path) -> bool:
    """False for no file and for an empty one, which SQLite takes for a new database."""
    try:
        return path.stat().st_size > 0
    except FileNotFoundError:
        return False


def settle(path: Path) -> None:
    """Moves the log of a file that nobody has open into the file, so that it stands alone.

    Raises Unavailable while another program reads or writes it after all, or the disk is full;
    DatabaseUnreadable for a damaged file.
    """
    try:
        with closing(_connect(path)) as db:
            busy, _, _ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.Error as error:
        raise _translate(error, path) from error
    if busy:
        raise _held(path)


def check_copy(path: Path, database: str, origin: str) -> None:
    """Whether a file nobody has open is a whole database of Roost's that this version can use.

    Raises DatabaseUnreadable or SchemaTooNew, naming `origin`.
    """
    with path.open("rb") as file:
        if file.read(len(HEADER)) != HEADER:
            raise DatabaseUnreadable(
                f"{origin} is not a SQLite file. Put a copy of Roost's own in its place."
            )
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as db:
            found = [str(row[0]) for row in db.execute("PRAGMA quick_check(1)")]
            schema = int(db.execute("PRAGMA user_version").fetchone()[0])
            tables = {str(row[0]) for row in db.execute("SELECT name FROM sqlite_master WHERE type='table'")}
    except sqlite3.DatabaseError as error:
        raise DatabaseUnreadable(f"{origin} is damaged ({error}). Put a good copy in its place.") from error
    if found != ["ok"]:
        raise DatabaseUnreadable(f"{origin} is damaged ({found[0]}). Put a good copy in its place.")
    refuse_newer(database, schema, len(migrations(database)))
    if schema == 0 or not _tables(database, schema) <= tables:
        raise DatabaseUnreadable(
            f"{origin} is a SQLite file, but not Roost's. Put a copy of Roost's own in its place."
        )


def sha256_of(path: Path) -> str:
    """Of a file that nobody has open in SQLite."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _tables(database: str, schema: int) -> set[str]:
    """The tables that this schema has."""
    with closing(sqlite3.connect(":memory:")) as db:
        for migration in migrations(database)[:schema]:
            db.executescript(migration.sql)
        return {str(row[0]) for row in db.execute("SELECT name FROM sqlite_master WHERE type='table'")}


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(f"file:{path}?mode=rw", uri=True, timeout=10, isolation_level=None)
    # The writer alone checkpoints.
    db.execute("PRAGMA wal_autocheckpoint=0")
    return db


def _translate(error: sqlite3.Error, path: Path) -> Exception:
    words = str(error)
    if "disk is full" in words or "disk I/O error" in words:
        return Unavailable(
            f"{path.name} cannot be copied: the disk is full or failing. Free some space.",
            code="disk_full",
            retry_after_s=10,
        )
    if "database is locked" in words:
        return _held(path)
    return DatabaseUnreadable(f"{path.name} cannot be read ({error}). Put a good copy in its place.")


def _held(path: Path) -> Unavailable:
    return Unavailable(
        f"Another program holds {path.name}. Close what has it open; Roost then goes on by itself.",
        code="database_locked",
        retry_after_s=10,
    )

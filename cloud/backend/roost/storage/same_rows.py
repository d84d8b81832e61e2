"""Whether two database files say the same, wherever in them it lies: VACUUM moves pages, changes no row."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

AT_MOST_BYTES = 256 * 1024 * 1024
"""Some seconds for each file."""


def same_rows(one: Path, other: Path, at_most_bytes: int = AT_MOST_BYTES) -> bool:
    """Of settled files that nobody has open; they are only read. Equal are schemas, and the rows of every
    table in their order. False also for what is larger, or cannot be read.
    """
    if max(one.stat().st_size, other.stat().st_size) > at_most_bytes:
        return False
    try:
        return _digest(one) == _digest(other)
    except sqlite3.Error:
        return False


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as db:
        schema = db.execute(
            "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name"
        ).fetchall()
        digest.update(repr((db.execute("PRAGMA user_version").fetchone(), schema)).encode())
        for kind, name, _, sql in schema:
            # A virtual table's content is in tables of its own.
            if kind == "table" and not str(sql).upper().startswith("CREATE VIRTUAL"):
                _add_rows(db, str(name).replace('"', '""'), digest)
    return digest.hexdigest()


def _add_rows(db: sqlite3.Connection, table: str, digest: hashlib._Hash) -> None:
    columns = db.execute(f'SELECT * FROM "{table}" LIMIT 0').description  # noqa: S608 - quoted
    try:
        rows = db.execute(f'SELECT * FROM "{table}" ORDER BY rowid')  # noqa: S608 - quoted
    except sqlite3.OperationalError:
        # It has none, and its rows are in the order of its key.
        by = ", ".join(str(number + 1) for number in range(len(columns)))
        rows = db.execute(f'SELECT * FROM "{table}" ORDER BY {by}')  # noqa: S608 - quoted
    for row in rows:
        digest.update(repr(row).encode())
    digest.update(table.encode())

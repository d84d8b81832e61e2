"""What one transaction of the load does, twice: in SQL, and to a plain model of what the rows then are.

All of it follows from the operation's kind and seed, so that a ledger of names is enough to tell what a
restored database must hold.
"""

from __future__ import annotations

import hashlib
import random
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

ROWS = 1500
TABLES = 3
KINDS = {
    "small": 40,
    "large": 6,
    "huge": 1,
    "update": 12,
    "delete": 8,
    "savepoint": 8,
    "table": 4,
    "undone": 6,
}

Row = tuple[Any, ...]


class Undone(Exception):
    """Raised inside a transaction, so that it is rolled back."""


@dataclass(frozen=True, slots=True)
class Operation:
    """`name` is unique over all processes and lives."""

    name: str
    kind: str
    seed: int

    def run(self, db: Connection) -> None:
        """Raises Undone at its end when it is of that kind."""
        db.exec_driver_sql("INSERT INTO soak_ops (name) VALUES (?)", (self.name,))
        chance = random.Random(self.seed)
        match self.kind:
            case "update":
                share, part = _share(chance)
                value = chance.randbytes(chance.randrange(1, 2000))
                sql = "UPDATE soak_rows SET k = ?, v = ? WHERE id % ? = ?"
                db.exec_driver_sql(sql, (f"u{self.seed}", value, share, part))
            case "delete":
                db.exec_driver_sql("DELETE FROM soak_rows WHERE id % ? = ?", _share(chance))
            case "table":
                _toggle(db, f"soak_x{chance.randrange(TABLES)}", *_share(chance))
            case "savepoint":
                _insert(db, _rows(chance, 5, 300))
                db.exec_driver_sql("SAVEPOINT inner")
                _insert(db, _rows(chance, 60, 9000))
                db.exec_driver_sql("ROLLBACK TO inner")
                db.exec_driver_sql("RELEASE inner")
                _insert(db, _rows(chance, 5, 300))
            case kind:
                _insert(db, _rows(chance, *_AMOUNTS[kind]))
        if self.kind == "undone":
            raise Undone


_AMOUNTS = {"small": (5, 300), "large": (150, 9000), "huge": (270, 80_000), "undone": (200, 9000)}
"""Rows at most, and bytes of each at most."""


def create(db: Connection) -> None:
    db.exec_driver_sql(
        "CREATE TABLE IF NOT EXISTS soak_ops (n INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE)"
    )
    db.exec_driver_sql("CREATE TABLE IF NOT EXISTS soak_rows (id INTEGER PRIMARY KEY, k TEXT, v BLOB)")
    db.exec_driver_sql("CREATE INDEX IF NOT EXISTS soak_rows_k ON soak_rows (k)")


def names_in(path: Path) -> list[str]:
    """The operations a database holds, in their order. The file may be in use by another process."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=20)) as db:
        try:
            return [str(row[0]) for row in db.execute("SELECT name FROM soak_ops ORDER BY n")]
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return []
            raise


def tables_in(path: Path) -> dict[str, dict[int, Row]]:
    """Every row of the load's tables, of a file nobody writes."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as db:
        names = [
            str(row[0])
            for row in db.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'soak\\_%' ESCAPE '\\'"
            )
            if row[0] != "soak_ops"
        ]
        found = {name: _rows_of(db, name) for name in names}
    found.setdefault("soak_rows", {})
    return found


def _rows_of(db: sqlite3.Connection, table: str) -> dict[int, Row]:
    rows = db.execute(f"SELECT * FROM {table}")  # noqa: S608 - a name of ours
    return {int(row[0]): (row[1], _digest(row[2]), *row[3:]) for row in rows}


def threads_in(path: Path) -> set[str]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as db:
        return {str(row[0]) for row in db.execute("SELECT id FROM threads")}


def integrity_of(path: Path) -> str:
    with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as db:
        return str(db.execute("PRAGMA integrity_check").fetchone()[0])


@dataclass(slots=True)
class Model:
    """The rows after some operations, in order. `follow` moves it to another history, back and forth."""

    tables: dict[str, dict[int, Row]] = field(default_factory=lambda: {"soak_rows": {}})
    _history: list[str] = field(default_factory=list)
    _undo: list[list[tuple[str, int | None, Any]]] = field(default_factory=list)

    def follow(self, operations: Sequence[Operation]) -> None:
        common = 0
        for name, operation in zip(self._history, operations, strict=False):
            if name != operation.name:
                break
            common += 1
        while len(self._history) > common:
            self._take_back()
        for operation in operations[common:]:
            self._apply(operation)

    def _take_back(self) -> None:
        self._history.pop()
        for table, number, before in reversed(self._undo.pop()):
            if number is None:
                self._restore_table(table, before)
            elif before is None:
                self.tables[table].pop(number, None)
            else:
                self.tables[table][number] = before

    def _restore_table(self, table: str, before: dict[int, Row] | None) -> None:
        if before is None:
            del self.tables[table]
        else:
            self.tables[table] = before

    def _apply(self, operation: Operation) -> None:
        self._history.append(operation.name)
        self._undo.append([])
        chance = random.Random(operation.seed)
        rows = self.tables["soak_rows"]
        match operation.kind:
            case "update":
                share, part = _share(chance)
                value = _digest(chance.randbytes(chance.randrange(1, 2000)))
                for number in [number for number in rows if number % share == part]:
                    self._set(number, (f"u{operation.seed}", value))
            case "delete":
                share, part = _share(chance)
                for number in [number for number in rows if number % share == part]:
                    self._set(number, None)
            case "table":
                table = f"soak_x{chance.randrange(TABLES)}"
                share, part = _share(chance)
                self._undo[-1].append((table, None, self.tables.get(table)))
                if self.tables.pop(table, None) is None:
                    self.tables[table] = {
                        number: (*row, "w") for number, row in rows.items() if number % share == part
                    }
            case "savepoint":
                self._insert(_rows(chance, 5, 300))
                _rows(chance, 60, 9000)
                self._insert(_rows(chance, 5, 300))
            case "undone":
                raise ValueError(f"{operation.name} was rolled back, and yet it is there")
            case kind:
                self._insert(_rows(chance, *_AMOUNTS[kind]))

    def _insert(self, rows: list[tuple[int, str, bytes]]) -> None:
        for number, key, value in rows:
            self._set(number, (key, _digest(value)))

    def _set(self, number: int, row: Row | None) -> None:
        rows = self.tables["soak_rows"]
        self._undo[-1].append(("soak_rows", number, rows.get(number)))
        if row is None:
            rows.pop(number, None)
        else:
            rows[number] = row


def _share(chance: random.Random) -> tuple[int, int]:
    share = chance.randrange(3, 12)
    return share, chance.randrange(share)


def _rows(chance: random.Random, count: int, size: int) -> list[tuple[int, str, bytes]]:
    return [
        (chance.randrange(ROWS), f"k{chance.randrange(1000)}", chance.randbytes(chance.randrange(1, size)))
        for _ in range(chance.randrange(1, count + 1))
    ]


def _insert(db: Connection, rows: list[tuple[int, str, bytes]]) -> None:
    db.exec_driver_sql("INSERT OR REPLACE INTO soak_rows VALUES (?, ?, ?)", rows)


def _toggle(db: Connection, table: str, share: int, part: int) -> None:
    if db.exec_driver_sql("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).scalar():
        db.exec_driver_sql(f"DROP TABLE {table}")
        return
    db.exec_driver_sql(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, k TEXT, v BLOB)")
    db.exec_driver_sql(f"INSERT INTO {table} SELECT * FROM soak_rows WHERE id % ? = ?", (share, part))  # noqa: S608
    db.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN w TEXT DEFAULT 'w'")
    db.exec_driver_sql(f"CREATE INDEX {table}_k ON {table} (k, w)")


def _digest(value: bytes) -> bytes:
    return hashlib.blake2b(value, digest_size=8).digest()

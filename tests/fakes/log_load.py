"""Seeded, hostile use of a database: what SQLite does to its pages and its log when it is really worked."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing

from sqlalchemy import Connection

from tests.fakes.log_house import NAMES, LogHouse


class Undone(Exception):
    """Raised inside a transaction, so that it is rolled back."""


class LogLoad:
    """`step` does one thing, chosen by the seed, to a running house."""

    def __init__(self, house: LogHouse, seed: int) -> None:
        self._house = house
        self._random = random.Random(seed)
        self._readers: list[sqlite3.Connection] = []
        self.done: dict[str, int] = {}

    def begin(self) -> None:
        """Tables to work on; in one of the files the freed pages can go back to the disk."""
        for name in NAMES:
            with closing(sqlite3.connect(self._house.path(name))) as db:
                db.execute("PRAGMA wal_autocheckpoint=0")
                db.execute("PRAGMA journal_mode=DELETE")
                if name == "conversations":
                    db.execute("PRAGMA auto_vacuum=2")
                    db.execute("VACUUM")
                db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, k TEXT, v BLOB)")
                db.execute("CREATE INDEX t_k ON t (k)")
                db.commit()

    def step(self) -> str:
        does: list[tuple[int, Callable[[str], None]]] = [
            (30, self._small),
            (10, self._large),
            (10, self._delete),
            (6, self._undone),
            (6, self._undone_large),
            (8, self._savepoints),
            (3, self._shrink),
            (2, self._vacuum),
            (4, self._schema),
            (4, self._reader),
            (3, self._outside),
            (3, self._grow_and_free),
        ]
        act = self._random.choices([each for _, each in does], [weight for weight, _ in does])[0]
        act(self._random.choice(NAMES))
        self.done[act.__name__] = self.done.get(act.__name__, 0) + 1
        return act.__name__

    def close(self) -> None:
        for reader in self._readers:
            reader.close()
        self._readers = []

    def _insert(self, db: Connection, count: int, size: int) -> None:
        rows = [
            (f"k{self._random.randrange(1000)}", self._random.randbytes(self._random.randrange(1, size)))
            for _ in range(count)
        ]
        db.exec_driver_sql("INSERT INTO t (k, v) VALUES (?, ?)", rows)

    def _small(self, name: str) -> None:
        self._house.run(lambda db: self._insert(db, self._random.randrange(1, 6), 300), name)

    def _large(self, name: str) -> None:
        self._house.run(lambda db: self._insert(db, self._random.randrange(20, 200), 9000), name)

    def _delete(self, name: str) -> None:
        share = self._random.randrange(1, 9)
        self._house.run(lambda db: db.exec_driver_sql("DELETE FROM t WHERE id % 10 < ?", (share,)), name)

    def _undone(self, name: str) -> None:
        self._rolled_back(name, 5, 300)

    def _undone_large(self, name: str) -> None:
        """Outgrows SQLite's cache, so that frames reach the log before the transaction is undone."""
        self._rolled_back(name, 400, 9000)

    def _rolled_back(self, name: str, count: int, size: int) -> None:
        def run(db: Connection) -> None:
            self._insert(db, count, size)
            raise Undone

        try:
            self._house.run(run, name)
        except Undone:
            return

    def _savepoints(self, name: str) -> None:
        def run(db: Connection) -> None:
            for depth in range(self._random.randrange(1, 5)):
                db.exec_driver_sql(f"SAVEPOINT s{depth}")
                self._insert(db, self._random.randrange(1, 120), 9000)
                if self._random.random() < 0.5:
                    db.exec_driver_sql("UPDATE t SET v = randomblob(2000) WHERE id % 7 = 1")
                if self._random.random() < 0.3:
                    db.exec_driver_sql("DELETE FROM t WHERE id % 3 = 1")
                if self._random.random() < 0.5:
                    db.exec_driver_sql(f"ROLLBACK TO s{depth}")
                db.exec_driver_sql(f"RELEASE s{depth}")

        self._house.run(run, name)

    def _shrink(self, name: str) -> None:
        pages = self._random.randrange(1, 500)

        def run(db: Connection) -> None:
            db.exec_driver_sql("DELETE FROM t WHERE id % 2 = 0")
            for _ in range(pages):
                # The driver takes a single step, which frees one page.
                db.exec_driver_sql("PRAGMA incremental_vacuum(1)")
            if self._random.random() < 0.5:
                # Grows again within the same transaction.
                self._insert(db, 50, 9000)

        self._house.run(run, name)

    def _grow_and_free(self, name: str) -> None:
        """Pages that are new and free again when the transaction ends."""

        def run(db: Connection) -> None:
            db.exec_driver_sql("CREATE TABLE brief (v BLOB)")
            db.exec_driver_sql(
                "INSERT INTO brief VALUES (?)", [(self._random.randbytes(6000),) for _ in range(60)]
            )
            db.exec_driver_sql("DROP TABLE brief")
            self._insert(db, 2, 300)

        self._house.run(run, name)

    def _vacuum(self, name: str) -> None:
        database = self._house.databases[name]

        def run() -> None:
            with closing(sqlite3.connect(database.path, isolation_level=None)) as db:
                db.execute("PRAGMA wal_autocheckpoint=0")
                db.execute("VACUUM")

        try:
            database.exclusively(run)
        except sqlite3.OperationalError:
            # Somebody reads.
            return

    def _schema(self, name: str) -> None:
        number = self._random.randrange(4)

        def run(db: Connection) -> None:
            if db.exec_driver_sql("SELECT 1 FROM sqlite_master WHERE name = ?", (f"x{number}",)).scalar():
                db.exec_driver_sql(f"DROP TABLE x{number}")
            else:
                db.exec_driver_sql(f"CREATE TABLE x{number} AS SELECT * FROM t LIMIT 200")  # noqa: S608
                db.exec_driver_sql(f"ALTER TABLE x{number} ADD COLUMN w TEXT DEFAULT 'w'")
                db.exec_driver_sql(f"CREATE INDEX x{number}_k ON x{number} (k, w)")

        self._house.run(run, name)

    def _reader(self, name: str) -> None:
        """Holds the log for a while: no checkpoint can begin it anew."""
        if len(self._readers) > 1:
            self._readers.pop(0).close()
        else:
            db = sqlite3.connect(f"file:{self._house.path(name)}?mode=ro", uri=True, isolation_level=None)
            db.execute("BEGIN")
            db.execute("SELECT count(*) FROM t").fetchone()
            self._readers.append(db)

    def _outside(self, name: str) -> None:
        """Another program writes, without a checkpoint."""
        with closing(sqlite3.connect(self._house.path(name), timeout=20)) as db:
            db.execute("PRAGMA wal_autocheckpoint=0")
            db.execute("INSERT INTO t (k, v) VALUES ('outside', randomblob(3000))")
            db.commit()

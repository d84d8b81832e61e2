"""A process whose SQLite leaves out the page at 1 MiB, not the one at 1 GiB, as a database is shipped and
restored across it: `python -m tests.fakes.pending_byte FOLDER`.

SQLite never reads nor writes the page at its lock bytes (https://www.sqlite.org/fileformat2.html#the_lock_byte_page).
`SQLITE_TESTCTRL_PENDING_BYTE` moves them, for the whole process, before the first connection. It prints what
it found as JSON, or `cannot move it`.
"""

from __future__ import annotations

import ctypes
import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection

from roost.clock import SystemClock
from roost.replication.directory_store import DirectoryStore
from roost.storage.copies import copy_database
from tests.fakes.log_house import LogHouse, contents, wait_until

TESTCTRL_PENDING_BYTE = 11
HOLE_AT = 0x100000
CANNOT = "cannot move it"
NAME = "conversations"


def move_the_hole() -> bool:
    """In the very library that this process's sqlite3 uses; False where that one does not show itself."""
    mapped = {
        line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if "sqlite3" in line
    }
    for path in sorted(mapped):
        control = getattr(ctypes.CDLL(path), "sqlite3_test_control", None)
        if control is not None:
            control(ctypes.c_int(TESTCTRL_PENDING_BYTE), ctypes.c_uint(HOLE_AT))
            return bool(control(ctypes.c_int(TESTCTRL_PENDING_BYTE), ctypes.c_uint(0)) == HOLE_AT)
    return False


class Crossing:
    """A house whose larger database grows over the hole, and shrinks back."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / "bucket").mkdir()
        self.house = LogHouse(folder / "data", DirectoryStore(folder / "bucket", SystemClock()), 0.02)
        self.found: dict[str, int] = {"restores": 0, "holes": 0}

    def begin(self) -> None:
        self.house.create()
        with closing(sqlite3.connect(self.house.path(NAME))) as db:
            db.execute("PRAGMA auto_vacuum=2")
            db.execute("VACUUM")
            db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v BLOB)")
            db.commit()
        self.house.begin()

    def insert(self, count: int, *, at_once: bool) -> None:
        def run(db: Connection) -> None:
            for _ in range(count if at_once else 1):
                db.exec_driver_sql("INSERT INTO t (v) VALUES (randomblob(5000))")

        for _ in range(1 if at_once else count):
            self.house.run(run)

    def shrink(self, rows: int, *, and_grow: int = 0) -> None:
        """Keeps the first rows; the pages of the others go back to the disk, in one transaction."""

        def run(db: Connection) -> None:
            db.exec_driver_sql("DELETE FROM t WHERE id > ?", (rows,))
            while db.exec_driver_sql("PRAGMA freelist_count").scalar():
                db.exec_driver_sql("PRAGMA incremental_vacuum(1)")
            for _ in range(and_grow):
                db.exec_driver_sql("INSERT INTO t (v) VALUES (randomblob(5000))")

        self.house.run(run)

    def vacuum(self) -> None:
        def run() -> None:
            with closing(sqlite3.connect(self.house.path(NAME), isolation_level=None)) as db:
                db.execute("PRAGMA wal_autocheckpoint=0")
                db.execute("VACUUM")

        self.house.databases[NAME].exclusively(run)

    def snapshot(self) -> None:
        before = self.house.running.standing().snapshots
        self.house.running.snapshot_now()
        wait_until(lambda: self.house.running.standing().snapshots > before, "a snapshot is taken")

    def restore(self) -> None:
        """Restored out of the log it is row for row what is here, whole, and has the hole."""
        self.found["restores"] += 1
        path = self.house.require_equal(self._folder / f"restored{self.found['restores']}").files[NAME]
        self.found["holes"] += self._hole(path)

    def plain_copy(self) -> None:
        target = self._folder / "copy.db"
        copy_database(self.house.path(NAME), target)
        assert contents(target) == contents(self.house.path(NAME))
        self.found["holes"] += self._hole(target)

    def _hole(self, path: Path) -> int:
        """1 where the file goes on behind a page that SQLite left out."""
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            size = int(db.execute("PRAGMA page_size").fetchone()[0])
            pages = int(db.execute("PRAGMA page_count").fetchone()[0])
        if pages * size <= HOLE_AT:
            return 0
        content = path.read_bytes()
        empty = [at for at in range(0, len(content), size) if not any(content[at : at + size])]
        assert empty == [HOLE_AT], empty
        return 1


def main(folder: str) -> None:
    if not move_the_hole():
        print(CANNOT)  # noqa: T201 - read by the test
        return
    crossing = Crossing(Path(folder))
    house = crossing.house
    crossing.begin()
    crossing.insert(150, at_once=False)
    crossing.restore()
    crossing.insert(100, at_once=False)
    crossing.restore()
    crossing.snapshot()
    crossing.insert(5, at_once=False)
    crossing.restore()
    crossing.shrink(100)
    crossing.restore()
    crossing.insert(400, at_once=True)
    crossing.restore()
    crossing.shrink(90, and_grow=300)
    crossing.restore()
    house.run(lambda db: db.exec_driver_sql("DELETE FROM t WHERE id % 5 = 1"))
    crossing.vacuum()
    crossing.restore()
    crossing.snapshot()
    house.run(lambda db: db.exec_driver_sql("UPDATE t SET v = randomblob(4000) WHERE id % 3 = 1"))
    crossing.restore()
    crossing.plain_copy()
    rebases = house.running.standing().rebases_total
    house.end()
    # Whoever comes next hashes the file as it lies on the disk, and starts from it.
    house.begin()
    crossing.insert(20, at_once=True)
    crossing.restore()
    rebases += house.running.standing().rebases_total
    house.end()
    print(json.dumps({**crossing.found, "rebases": rebases}))  # noqa: T201 - read by the test


if __name__ == "__main__":
    main(*sys.argv[1:])

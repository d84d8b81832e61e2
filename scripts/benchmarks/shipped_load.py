"""A process that writes at a pace until it is killed: `python -m scripts.benchmarks.shipped_load KIND FOLDER
URL`.

"shipped" replicates by itself, "plain" leaves that to somebody else, as Litestream's manual wants it. Prints
the number and the moment of each transaction, with the CPU seconds that shipping has taken so far.
"""

from __future__ import annotations

import random
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from roost.replication.gcs import GcsStore
from tests.fakes.log_house import LogHouse

RATE = 100
NAME = "conversations"
INSERT = "INSERT INTO load VALUES (?, ?, ?)"
UPDATE = "UPDATE load SET v = ? WHERE id = ?"


def main(kind: str, folder: str, url: str) -> None:
    path = Path(folder) / f"{NAME}.db"
    write = _shipped(path, url) if kind == "shipped" else _plain(path)
    number, began_s = last_number(path), time.monotonic()
    first = number
    while True:
        number += 1
        time.sleep(max(0.0, began_s + (number - first) / RATE - time.monotonic()))
        write(number)
        print(number, time.monotonic(), shippers_cpu_s(), flush=True)


def fill(path: Path, size_mb: int) -> None:
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE load (id INTEGER PRIMARY KEY, k TEXT, v BLOB)")
    db.execute("CREATE INDEX load_k ON load (k)")
    rows = range(1, size_mb * 1000)
    db.executemany(INSERT, ((number, _id(number), _text(number)) for number in rows))
    db.commit()
    db.close()


def last_number(path: Path) -> int:
    db = sqlite3.connect(path)
    found = int(db.execute("SELECT max(id) FROM load").fetchone()[0])
    db.close()
    return found


def shippers_cpu_s() -> float:
    """What the kernel counted for the threads that ship (proc(5), schedstat)."""
    return sum(
        int(Path(f"/proc/self/task/{thread.native_id}/schedstat").read_text().split()[0]) / 1e9
        for thread in threading.enumerate()
        if thread.name in ("shipper", "snapshots")
    )


def _shipped(path: Path, url: str) -> Callable[[int], None]:
    house = LogHouse(path.parent, GcsStore("roost", None, url), interval_s=1.0)
    house.begin()
    database = house.databases[NAME]

    def write(number: int) -> None:
        row, update = _statements(number)

        database.write(lambda db: (db.exec_driver_sql(INSERT, row), db.exec_driver_sql(UPDATE, update)))

    return write


def _plain(path: Path) -> Callable[[int], None]:
    db = sqlite3.connect(path, timeout=5, isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "wal_autocheckpoint=0"):
        db.execute(f"PRAGMA {pragma}")

    def write(number: int) -> None:
        row, update = _statements(number)
        db.execute("BEGIN IMMEDIATE")
        db.execute(INSERT, row)
        db.execute(UPDATE, update)
        db.execute("COMMIT")

    return write


def _statements(number: int) -> tuple[tuple[int, str, str], tuple[str, int]]:
    """A new row, and an older one anywhere that changes."""
    return (number, _id(number), _text(number)), (_text(number), 1 + number * 7919 % 9000)


def _id(number: int) -> str:
    """Rises with time, as UUIDv7 do."""
    return f"{time.time_ns() // 1_000_000:012x}-{number * 2654435761 % 2**64:016x}"


@lru_cache
def _words() -> list[str]:
    rng = random.Random(1)
    return ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randrange(2, 12))) for _ in range(20_000)]


def _text(number: int) -> str:
    """1 kB of words."""
    return " ".join(random.Random(number).choices(_words(), k=145))[:1000]


if __name__ == "__main__":
    main(*sys.argv[1:])

"""What continuous shipping costs: CPU and bytes by load and size, a write's latency, restoring."""

from __future__ import annotations

import hashlib
import random
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import lru_cache, partial
from pathlib import Path

from sqlalchemy import Connection

from roost.clock import SystemClock
from roost.replication.epochs import EpochDocument, begin_epoch
from roost.replication.gcs import GcsStore
from roost.replication.log_restore import LogRestore
from roost.replication.pages import page_hashes
from roost.replication.shipper import Shipper
from roost.replication.snapshot_objects import put_base_snapshot
from roost.storage.database import Database, Synchronous
from scripts.benchmarks.table import Figure, quantile, show

SIZES_MB = (10, 100, 1000)
RATES = (1, 10, 100)
LASTING_S = 10.0
WRITERS = 32
WRITES_EACH = 150
SEGMENTS = 2000
LARGE_ROWS = (1_000_000, 1_150_000)
"""Before shipping begins, and after: SQLite never uses the page at 1 GiB, which lies between."""
NAME = "conversations"


def run() -> str:
    with tempfile.TemporaryDirectory() as folder, server() as url:
        root = Path(folder)
        figures = [figure for size_mb in SIZES_MB for figure in _loads(root / f"size{size_mb}", url, size_mb)]
        figures += _latencies(root / "latency", url)
        figures += _restores(root / "restore", url)
        figures += _beyond_a_gib(root / "large", url)
    how = (
        "Google's client library, a Cloud Storage server on loopback in another process. A transaction is a "
        "row of 1 kB of words, indexed by an id that rises, and an update of an older row anywhere. CPU is "
        f"that of the shipper's threads over {LASTING_S:.0f} s."
    )
    return show("Replication", how, figures)


_MANY = """
INSERT INTO load (v) WITH RECURSIVE n(i) AS (SELECT ? UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?)
SELECT printf('%0*d', 990, i * 7919) FROM n
"""


class _Shipped:
    """A database of that size, written at a pace, shipped or not."""

    def __init__(self, folder: Path, url: str, synchronous: Synchronous = "NORMAL") -> None:
        folder.mkdir()
        self._clock = SystemClock()
        self.store = GcsStore("roost", None, url)
        self.database = Database(folder / f"{NAME}.db", NAME, synchronous)
        self._shipper: Shipper | None = None

    def fill(self, size_mb: int) -> None:
        self.database.open()
        self.database.close()
        with closing(sqlite3.connect(self.database.path)) as db:
            db.execute("CREATE TABLE load (id INTEGER PRIMARY KEY, k TEXT, v BLOB)")
            db.execute("CREATE INDEX load_k ON load (k)")
            for start in range(0, size_mb * 1000, 1000):
                db.executemany(
                    "INSERT INTO load (k, v) VALUES (?, ?)",
                    [(_id(number), _text(number % 1000)) for number in range(start, start + 1000)],
                )
                db.commit()

    def ship(self, epoch: int, before: EpochDocument | None = None) -> EpochDocument:
        hashes = page_hashes(self.database.path)
        name, state = put_base_snapshot(self.store, NAME, self.database.path, epoch, self._clock.now())
        document = EpochDocument(
            epoch,
            before.epoch if before else None,
            0,
            {NAME: state},
            {NAME: name},
            "folder",
            "instance",
            "revision",
            self._clock.now(),
        )
        begin_epoch(self.store, document)
        shipper = Shipper(self.store, {NAME: self.database}, self._clock, 1.0, print)
        self.database.guard(
            shipper.admit, partial(shipper.before_checkpoint, NAME), partial(shipper.after_checkpoint, NAME)
        )
        self.database.open()
        shipper.begin(document, {NAME: hashes})
        self._shipper = shipper
        return document

    @property
    def shipper(self) -> Shipper:
        if self._shipper is None:
            raise ValueError("nothing is shipped")
        return self._shipper

    def write(self, number: int) -> None:
        def run(db: Connection) -> None:
            db.exec_driver_sql("INSERT INTO load (k, v) VALUES (?, ?)", (_id(number), _text(number)))
            db.exec_driver_sql(
                "UPDATE load SET v = ? WHERE id = ?", (_text(number), 1 + number * 7919 % 9000)
            )

        self.database.write(run)

    def write_many(self, first: int, end: int) -> None:
        """In one transaction, made by SQLite itself."""
        self.database.write(lambda db: db.exec_driver_sql(_MANY, (first, end)))

    def keep_writing(self, rate: int) -> float:
        """CPU seconds that the shipper's threads need for a second of this load."""
        cpu_s, began_s = _shippers_cpu_s(), time.monotonic()
        count = int(rate * LASTING_S)
        for number in range(count):
            time.sleep(max(0.0, began_s + number / rate - time.monotonic()))
            self.write(number)
        time.sleep(max(0.0, began_s + LASTING_S - time.monotonic()))
        return (_shippers_cpu_s() - cpu_s) / (time.monotonic() - began_s)

    def close(self) -> None:
        if self._shipper is not None:
            self._shipper.end(30, clean=True)
        self.database.close()
        self.store.close()


def _loads(folder: Path, url: str, size_mb: int) -> Iterator[Figure]:
    emptied(url)
    made = _Shipped(folder, url)
    made.fill(size_mb)
    made.ship(1)
    made.shipper.flush(60)
    made.keep_writing(RATES[0])
    for rate in RATES:
        before = made.shipper.standing().bytes_total
        share = made.keep_writing(rate)
        made.shipper.flush(60)
        per_s = (made.shipper.standing().bytes_total - before) / LASTING_S
        bound = rate == RATES[-1]
        yield Figure(
            f"{size_mb} MB, {rate} transactions/s",
            f"{share * 100:.2f} % of a core, {per_s / 1000:.0f} kB/s",
            "<= 1.5 %, <= 300 kB/s" if bound else "-",
            "-",
            (share <= 0.015 and per_s <= 300_000) if bound else None,
        )
    made.close()


def _shippers_cpu_s() -> float:
    """What the kernel counted for them (proc(5), schedstat)."""
    return sum(
        int(Path(f"/proc/self/task/{thread.native_id}/schedstat").read_text().split()[0]) / 1e9
        for thread in threading.enumerate()
        if thread.name in ("shipper", "snapshots")
    )


def _latencies(folder: Path, url: str) -> Iterator[Figure]:
    folder.mkdir()
    for synchronous, target_ms in (("NORMAL", 20), ("FULL", 50)):
        emptied(url)
        made = _Shipped(folder / synchronous, url, synchronous)  # type: ignore[arg-type]
        made.fill(10)
        made.database.open()
        alone = _crowd(made.write)
        made.database.close()
        made.ship(1)
        shipped = _crowd(made.write)
        made.close()
        added_ms = (quantile(shipped, 0.99) - quantile(alone, 0.99)) * 1000
        yield Figure(
            f"{WRITERS} writers, {synchronous}: p99 of a write",
            f"{quantile(shipped, 0.99) * 1000:.0f} ms, {added_ms:+.0f} ms by shipping",
            f"<= {target_ms} ms added",
            "-",
            added_ms <= target_ms,
        )


def _crowd(write: Callable[[int], None]) -> list[float]:
    took_s: list[float] = []

    def one(writer: int) -> None:
        for number in range(WRITES_EACH):
            began_s = time.monotonic()
            write(writer * WRITES_EACH + number)
            took_s.append(time.monotonic() - began_s)

    threads = [threading.Thread(target=one, args=(writer,)) for writer in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return took_s


def _restores(folder: Path, url: str) -> Iterator[Figure]:
    emptied(url)
    made = _Shipped(folder, url)
    made.fill(100)
    made.ship(1)
    made.shipper.flush(60)
    target = folder / "restored"
    target.mkdir()

    def restore() -> float:
        began_s = time.monotonic()
        LogRestore(made.store, threading.Event()).restore(target)
        return time.monotonic() - began_s

    took_s = restore()
    yield Figure("restoring 100 MB", f"{took_s:.2f} s", "<= 3 s", "-", took_s <= 3)
    for number in range(SEGMENTS):
        made.write(number)
        made.shipper.flush(60)
    segments = made.shipper.standing().segments_total
    took_s = restore()
    yield Figure(
        f"the same with {segments} segments behind the snapshot",
        f"{took_s:.2f} s",
        "<= 3 s",
        "-",
        took_s <= 3,
    )
    made.close()


def _beyond_a_gib(folder: Path, url: str) -> Iterator[Figure]:
    """Needs 2.5 GB of disk."""
    emptied(url)
    made = _Shipped(folder, url)
    made.fill(0)
    first, last = LARGE_ROWS
    with closing(sqlite3.connect(made.database.path)) as db:
        db.execute("PRAGMA synchronous=OFF")
        db.execute(_MANY, (0, first))
        db.commit()
    made.ship(1)
    for start in range(first, last, 10_000):
        made.write_many(start, start + 10_000)
    before = made.shipper.standing().snapshots
    made.shipper.snapshot_now()
    while (standing := made.shipper.standing()).snapshots == before:
        if standing.trouble is not None:
            raise ValueError(standing.trouble)
        time.sleep(0.1)
    made.write_many(last, last + 1000)
    made.shipper.flush(60)
    target = folder / "restored"
    target.mkdir()
    began_s = time.monotonic()
    restored = LogRestore(made.store, threading.Event()).restore(target).files[NAME]
    took_s = time.monotonic() - began_s
    size_bytes = restored.stat().st_size
    equal = _digest(restored) == _digest(made.database.path)
    yield Figure(
        f"restoring {size_bytes / 1e9:.2f} GB, grown across 1 GiB while it was shipped",
        f"{took_s:.2f} s, {'equal' if equal else 'not equal'} row by row",
        "equal",
        "-",
        equal and size_bytes > 2**30,
    )
    made.close()


def _digest(path: Path) -> str:
    """Of every row."""
    digest = hashlib.sha256()
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        for row in db.execute("SELECT id, k, v FROM load ORDER BY id"):
            digest.update(repr(row).encode())
    return digest.hexdigest()


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


@contextmanager
def server() -> Iterator[str]:
    """In a process of its own, so that its CPU is not counted."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.fake_gcs", str(port), "roost"], stdout=subprocess.PIPE, text=True
    )
    try:
        if server.stdout is None:
            raise ValueError("the server has no output")
        yield server.stdout.readline().strip().partition("=")[2]
    finally:
        server.terminate()
        server.wait(10)


def emptied(url: str) -> None:
    with closing(GcsStore("roost", None, url)) as store:
        while items := store.list().items:
            for item in items:
                store.delete(item.name)

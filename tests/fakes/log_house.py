"""Databases on a disk, a bucket, and the log between them, without a lease: one holder after another."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from roost.clock import SystemClock
from roost.replication.epochs import EpochDocument, Epochs, begin_epoch
from roost.replication.log_reader import Log, end_segment
from roost.replication.log_restore import LogRestore, RestoredLog
from roost.replication.object_store import ABSENT, ObjectStore
from roost.replication.pages import PageHashes, page_hashes
from roost.replication.segment import Kind, Position
from roost.replication.shipper import SPOOL_BYTES, WAL_LIMIT_BYTES, Shipper
from roost.replication.snapshot_objects import put_base_snapshot
from roost.storage.copies import settle
from roost.storage.database import Database

NAMES = ("conversations", "bot_configs")
PATIENCE_S = 30.0
ENDING_S = 10.0


class LogHouse:
    """One installation on one disk. `begin` starts an epoch, `end` ends it in order, `die` is a kill -9."""

    def __init__(
        self,
        data_dir: Path,
        store: ObjectStore,
        interval_s: float = 0.05,
        spool_bytes: int = SPOOL_BYTES,
        wal_limit_bytes: int = WAL_LIMIT_BYTES,
    ) -> None:
        self.data_dir = data_dir
        self.store = store
        self.interval_s = interval_s
        self.limits = (spool_bytes, wal_limit_bytes)
        self.clock = SystemClock()
        self.databases: dict[str, Database] = {}
        self.shipper: Shipper | None = None
        self.epoch = 0
        self._shipping: set[threading.Thread] = set()
        self.fenced: list[str] = []
        data_dir.mkdir(exist_ok=True)

    def begin(self) -> None:
        """A new epoch on the files as they are; the first one creates them."""
        self.create()
        newest = Epochs(self.store).newest
        self.epoch = newest.epoch + 1 if newest else 1
        hashes = {name: self._hashes(name) for name in NAMES}
        head = Log(self.store).head(newest) if newest else None
        if newest and head and head.ended is None:
            # Whoever takes over ends the log that was left open.
            sealed = end_segment(Kind.SEAL, newest.epoch, head, self.clock.now())
            self.store.put(sealed.name, sealed.content, if_generation_match=ABSENT, metadata=sealed.metadata)
            head = Log(self.store).head(newest)
        snapshots = {
            name: None
            if head and head.states[name] == each.state
            else put_base_snapshot(self.store, name, self.path(name), self.epoch, self.clock.now())[0]
            for name, each in hashes.items()
        }
        document = EpochDocument(
            epoch=self.epoch,
            prev_epoch=newest.epoch if newest else None,
            prev_last_seq=head.seq if head else 0,
            base={name: each.state for name, each in hashes.items()},
            base_snapshots=snapshots,
            owner="folder",
            instance="instance",
            revision="revision",
            created=self.clock.now(),
        )
        assert begin_epoch(self.store, document)
        self.databases = {name: Database(self.path(name), name, "NORMAL") for name in NAMES}
        self.shipper = Shipper(
            self.store, self.databases, self.clock, self.interval_s, self.fenced.append, *self.limits
        )
        for name, database in self.databases.items():
            database.guard(
                self.shipper.admit,
                partial(self.shipper.before_checkpoint, name),
                partial(self.shipper.after_checkpoint, name),
            )
            database.open()
        others = set(threading.enumerate())
        self.shipper.begin(document, hashes)
        self._shipping = set(threading.enumerate()) - others

    @property
    def running(self) -> Shipper:
        assert self.shipper is not None
        return self.shipper

    def path(self, name: str) -> Path:
        return self.data_dir / f"{name}.db"

    def write(self, sql: str, *parameters: Any, name: str = "conversations") -> None:
        self.databases[name].write(lambda db: db.exec_driver_sql(sql, parameters))

    def run(self, run: Callable[[Connection], Any], name: str = "conversations") -> Any:
        return self.databases[name].write(run)

    def note(self, words: str, name: str = "conversations") -> None:
        def write(db: Connection) -> None:
            db.exec_driver_sql("CREATE TABLE IF NOT EXISTS notes (words TEXT)")
            db.exec_driver_sql("INSERT INTO notes VALUES (?)", (words,))

        self.databases[name].write(write)

    def flush(self) -> None:
        assert self.running.flush(PATIENCE_S), self.running.standing().trouble

    def end(self, *, clean: bool = True) -> int | None:
        for database in self.databases.values():
            database.freeze("ending")
        seq = self.running.end(PATIENCE_S, clean=clean)
        self._wait_shipping()
        self.close()
        return seq

    def die(self) -> None:
        """Nothing is shipped any more, as after a kill; the files stay."""
        self.running.abandon()
        self._wait_shipping()
        self.close()

    def _wait_shipping(self) -> None:
        """A process ends with its threads: one that lived on would copy into the file of the next epoch's
        snapshot.
        """
        for thread in self._shipping:
            if thread is not threading.current_thread():
                thread.join(ENDING_S)
        self._shipping = set()

    def close(self) -> None:
        for database in self.databases.values():
            database.close()
        self.databases = {}

    def restored(self, folder: Path, upto: Position | datetime | None = None) -> RestoredLog:
        folder.mkdir(exist_ok=True)
        return LogRestore(self.store, threading.Event()).restore(folder, upto=upto)

    def require_equal(self, folder: Path) -> RestoredLog:
        """Everything is shipped; then what is restored is row for row what is here."""
        self.flush()
        restored = self.restored(folder)
        for name in NAMES:
            assert contents(restored.files[name]) == contents(self.path(name)), name
        return restored

    def create(self) -> None:
        for name in NAMES:
            if not self.path(name).exists():
                database = Database(self.path(name), name, "NORMAL")
                database.open()
                database.close()

    def _hashes(self, name: str) -> PageHashes:
        settle(self.path(name))
        return page_hashes(self.path(name))


def contents(path: Path) -> Mapping[str, list[tuple[Any, ...]]]:
    """Every row of every table, and the schema. The file may be in use."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)) as db:
        db.execute("BEGIN")
        schema = db.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name").fetchall()
        found: dict[str, list[tuple[Any, ...]]] = {"": schema}
        for kind, name, _, _ in schema:
            if kind == "table" and not name.startswith("sqlite_stat"):
                found[name] = sorted(db.execute(f'SELECT * FROM "{name}"').fetchall(), key=repr)  # noqa: S608
        return found


def wait_until(reached: Callable[[], bool], what: str, timeout_s: float = PATIENCE_S) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not reached():
        assert time.monotonic() < deadline_s, f"never: {what}"
        time.sleep(0.01)

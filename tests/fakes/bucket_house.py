"""A data folder, a bucket and the databases between them, without a server."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, text

from roost.clock import SystemClock
from roost.replication.object_store import ObjectStore
from roost.replication.plain_copies import PlainCopies
from roost.replication.restore import Restore
from roost.storage.copies import copy_database
from roost.storage.database import Database

NAMES = ("conversations", "bot_configs")


class BucketHouse:
    """One installation on one disk whose bucket has no log: the whole copies alone. `start` is a start of it,
    `stop` an orderly end.
    """

    def __init__(self, data_dir: Path, store: ObjectStore) -> None:
        self.data_dir = data_dir
        self.store = store
        self.stopping = threading.Event()
        self.databases: dict[str, Database] = {}
        self.copies: PlainCopies | None = None
        self.owns = True
        data_dir.mkdir(exist_ok=True)

    def restore(self) -> None:
        Restore(self.store, self.data_dir, SystemClock(), self.stopping).run()

    def start(self, every_s: float = 3600, epoch: int = 1) -> None:
        self.restore()
        self.open()
        self.copies = PlainCopies(
            self.store, self.data_dir, self.databases, SystemClock(), epoch, lambda: self.owns, every_s
        )
        self.copies.start()

    def open(self) -> None:
        self.databases = {name: Database(self.data_dir / f"{name}.db", name) for name in NAMES}
        for database in self.databases.values():
            database.open()

    def close(self) -> None:
        for database in self.databases.values():
            database.close()
        self.databases = {}

    def stop(self) -> bool:
        """Whether the bucket has everything."""
        copies = self.running
        copies.stop()
        self.close()
        return copies.back_up()

    @property
    def running(self) -> PlainCopies:
        if self.copies is None:
            raise AssertionError("not started")
        return self.copies

    def note(self, words: str, database: str = "conversations") -> None:
        _note(self.databases[database], words)

    def notes(self, database: str = "conversations") -> list[str]:
        return notes_in(self.data_dir / f"{database}.db")

    def lose(self) -> None:
        """The disk is gone."""
        for path in self.data_dir.iterdir():
            path.unlink()

    def image(self, target: Path) -> None:
        """What a kill -9 would leave of this disk, as a second one."""
        target.mkdir()
        for path in self.data_dir.iterdir():
            (target / path.name).write_bytes(path.read_bytes())

    def conflict_files(self) -> list[str]:
        return sorted(path.name for path in self.data_dir.glob("*.conflict-*Z"))


def notes_in(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as db:
        try:
            return [str(row[0]) for row in db.execute("SELECT words FROM notes ORDER BY rowid")]
        except sqlite3.OperationalError:
            return []


def notes_in_object(store: ObjectStore, name: str, scratch: Path) -> list[str]:
    scratch.write_bytes(store.get(name))
    return notes_in(scratch)


def somebody_elses_copy(folder: Path, database: str, *words: str) -> bytes:
    """A copy as another Roost would upload it."""
    folder.mkdir(exist_ok=True)
    own = Database(folder / f"{database}.db", database)
    own.open()
    for each in words:
        _note(own, each)
    own.close()
    copy_database(folder / f"{database}.db", folder / "copy.db")
    return (folder / "copy.db").read_bytes()


def _note(database: Database, words: str) -> None:
    def write(db: Connection) -> None:
        db.execute(text("CREATE TABLE IF NOT EXISTS notes (words TEXT)"))
        db.execute(text("INSERT INTO notes VALUES (:words)"), {"words": words})

    database.write(write)

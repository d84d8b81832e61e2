"""One door for writes: a SQLite file with one writer thread, group commit, and read-only readers.

Connection-per-thread writers starve each other, for SQLite's busy handler is unfair; grouped behind one
thread, many small writes share one commit. A caller is answered only after COMMIT.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError
from sqlalchemy.exc import TimeoutError as NoReaderFree
from sqlalchemy.pool import NullPool, QueuePool

from roost.errors import DatabaseUnreadable, Unavailable
from roost.storage.disk_trouble import DISK_FULL, DiskTrouble
from roost.storage.exact_copies import OpenedState
from roost.storage.migrations import migrate, require_newest

T = TypeVar("T")

# What a write is given; use cases pass it on to storage and ask nothing of it themselves.
Transaction = Connection

QUEUE_LIMIT = 10_000
BATCH_LIMIT = 256
QUEUE_TIMEOUT_S = 5.0
READERS_KEPT = 8
READERS_AT_MOST = 128
CHECKPOINT_AT_BYTES = 4 * 1024 * 1024
DISK_TRIED_EVERY_S = 5.0

Synchronous = Literal["FULL", "NORMAL"]


class _Write:
    """A queued write and the place where its caller waits. An `errand` is run between transactions instead,
    and makes its own of what it wants.
    """

    __slots__ = ("errand", "outcome", "run")

    def __init__(self, run: Callable[[Connection], Any], *, errand: bool = False) -> None:
        self.run = run
        self.errand = errand
        self.outcome: Future[Any] = Future()
        # What is queued will be stored: whoever stops waiting for it takes nothing back.
        self.outcome.set_running_or_notify_cancel()


class Database:
    """A SQLite file. `open()` migrates it and starts the writer; `close()` drains the queue and checkpoints.

    `synchronous` is FULL on a real disk and NORMAL where the disk is memory. A disk that was full is tried
    again every `disk_tried_every_s`, also when nobody writes.
    """

    def __init__(
        self,
        path: Path,
        name: str,
        synchronous: Synchronous = "FULL",
        disk_tried_every_s: float = DISK_TRIED_EVERY_S,
    ) -> None:
        self.path = path
        self.name = name
        self.commits = 0
        """Rises with every transaction that was stored."""
        self.disk = DiskTrouble(path)
        self._synchronous = synchronous
        self._disk_tried_every_s = disk_tried_every_s
        self._queue: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._room = threading.Semaphore(QUEUE_LIMIT)
        self._gate = threading.Lock()
        self._opened = False
        self._refusal: Unavailable | None = None
        self._held: _Write | None = None
        self._admit: Callable[[], None] = _admit_all
        self._before_checkpoint: Callable[[], bool] = _at_any_time
        self._after_checkpoint: Callable[[int], None] = lambda frames: None
        self._writer_engine = self._engine(query_only=False)
        self._reader_engine = self._engine(query_only=True)
        self._writer: threading.Thread | None = None

    def guard(
        self,
        admit: Callable[[], None],
        before_checkpoint: Callable[[], bool],
        after_checkpoint: Callable[[int], None] = lambda frames: None,
    ) -> None:
        """To be called before `open`, where the log is replicated.

        `admit` raises Unavailable while no write may be acknowledged; it is asked when a write arrives, and
        on the writer's thread before the commit and once more before the callers are answered, for a process
        may have been stopped and resumed anywhere in between. `before_checkpoint` runs on the writer's
        thread; False postpones the checkpoint. `after_checkpoint` is told how many frames the log had.
        """
        self._admit = admit
        self._before_checkpoint = before_checkpoint
        self._after_checkpoint = after_checkpoint

    def open(self) -> None:
        """Brings the file to the newest schema and starts the writer. May be called again after `close`.

        The writer's connection stays open from here to `close`: SQLite would checkpoint and delete the log
        when the last one ends. Raises SchemaTooNew for a file of a newer Roost, DatabaseUnreadable for one
        that is not SQLite or is damaged.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._translated():
            db = self._writer_engine.connect()
            try:
                migrate(db, self.name)
            except BaseException:  # cleaned up and raised on - whatever it was
                db.close()
                raise
        self._refusal = None
        self._writer = threading.Thread(
            target=self._write_loop, args=(db,), name=f"writer-{self.name}", daemon=True
        )
        self._opened = True
        self._writer.start()

    def open_for_reading(self) -> None:
        """Lets `read` be used and nothing else, until `close` or `open`; the file is not changed.

        Raises SchemaTooNew for a file of a newer Roost, Unavailable for one of an older one, which only
        `open` brings up to date, DatabaseUnreadable.
        """
        if not self.path.exists():
            raise DatabaseUnreadable(f"There is no {self.path.name} to read.")
        with self._translated(), self._reader_engine.connect() as db:
            require_newest(db, self.name)

    def write(self, run: Callable[[Connection], T]) -> T:
        """Runs `run` inside the writer's transaction and returns its result once that is committed.

        An error of `run` undoes its own changes alone. Raises Unavailable when closed, overloaded, or when
        the disk is full: then nothing of it is stored.
        """
        if threading.current_thread() is self._writer:
            raise RuntimeError("a write must not wait for another write on the writer's own thread")
        outcome: Future[T] = self._enqueue(_Write(run), QUEUE_TIMEOUT_S)
        return outcome.result()

    def submit(self, run: Callable[[Connection], T]) -> Future[T]:
        """Like `write`, for a loop that must not block: the future ends as `write` would, once `run` is
        committed or undone, and cannot be cancelled. Raises Unavailable at once when closed or overloaded.
        """
        return self._enqueue(_Write(run), 0.0)

    def exclusively(self, run: Callable[[], T]) -> T:
        """Runs `run` on the writer's thread while no transaction is open, and returns its result. Also while
        frozen. Raises Unavailable when closed.
        """
        if threading.current_thread() is self._writer:
            return run()
        outcome: Future[T] = self._enqueue(_Write(lambda _: run(), errand=True), QUEUE_TIMEOUT_S)
        return outcome.result()

    def opened_state(self) -> OpenedState:
        """The file as it is now, held open for reading. Called by `exclusively`, it is exactly what every
        transaction so far has made. Raises Unavailable, DatabaseUnreadable.
        """
        with self._translated():
            return OpenedState(self.path)

    def freeze(self, reason: str, code: str = "frozen") -> None:
        """Refuses new writes with `reason`; what is queued is stored when this returns. Reading goes on."""
        with self._gate:
            self._refusal = Unavailable(reason, code=code, retry_after_s=2)
            if not self._opened:
                return
        self.exclusively(lambda: None)

    def thaw(self) -> None:
        with self._gate:
            self._refusal = None

    def _enqueue(self, entry: _Write, patience_s: float) -> Future[Any]:
        if not entry.errand:
            self._admit()
        if not self._room.acquire(timeout=patience_s):
            raise Unavailable("Too many writes are waiting. Try again in a moment.", retry_after_s=2)
        with self._gate:
            refusal = self._refuse(entry)
            if refusal is None:
                self._queue.put(entry)
                return entry.outcome
        self._room.release()
        raise refusal

    def _refuse(self, entry: _Write) -> Unavailable | None:
        if not self._opened:
            return Unavailable("Roost is starting or stopping. Try again in a moment.", retry_after_s=2)
        if self._refusal is not None and not entry.errand:
            return Unavailable(
                self._refusal.message, code=self._refusal.code, retry_after_s=self._refusal.retry_after_s
            )
        return None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A read-only connection that sees one consistent snapshot until the block ends."""
        with self._translated(), self._reader_engine.connect() as db:
            yield db

    def close(self) -> None:
        """Finishes what is queued, then moves the log into the file. May be called twice."""
        with self._gate:
            opened, self._opened = self._opened, False
            if opened:
                self._queue.put(None)
        if opened and self._writer is not None:
            self._writer.join()
        self._reader_engine.dispose()
        self._writer_engine.dispose()

    def _write_loop(self, db: Connection) -> None:
        closing = False
        while not closing:
            batch, closing = self._next_batch()
            try:
                # One that broke is replaced before it goes: the last connection to end takes the log along.
                if db.closed or db.invalidated:
                    db = self._writer_engine.connect()
                if batch and batch[0].errand:
                    _run_errand(db, batch[0])
                elif batch:
                    self._commit_together(db, batch)
                    self._checkpoint(db, "PASSIVE", at_bytes=CHECKPOINT_AT_BYTES)
                elif not closing:
                    self._try_disk(db)
                if closing:
                    self._checkpoint(db, "TRUNCATE", at_bytes=1)
            except Exception as error:  # noqa: BLE001 - the thread's edge - whoever waits must be answered
                translated = _translate(error, self.path)
                self.disk.failed(translated)
                _fail(batch, translated)
                db = self._reconnected(db)
        db.close()

    def _reconnected(self, db: Connection) -> Connection:
        try:
            again = self._writer_engine.connect()
        except (DatabaseError, sqlite3.DatabaseError):
            # Tried again after the next write, which this one tells what is wrong.
            return db
        db.close()
        return again

    def _next_batch(self) -> tuple[list[_Write], bool]:
        """Waits for a write, then takes whatever else waits already, up to an errand, which comes alone; True
        when the database closes. Nothing when it is time to try a full disk again.
        """
        batch: list[_Write] = []
        try:
            patience_s = self._disk_tried_every_s if self.disk.sentence else None
            entry = self._held or self._queue.get(timeout=patience_s)
        except queue.Empty:
            return batch, False
        self._held = None
        while entry is not None:
            if entry.errand and batch:
                self._held = entry
                return batch, False
            batch.append(entry)
            self._room.release()
            if entry.errand or len(batch) == BATCH_LIMIT:
                return batch, False
            try:
                entry = self._queue.get_nowait()
            except queue.Empty:
                return batch, False
        return batch, True

    def _commit_together(self, db: Connection, batch: list[_Write]) -> None:
        results: list[tuple[_Write, Any]] = []
        try:
            with self._translated(), db.begin():
                driver = _driver(db)
                changes_before = driver.total_changes
                for entry in batch:
                    # Not SQLAlchemy's begin_nested: it costs as much as the write.
                    driver.execute("SAVEPOINT entry")
                    try:
                        result = entry.run(db)
                    except BaseException as error:  # handed back to its caller - not ours to judge
                        if not driver.in_transaction:
                            # SQLite answers a full disk by undoing the whole transaction, savepoints and all.
                            raise
                        driver.execute("ROLLBACK TO entry")
                        entry.outcome.set_exception(_translate(error, self.path))
                    else:
                        results.append((entry, result))
                    driver.execute("RELEASE entry")
                changed = driver.total_changes > changes_before
                self._admit()
        except BaseException as error:  # noqa: BLE001 - nothing of the batch is stored, every caller is told
            self.disk.failed(error)
            _fail(batch, error)
            return
        # Before the callers know: a copy made after an answer must not count as one made before it.
        self.commits += 1
        if changed:
            self.disk.succeeded()
        try:
            self._admit()
        except Unavailable as refusal:
            # It is stored here, yet perhaps nowhere else: nobody may rely on it.
            _fail(batch, refusal)
            return
        for entry, result in results:
            entry.outcome.set_result(result)

    def _try_disk(self, db: Connection) -> None:
        """Ends the trouble of a disk that has room again although nobody writes."""
        if not self.disk.has_room():
            return
        attempt = _Write(_rewrite_first_page)
        with self._gate:
            if self._refuse(attempt) is not None:
                return
        self._commit_together(db, [attempt])
        if attempt.outcome.exception() is None:
            self.disk.succeeded()

    def _checkpoint(self, db: Connection, mode: str, at_bytes: int) -> None:
        """The writer does every checkpoint: SQLite up to 3.51.2 can corrupt a file that two connections
        checkpoint at once.
        """
        wal = self.path.with_name(self.path.name + "-wal")
        try:
            if wal.stat().st_size >= at_bytes and self._before_checkpoint():
                _, frames, _ = _driver(db).execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
                if mode == "PASSIVE":
                    self._after_checkpoint(int(frames))
        except (OSError, sqlite3.DatabaseError):
            # A full disk, a busy reader or a damaged file only postpones the checkpoint: the log keeps every
            # committed row.
            return

    def _engine(self, *, query_only: bool) -> Engine:
        def connect() -> sqlite3.Connection:
            # isolation_level None: the driver must not begin transactions of its own, SQLAlchemy's events do.
            driver = sqlite3.connect(self.path, timeout=10, isolation_level=None, check_same_thread=False)
            try:
                if not query_only:
                    driver.execute("PRAGMA journal_mode=WAL")
                driver.execute(f"PRAGMA synchronous={self._synchronous}")
                driver.execute("PRAGMA wal_autocheckpoint=0")
                # Once it is in the file the log shrinks: the next checkpoint is not due at each commit.
                driver.execute(f"PRAGMA journal_size_limit={CHECKPOINT_AT_BYTES // 4}")
                driver.execute("PRAGMA foreign_keys=ON")
                driver.execute("PRAGMA cache_size=-1024")
                # Pages of an open transaction stay in memory. Where they reach the log and a savepoint is
                # then undone, SQLite 3.40 commits frames that no recovery accepts: a kill would lose them,
                # and all that follow.
                driver.execute("PRAGMA cache_spill=OFF")
                driver.execute(f"PRAGMA query_only={int(query_only)}")
            except sqlite3.Error:
                driver.close()
                raise
            return driver

        if query_only:
            engine = create_engine(
                "sqlite://",
                creator=connect,
                poolclass=QueuePool,
                hide_parameters=True,
                pool_size=READERS_KEPT,
                max_overflow=READERS_AT_MOST - READERS_KEPT,
                pool_timeout=QUEUE_TIMEOUT_S,
            )
        else:
            engine = create_engine("sqlite://", creator=connect, poolclass=NullPool, hide_parameters=True)
        begin = "BEGIN" if query_only else "BEGIN IMMEDIATE"

        @event.listens_for(engine, "begin")
        def _begin(db: Connection) -> None:
            db.exec_driver_sql(begin)

        return engine

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (DatabaseError, sqlite3.DatabaseError, NoReaderFree) as error:
            raise _translate(error, self.path) from error


def _fail(batch: list[_Write], error: BaseException) -> None:
    for entry in batch:
        if not entry.outcome.done():
            entry.outcome.set_exception(error)


def _run_errand(db: Connection, entry: _Write) -> None:
    try:
        result = entry.run(db)
    except BaseException as error:  # noqa: BLE001 - handed back to its caller, not ours to judge
        entry.outcome.set_exception(error)
    else:
        entry.outcome.set_result(result)


def _rewrite_first_page(db: Connection) -> None:
    """The least that is really written: SQLite does not look whether the number is another."""
    version = db.exec_driver_sql("PRAGMA user_version").scalar_one()
    db.exec_driver_sql(f"PRAGMA user_version={int(version)}")


def _admit_all() -> None:
    """Where nothing stands against a write."""


def _at_any_time() -> bool:
    return True


def _driver(db: Connection) -> sqlite3.Connection:
    return cast(sqlite3.Connection, db.connection.driver_connection)


def _translate(error: BaseException, path: Path) -> BaseException:
    """SQLite's words for what a person can mend, in ours; any other error stays as it is."""
    if isinstance(error, NoReaderFree):
        return Unavailable("Too much is being read at once. Try again in a moment.", retry_after_s=2)
    if not isinstance(error, DatabaseError | sqlite3.DatabaseError):
        return error
    words = str(error)
    if "database or disk is full" in words or "disk I/O error" in words:
        full = Unavailable(
            f"{path.name} cannot grow: the disk is full or failing. "
            "Free some space; nothing already saved is lost.",
            code=DISK_FULL,
            retry_after_s=10,
        )
        full.__cause__ = error
        return full
    if "file is not a database" in words or "malformed" in words:
        return DatabaseUnreadable(
            f"{path.name} is damaged or not a SQLite file. "
            "Put a good copy in its place, or move it away to start anew."
        )
    if "database is locked" in words:
        return Unavailable(
            f"Another program holds {path.name}. Close what has it open; Roost then goes on by itself.",
            code="database_locked",
            retry_after_s=10,
        )
    if "unable to open database file" in words:
        return Unavailable(
            f"{path.name} cannot be opened. See that its folder is there, and that Roost's user may write to "
            "it.",
            code="cannot_open",
            retry_after_s=30,
        )
    if "readonly database" in words:
        return Unavailable(
            f"{path.name} is read-only. Make it writable for Roost's user.",
            code="read_only",
            retry_after_s=30,
        )
    return error


def sqlite_version() -> str:
    return sqlite3.sqlite_version

"""One container of the soak, without a web: `python -m tests.soak.writer SEED NAME`, settings by environment.

Holds the lease, ships, and writes; says on stdout what it tries, what is acknowledged and what is durable,
each a line of JSON. Begins to write at a line on stdin, and ends when stdin does. Exit code 0: stopped in
order; 75: another one took over, and it wants to be started anew, as a server's worker is.
"""

from __future__ import annotations

import json
import logging
import os
import random
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from typing import Any

from roost.clock import SystemClock, SystemIds
from roost.errors import RoostError, Unavailable
from roost.replication.bucket import Bucket
from roost.replication.layout import DATABASES
from roost.replication.tenure import Duties
from roost.services.readiness import Readiness
from roost.settings import Settings
from roost.storage.data_folder import DataFolder
from roost.storage.database import Database
from tests.soak.operations import KINDS, Operation, Undone, create

RESTART = 75
OPERATIONS_AT_ONCE = 6

log = logging.getLogger("roost.soak")

_saying = threading.Lock()
_clock = SystemClock()


class Container(Bucket):
    """With what a server's owner may ask for only by waiting."""

    def flush(self, timeout_s: float) -> bool:
        return self._running.flush(timeout_s)

    def snapshot_now(self) -> None:
        self._shipper.snapshot_now()

    @property
    def rebases(self) -> int:
        return self._shipper.standing().rebases_total


class TimedDatabase(Database):
    """`admitted_s` is when its writer was last allowed to answer: later than any of those answers' right to
    be given, however late the process then gets to tell.
    """

    admitted_s = 0.0

    def guard(
        self,
        admit: Callable[[], None],
        before_checkpoint: Callable[[], bool],
        after_checkpoint: Callable[[int], None] = lambda frames: None,
    ) -> None:
        def timed() -> None:
            asked_s = _clock.monotonic_s()
            admit()
            if threading.current_thread().name.startswith("writer-"):
                self.admitted_s = asked_s

        super().guard(timed, before_checkpoint, after_checkpoint)


class Writer:
    def __init__(self, seed: int, name: str) -> None:
        self._seed = seed
        self._name = name
        self._settings = Settings.from_env(dict(os.environ))
        self._stopping = threading.Event()
        self._go = threading.Event()
        self._ended = threading.Event()
        self._exit_code = 0
        self._databases = {
            name: TimedDatabase(self._settings.data_dir / f"{name}.db", name, "NORMAL") for name in DATABASES
        }
        self._bucket = Container(
            self._settings, self._databases, Readiness(), _clock, SystemIds(_clock), self._stopping
        )
        self._threads: list[threading.Thread] = []

    def run(self) -> int:
        signal.signal(signal.SIGTERM, lambda *_: self._stop())
        threading.Thread(target=self._listen, daemon=True).start()
        try:
            self._begin()
        except Unavailable:
            if not self._stopping.is_set():
                raise
        # Not for ever at once: a signal that comes right after SIGCONT may reach another thread, and does not
        # wake this one, which alone can handle it.
        while not self._ended.wait(1.0):
            continue
        self._go.set()
        self._bucket.begin_stop()
        self._bucket.finish()
        for database in self._databases.values():
            database.close()
        self._bucket.copy_at_last()
        return self._exit_code

    def _begin(self) -> None:
        self._bucket.take_over()
        for database in self._databases.values():
            self._until_it_works(database.open)
        self._until_it_works(self._bucket.begin)
        standing = self._bucket.standing().log
        say("begun", epoch=standing.epoch if standing else 0)
        # The load does not end with the duties: whoever asks late is to be refused.
        self._bucket.watch(Duties(_nothing, _nothing, _nothing, lambda: self._stop(RESTART)))
        for target in (*(partial(self._load, name) for name in DATABASES), self._housekeeping):
            self._threads.append(threading.Thread(target=self._at_the_edge, args=(target,), daemon=True))
            self._threads[-1].start()

    def _until_it_works(self, step: Callable[[], Any]) -> None:
        while not self._stopping.is_set():
            try:
                step()
            except RoostError as error:
                if not error.retryable:
                    raise
                self._stopping.wait(0.2)
            else:
                return
        raise Unavailable("stopped")

    def _stop(self, exit_code: int = 0) -> None:
        if not self._ended.is_set():
            self._exit_code = exit_code
            self._stopping.set()
            self._ended.set()

    def _listen(self) -> None:
        for _ in sys.stdin:
            self._go.set()
        os._exit(3)

    def _at_the_edge(self, target: Callable[[], None]) -> None:
        self._go.wait()
        try:
            target()
        except Exception as error:
            log.exception("the soak's own thread")
            say("broken", why=repr(error))
            raise

    def _load(self, database: str) -> None:
        chance = random.Random(f"{self._seed}-{self._name}-{database}")
        file = self._databases[database]
        self._retried(lambda: file.write(create))
        number = 0
        while not self._ended.is_set():
            together = 1 if chance.random() < 0.9 else chance.randrange(2, OPERATIONS_AT_ONCE)
            operations = []
            for _ in range(together):
                kind = chance.choices(list(KINDS), list(KINDS.values()))[0]
                operations.append(
                    Operation(f"{self._name}.{database}.{number}", kind, chance.randrange(2**31))
                )
                number += 1
            self._write(file, operations)
            time.sleep(chance.random() * 0.04)

    def _write(self, file: TimedDatabase, operations: list[Operation]) -> None:
        for each in operations:
            say("try", name=each.name, db=file.name, kind=each.kind, seed=each.seed)
        waiting: list[tuple[Operation, Future[None]]] = []
        try:
            waiting.extend((each, file.submit(each.run)) for each in operations)
        except Unavailable:
            time.sleep(0.05)
        for each, outcome in waiting:
            try:
                outcome.result()
            except Undone:
                continue
            except Unavailable:
                time.sleep(0.02)
            else:
                say("ack", name=each.name, admitted_s=file.admitted_s)

    def _retried(self, step: Callable[[], Any]) -> None:
        while not self._ended.is_set():
            try:
                step()
            except Unavailable:
                time.sleep(0.1)
            else:
                return

    def _housekeeping(self) -> None:
        chance = random.Random(f"{self._seed}-{self._name}-housekeeping")
        while not self._ended.wait(0.1):
            before_s = _clock.monotonic_s()
            standing = self._bucket.standing().log
            if standing is not None:
                say("durable", until_s=before_s - standing.lag_s, seq=standing.seq, by="lag")
            what = chance.random()
            database = self._databases[chance.choice(DATABASES)]
            if what < 0.06:
                before_s = _clock.monotonic_s()
                if self._bucket.flush(2):
                    say("durable", until_s=before_s, seq=0, by="flush")
            elif what < 0.08:
                self._bucket.snapshot_now()
            elif what < 0.10:
                self._outside(database, "VACUUM")
            elif what < 0.11:
                self._outside(database, "PRAGMA wal_checkpoint(PASSIVE)")
            elif what < 0.13:
                self._hold(database)
            say("counted", rebases=self._bucket.rebases)

    def _outside(self, database: Database, sql: str) -> None:
        def run() -> None:
            with closing(sqlite3.connect(database.path, isolation_level=None)) as db:
                db.execute("PRAGMA wal_autocheckpoint=0")
                db.execute(sql).fetchall()

        try:
            database.exclusively(run)
            say("outside", what=sql)
        except (sqlite3.OperationalError, Unavailable):
            # Somebody reads, or it is over.
            return

    def _hold(self, database: Database) -> None:
        """The log cannot begin anew meanwhile."""
        with closing(sqlite3.connect(f"file:{database.path}?mode=ro", uri=True, isolation_level=None)) as db:
            db.execute("BEGIN")
            db.execute("SELECT count(*) FROM sqlite_master").fetchone()
            self._ended.wait(0.7)


def _nothing() -> None:
    """There are no bots."""


def say(event: str, **told: Any) -> None:
    line = {"event": event, "at_s": _clock.monotonic_s(), "wall": datetime.now(UTC).timestamp(), **told}
    with _saying:
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


def main(seed: str, name: str) -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    writer = Writer(int(seed), name)
    with DataFolder(writer._settings.data_dir):
        exit_code = writer.run()
    sys.stdout.flush()
    # Threads of the client library may still wait for the network.
    os._exit(exit_code)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Restores, and compares row by row with what the ledger says must be there."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from roost.errors import NotFound, ObjectMissing, RoostError
from roost.replication.layout import DATABASES
from roost.replication.log_restore import LogRestore, RestoredLog
from roost.replication.object_store import ObjectStore
from tests.soak.ledger import Ledger
from tests.soak.operations import Model, Operation, integrity_of, names_in, tables_in, threads_in

ATTEMPTS = 8
LAST_WITH_FAULTS = 3
HEARD_WITHIN_S = 30.0
ROUNDED_S = 0.005
"""Times in the log are in milliseconds."""


class Judge:
    """`quiet` ends the faults that befall the bucket. `mismatches` says what is wrong."""

    def __init__(self, store: ObjectStore, ledger: Ledger, folder: Path, quiet: Callable[[], None]) -> None:
        self._store = store
        self._ledger = ledger
        self._folder = folder
        self._quiet = quiet
        self._models = {database: Model() for database in DATABASES}
        self.restores = 0
        self.failed_restores = 0
        self.compared_rows = 0
        self.compared_operations = 0
        self.mismatches: list[str] = []

    def compare(self, at: float | None = None) -> None:
        """The log's end, or as it was at a time."""
        label = "head" if at is None else f"time {at:.3f}"
        required = {
            database: self._ledger.durable(database, float("inf") if at is None else at)
            for database in DATABASES
        }
        folder = self._folder / f"restored{self.restores}"
        try:
            restored = self._restore(folder, at)
        except NotFound:
            # Before the first epoch began.
            for database in DATABASES:
                self._expect(not required[database], f"{label}: nothing can be restored")
            return
        except RoostError as error:
            self.mismatches.append(f"{label}: cannot be restored: {error.message}")
            return
        if restored is None:
            self._expect(not any(required.values()), f"{label}: there is no log")
            return
        self.restores += 1
        for database, path in restored.files.items():
            self._compare_one(
                f"{label} ({restored.position}), {database}", database, path, required[database], at
            )
        shutil.rmtree(folder, ignore_errors=not self.mismatches)

    def _compare_one(
        self, label: str, database: str, path: Path, required: set[str], at: float | None
    ) -> None:
        found = integrity_of(path)
        self._expect(found == "ok", f"{label}: integrity_check says {found}")
        names = names_in(path)
        lost = required - set(names)
        self._expect(not lost, f"{label}: {len(lost)} durable writes are missing, as {sorted(lost)[:5]}")
        operations = []
        for name in names:
            operation = self._known(name)
            if operation is None:
                self.mismatches.append(f"{label}: {name} was never tried")
                return
            operations.append(operation)
        if at is not None and names:
            late = [
                name for name in names if (entry := self._ledger.find(name)) and entry.tried > at + ROUNDED_S
            ]
            self._expect(not late, f"{label}: {len(late)} writes are later, as {late[:5]}")
        model = self._models[database]
        try:
            model.follow(operations)
        except ValueError as error:
            self.mismatches.append(f"{label}: {error}")
            self._models[database] = Model()
            return
        tables = tables_in(path)
        for table in sorted(tables.keys() | model.tables.keys()):
            here, there = tables.get(table), model.tables.get(table)
            self._expect(
                here == there,
                f"{label}: {table} differs ({None if here is None else len(here)} rows, "
                f"not {None if there is None else len(there)})",
            )
        self.compared_rows += sum(map(len, tables.values()))
        self.compared_operations += len(names)

    def compare_disk(
        self, folder: Path, acknowledged: dict[str, dict[str, int]], uninterrupted_epoch: int | None
    ) -> int:
        """What this disk's writers have acknowledged is in its files, or in what was set aside; of the epoch
        that nobody else has followed, in its files. How many were set aside.
        """
        aside_total = 0
        for database, epochs in acknowledged.items():
            path = folder / f"{database}.db"
            here = set(names_in(path)) if path.exists() else set()
            aside: set[str] = set()
            for conflict in folder.glob(f"{database}.db.conflict-*Z"):
                aside |= set(names_in(conflict))
            lost = epochs.keys() - here - aside
            self._expect(not lost, f"{folder.name}, {database}: {len(lost)} are lost, as {sorted(lost)[:5]}")
            moved = {name for name in epochs.keys() - here - lost if epochs[name] == uninterrupted_epoch}
            self._expect(
                not moved, f"{folder.name}, {database}: {len(moved)} were set aside by nobody's doing"
            )
            aside_total += len(epochs.keys() - here - lost)
        return aside_total

    def expect_threads(self, made: set[str]) -> None:
        """What a whole Roost has acknowledged before it ended in order."""
        folder = self._folder / "threads"
        try:
            restored = self._restore(folder, None)
        except RoostError as error:
            self.mismatches.append(f"threads: cannot be restored: {error.message}")
            return
        found = set() if restored is None else threads_in(restored.files["conversations"])
        self._expect(made <= found, f"{len(made - found)} threads are missing")
        shutil.rmtree(folder)

    def compare_plain(self, database: str, content: bytes) -> None:
        """A copy for people is a whole database, and some moment of the log's."""
        path = self._folder / f"plain-{database}.db"
        path.write_bytes(content)
        self._compare_one(f"the plain copy of {database}", database, path, set(), None)
        path.unlink()

    def _known(self, name: str) -> Operation | None:
        """What its writer said about it: said before it began, but perhaps not heard yet."""
        deadline_s = time.monotonic() + HEARD_WITHIN_S
        while True:
            entry = self._ledger.find(name)
            if entry is not None:
                return entry.operation
            if time.monotonic() > deadline_s:
                return None
            time.sleep(0.01)

    def _restore(self, folder: Path, at: float | None) -> RestoredLog | None:
        upto = None if at is None else datetime.fromtimestamp(at, UTC)
        for attempt in range(1, ATTEMPTS + 1):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            try:
                return LogRestore(self._store, threading.Event()).restore(folder, upto=upto)
            except NotFound:
                raise
            except RoostError as error:
                self.failed_restores += 1
                if isinstance(error, ObjectMissing) and "no log" in error.message:
                    return None
                if attempt == ATTEMPTS:
                    raise
                if attempt >= LAST_WITH_FAULTS:
                    self._quiet()
                time.sleep(0.1 * attempt)
        raise AssertionError("unreachable")

    def _expect(self, holds: bool, otherwise: str) -> None:
        if not holds:
            self.mismatches.append(otherwise)

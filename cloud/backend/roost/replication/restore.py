"""A bucket without a log, such as one of an older Roost: which of the whole copies are newer, and bringing
those of the bucket here before anything opens the databases.

Both databases are decided, fetched and checked before either is touched.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from pathlib import Path

from roost.clock import Clock
from roost.domain.replication import Choice, Marker, Remote, choose
from roost.errors import (
    ObjectMissing,
    RemoteError,
    SchemaTooNew,
    StorageError,
    Unavailable,
)
from roost.replication.download import download
from roost.replication.layout import DATABASES, EPOCHS, LEASE, SHA256, WANT, is_base_snapshot, plain_copy
from roost.replication.markers import read_marker, sync_file, sync_folder, write_marker
from roost.replication.object_store import ObjectStat, ObjectStore
from roost.replication.set_aside import conflict_path, is_set_aside
from roost.storage.adoption import adoption_done, adoption_requested
from roost.storage.copies import check_copy, copy_database, has_content, settle, sha256_of
from roost.storage.database import Database

log = logging.getLogger("roost.replication")


@dataclass(frozen=True, slots=True)
class _Case:
    """One database: what was found, what was chosen, and the fetched object if it takes one."""

    database: str
    choice: Choice
    stat: ObjectStat | None
    sha256: str | None = None


class Restore:
    """Brings the data folder and the bucket together. May be run again after any failure or kill."""

    def __init__(self, store: ObjectStore, data_dir: Path, clock: Clock, stopping: threading.Event) -> None:
        self._store = store
        self._data_dir = data_dir
        self._clock = clock
        self._stopping = stopping

    def check(self) -> None:
        """Changes nothing. Raises Unavailable, with the cause and the remedy, when this bucket must not be
        used with this disk.
        """
        try:
            self._refuse(self._look())
        except RemoteError as error:
            raise Unavailable(error.message, code=error.code, retry_after_s=5) from error
        finally:
            self._tidy()

    def run(self) -> None:
        """Afterwards both files are there, and nobody has them open.

        Raises Unavailable, with the cause and the remedy, while Roost cannot start: the bucket cannot be
        read, or what it holds must not be used. Nothing was changed then, and trying again, for ever, is
        right.
        """
        self._tidy()
        try:
            self._run()
        finally:
            self._tidy()

    def _run(self) -> None:
        try:
            cases = self._look()
        except RemoteError as error:
            raise Unavailable(error.message, code=error.code, retry_after_s=5) from error
        self._refuse(cases)
        try:
            cases = [self._fetch(case) for case in cases]
        except ObjectMissing as error:
            raise Unavailable(
                f"{self._store.place} changed while it was read. Roost looks again.", code=error.code
            ) from error
        except (RemoteError, StorageError) as error:
            raise Unavailable(error.message, code=error.code, retry_after_s=5) from error
        try:
            for case in cases:
                self._settle(case)
        except OSError as error:
            raise Unavailable(
                f"DATA_DIR cannot be written ({error.strerror}). Free some space on its disk.",
                code="disk_full",
                retry_after_s=5,
            ) from error
        adoption_done(self._data_dir)

    def _tidy(self) -> None:
        for database in DATABASES:
            for leftover in (self._fetched(database), self._copied(database)):
                leftover.unlink(missing_ok=True)

    def _look(self) -> list[_Case]:
        bucket_empty = self._is_empty()
        adopting = adoption_requested(self._data_dir)
        cases = []
        for database in DATABASES:
            try:
                stat = self._store.stat(plain_copy(database))
            except ObjectMissing:
                stat = None
            marker = read_marker(self._data_dir, database)
            if adopting and stat is None:
                marker, empty = None, True
            else:
                empty = bucket_empty
            choice = choose(
                self._store.place,
                exists=has_content(self._local(database)),
                marker=marker,
                remote=None if stat is None else Remote(stat.generation, stat.metadata.get(SHA256)),
                bucket_empty=empty,
                changed=lambda marker, database=database: self._copy_local(database) != marker.sha256,  # type: ignore[misc]
            )
            cases.append(_Case(database, choice, stat))
        return cases

    def _is_empty(self) -> bool:
        """But for what whoever waits for it, or died before its first epoch began, leaves there."""
        page = self._store.list(limit=100)
        return page.next_page_token is None and all(_is_left(item.name) for item in page.items)

    def _refuse(self, cases: list[_Case]) -> None:
        place = self._store.place
        for case in cases:
            if case.choice is Choice.GONE:
                raise Unavailable(
                    f"The bucket was emptied or exchanged: {place} holds no {plain_copy(case.database)}, "
                    "although this copy of Roost was backed up. Put it back, or name the right bucket. "
                    "To go on with what is on this disk, run `roost backup now --adopt`.",
                    code="bucket_emptied",
                )
            if case.choice is Choice.FOREIGN:
                raise Unavailable(
                    f"{place} is not empty and holds no {plain_copy(case.database)}. Name the right bucket, "
                    "put the file back, or empty the bucket. "
                    "To use this bucket as it is, run `roost backup now --adopt`.",
                    code="bucket_foreign",
                )

    def _fetch(self, case: _Case) -> _Case:
        """The object as a checked file beside the local one, for the choices that take it."""
        if case.stat is None or case.choice not in (Choice.RESTORE, Choice.SET_ASIDE):
            return case
        fetched = self._fetched(case.database)
        sha256 = download(self._store, case.stat, fetched, self._stopping)
        try:
            check_copy(fetched, case.database, f"{case.stat.name} in {self._store.place}")
        except (SchemaTooNew, StorageError):
            fetched.unlink()
            raise
        if case.choice is Choice.SET_ASIDE and self._is_local(case.database, sha256):
            # A restore that was killed between its last two steps, or a copy that a person put there.
            fetched.unlink()
            return _Case(case.database, Choice.KEEP, case.stat, sha256)
        return _Case(case.database, case.choice, case.stat, sha256)

    def _settle(self, case: _Case) -> None:
        """Carries the choice out."""
        database, stat = case.database, case.stat
        name = plain_copy(database)
        match case.choice:
            case Choice.START_EMPTY | Choice.ADOPT:
                write_marker(self._data_dir, database, Marker(self._store.place, 0, None))
                if case.choice is Choice.START_EMPTY:
                    self._make(database)
                found = "is new" if case.choice is Choice.START_EMPTY else "of this disk is kept"
                log.info("%s is empty: %s %s", self._store.place, name, found)
            case Choice.KEEP:
                if stat is not None:
                    sha256 = stat.metadata.get(SHA256) or case.sha256
                    known = read_marker(self._data_dir, database)
                    if sha256 is None and known is not None:
                        sha256 = known.sha256
                    write_marker(self._data_dir, database, Marker(self._store.place, stat.generation, sha256))
                log.info("Kept %s: %s stands where it left it", name, self._store.place)
            case Choice.SET_ASIDE:
                self._set_aside(database)
                self._take(case)
            case Choice.RESTORE:
                self._take(case)
            case Choice.GONE | Choice.FOREIGN:
                raise ValueError(f"{case.choice} is refused before")

    def _make(self, database: str) -> None:
        """A file with nothing in it but the schema, so that the log begins with a whole database."""
        new = Database(self._local(database), database)
        new.open()
        new.close()

    def _set_aside(self, database: str) -> None:
        sha256 = self._copy_local(database)
        if is_set_aside(self._data_dir, database, sha256):
            return
        aside = conflict_path(self._data_dir, database, self._clock.now())
        copied = self._copied(database)
        sync_file(copied)
        copied.replace(aside)
        sync_folder(self._data_dir)
        log.error(
            "%s was changed here and in %s: this disk's is kept as %s",
            plain_copy(database),
            self._store.place,
            aside.name,
        )

    def _take(self, case: _Case) -> None:
        """The fetched file into place. A kill in between leaves one whole file or the other."""
        if case.stat is None:
            raise ValueError("nothing was fetched")
        database, local, fetched = case.database, self._local(case.database), self._fetched(case.database)
        if local.exists():
            # Else a kill between the next two steps would leave a file without its log.
            settle(local)
        for suffix in ("-wal", "-shm"):
            local.with_name(local.name + suffix).unlink(missing_ok=True)
        sha256 = case.sha256
        if SHA256 not in case.stat.metadata:
            # Made by other hands: it is recognised by what a copy of it looks like.
            copied = self._copied(database)
            copy_database(fetched, copied)
            sha256 = sha256_of(copied)
            copied.unlink()
        fetched.replace(local)
        sync_folder(self._data_dir)
        write_marker(self._data_dir, database, Marker(self._store.place, case.stat.generation, sha256))
        log.info("Restored %s", plain_copy(database))

    def _is_local(self, database: str, sha256: str) -> bool:
        """Whether the local file is that very file, or has the same content."""
        if self._copy_local(database) == sha256:
            return True
        settle(self._local(database))
        return sha256_of(self._local(database)) == sha256

    def _copy_local(self, database: str) -> str:
        """The SHA-256 of a fresh copy of the local file, which is left beside it."""
        copied = self._copied(database)
        copy_database(self._local(database), copied)
        return sha256_of(copied)

    def _local(self, database: str) -> Path:
        return self._data_dir / f"{database}.db"

    def _fetched(self, database: str) -> Path:
        return self._data_dir / f"{database}.db.restoring"

    def _copied(self, database: str) -> Path:
        return self._data_dir / f"{database}.db.copied"


def _is_left(name: str) -> bool:
    """Whether an object is there without any epoch's having begun: nothing that was acknowledged is in it."""
    return name in (LEASE, WANT) or name.startswith(EPOCHS) or is_base_snapshot(name)

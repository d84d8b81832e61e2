"""Whole copies of the databases at the bucket's root, for people and for older versions: every five minutes
if something changed, and at last.

Only whoever holds the lease makes them. A copy is uploaded onto the generation that was looked up before,
and onto no other; what somebody else has put there is first kept on this disk.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

from roost.clock import Clock
from roost.domain.replication import Marker
from roost.errors import BucketUnreachable, ObjectMissing, PreconditionFailed, RoostError, Unavailable
from roost.replication.download import download
from roost.replication.layout import DATABASES, EPOCH, SCHEMA, SHA256, plain_copy
from roost.replication.markers import read_marker, sync_folder, write_marker
from roost.replication.object_store import ABSENT, ObjectStat, ObjectStore
from roost.replication.set_aside import conflict_path
from roost.storage.copies import copy_database, sha256_of

log = logging.getLogger("roost.replication")

EVERY_S = 300.0
AGAIN_AFTER_S = 15.0
"""After a failure."""
ATTEMPTS = 3


class Written(Protocol):
    """A database file that is being written."""

    path: Path

    @property
    def commits(self) -> int:
        """Rises with every transaction that was stored."""
        ...


class PlainCopies:
    """Of one epoch. `owns` tells whether this process still holds the lease: without it nothing is copied."""

    def __init__(
        self,
        store: ObjectStore,
        data_dir: Path,
        databases: Mapping[str, Written],
        clock: Clock,
        epoch: int,
        owns: Callable[[], bool],
        every_s: float = EVERY_S,
    ) -> None:
        self._store = store
        self._data_dir = data_dir
        self._databases = databases
        self._clock = clock
        self._epoch = epoch
        self._owns = owns
        self._every_s = every_s
        self._copying = threading.Lock()
        # As of the last copy; None while it is unknown whether the bucket has what is here.
        self._commits: dict[str, int | None] = dict.fromkeys(databases)
        self._stopping = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="backup", daemon=True)
        self.trouble: str | None = None
        """Why the last attempt failed, for people."""
        self.last_backup_at: datetime | None = None
        self.backups_total = 0
        self.failures_total = 0

    def start(self) -> None:
        """The first copies are made at once, so that a bucket that cannot be written shows soon."""
        self._thread.start()

    def stop(self) -> None:
        """No copy is begun by itself any more, and one that is being uploaded is given up."""
        self._ended.set()

    def give_up(self) -> None:
        """As `stop`; and nothing is copied any more, whoever asks."""
        self._stopping.set()
        self._ended.set()

    def back_up(self) -> bool:
        """Copies what changed since the last copy: True when the bucket has everything now. A failure is told
        by `trouble`, and made up for with the next call.
        """
        with self._copying:
            trouble = self._copy_all()
            if trouble is None:
                if self.trouble is not None:
                    log.info("%s takes copies again", self._store.place)
                self.trouble = None
                return True
            self.failures_total += 1
            if self.trouble != trouble:
                log.error("Backing up failed: %s", trouble)
            self.trouble = trouble
            return False

    def _run(self) -> None:
        while not self._ended.is_set():
            if self._is_dirty():
                self.say()
            try:
                done = self.back_up()
            except Exception:  # the thread's edge - it must live as long as the process
                log.exception("Backing up failed")
                done = False
            self._ended.wait(self._every_s if done else min(AGAIN_AFTER_S, self._every_s))

    def say(self) -> None:
        place = self._store.place
        stand_in = "" if place.startswith("gs://") else "'s stand-in, the folder"
        log.info("Backing up data to GCS%s %s", stand_in, place)

    def _is_dirty(self) -> bool:
        return any(self._commits[name] != database.commits for name, database in self._databases.items())

    def _copy_all(self) -> str | None:
        """Each for itself: what keeps one from being copied must not cost the other. The first trouble."""
        first: RoostError | OSError | None = None
        for database in DATABASES:
            try:
                self._copy(database)
            except BucketUnreachable as error:
                # The next would only wait as long again.
                return _told(first or error)
            except (RoostError, OSError) as error:
                first = first or error
        return None if first is None else _told(first)

    def _copy(self, database: str) -> None:
        written = self._databases[database]
        commits = written.commits
        if self._commits[database] == commits:
            return
        copied = self._data_dir / f"{database}.db.copied"
        try:
            schema = copy_database(written.path, copied)
            metadata = {SHA256: sha256_of(copied), SCHEMA: str(schema), EPOCH: str(self._epoch)}
            self._bring(database, copied, metadata)
        finally:
            copied.unlink(missing_ok=True)
        self._commits[database] = commits
        self.last_backup_at = self._clock.now()

    def _bring(self, database: str, copied: Path, metadata: Mapping[str, str]) -> None:
        for _ in range(ATTEMPTS):
            if self._stopping.is_set() or not self._owns():
                raise _of_another()
            there = self._find(database)
            if there is not None and there.metadata.get(SHA256) == metadata[SHA256]:
                self._note(database, there.generation, metadata[SHA256])
                return
            if there is not None:
                self._leave_to_a_later_epoch(there)
                self._keep_what_nobody_knows(database, there)
            generation = ABSENT if there is None else there.generation
            self._note(database, generation, None, pending_sha256=metadata[SHA256])
            if self._upload(database, copied, metadata, generation):
                return
        raise BucketUnreachable(f"{plain_copy(database)} in {self._store.place} changes too fast.")

    def _upload(self, database: str, copied: Path, metadata: Mapping[str, str], generation: int) -> bool:
        """False when the object was at another generation: perhaps our own, whose answer was lost."""
        began_s = self._clock.monotonic_s()
        try:
            with copied.open("rb") as file:
                stored = self._store.put(
                    plain_copy(database), file, if_generation_match=generation, metadata=metadata
                )
        except PreconditionFailed:
            return False
        self._note(database, stored.generation, metadata[SHA256])
        self.backups_total += 1
        log.info(
            "Backed up %s: %.1f MB in %.1f s",
            plain_copy(database),
            copied.stat().st_size / 1e6,
            self._clock.monotonic_s() - began_s,
        )
        return True

    def _find(self, database: str) -> ObjectStat | None:
        try:
            return self._store.stat(plain_copy(database))
        except ObjectMissing:
            return None

    def _note(
        self, database: str, generation: int, sha256: str | None, pending_sha256: str | None = None
    ) -> None:
        known = read_marker(self._data_dir, database)
        if known is None:
            raise Unavailable(f"The marker of {plain_copy(database)} is gone. Restart Roost.")
        if pending_sha256 is not None:
            marker = replace(known, pending_sha256=pending_sha256)
        else:
            marker = replace(known, generation=generation, sha256=sha256, pending_sha256=None)
        if marker != known:
            write_marker(self._data_dir, database, marker)

    def _leave_to_a_later_epoch(self, there: ObjectStat) -> None:
        epoch = there.metadata.get(EPOCH, "")
        if epoch.isdigit() and int(epoch) > self._epoch:
            raise _of_another()

    def _keep_what_nobody_knows(self, database: str, there: ObjectStat) -> None:
        """A copy that no holder of the lease made, nor anybody before whom this disk knows, is kept here."""
        known = read_marker(self._data_dir, database)
        if EPOCH in there.metadata or (known is not None and _is_of(known, there)):
            return
        fetched = self._data_dir / f"{database}.db.fetched"
        download(self._store, there, fetched, self._stopping)
        aside = conflict_path(self._data_dir, database, self._clock.now())
        fetched.replace(aside)
        sync_folder(self._data_dir)
        log.error(
            "Somebody else has written %s in %s: theirs is kept as %s on this disk",
            plain_copy(database),
            self._store.place,
            aside.name,
        )


def _of_another() -> Unavailable:
    return Unavailable("Another Roost uses this bucket now, and makes the copies there.")


def _is_of(known: Marker, there: ObjectStat) -> bool:
    sha256 = there.metadata.get(SHA256)
    return known.generation == there.generation or (
        sha256 is not None and sha256 in (known.sha256, known.pending_sha256)
    )


def _told(error: RoostError | OSError) -> str:
    if isinstance(error, RoostError):
        return error.message
    return f"No copy could be made: {error.strerror}. Free some space on the disk of DATA_DIR."

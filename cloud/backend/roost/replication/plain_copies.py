"""Whole copies of the databases at the bucket's root: every five minutes if something changed, and at last.

A copy is uploaded onto the generation that this process restored or uploaded last, and onto no other.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from roost.clock import Clock
from roost.domain.replication import BackupStanding, Choice, Marker, Remote, choose
from roost.errors import BucketUnreachable, ObjectMissing, PreconditionFailed, RoostError, Unavailable
from roost.replication.layout import DATABASES, SCHEMA, SHA256, plain_copy
from roost.replication.markers import read_marker, write_marker
from roost.replication.object_store import ObjectStore
from roost.replication.restore import Restored
from roost.replication.set_aside import conflicts, dismiss
from roost.storage.adoption import adoption_done
from roost.storage.copies import copy_database, sha256_of

log = logging.getLogger("roost.replication")

EVERY_S = 300.0
AGAIN_AFTER_S = 15.0
"""After a failure."""
EMPTIED = "bucket_emptied"


class Written(Protocol):
    """A database file that is being written."""

    path: Path

    @property
    def commits(self) -> int:
        """Rises with every transaction that was stored."""
        ...


@dataclass(slots=True)
class _Progress:
    """`commits` as of the last copy; None while it is unknown whether the bucket has what is here."""

    commits: int | None = None


class PlainCopies:
    """`services.backups.Backups`. Ships nothing before `start`, nor before the bucket has been read."""

    def __init__(
        self,
        store: ObjectStore,
        data_dir: Path,
        databases: Mapping[str, Written],
        clock: Clock,
        every_s: float = EVERY_S,
    ) -> None:
        self._store = store
        self._data_dir = data_dir
        self._databases = databases
        self._clock = clock
        self._every_s = every_s
        self._shipping = threading.Lock()
        self._progress = {database: _Progress() for database in databases}
        self._started = False
        self._bucket_read = False
        self._trouble: str | None = None
        self._emptied_now = False
        self._last_backup_at: datetime | None = None
        self._backups = 0
        self._failures = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="backup", daemon=True)

    def start(self, restored: Restored) -> None:
        """The first copies are made at once, so that a bucket that cannot be written shows soon."""
        self._bucket_read = restored.trouble is None
        self._trouble = restored.trouble
        self._started = True
        self._thread.start()

    def begin_stop(self) -> None:
        """A first flush, while the bots are still ending; `finish` ships what they wrote meanwhile."""
        self._ended.set()
        if self._started:
            self._say()
            self.back_up()

    def finish(self) -> None:
        """The last copies, from files that nobody writes any more."""
        if self._started:
            self.back_up()

    def back_up_now(self, *, adopt: bool = False) -> bool:
        """`back_up` for a person: the bucket is looked at first, however little there is to ship."""
        return self._back_up(look=True, adopt=adopt)

    def back_up(self) -> bool:
        """Ships what changed since the last copy: True when the bucket has everything now. A failure is
        remembered for `standing` and tried again with the next call.
        """
        return self._back_up(look=False, adopt=False)

    def _back_up(self, *, look: bool, adopt: bool) -> bool:
        with self._shipping:
            if look:
                self._bucket_read = False
            trouble = self._ship_all(adopt)
            if trouble is not None:
                self._failures += 1
                if self._trouble != trouble:
                    log.error("Backing up failed: %s", trouble)
                self._trouble = trouble
                return False
            if self._trouble is not None:
                log.info("%s is reached again", self._store.place)
            self._trouble = None
            return True

    def standing(self) -> BackupStanding:
        return BackupStanding(
            bucket=self._store.place,
            last_backup_at=self._last_backup_at,
            trouble=self._trouble,
            conflicts=conflicts(self._data_dir),
            backups_total=self._backups,
            failures_total=self._failures,
            emptied=self._emptied_now,
        )

    def dismiss(self, conflict_id: str) -> None:
        dismiss(self._data_dir, conflict_id)

    def _run(self) -> None:
        while not self._ended.is_set():
            if self._is_dirty():
                self._say()
            try:
                done = self.back_up()
            except Exception:  # the thread's edge - it must live as long as the process
                log.exception("Backing up failed")
                done = False
            self._ended.wait(self._every_s if done else min(AGAIN_AFTER_S, self._every_s))

    def _say(self) -> None:
        place = self._store.place
        stand_in = "" if place.startswith("gs://") else "'s stand-in, the folder"
        log.info("Backing up data to GCS%s %s", stand_in, place)

    def _is_dirty(self) -> bool:
        return any(
            self._progress[name].commits != database.commits for name, database in self._databases.items()
        )

    def _read_bucket(self) -> None:
        """What the start could not do. Whatever it finds, files in use stay as they are.

        Raises Unavailable when the bucket has moved on meanwhile.
        """
        for database in DATABASES:
            try:
                stat = self._store.stat(plain_copy(database))
            except ObjectMissing:
                stat = None
            marker = read_marker(self._data_dir, database)
            choice = choose(
                self._store.place,
                exists=True,
                marker=marker,
                remote=None if stat is None else Remote(stat.generation, stat.metadata.get(SHA256)),
                bucket_empty=False,
                changed=lambda marker: True,
            )
            if stat is None and choice is not Choice.KEEP:
                raise self._emptied(database)
            if choice is not Choice.KEEP:
                raise self._moved_on(database)
            if stat is not None and marker is not None and stat.generation != marker.generation:
                # The same content under another generation: a folder that was copied, our own upload whose
                # answer was lost.
                sha256 = stat.metadata.get(SHA256)
                write_marker(self._data_dir, database, Marker(self._store.place, stat.generation, sha256))
        self._bucket_read = True

    def _adopt(self) -> None:
        """What the bucket does not hold is shipped as if it never had."""
        for database in DATABASES:
            try:
                self._store.stat(plain_copy(database))
            except ObjectMissing:
                write_marker(self._data_dir, database, Marker(self._store.place, 0, None))
                self._progress[database].commits = None
        adoption_done(self._data_dir)

    def _ship_all(self, adopt: bool) -> str | None:
        """Each for itself: what keeps one from being shipped must not cost the other. The first trouble."""
        first: RoostError | OSError | None = None
        try:
            if adopt:
                self._adopt()
            if not self._bucket_read:
                self._read_bucket()
            for database in DATABASES:
                try:
                    self._ship(database)
                except BucketUnreachable:
                    # The next would only wait as long again.
                    raise
                except (RoostError, OSError) as error:
                    first = first or error
        except (RoostError, OSError) as error:
            first = first or error
        self._emptied_now = isinstance(first, RoostError) and first.code == EMPTIED
        return None if first is None else _told(first)

    def _ship(self, database: str) -> None:
        progress, written = self._progress[database], self._databases[database]
        commits = written.commits
        if progress.commits == commits:
            return
        marker = read_marker(self._data_dir, database)
        if marker is None:
            raise Unavailable(f"The marker of {plain_copy(database)} is gone. Restart Roost.")
        copied = self._data_dir / f"{database}.db.copied"
        try:
            schema = copy_database(written.path, copied)
            sha256 = sha256_of(copied)
            if marker.generation == 0 or marker.sha256 != sha256:
                self._upload(database, marker, copied, {SHA256: sha256, SCHEMA: str(schema)})
        finally:
            copied.unlink(missing_ok=True)
        progress.commits = commits
        self._last_backup_at = self._clock.now()

    def _upload(self, database: str, marker: Marker, copied: Path, metadata: Mapping[str, str]) -> None:
        name, sha256 = plain_copy(database), metadata[SHA256]
        generation = marker.generation
        if marker.pending_sha256 is not None:
            # An upload whose answer was lost must be known about before the next is begun.
            generation = self._generation(database, marker)
        pending = Marker(marker.place, generation, marker.sha256, sha256, marker.epoch)
        write_marker(self._data_dir, database, pending)
        began_s = self._clock.monotonic_s()
        try:
            with copied.open("rb") as file:
                generation = self._store.put(
                    name, file, if_generation_match=generation, metadata=metadata
                ).generation
        except PreconditionFailed:
            generation = self._generation(database, pending, sha256)
        write_marker(self._data_dir, database, Marker(marker.place, generation, sha256, epoch=marker.epoch))
        self._backups += 1
        log.info(
            "Backed up %s: %.1f MB in %.1f s",
            name,
            copied.stat().st_size / 1e6,
            self._clock.monotonic_s() - began_s,
        )

    def _generation(self, database: str, marker: Marker, sha256: str | None = None) -> int:
        """Where the bucket stands after an upload of unknown outcome: at the marker, or at our own upload.

        With `sha256` only the latter will do. Raises Unavailable when somebody else has written.
        """
        try:
            stat = self._store.stat(plain_copy(database))
        except ObjectMissing:
            if marker.generation == 0 and sha256 is None:
                return 0
            raise self._emptied(database) from None
        stored = stat.metadata.get(SHA256)
        if stored is not None and stored == (sha256 or marker.pending_sha256):
            return stat.generation
        if sha256 is None and stat.generation == marker.generation:
            return stat.generation
        raise self._moved_on(database)

    def _moved_on(self, database: str) -> Unavailable:
        return Unavailable(
            f"{plain_copy(database)} in {self._store.place} was written by somebody else: another Roost uses "
            "this bucket. Nothing is overwritten. Stop the other one, then restart this one: it sets its own "
            "file aside and restores the bucket's.",
            code="bucket_moved_on",
        )

    def _emptied(self, database: str) -> Unavailable:
        return Unavailable(
            f"The bucket was emptied or exchanged: {self._store.place} holds no {plain_copy(database)} any "
            "more. Put it back, or go on with what is here: by the button on the page Status, or by "
            "`roost backup now --adopt`.",
            code=EMPTIED,
        )


def _told(error: RoostError | OSError) -> str:
    if isinstance(error, RoostError):
        return error.message
    return f"No copy could be made: {error.strerror}. Free some space on the disk of DATA_DIR."

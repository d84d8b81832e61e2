"""What the lease's new holder does before anything opens the databases: end the log before, bring the disk
and the log together, begin an epoch.

May be run again after any failure or kill: a restored file is renamed into place, then its marker written,
then the epoch begun. Both databases are decided, fetched and checked before either is touched.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from roost.clock import Clock
from roost.domain.replication import Choice, Ended, Marker, PageState, choose_by_log
from roost.errors import Unavailable
from roost.replication.epochs import EpochDocument, Epochs, begin_epoch, close_number
from roost.replication.layout import DATABASES, plain_copy
from roost.replication.lease import HeldLease, Holder, LeaseLost
from roost.replication.log_reader import Head, Log, forsaken_epoch
from roost.replication.log_restore import LogRestore
from roost.replication.markers import read_marker, sync_file, sync_folder, write_marker
from roost.replication.object_store import ObjectStore
from roost.replication.pages import PageHashes, page_hashes
from roost.replication.reached import read_reached
from roost.replication.restore import Restore
from roost.replication.sealing import seal
from roost.replication.segment import Kind
from roost.replication.set_aside import conflict_path, is_set_aside
from roost.replication.snapshot_objects import put_base_snapshot
from roost.storage.adoption import adoption_done, adoption_requested
from roost.storage.copies import copy_database, has_content, settle, sha256_of
from roost.storage.same_rows import same_rows

log = logging.getLogger("roost.replication")

TOMBSTONES_AT_MOST = 1000
"""A lease whose epoch is further from the last that began was not written by Roost."""


@dataclass(frozen=True, slots=True)
class Begun:
    """An epoch, and what the settled files hold as it begins."""

    document: EpochDocument
    hashes: Mapping[str, PageHashes]


class TakingOver:
    def __init__(
        self, store: ObjectStore, data_dir: Path, me: Holder, clock: Clock, stopping: threading.Event
    ) -> None:
        self._store = store
        self._data_dir = data_dir
        self._me = me
        self._clock = clock
        self._stopping = stopping
        self._plain = Restore(store, data_dir, clock, stopping)
        # Reading a file whole is the dearest step, and is done once for each.
        self._known_hashes: dict[str, PageHashes] = {}

    def check(self, epochs: Epochs) -> None:
        """Before anything is written to the bucket. Raises Unavailable when it must not be used,
        ObjectDamaged when what was shipped last cannot be read.
        """
        forsaken = Log(self._store, epochs).forsaken()
        # The last that was shipped while somebody emptied the bucket: a person may say to go on without it.
        adopting = epochs.newest is None and adoption_requested(self._data_dir)
        if forsaken is not None and not adopting:
            raise forsaken_epoch(self._store, forsaken)
        if epochs.newest is None:
            self._plain.check()

    def run(self, lease: HeldLease) -> Begun:
        """Raises LeaseLost when somebody else took over meanwhile, Unavailable when it should be tried again;
        RemoteError and StorageError for what is wrong with the bucket.
        """
        self._known_hashes.clear()
        epochs, newest = self._close_gap(lease.epoch)
        if newest is None:
            self._plain.run()
            head: Head | None = None
        else:
            head = seal(self._store, Log(self._store, epochs), newest, self._clock.now())
            self._bring_together(epochs, newest, head)
        hashes = {database: self._hashes(database) for database in DATABASES}
        document = EpochDocument(
            epoch=lease.epoch,
            prev_epoch=None if newest is None else newest.epoch,
            prev_last_seq=0 if head is None else head.seq,
            base={database: hashes[database].state for database in DATABASES},
            base_snapshots={
                database: self._base_snapshot(database, hashes[database].state, head, lease.epoch)
                for database in DATABASES
            },
            owner=self._me.folder,
            instance=self._me.instance,
            revision=self._me.revision,
            created=self._clock.now(),
        )
        for database in DATABASES:
            self._mark(database, pending_epoch=lease.epoch)
        if not begin_epoch(self._store, document):
            raise LeaseLost(f"Epoch {lease.epoch} of {self._store.place} was closed by somebody else.")
        for database in DATABASES:
            self._mark(database, epoch=lease.epoch)
        adoption_done(self._data_dir)
        return Begun(document, hashes)

    def _close_gap(self, epoch: int) -> tuple[Epochs, EpochDocument | None]:
        """No epoch between the newest one and this may begin any more."""
        while True:
            epochs = Epochs(self._store)
            newest = epochs.newest
            first = 1 if newest is None else newest.epoch + 1
            if first > epoch:
                raise LeaseLost(f"{self._store.place} has epoch {first - 1} already.")
            if all(
                close_number(self._store, number)
                for number in range(max(first, epoch - TOMBSTONES_AT_MOST), epoch)
                if number not in epochs
            ):
                return epochs, newest

    def _bring_together(self, epochs: Epochs, newest: EpochDocument, head: Head) -> None:
        choices = {database: self._choose(database, epochs, newest, head) for database in DATABASES}
        wanted = [
            database for database, choice in choices.items() if choice in (Choice.RESTORE, Choice.SET_ASIDE)
        ]
        if wanted:
            # As checked files beside the local ones.
            LogRestore(self._store, self._stopping).restore(self._data_dir)
        try:
            for database in DATABASES:
                self._settle(database, choices[database], newest.epoch)
        except OSError as error:
            raise Unavailable(
                f"DATA_DIR cannot be written ({error.strerror}). Free some space on its disk.",
                code="disk_full",
                retry_after_s=5,
            ) from error

    def _choose(self, database: str, epochs: Epochs, newest: EpochDocument, head: Head) -> Choice:
        def left_at(epoch: int) -> PageState | None:
            after = epochs.after(epoch)
            return None if after is None else after.base.get(database)

        return choose_by_log(
            self._store.place,
            self._me.folder,
            exists=has_content(self._local(database)),
            marker=self._marker(database, epochs),
            ended=Ended(newest.epoch, newest.owner, head.states[database]),
            set_back=self._set_back(newest.epoch, head),
            state=lambda: self._hashes(database).state,
            left_at=left_at,
        )

    def _set_back(self, epoch: int, head: Head) -> bool:
        """Whether the log has what the process that wrote it from this disk had never noted here."""
        reached = read_reached(self._data_dir)
        sent = head.seq - 1 if head.ended is Kind.SEAL else head.seq
        return reached is not None and sent > (reached.seq if reached.epoch == epoch else 0)

    def _marker(self, database: str, epochs: Epochs) -> Marker | None:
        """With the epoch that this folder was killed in right after it began."""
        marker = read_marker(self._data_dir, database)
        if marker is None or marker.pending_epoch is None:
            return marker
        begun = epochs.find(marker.pending_epoch)
        if begun is not None and begun.owner == self._me.folder:
            return replace(marker, epoch=marker.pending_epoch, pending_epoch=None)
        return marker

    def _settle(self, database: str, choice: Choice, ended_epoch: int) -> None:
        """Carries the choice out."""
        if choice is Choice.KEEP:
            self._fetched(database).unlink(missing_ok=True)
            log.info("Kept %s: it has everything that is in %s", plain_copy(database), self._store.place)
            return
        local = self._local(database)
        if local.exists():
            # Else a kill between the next steps would leave a file without its log.
            settle(local)
        if choice is Choice.SET_ASIDE and not same_rows(local, self._fetched(database)):
            self._set_aside(database)
        for suffix in ("-wal", "-shm"):
            local.with_name(local.name + suffix).unlink(missing_ok=True)
        self._known_hashes.pop(database, None)
        self._fetched(database).replace(local)
        sync_folder(self._data_dir)
        write_marker(self._data_dir, database, Marker(self._store.place, 0, None, epoch=ended_epoch))
        log.info("Restored %s", plain_copy(database))

    def _set_aside(self, database: str) -> None:
        copied = self._data_dir / f"{database}.db.copied"
        try:
            copy_database(self._local(database), copied)
            if is_set_aside(self._data_dir, database, sha256_of(copied)):
                return
            aside = conflict_path(self._data_dir, database, self._clock.now())
            sync_file(copied)
            copied.replace(aside)
            sync_folder(self._data_dir)
        finally:
            copied.unlink(missing_ok=True)
        log.error(
            "%s was changed here and in %s: this disk's is kept as %s",
            plain_copy(database),
            self._store.place,
            aside.name,
        )

    def _base_snapshot(self, database: str, state: PageState, head: Head | None, epoch: int) -> str | None:
        """The state in which the epoch begins, unless the log before leads to it."""
        if head is not None and head.states.get(database) == state:
            return None
        return put_base_snapshot(self._store, database, self._local(database), epoch, self._clock.now())[0]

    def _mark(self, database: str, *, epoch: int | None = None, pending_epoch: int | None = None) -> None:
        known = read_marker(self._data_dir, database) or Marker(self._store.place, 0, None)
        if known.place != self._store.place:
            known = Marker(self._store.place, 0, None)
        marker = replace(known, epoch=epoch or known.epoch, pending_epoch=pending_epoch)
        write_marker(self._data_dir, database, marker)

    def _hashes(self, database: str) -> PageHashes:
        if database not in self._known_hashes:
            settle(self._local(database))
            self._known_hashes[database] = page_hashes(self._local(database))
        return self._known_hashes[database]

    def _local(self, database: str) -> Path:
        return self._data_dir / f"{database}.db"

    def _fetched(self, database: str) -> Path:
        return self._data_dir / f"{database}.db.restoring"

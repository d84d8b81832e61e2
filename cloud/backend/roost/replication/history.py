"""`services.backup_history.BackupHistory`: the log, or what an older Roost left at the bucket's root."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from roost.clock import parse_timestamp
from roost.domain.images import LIMIT_BYTES, is_named_so, is_picture
from roost.errors import InvalidInput, NotFound, ObjectMissing, Unavailable
from roost.replication.collection import collected_until
from roost.replication.download import download
from roost.replication.epochs import EpochDocument
from roost.replication.layout import DATABASES, IMAGES, plain_copy
from roost.replication.log_reader import Log, forsaken_epoch
from roost.replication.log_restore import LogRestore
from roost.replication.markers import sync_folder
from roost.replication.object_store import ObjectStat, ObjectStore
from roost.replication.segment import AT, Position
from roost.replication.snapshot_objects import Snapshot, listed_snapshots
from roost.replication.verification import SnapshotReport, verify
from roost.services.backup_history import Checked, History, KeptCopy, KeptSnapshot, Recovered, Told
from roost.storage.copies import check_copy
from roost.storage.image_files import FOLDER as PICTURES
from roost.storage.image_files import ImageFiles


class BucketHistory:
    """Reads only: neither the lease nor anything else in the bucket is touched."""

    def __init__(self, store: ObjectStore, stopping: threading.Event) -> None:
        self._store = store
        self._stopping = stopping

    def look(self) -> History:
        log = Log(self._store)
        chain = log.epochs()
        listed = {database: listed_snapshots(self._store, database) for database in DATABASES}
        found = [each for snapshots in listed.values() for each in snapshots]
        latest = log.head(chain[-1]).last_at if chain else None
        copies = [KeptCopy(stat.name, stat.size_bytes) for stat in self._plain_copies().values()]
        return History(
            bucket=self._store.place,
            earliest=None if latest is None else _earliest(log, chain, listed, latest),
            latest=latest,
            epochs=len(chain),
            snapshots=[
                KeptSnapshot(each.stat.name, each.database, each.at, each.stat.size_bytes) for each in found
            ],
            copies=copies,
        )

    def check(self, told: Told) -> Checked:
        found = verify(
            self._store, self._stopping, lambda looked: told("checking objects", looked.objects, None)
        )
        return Checked(
            bucket=self._store.place,
            snapshots=[_kept(each) for each in found.snapshots],
            segments=found.segments,
            gaps=[gap.trouble for gap in found.gaps],
            restorable=found.restorable,
        )

    def restore(self, folder: Path, at: datetime | None, told: Told) -> Recovered:
        made = not folder.exists()
        if not made and (not folder.is_dir() or any(folder.iterdir())):
            raise InvalidInput(
                f"{folder} is not an empty folder. Name one that is, or one that is not there yet.",
                field="to",
            )
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            recovered = self._restore(folder, at, told)
            missed = self._fetch_pictures(folder, told)
            return replace(recovered, passed_over=(*recovered.passed_over, *missed))
        except BaseException:  # cleaned up and raised on - whatever it was
            shutil.rmtree(folder / PICTURES, ignore_errors=True)
            for database in DATABASES:
                for name in (plain_copy(database), f"{database}.db.restoring"):
                    (folder / name).unlink(missing_ok=True)
            if made:
                folder.rmdir()
            raise

    def _restore(self, folder: Path, at: datetime | None, told: Told) -> Recovered:
        told("looking at the bucket", 0, None)
        log = Log(self._store)
        forsaken = log.forsaken() if at is None else None
        if forsaken is not None:
            raise forsaken_epoch(self._store, forsaken)
        if log.epochs():
            restored = LogRestore(self._store, self._stopping).restore(
                folder, upto=at, progress=lambda it: told("applying segments", it.done, it.total)
            )
            files, passed_over, moment = restored.files, restored.passed_over, restored.at
            return Recovered(_into_place(folder, files), moment, passed_over)
        copies = self._plain_copies()
        if not copies:
            raise NotFound(f"{self._store.place} holds nothing of Roost's. Name the right bucket.")
        if at is not None:
            raise NotFound(
                f"{self._store.place} holds plain copies only, each of one moment. "
                "Leave --at out to have them."
            )
        fetched: dict[str, Path] = {}
        for number, (database, stat) in enumerate(copies.items()):
            told("fetching copies", number, len(copies))
            fetched[database] = folder / f"{database}.db.restoring"
            download(self._store, stat, fetched[database], self._stopping)
            check_copy(fetched[database], database, f"{stat.name} in {self._store.place}")
        return Recovered(_into_place(folder, fetched), _told_at(copies), ())

    def _fetch_pictures(self, folder: Path, told: Told) -> list[str]:
        """All of them: which ones that moment names is known to whoever opens its databases. What was passed
        over, and why.
        """
        files = ImageFiles(folder)
        missed = []
        token: str | None = None
        fetched = 0
        while True:
            page = self._store.list(IMAGES, page_token=token)
            for stat in page.items:
                if self._stopping.is_set():
                    raise Unavailable("The restore was interrupted. Begin it again.")
                told("fetching pictures", fetched, None)
                name = stat.name.removeprefix(IMAGES)
                if stat.size_bytes <= LIMIT_BYTES and is_picture(name):
                    content = self._store.get(stat.name)
                    if is_named_so(name, content):
                        files.write(name, content)
                        fetched += 1
                        continue
                missed.append(f"{stat.name} is no picture of Roost's, or damaged: left out.")
            token = page.next_page_token
            if token is None:
                return missed

    def _plain_copies(self) -> dict[str, ObjectStat]:
        found = {}
        for database in DATABASES:
            try:
                found[database] = self._store.stat(plain_copy(database))
            except ObjectMissing:
                continue
        return found


def _earliest(
    log: Log, chain: Sequence[EpochDocument], listed: Mapping[str, Sequence[Snapshot]], latest: datetime
) -> datetime | None:
    """From when on every moment is kept: what every database can begin with, and all that follows."""
    began = {document.epoch: document.created for document in chain}
    floor = collected_until(log, chain, listed, latest) or Position(chain[0].epoch, 0)
    firsts = []
    for snapshots in listed.values():
        behind = [each for each in snapshots if each.position >= floor and each.position.epoch in began]
        if not behind:
            return None
        first = min(behind, key=lambda each: each.position)
        # What an epoch begins with was packed before it began.
        firsts.append(max(first.at, began[first.position.epoch]))
    return max(firsts)


def _kept(report: SnapshotReport) -> KeptSnapshot:
    return KeptSnapshot(report.name, report.database, report.at, report.size_bytes, report.trouble)


def _told_at(copies: Mapping[str, ObjectStat]) -> datetime | None:
    try:
        return min(parse_timestamp(stat.metadata[AT]) for stat in copies.values())
    except (KeyError, ValueError):
        return None


def _into_place(folder: Path, files: Mapping[str, Path]) -> dict[str, Path]:
    placed = {}
    for database, path in files.items():
        placed[database] = path.rename(folder / plain_copy(database))
    sync_folder(folder)
    return placed

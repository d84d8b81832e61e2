"""Which copy of a database is newer: the one on this disk, or the one in the bucket."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class PageState:
    """What a database file holds, in a few numbers: equal content has an equal one. `checksum` is 64 bits,
    put together from every page; `pages` counts those of `page_size` bytes.
    """

    checksum: int
    pages: int
    page_size: int


@dataclass(frozen=True, slots=True)
class Marker:
    """What a local file has last had in common with the bucket.

    `generation` is the object's, 0 when the bucket was found empty; `sha256` that of a copy of the file as it
    was then. `pending_sha256` is the copy whose upload was begun and not seen to end. `epoch` belongs to the
    log of continuous shipping, and is None without it.
    """

    place: str
    generation: int
    sha256: str | None
    pending_sha256: str | None = None
    epoch: int | None = None


@dataclass(frozen=True, slots=True)
class Remote:
    """The object as the bucket has it now; `sha256` is None where its writer told none."""

    generation: int
    sha256: str | None


class Choice(StrEnum):
    """What becomes of a local file before anything opens it."""

    START_EMPTY = "start_empty"
    """Neither has anything: the first start."""

    ADOPT = "adopt"
    """Only this disk has anything, and the bucket is empty: it is kept and uploaded."""

    KEEP = "keep"
    """The bucket stands where this file last left it; the file may be ahead."""

    RESTORE = "restore"
    """The bucket's copy is the newer one, or the only one."""

    SET_ASIDE = "set_aside"
    """Both have changed: the local file is kept under another name, and the bucket's restored."""

    GONE = "gone"
    """What this file was shipped to is not there: emptied, or another bucket. Only a person may go on."""

    FOREIGN = "foreign"
    """The bucket holds something, but not this database. Only a person may go on."""


def choose(
    place: str,
    *,
    exists: bool,
    marker: Marker | None,
    remote: Remote | None,
    bucket_empty: bool,
    changed: Callable[[Marker], bool],
) -> Choice:
    """`remote` None and `bucket_empty` are the bucket's own answers, never the lack of one. `changed` tells
    whether the file has been written since the marker; it is asked only where that decides.
    """
    if remote is None:
        return _without_object(place, exists=exists, marker=marker, bucket_empty=bucket_empty)
    if not exists:
        return Choice.RESTORE
    if marker is None:
        return Choice.SET_ASIDE
    if marker.place == place and marker.generation == remote.generation:
        return Choice.KEEP
    if remote.sha256 is not None and remote.sha256 in (marker.sha256, marker.pending_sha256):
        return Choice.KEEP
    if marker.place != place or changed(marker):
        return Choice.SET_ASIDE
    return Choice.RESTORE


def _without_object(place: str, *, exists: bool, marker: Marker | None, bucket_empty: bool) -> Choice:
    if marker is not None:
        never_shipped = marker.place == place and marker.generation == 0
        if never_shipped and exists:
            return Choice.KEEP
        if not never_shipped or marker.pending_sha256 is not None:
            return Choice.GONE
        # The first start of all was ended before it made the file: nothing has ever been anywhere.
    if not bucket_empty:
        return Choice.FOREIGN
    return Choice.ADOPT if exists else Choice.START_EMPTY


@dataclass(frozen=True, slots=True)
class SetAside:
    """A local file that the bucket's copy has taken the place of. `id` is its name in the data folder."""

    id: str
    database: str
    at: datetime


@dataclass(frozen=True, slots=True)
class BackupStanding:
    """How the copies in the bucket are doing. `trouble` says, for people, why the last attempt failed;
    `emptied`: because what was there is gone, and only a person may go on, by adopting the bucket.
    """

    bucket: str
    last_backup_at: datetime | None
    trouble: str | None
    conflicts: Sequence[SetAside]
    backups_total: int
    failures_total: int
    emptied: bool = False

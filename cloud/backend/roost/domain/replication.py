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

    `generation` is the plain copy's, 0 when the bucket was found empty; `sha256` that of a copy of the file
    as it was then. `pending_sha256` is the copy whose upload was begun and not seen to end. `epoch` is the
    last in which this file was written, None before the first; `pending_epoch` one that may have begun.
    """

    place: str
    generation: int
    sha256: str | None
    pending_sha256: str | None = None
    epoch: int | None = None
    pending_epoch: int | None = None


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


@dataclass(frozen=True, slots=True)
class Ended:
    """How the log stands before a new epoch: the last that was written, by the data folder `owner`, and what
    the database held at its end.
    """

    epoch: int
    owner: str
    head: PageState


def choose_by_log(
    place: str,
    folder: str,
    *,
    exists: bool,
    marker: Marker | None,
    ended: Ended,
    state: Callable[[], PageState],
    left_at: Callable[[int], PageState | None],
    set_back: bool = False,
) -> Choice:
    """KEEP, RESTORE or SET_ASIDE for a file of the data folder `folder`, where the bucket has a log.

    `state` tells what the file holds, `left_at` what the log held when the epoch after the given one began,
    None when that is not known any more; both are asked only where they decide. `set_back`: the disk is an
    earlier state of itself, or of the one it was cloned from, and does not have all of the epoch.
    """
    if not exists:
        return Choice.RESTORE
    known = marker if marker is not None and marker.place == place else None
    if known is not None and known.epoch == ended.epoch and ended.owner == folder and not set_back:
        # Nobody has written since this folder did: its file has everything, and may be ahead.
        return Choice.KEEP
    held = state()
    if held == ended.head:
        return Choice.KEEP
    if known is not None and known.epoch is not None and held == left_at(known.epoch):
        return Choice.RESTORE
    return Choice.SET_ASIDE


def _without_object(place: str, *, exists: bool, marker: Marker | None, bucket_empty: bool) -> Choice:
    if marker is not None:
        never_shipped = marker.place == place and marker.generation == 0 and marker.epoch is None
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
class LogStanding:
    """How the log in the bucket is doing. `lag_s` is the age of the oldest write that is not in the bucket
    yet, 0 when there is none; `bytes_waiting` what of it waits to be sent.
    """

    epoch: int
    seq: int
    lag_s: float
    bytes_waiting: int
    last_shipped_at: datetime | None
    segments_total: int
    bytes_total: int
    failures_total: int


@dataclass(frozen=True, slots=True)
class BackupStanding:
    """How the bucket is doing. `trouble` says, for people, why the last attempt failed; `emptied`: because
    what was there is gone, and only a person may go on, by adopting the bucket. `holder` is who may write,
    as far as it is known here; `log` is None before this process has begun one. `may_write`: it holds the
    lease, and has renewed it in time.
    """

    bucket: str
    last_backup_at: datetime | None
    trouble: str | None
    conflicts: Sequence[SetAside]
    backups_total: int
    failures_total: int
    emptied: bool = False
    holder: str | None = None
    log: LogStanding | None = None
    cost_per_month_usd: float | None = None
    may_write: bool = False

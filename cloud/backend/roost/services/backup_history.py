"""What the bucket can give back, as people ask for it: no server is needed, and nothing in it is changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

Told = Callable[[str, int, int | None], None]
"""Hears what is being done, how much of it is done, and of how much where that is known."""


@dataclass(frozen=True, slots=True)
class KeptSnapshot:
    """A whole database in the bucket. `trouble` says, for people, why it cannot be used; None also where
    nobody has looked.
    """

    name: str
    database: str
    at: datetime
    size_bytes: int
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class KeptCopy:
    """A plain copy at the bucket's root."""

    name: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class History:
    """Every moment from `earliest` to `latest` can be restored, and of the time before the snapshots; None
    where only plain copies are kept.
    """

    bucket: str
    earliest: datetime | None
    latest: datetime | None
    epochs: int
    snapshots: Sequence[KeptSnapshot]
    copies: Sequence[KeptCopy]


@dataclass(frozen=True, slots=True)
class Checked:
    """Everything in the log, looked at. `gaps` are sentences; `restorable`: the newest state can be had."""

    bucket: str
    snapshots: Sequence[KeptSnapshot]
    segments: int
    gaps: Sequence[str]
    restorable: bool


@dataclass(frozen=True, slots=True)
class Recovered:
    """Files of databases, whole and checked, as they were at `at`; None when their maker told no time.
    `passed_over` are sentences about what could not be used on the way.
    """

    files: Mapping[str, Path]
    at: datetime | None
    passed_over: Sequence[str]


class BackupHistory(Protocol):
    """Every method raises what the bucket raises: BucketUnreachable, BucketForbidden, BucketMissing."""

    def look(self) -> History: ...

    def check(self, told: Told) -> Checked:
        """Downloads everything. Raises NotFound when there is no log."""
        ...

    def restore(self, folder: Path, at: datetime | None, told: Told) -> Recovered:
        """Into a new or empty folder: the newest state, or that of a moment. Nothing of it remains when it
        fails. Raises InvalidInput for a folder that holds something, NotFound when the bucket has nothing, or
        nothing of that moment, ObjectDamaged, Unavailable when the disk is full.
        """
        ...

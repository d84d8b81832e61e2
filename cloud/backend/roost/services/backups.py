"""The copies in the bucket, as the page sees them."""

from __future__ import annotations

from typing import Protocol

from roost.domain.replication import BackupStanding

LAGS_S = 15.0
"""A write that old and not in the bucket is no matter of waiting any more. Whoever alerts of it waits
until it has lasted: a minute in all."""


class Backups(Protocol):
    def standing(self) -> BackupStanding: ...

    def back_up_now(self, *, adopt: bool = False) -> bool:
        """Ships what the bucket has not got; False when that failed, and `standing` says why. With `adopt` a
        bucket that was emptied or exchanged is used all the same, within seconds; never somebody else's.
        """
        ...

    def dismiss(self, conflict_id: str) -> None:
        """The file that was set aside stays, and is not shown any more. Raises NotFound."""
        ...


def backup_trouble(backups: Backups) -> str | None:
    """Why what was written here is not safe in the bucket, for people; None when it is."""
    standing = backups.standing()
    if standing.trouble is not None:
        return f"The copies in {standing.bucket} are not kept up to date: {standing.trouble}"
    if standing.log is not None and standing.log.lag_s >= LAGS_S:
        return (
            f"The copy in {standing.bucket} lags {standing.log.lag_s:.0f} s behind: a disk that is lost"
            " now takes that much with it."
        )
    return None

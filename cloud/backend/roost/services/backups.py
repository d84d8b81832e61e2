"""The copies in the bucket, as the page sees them."""

from __future__ import annotations

from typing import Protocol

from roost.domain.replication import BackupStanding


class Backups(Protocol):
    def standing(self) -> BackupStanding: ...

    def back_up(self) -> bool:
        """Ships what changed since the last copy; False when that failed, and `standing` says why."""
        ...

    def dismiss(self, conflict_id: str) -> None:
        """The file that was set aside stays, and is not shown any more. Raises NotFound."""
        ...

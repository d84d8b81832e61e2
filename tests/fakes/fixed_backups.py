"""A bucket in which one file was set aside, and all else is as a test says; by default, as it should be."""

from __future__ import annotations

from datetime import UTC, datetime

from roost.domain.replication import BackupStanding, SetAside

AT = datetime(2026, 1, 1, tzinfo=UTC)


class FixedBackups:
    """`services.backups.Backups` without a bucket behind it."""

    def __init__(self) -> None:
        self.trouble: str | None = None
        self.conflicts = [SetAside("conversations.db.conflict-20260101T000000.000000Z", "conversations", AT)]

    def standing(self) -> BackupStanding:
        return BackupStanding("gs://roost", AT, self.trouble, tuple(self.conflicts), 2, 0)

    def back_up_now(self, *, adopt: bool = False) -> bool:
        return True

    def dismiss(self, conflict_id: str) -> None:
        self.conflicts = [conflict for conflict in self.conflicts if conflict.id != conflict_id]

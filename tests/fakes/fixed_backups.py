"""A bucket in which one file was set aside, and all else is as a test says; by default, as it should be."""

from __future__ import annotations

from datetime import UTC, datetime

from roost.domain.replication import BackupStanding, LogStanding, SetAside

AT = datetime(2026, 1, 1, tzinfo=UTC)


class FixedBackups:
    """`services.backups.Backups` without a bucket behind it."""

    def __init__(self) -> None:
        self.trouble: str | None = None
        self.lag_s: float | None = None
        self.conflicts = [SetAside("conversations.db.conflict-20260101T000000.000000Z", "conversations", AT)]

    def standing(self) -> BackupStanding:
        log = None if self.lag_s is None else LogStanding(1, 7, self.lag_s, 0, AT, 7, 7_000, 0)
        return BackupStanding("gs://roost", AT, self.trouble, tuple(self.conflicts), 2, 0, log=log)

    def back_up_now(self, *, adopt: bool = False) -> bool:
        return True

    def dismiss(self, conflict_id: str) -> None:
        self.conflicts = [conflict for conflict in self.conflicts if conflict.id != conflict_id]

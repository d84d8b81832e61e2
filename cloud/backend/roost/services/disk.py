"""The disk of DATA_DIR, as the page sees it."""

from __future__ import annotations

from collections.abc import Sequence

from roost.storage.database import Database


def disk_trouble(databases: Sequence[Database]) -> str | None:
    """Why nothing new can be saved, for people; None when it can."""
    return next((database.disk.sentence for database in databases if database.disk.sentence), None)

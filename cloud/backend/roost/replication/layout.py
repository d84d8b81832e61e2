"""What is called what in the bucket."""

from __future__ import annotations

DATABASES = ("conversations", "bot_configs")
"""In the order in which they are restored and backed up."""

SHA256 = "sha256"
"""Metadata of every object Roost writes: the content's SHA-256, in hexadecimal."""

SCHEMA = "schema"
"""Metadata of a plain copy: the database's schema number."""


def plain_copy(database: str) -> str:
    """A whole database file at the bucket's root, for people and for older versions."""
    return f"{database}.db"

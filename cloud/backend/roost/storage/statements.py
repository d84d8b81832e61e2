"""SQL statements, each read once: SQLAlchemy looks for parameters in a text every time it is made."""

from __future__ import annotations

from functools import lru_cache

import sqlalchemy
from sqlalchemy import TextClause

STATEMENTS_KEPT = 512


@lru_cache(STATEMENTS_KEPT)
def text(statement: str) -> TextClause:
    """`sqlalchemy.text`, the same object for the same statement. Statements are immutable."""
    return sqlalchemy.text(statement)

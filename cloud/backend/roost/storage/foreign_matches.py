"""How near an index comes to questions about something else, as it was measured last. In knowledge.db."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class ForeignMatches:
    """The best cosines of foreign questions, measured when the index held so many chunks."""

    chunks: int
    mean: float
    spread: float


def read(db: Connection, model: str) -> ForeignMatches | None:
    """None where the index was not measured with this model."""
    row = db.execute(
        text("SELECT chunks, mean, spread FROM foreign_matches WHERE model = :model"), {"model": model}
    ).one_or_none()
    return None if row is None else ForeignMatches(row.chunks, row.mean, row.spread)


def store(db: Connection, model: str, measured: ForeignMatches) -> None:
    """In place of every earlier measurement. Searches judge by it from now on: the index's version rises."""
    db.execute(text("DELETE FROM foreign_matches"))
    db.execute(
        text(
            "INSERT INTO foreign_matches (model, chunks, mean, spread)"
            " VALUES (:model, :chunks, :mean, :spread)"
        ),
        {"model": model, "chunks": measured.chunks, "mean": measured.mean, "spread": measured.spread},
    )
    db.execute(text("UPDATE index_state SET version = version + 1 WHERE id = 1"))

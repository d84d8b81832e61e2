"""Every secret that is stored sealed: where it is, and sealing it anew when SECRET_KEY is exchanged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Row

from roost.errors import DecryptionRefused
from roost.storage.secrets import Cipher
from roost.storage.statements import text


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """`column` of `table`, in the rows named by `keys`; `place` is what a row's secret is bound to."""

    table: str
    column: str
    keys: tuple[str, ...]
    place: Callable[[Row[tuple[object, ...]]], str]
    condition: str = "true"


@dataclass(frozen=True, slots=True)
class Resealed:
    """`unreadable` secrets open under no known key, and were left as they are."""

    resealed: int
    unreadable: int

    def __add__(self, other: Resealed) -> Resealed:
        return Resealed(self.resealed + other.resealed, self.unreadable + other.unreadable)


# By database. A reply that is kept for its Idempotency-Key is sealed where it holds a secret; the others are
# JSON objects.
SEALED: Mapping[str, Sequence[SealedColumn]] = {
    "bot_configs": (
        SealedColumn("bot_configs", "token", ("bot_id",), lambda row: f"bot_configs/{row.bot_id}/token"),
        SealedColumn("bot_configs", "api_key", ("bot_id",), lambda row: f"bot_configs/{row.bot_id}/api_key"),
        SealedColumn(
            "bot_configs",
            "webhook_secret",
            ("bot_id",),
            lambda row: f"bot_configs/{row.bot_id}/webhook_secret",
        ),
        SealedColumn(
            "idempotency",
            "body",
            ("person_id", "method", "path", "key"),
            lambda row: f"idempotency/{row.person_id}/{row.path}/{row.key}",
            "body <> '' AND substr(body, 1, 1) <> '{'",
        ),
    ),
    "conversations": (
        SealedColumn(
            "interaction_tokens",
            "token",
            ("bot_id", "update_id"),
            lambda row: f"interaction_tokens/{row.bot_id}/{row.update_id}/token",
        ),
    ),
}


def reseal(db: Connection, database: str, cipher: Cipher) -> Resealed:
    """Seals under the current key whatever is not, all of a database in the caller's transaction."""
    done = Resealed(0, 0)
    for column in SEALED[database]:
        done += _reseal_column(db, column, cipher)
    return done


def count_unreadable(db: Connection, database: str, cipher: Cipher) -> Resealed:
    """How many secrets open, and how many do not; changes nothing."""
    opened = unreadable = 0
    for column in SEALED[database]:
        for row in _rows(db, column):
            try:
                cipher.open(row.sealed, column.place(row))
            except DecryptionRefused:
                unreadable += 1
            else:
                opened += 1
    return Resealed(opened, unreadable)


def _reseal_column(db: Connection, column: SealedColumn, cipher: Cipher) -> Resealed:
    resealed = unreadable = 0
    of_row = " AND ".join(f"{key} = :{key}" for key in column.keys)
    for row in _rows(db, column):
        if cipher.is_current(row.sealed):
            continue
        place = column.place(row)
        try:
            sealed = cipher.seal(cipher.open(row.sealed, place), place)
        except DecryptionRefused:
            unreadable += 1
            continue
        db.execute(
            text(f"UPDATE {column.table} SET {column.column} = :sealed WHERE {of_row}"),  # noqa: S608 - our own names
            {"sealed": sealed, **{key: getattr(row, key) for key in column.keys}},
        )
        resealed += 1
    return Resealed(resealed, unreadable)


def _rows(db: Connection, column: SealedColumn) -> Sequence[Row[tuple[object, ...]]]:
    names = ", ".join(column.keys)
    return db.execute(
        text(
            f"SELECT {names}, {column.column} AS sealed FROM {column.table}"  # noqa: S608 - our own names
            f" WHERE {column.column} IS NOT NULL AND {column.column} <> '' AND {column.condition}"
        )
    ).all()

"""A write that is sent again gives the first answer: the reply is stored under the caller's key in the
write's own transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import Connection

from roost.clock import timestamp
from roost.errors import InvalidInput, RoostError
from roost.storage.database import Database
from roost.storage.statements import text

T = TypeVar("T")

KEPT = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class StoredReply:
    """An HTTP status and a JSON body, as they went out the first time."""

    status: int
    body: str


@dataclass(frozen=True, slots=True)
class Once:
    """One request that must have one effect: its scope, its key, what it asked for, and how its result is
    worded.
    """

    person_id: str
    method: str
    path: str
    key: str
    body_sha256: str
    at: datetime
    render: Callable[[object], StoredReply]


class Replayed(RoostError):
    """Not a failure: the same request was done before, and `reply` is what it answered."""

    default_code = "replayed"

    def __init__(self, reply: StoredReply) -> None:
        super().__init__("This request was done before; here is its first answer.")
        self.reply = reply


def write_once(database: Database, once: Once | None, run: Callable[[Connection], T]) -> T:
    """Does `run` in the database's writer, and stores its rendered reply with it when the caller gave a key.

    Raises Replayed when the same request was done before, InvalidInput when the key was used for another
    body.
    """
    if once is None:
        return database.write(run)

    def run_once(db: Connection) -> T:
        earlier = find_reply(db, once)
        if earlier is not None:
            raise Replayed(earlier)
        result = run(db)
        store_reply(db, once, once.render(result))
        return result

    return database.write(run_once)


def find_reply(db: Connection, once: Once) -> StoredReply | None:
    """The reply stored under this key. Raises InvalidInput (code idempotency_mismatch) when it was for
    another body.
    """
    row = db.execute(
        text(
            "SELECT body_sha256, status, body FROM idempotency"
            " WHERE person_id = :person_id AND method = :method AND path = :path AND key = :key"
            " AND created_at >= :oldest"
        ),
        {**_scope(once), "oldest": timestamp(once.at - KEPT)},
    ).one_or_none()
    if row is None:
        return None
    if row.body_sha256 != once.body_sha256:
        raise InvalidInput(
            "This Idempotency-Key was used for another request. Send a new key with a new request.",
            code="idempotency_mismatch",
        )
    return StoredReply(row.status, row.body)


def store_reply(db: Connection, once: Once, reply: StoredReply) -> None:
    """Keeps a reply for seven days, in place of an expired one, and forgets what is older."""
    db.execute(
        text("DELETE FROM idempotency WHERE created_at < :oldest"), {"oldest": timestamp(once.at - KEPT)}
    )
    db.execute(
        text(
            "INSERT INTO idempotency (person_id, method, path, key, body_sha256, status, body, created_at)"
            " VALUES (:person_id, :method, :path, :key, :body_sha256, :status, :body, :created_at)"
        ),
        {
            **_scope(once),
            "body_sha256": once.body_sha256,
            "status": reply.status,
            "body": reply.body,
            "created_at": timestamp(once.at),
        },
    )


def _scope(once: Once) -> dict[str, str]:
    return {"person_id": once.person_id, "method": once.method, "path": once.path, "key": once.key}

"""API keys: their sha256, their last four characters, and whose they are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, Row

from roost.clock import parse_timestamp, timestamp
from roost.domain.accounts import ApiKey, CreatedKey, Person, Role
from roost.errors import Conflict, NotFound
from roost.storage.statements import text

_KEY = "api_keys.id, api_keys.name, api_keys.last4, api_keys.created_at, api_keys.last_used_at"


def add_key(
    db: Connection, created: CreatedKey, person_id: str, secret_sha256: str, at_most: int
) -> CreatedKey:
    """Keeps what may be kept of a key, and hands it back. Raises Conflict at `at_most` keys of a person."""
    key = created.key
    counted = db.execute(
        text("SELECT count(*) FROM api_keys WHERE user_id = :user_id"), {"user_id": person_id}
    ).scalar_one()
    if counted >= at_most:
        raise Conflict(
            f"You have {counted} API keys. Revoke one that is no longer used.", code="too_many_keys"
        )
    db.execute(
        text(
            "INSERT INTO api_keys (id, user_id, name, secret_sha256, last4, created_at)"
            " VALUES (:id, :user_id, :name, :secret, :last4, :created_at)"
        ),
        {
            "id": key.id,
            "user_id": person_id,
            "name": key.name,
            "secret": secret_sha256,
            "last4": key.last4,
            "created_at": timestamp(key.created_at),
        },
    )
    return created


def list_keys(db: Connection, person_id: str, before_id: str | None, limit: int) -> Sequence[ApiKey]:
    """Newest first; ids are UUIDv7, so they order by time."""
    rows = db.execute(
        text(
            f"SELECT {_KEY} FROM api_keys WHERE user_id = :user_id AND (:before IS NULL OR id < :before)"  # noqa: S608 - our own column list
            " ORDER BY id DESC LIMIT :limit"
        ),
        {"user_id": person_id, "before": before_id, "limit": limit},
    )
    return [_key(row) for row in rows]


def find_key_owner(db: Connection, secret_sha256: str) -> tuple[ApiKey, Person] | None:
    row = db.execute(
        text(
            f"SELECT {_KEY}, users.id AS person_id, users.name AS person_name, users.email, users.role"  # noqa: S608 - our own column list
            " FROM api_keys JOIN users ON users.id = api_keys.user_id"
            " WHERE secret_sha256 = :secret AND users.removed_at IS NULL"
        ),
        {"secret": secret_sha256},
    ).one_or_none()
    if row is None:
        return None
    return _key(row), Person(id=row.person_id, name=row.person_name, email=row.email, role=Role(row.role))


def touch_key(db: Connection, key_id: str, at: datetime) -> None:
    db.execute(
        text("UPDATE api_keys SET last_used_at = :at WHERE id = :id"), {"id": key_id, "at": timestamp(at)}
    )


def delete_key(db: Connection, person_id: str, key_id: str) -> str:
    """The name of the key that was. Raises NotFound when this person has no such key."""
    deleted = db.execute(
        text("DELETE FROM api_keys WHERE id = :id AND user_id = :user_id RETURNING name"),
        {"id": key_id, "user_id": person_id},
    ).one_or_none()
    if deleted is None:
        raise NotFound("There is no such API key. Reload the list.")
    return str(deleted.name)


def _key(row: Row[tuple[object, ...]]) -> ApiKey:
    return ApiKey(
        id=row.id,
        name=row.name,
        last4=row.last4,
        created_at=parse_timestamp(row.created_at),
        last_used_at=None if row.last_used_at is None else parse_timestamp(row.last_used_at),
    )

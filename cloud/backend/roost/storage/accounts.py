"""People, their sessions, and one-time sign-in links. Secrets are kept as sha256 only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Row

from roost.clock import parse_timestamp, timestamp
from roost.domain.accounts import Person, Role, SessionRecord
from roost.errors import NotFound
from roost.storage.statements import text

_PERSON = "users.id, users.name, users.email, users.role"


@dataclass(frozen=True, slots=True)
class NewSession:
    id: str
    secret_sha256: str
    person_id: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class StoredSession:
    id: str
    secret_sha256: str
    created_at: datetime
    expires_at: datetime
    user_agent: str


def find_person(db: Connection, kind: str, subject: str) -> Person | None:
    row = db.execute(
        text(f"SELECT {_PERSON} FROM users WHERE kind = :kind AND subject = :subject"),  # noqa: S608 - our own column list
        {"kind": kind, "subject": subject},
    ).one_or_none()
    return None if row is None else _person(row)


def ensure_person(db: Connection, fresh: Person, kind: str, subject: str, at: datetime) -> Person:
    """The person known as `kind` and `subject`; `fresh` is kept when there is none yet.

    `kind` says who vouches for the name `subject`: one account for each pair, and never one for two.
    """
    known = find_person(db, kind, subject)
    if known is not None:
        return known
    db.execute(
        text(
            "INSERT INTO users (id, kind, subject, email, name, role, created_at)"
            " VALUES (:id, :kind, :subject, :email, :name, :role, :created_at)"
        ),
        {
            "id": fresh.id,
            "kind": kind,
            "subject": subject,
            "email": fresh.email,
            "name": fresh.name,
            "role": fresh.role,
            "created_at": timestamp(at),
        },
    )
    return fresh


def begin_session(
    db: Connection, new: NewSession, user_agent: str, at: datetime, ends_sha256: str | None = None
) -> None:
    """Keeps a new session; forgets the one it follows, and those that have expired."""
    db.execute(
        text("DELETE FROM sessions WHERE expires_at <= :now OR secret_sha256 = :ends"),
        {"now": timestamp(at), "ends": ends_sha256},
    )
    db.execute(
        text(
            "INSERT INTO sessions (id, secret_sha256, user_id, created_at, expires_at, user_agent)"
            " VALUES (:id, :secret, :user_id, :created_at, :expires_at, :user_agent)"
        ),
        {
            "id": new.id,
            "secret": new.secret_sha256,
            "user_id": new.person_id,
            "created_at": timestamp(at),
            "expires_at": timestamp(new.expires_at),
            "user_agent": user_agent,
        },
    )


def find_session(db: Connection, secret_sha256: str, at: datetime) -> SessionRecord | None:
    """The session that holds at this moment."""
    row = db.execute(
        text(
            f"SELECT {_PERSON}, sessions.expires_at FROM sessions JOIN users ON users.id = sessions.user_id"  # noqa: S608 - our own column list
            " WHERE secret_sha256 = :secret AND expires_at > :now AND users.removed_at IS NULL"
        ),
        {"secret": secret_sha256, "now": timestamp(at)},
    ).one_or_none()
    return None if row is None else SessionRecord(_person(row), parse_timestamp(row.expires_at))


def extend_session(db: Connection, secret_sha256: str, expires_at: datetime) -> None:
    db.execute(
        text("UPDATE sessions SET expires_at = :expires_at WHERE secret_sha256 = :secret"),
        {"secret": secret_sha256, "expires_at": timestamp(expires_at)},
    )


def delete_session(db: Connection, secret_sha256: str) -> None:
    db.execute(text("DELETE FROM sessions WHERE secret_sha256 = :secret"), {"secret": secret_sha256})


def list_sessions(
    db: Connection, person_id: str, before_id: str | None, limit: int, at: datetime
) -> Sequence[StoredSession]:
    """Those that hold at this moment, by falling id."""
    rows = db.execute(
        text(
            "SELECT id, secret_sha256, created_at, expires_at, user_agent FROM sessions"
            " WHERE user_id = :person_id AND expires_at > :now AND (:before IS NULL OR id < :before)"
            " ORDER BY id DESC LIMIT :limit"
        ),
        {"person_id": person_id, "now": timestamp(at), "before": before_id, "limit": limit},
    )
    return [
        StoredSession(
            row.id,
            row.secret_sha256,
            parse_timestamp(row.created_at),
            parse_timestamp(row.expires_at),
            row.user_agent,
        )
        for row in rows
    ]


def delete_session_of(db: Connection, person_id: str, session_id: str) -> None:
    """Raises NotFound when this person has no such session."""
    deleted = db.execute(
        text("DELETE FROM sessions WHERE id = :id AND user_id = :person_id"),
        {"id": session_id, "person_id": person_id},
    )
    if deleted.rowcount != 1:
        raise NotFound("There is no such session. Reload the list.")


def add_sign_in_link(db: Connection, code_sha256: str, at: datetime, expires_at: datetime) -> None:
    db.execute(text("DELETE FROM sign_in_links WHERE expires_at <= :now"), {"now": timestamp(at)})
    db.execute(
        text("INSERT INTO sign_in_links (code_sha256, expires_at) VALUES (:code, :expires_at)"),
        {"code": code_sha256, "expires_at": timestamp(expires_at)},
    )


def take_sign_in_link(db: Connection, code_sha256: str, at: datetime) -> bool:
    """True when the code was good until now: it is used up by this."""
    taken = db.execute(
        text("DELETE FROM sign_in_links WHERE code_sha256 = :code AND expires_at > :now"),
        {"code": code_sha256, "now": timestamp(at)},
    )
    return taken.rowcount == 1


def _person(row: Row[tuple[object, ...]]) -> Person:
    return Person(id=row.id, name=row.name, email=row.email, role=Role(row.role))

"""The people of an installation: their accounts, roles, invitations, and what leaves with them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, Row

from roost.clock import parse_timestamp, timestamp
from roost.domain.accounts import Person, Role
from roost.domain.people import Account, Grant, Invitation, ListedPerson
from roost.storage.statements import text

LOCAL = "local"
PROVIDER = "google"
_ACCOUNT = "users.id, users.kind, users.name, users.email, users.role, users.removed_at"
_OPEN_INVITATION = "accepted_by IS NULL"


def find_account(db: Connection, person_id: str) -> Account | None:
    row = db.execute(
        text(f"SELECT {_ACCOUNT} FROM users WHERE id = :id"),  # noqa: S608 - our own column list
        {"id": person_id},
    ).one_or_none()
    return None if row is None else _account(row)


def find_provider_account(db: Connection, subject: str) -> Account | None:
    row = db.execute(
        text(f"SELECT {_ACCOUNT} FROM users WHERE kind = :kind AND subject = :subject"),  # noqa: S608 - our own column list
        {"kind": PROVIDER, "subject": subject},
    ).one_or_none()
    return None if row is None else _account(row)


def provider_accounts(db: Connection) -> Sequence[Account]:
    """All that may sign in, with the role they have now."""
    rows = db.execute(
        text(f"SELECT {_ACCOUNT} FROM users WHERE kind = :kind AND removed_at IS NULL"),  # noqa: S608 - our own column list
        {"kind": PROVIDER},
    )
    return [_account(row) for row in rows]


def add_provider_account(db: Connection, person: Person, subject: str, at: datetime) -> None:
    db.execute(
        text(
            "INSERT INTO users (id, kind, subject, email, name, role, created_at, last_signed_in_at)"
            " VALUES (:id, :kind, :subject, :email, :name, :role, :at, :at)"
        ),
        {
            "id": person.id,
            "kind": PROVIDER,
            "subject": subject,
            "email": person.email,
            "name": person.name,
            "role": person.role.value,
            "at": timestamp(at),
        },
    )


def update_account(db: Connection, person: Person, signed_in_at: datetime) -> None:
    """What the provider says of somebody now, the role that follows, and an end to being removed."""
    db.execute(
        text(
            "UPDATE users SET email = :email, name = :name, role = :role, last_signed_in_at = :at,"
            " removed_at = NULL WHERE id = :id"
        ),
        {
            "id": person.id,
            "email": person.email,
            "name": person.name,
            "role": person.role.value,
            "at": timestamp(signed_in_at),
        },
    )


def set_role(db: Connection, person_id: str, role: Role) -> None:
    db.execute(text("UPDATE users SET role = :role WHERE id = :id"), {"id": person_id, "role": role.value})


def is_invited(db: Connection, person_id: str) -> bool:
    """Whether this person has accepted an invitation that still stands."""
    found = db.execute(
        text("SELECT 1 FROM invitations WHERE accepted_by = :person_id"), {"person_id": person_id}
    )
    return found.one_or_none() is not None


def has_open_invitation(db: Connection, email: str) -> bool:
    found = db.execute(
        text(f"SELECT 1 FROM invitations WHERE email = :email AND {_OPEN_INVITATION}"),  # noqa: S608 - our own condition
        {"email": email},
    )
    return found.one_or_none() is not None


def accept_invitation(db: Connection, email: str, person_id: str) -> bool:
    """True when one waited for this address: it is this person's from now on, whatever becomes of theirs."""
    if is_invited(db, person_id):
        db.execute(
            text(f"DELETE FROM invitations WHERE email = :email AND {_OPEN_INVITATION}"),  # noqa: S608 - our own condition
            {"email": email},
        )
        return True
    accepted = db.execute(
        text(f"UPDATE invitations SET accepted_by = :person_id WHERE email = :email AND {_OPEN_INVITATION}"),  # noqa: S608 - our own condition
        {"email": email, "person_id": person_id},
    )
    return accepted.rowcount > 0


def add_invitation(db: Connection, invitation: Invitation, accepted_by: str | None = None) -> None:
    db.execute(
        text(
            "INSERT INTO invitations (id, email, invited_by, created_at, accepted_by)"
            " VALUES (:id, :email, :invited_by, :at, :accepted_by)"
        ),
        {
            "id": invitation.id,
            "email": invitation.email,
            "invited_by": invitation.invited_by,
            "at": timestamp(invitation.created_at),
            "accepted_by": accepted_by,
        },
    )


def find_open_invitation(db: Connection, invitation_id: str) -> Invitation | None:
    row = db.execute(
        text(
            "SELECT id, email, invited_by, created_at FROM invitations"  # noqa: S608 - our own condition
            f" WHERE id = :id AND {_OPEN_INVITATION}"
        ),
        {"id": invitation_id},
    ).one_or_none()
    return None if row is None else _invitation(row)


def list_open_invitations(db: Connection, after_id: str | None, limit: int) -> Sequence[Invitation]:
    """Oldest first."""
    rows = db.execute(
        text(
            "SELECT id, email, invited_by, created_at FROM invitations"  # noqa: S608 - our own condition
            f" WHERE {_OPEN_INVITATION} AND id > :after ORDER BY id LIMIT :limit"
        ),
        {"after": after_id or "", "limit": limit},
    )
    return [_invitation(row) for row in rows]


def count_open_invitations(db: Connection) -> int:
    return int(
        db.execute(text(f"SELECT count(*) FROM invitations WHERE {_OPEN_INVITATION}")).scalar_one()  # noqa: S608 - our own condition
    )


def delete_invitation(db: Connection, invitation_id: str) -> None:
    db.execute(text("DELETE FROM invitations WHERE id = :id"), {"id": invitation_id})


def forget_invitation_of(db: Connection, person_id: str) -> None:
    db.execute(text("DELETE FROM invitations WHERE accepted_by = :id"), {"id": person_id})


def member_with_email(db: Connection, email: str) -> Person | None:
    """Somebody who has an account here with this address and was not removed."""
    row = db.execute(
        text(
            f"SELECT {_ACCOUNT} FROM users"  # noqa: S608 - our own column list
            " WHERE lower(email) = :email AND removed_at IS NULL ORDER BY id LIMIT 1"
        ),
        {"email": email},
    ).one_or_none()
    return None if row is None else _account(row).person


def list_people(db: Connection, after_id: str | None, limit: int, at: datetime) -> Sequence[ListedPerson]:
    """Oldest first, without those who were removed. `grant` tells an invitation only."""
    rows = db.execute(
        text(
            f"SELECT {_ACCOUNT}, users.created_at, users.last_signed_in_at,"  # noqa: S608 - our own column list
            " (SELECT count(*) FROM sessions WHERE user_id = users.id AND expires_at > :now) AS sessions,"
            " (SELECT count(*) FROM bot_configs WHERE owner_id = users.id) AS bots,"
            " EXISTS (SELECT 1 FROM invitations WHERE accepted_by = users.id) AS invited"
            " FROM users WHERE removed_at IS NULL AND id > :after ORDER BY id LIMIT :limit"
        ),
        {"after": after_id or "", "limit": limit, "now": timestamp(at)},
    )
    return [
        ListedPerson(
            person=_account(row).person,
            grant=_grant(row),
            created_at=parse_timestamp(row.created_at),
            last_signed_in_at=_moment(row.last_signed_in_at),
            sessions=row.sessions,
            bots=row.bots,
        )
        for row in rows
    ]


def end_sessions_of(db: Connection, person_id: str) -> None:
    db.execute(text("DELETE FROM sessions WHERE user_id = :id"), {"id": person_id})


def end_keys_of(db: Connection, person_id: str) -> None:
    """Every API key of somebody, and the stored replies, of which one may hold a key."""
    db.execute(text("DELETE FROM api_keys WHERE user_id = :id"), {"id": person_id})
    db.execute(text("DELETE FROM idempotency WHERE person_id = :id"), {"id": person_id})


def mark_removed(db: Connection, person_id: str, at: datetime) -> None:
    db.execute(
        text("UPDATE users SET removed_at = :at, role = :role WHERE id = :id"),
        {"id": person_id, "at": timestamp(at), "role": Role.GUEST.value},
    )


def pass_bots_on(db: Connection, person_id: str, heir_id: str, at: datetime) -> Sequence[str]:
    """Gives somebody's bots and widgets to another: the bots' ids. An endpoint that the first one brought
    goes with them, with its key and its model: nobody else may spend at it, and only an owner's endpoint may
    be private.
    """
    rows = db.execute(
        text(
            "UPDATE bot_configs SET owner_id = :heir, updated_at = :at,"
            " model = CASE WHEN base_url IS NULL AND api_key IS NULL THEN model END,"
            " base_url = NULL, api_key = NULL"
            " WHERE owner_id = :id RETURNING bot_id"
        ),
        {"id": person_id, "heir": heir_id, "at": timestamp(at)},
    ).all()
    db.execute(
        text("UPDATE widgets SET owner_id = :heir, updated_at = :at WHERE owner_id = :id"),
        {"id": person_id, "heir": heir_id, "at": timestamp(at)},
    )
    return [str(row.bot_id) for row in rows]


def _account(row: Row[tuple[object, ...]]) -> Account:
    person = Person(id=row.id, name=row.name, email=row.email, role=Role(row.role))
    return Account(person, row.kind == LOCAL, _moment(row.removed_at))


def _grant(row: Row[tuple[object, ...]]) -> Grant:
    if row.kind == LOCAL:
        return Grant.LOCAL
    return Grant.INVITATION if row.invited else Grant.NOTHING


def _invitation(row: Row[tuple[object, ...]]) -> Invitation:
    return Invitation(row.id, row.email, row.invited_by, parse_timestamp(row.created_at))


def _moment(stored: str | None) -> datetime | None:
    return None if stored is None else parse_timestamp(stored)

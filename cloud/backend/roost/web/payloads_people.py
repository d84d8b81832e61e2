"""Payloads of people, invitations, sessions and the audit log."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from roost.domain.accounts import Role
from roost.domain.audit import Action
from roost.domain.people import Grant
from roost.web.payload import Moment, NotBlank, Payload


class ListedPerson(Payload):
    id: str
    name: str
    email: str | None
    role: Role
    grant: Grant
    created_at: Moment
    last_signed_in_at: Moment | None
    sessions: int
    bots: int


class PersonList(Payload):
    items: list[ListedPerson]
    next_cursor: str | None


class PersonChange(Payload):
    role: Literal["member", "guest"]


class NewInvitation(Payload):
    email: Annotated[str, Field(min_length=1, max_length=320), NotBlank]


class Invitation(Payload):
    id: str
    email: str
    created_at: Moment


class InvitationList(Payload):
    items: list[Invitation]
    next_cursor: str | None


class OpenSession(Payload):
    id: str
    user_agent: str
    created_at: Moment
    last_used_at: Moment
    current: bool


class SessionList(Payload):
    items: list[OpenSession]
    next_cursor: str | None


class AuditEntry(Payload):
    id: str
    at: Moment
    action: Action
    actor_id: str | None
    actor: str | None
    subject_id: str | None
    subject: str | None
    detail: str | None


class AuditLog(Payload):
    items: list[AuditEntry]
    next_cursor: str | None

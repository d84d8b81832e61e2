"""Who people are, and what their role allows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Role(StrEnum):
    OWNER = "owner"
    MEMBER = "member"
    GUEST = "guest"


@dataclass(frozen=True, slots=True)
class Person:
    """A signed-in person. Guests have the chat only; owners see all bots and members, never other people's
    conversations.
    """

    id: str
    name: str
    email: str | None
    role: Role

    @property
    def may_build(self) -> bool:
        """May have bots, sources and API keys."""
        return self.role in (Role.OWNER, Role.MEMBER)


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """Whose session it is, and until when."""

    person: Person
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key for scripts: it has its owner's rights. The secret itself is shown once and kept nowhere."""

    id: str
    name: str
    last4: str
    created_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class CreatedKey:
    """A key with its secret. Its repr holds no secret."""

    key: ApiKey
    secret: str

    def __repr__(self) -> str:
        return f"CreatedKey({self.key!r})"

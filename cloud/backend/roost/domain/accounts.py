"""Who people are, and what their role allows."""

from __future__ import annotations

from dataclasses import dataclass
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

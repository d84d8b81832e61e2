"""Who belongs to an installation: by its settings, by an invitation, or not at all."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from roost.domain.accounts import Person, Role


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom an identity provider vouches for. `subject` is theirs for ever; the e-mail address may change, and
    is verified by the provider.
    """

    issuer: str
    subject: str
    email: str
    name: str

    @property
    def account(self) -> str:
        """Names the account here: one provider's subject never meets another's, nor the local owner's."""
        return f"{self.issuer} {self.subject}"


class Grant(StrEnum):
    """What a role comes from."""

    SETTINGS = "settings"
    INVITATION = "invitation"
    LOCAL = "local"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Standing:
    role: Role
    grant: Grant


class MembershipRules:
    """OWNER_EMAILS and ALLOWED_EMAILS."""

    def __init__(self, owner_emails: Collection[str], allowed_emails: Collection[str]) -> None:
        self._owners = frozenset(map(normal_email, owner_emails))
        self._allowed = frozenset(map(normal_email, allowed_emails))

    def standing(self, email: str | None, *, invited: bool) -> Standing:
        """The role of somebody who signs in at a provider: the settings' word first, then an invitation's."""
        address = None if email is None else normal_email(email)
        if address in self._owners:
            return Standing(Role.OWNER, Grant.SETTINGS)
        if address in self._allowed:
            return Standing(Role.MEMBER, Grant.SETTINGS)
        if invited:
            return Standing(Role.MEMBER, Grant.INVITATION)
        return Standing(Role.GUEST, Grant.NOTHING)


@dataclass(frozen=True, slots=True)
class Account:
    """A person with how they sign in. `removed_at` bars them until they are invited again."""

    person: Person
    local: bool
    removed_at: datetime | None


@dataclass(frozen=True, slots=True)
class ListedPerson:
    person: Person
    grant: Grant
    created_at: datetime
    last_signed_in_at: datetime | None
    sessions: int
    bots: int


@dataclass(frozen=True, slots=True)
class Invitation:
    """Waits for whoever signs in with this address."""

    id: str
    email: str
    invited_by: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A signed-in browser. `last_used_at` is right to the day."""

    id: str
    user_agent: str
    created_at: datetime
    last_used_at: datetime
    current: bool


def normal_email(address: str) -> str:
    """One spelling of an address. Providers treat the part before the @ as blind to case, and so do we."""
    return address.strip().lower()

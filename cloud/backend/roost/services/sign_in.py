"""Signing in: sessions that slide, the local owner, and one-time links.

A secret handed out is 256 random bits; its sha256 alone is stored, so a stolen copy of the database opens
nothing.
"""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta

from roost.clock import Clock, Ids
from roost.domain.accounts import Person, Role
from roost.domain.audit import Action
from roost.domain.people import OpenSession
from roost.errors import Forbidden, InvalidInput, LimitReached, NotFound, Unavailable
from roost.services.audit import Audit
from roost.services.live_events import RightsChanged
from roost.storage import accounts, people
from roost.storage.database import Database, Transaction
from roost.storage.idempotency import Once, write_once

SESSION_LASTS = timedelta(days=30)
SESSION_EXTENDED_AFTER = timedelta(days=1)
LINK_LASTS = timedelta(minutes=15)
USER_AGENT_KEPT = 300
LOCAL_OWNER = ("local", "owner")

ATTEMPTS_AT_MOST = 30
ATTEMPTS_WINDOW_S = 60.0
PEERS_REMEMBERED = 1000


class SignIn:
    """`database` is bot_configs.db; `publish` is told whose sessions ended."""

    def __init__(
        self,
        database: Database,
        audit: Audit,
        clock: Clock,
        ids: Ids,
        publish: Callable[[RightsChanged], None],
    ) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock
        self._ids = ids
        self._publish = publish

    def local_owner(self) -> Person:
        """The person who uses Roost on this machine: its first owner, made at the first call."""
        with self._database.read() as db:
            person = accounts.find_person(db, *LOCAL_OWNER)
        if person is not None:
            return person
        fresh = Person(id=self._ids.new(), name="Owner", email=None, role=Role.OWNER)

        return self._database.write(
            lambda db: accounts.ensure_person(db, fresh, *LOCAL_OWNER, at=self._clock.now())
        )

    def begin_session(self, person: Person, user_agent: str, ends: str | None = None) -> str:
        """A new session's secret, for the cookie. `ends` is the secret of the session there was before."""
        secret = self._ids.secret()
        now = self._clock.now()
        new = accounts.NewSession(self._ids.new(), _sha256(secret), person.id, now + SESSION_LASTS)
        ended = None if ends is None else _sha256(ends)
        self._database.write(
            lambda db: accounts.begin_session(db, new, user_agent[:USER_AGENT_KEPT], now, ended)
        )
        return secret

    def person_of_session(self, secret: str) -> Person | None:
        """Whose session this is, None when it has ended. It lasts thirty days from its last use."""
        now = self._clock.now()
        with self._database.read() as db:
            session = accounts.find_session(db, _sha256(secret), now)
        if session is None:
            return None
        if session.expires_at - now < SESSION_LASTS - SESSION_EXTENDED_AFTER:
            with suppress(Unavailable):
                # While nothing can be written people still see what is theirs.
                self._database.write(
                    lambda db: accounts.extend_session(db, _sha256(secret), now + SESSION_LASTS)
                )
        return session.person

    def end_session(self, secret: str) -> None:
        """Also when there is none: signing out always succeeds."""
        now = self._clock.now()

        def end(db: Transaction) -> Person | None:
            session = accounts.find_session(db, _sha256(secret), now)
            accounts.delete_session(db, _sha256(secret))
            if session is None:
                return None
            self._audit.note(db, Action.SIGNED_OUT, session.person)
            return session.person

        person = self._database.write(end)
        if person is not None:
            self._publish(RightsChanged(person.id))

    def sessions(
        self, person: Person, current: str | None, before_id: str | None, limit: int
    ) -> Sequence[OpenSession]:
        """Where somebody is signed in. `current` is the secret of the session that asks, if one does."""
        asking = None if current is None else _sha256(current)
        with self._database.read() as db:
            found = accounts.list_sessions(db, person.id, before_id, limit, self._clock.now())
        return [
            OpenSession(
                id=each.id,
                user_agent=each.user_agent,
                created_at=each.created_at,
                last_used_at=max(each.created_at, each.expires_at - SESSION_LASTS),
                current=each.secret_sha256 == asking,
            )
            for each in found
        ]

    def end_session_of(self, person: Person, session_id: str, once: Once | None = None) -> None:
        """Signs one of somebody's browsers out. Raises NotFound."""

        def end(db: Transaction) -> None:
            accounts.delete_session_of(db, person.id, session_id)
            self._audit.note(db, Action.SESSION_ENDED, person, subject_id=session_id)

        write_once(self._database, once, end)
        self._publish(RightsChanged(person.id))

    def sessions_of_another(
        self, owner: Person, current: str | None, person_id: str, before_id: str | None, limit: int
    ) -> Sequence[OpenSession]:
        """As `sessions`, for an owner to see. Raises Forbidden, NotFound."""
        return self.sessions(self._somebody(owner, person_id), current, before_id, limit)

    def end_session_of_another(
        self, owner: Person, person_id: str, session_id: str, once: Once | None = None
    ) -> None:
        """Signs one browser of anybody's out, the local owner's too. Raises Forbidden, NotFound."""
        person = self._somebody(owner, person_id)

        def end(db: Transaction) -> None:
            accounts.delete_session_of(db, person.id, session_id)
            called = person.email or person.name
            self._audit.note(db, Action.SESSION_ENDED, owner, subject_id=session_id, subject=f"of {called}")

        write_once(self._database, once, end)
        self._publish(RightsChanged(person.id))

    def _somebody(self, owner: Person, person_id: str) -> Person:
        if owner.role is not Role.OWNER:
            raise Forbidden("Only owners may do this.", code="owners_only")
        with self._database.read() as db:
            account = people.find_account(db, person_id)
        if account is None:
            raise NotFound("There is no such person. Reload the list.")
        return account.person

    def make_link_code(self, maker: Person | None) -> str:
        """A code that signs the owner in once, within fifteen minutes: put it behind `/auth/link#`. No maker:
        Roost itself, at its start.
        """
        code = self._ids.secret()
        now = self._clock.now()

        def add(db: Transaction) -> None:
            accounts.add_sign_in_link(db, _sha256(code), now, now + LINK_LASTS)
            self._audit.note(db, Action.SIGN_IN_LINK_MADE, maker)

        self._database.write(add)
        return code

    def redeem_link_code(self, code: str) -> Person:
        """The owner. Raises InvalidInput when the code is unknown, used or too old."""
        now = self._clock.now()
        if not self._database.write(lambda db: accounts.take_sign_in_link(db, _sha256(code), now)):
            raise InvalidInput(
                "This sign-in link is used up or too old. Make a new one with `roost sign-in-link`.",
                code="link_expired",
                field="code",
            )
        return self.local_owner()


class AttemptLimit:
    """At most 30 attempts to sign in a minute from one address. Thread-safe, bounded."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._attempts: dict[str, deque[float]] = {}

    @property
    def remembered(self) -> int:
        with self._lock:
            return len(self._attempts)

    def count(self, peer: str) -> None:
        """Raises LimitReached with the seconds after which a place is free again."""
        now = self._clock.monotonic_s()
        with self._lock:
            recent = self._attempts.pop(peer, deque())
            while recent and recent[0] <= now - ATTEMPTS_WINDOW_S:
                recent.popleft()
            refused = len(recent) >= ATTEMPTS_AT_MOST
            if not refused:
                recent.append(now)
            # The peer goes to the end, so that what is forgotten first is the one that was quiet for longest.
            self._attempts[peer] = recent
            if len(self._attempts) > PEERS_REMEMBERED:
                self._attempts.pop(next(iter(self._attempts)))
        if refused:
            raise LimitReached(
                "Too many attempts to sign in. Wait a minute, then try again.",
                code="too_many_attempts",
                retry_after_s=recent[0] + ATTEMPTS_WINDOW_S - now,
            )


def _sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()

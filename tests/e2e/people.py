"""Further people of an installation, put there through storage before its server starts."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from pathlib import Path

from roost.clock import SystemClock, SystemIds
from roost.domain.accounts import Person, Role
from roost.domain.people import Invitation
from roost.services.api_keys import ApiKeys
from roost.services.audit import Audit
from roost.services.sign_in import SignIn
from roost.storage import accounts, people
from roost.storage.database import Database, Transaction


def seed_sessions(data_dir: Path, roles: list[Role]) -> list[tuple[Person, str]]:
    """A person for each role, signed in: with the session's secret for the cookie `roost_session`."""
    return [(person, session) for person, session, _ in _seed(data_dir, roles)]


def seed_keys(data_dir: Path, roles: list[Role]) -> list[tuple[Person, str]]:
    """A person for each role, with an API key."""
    return [(person, key) for person, _, key in _seed(data_dir, roles)]


def _seed(data_dir: Path, roles: list[Role]) -> list[tuple[Person, str, str]]:
    clock = SystemClock()
    ids = SystemIds(clock)
    database = Database(data_dir / "bot_configs.db", "bot_configs")
    database.open()
    try:
        audit = Audit(database, clock, ids)
        sign_in = SignIn(database, audit, clock, ids, lambda change: None)
        keys = ApiKeys(database, audit, clock, ids, lambda change: None)
        seeded = []
        for role in roles:
            person = Person(ids.new(), "Somebody", None, role)
            database.write(partial(_add, person=person, at=clock.now()))
            seeded.append(
                (person, sign_in.begin_session(person, "seeded"), keys.create(person, "seeded").secret)
            )
        return seeded
    finally:
        database.close()


def _add(db: Transaction, person: Person, at: datetime) -> None:
    """With what their role comes from: roles that come from nothing end at the next start."""
    kind = people.LOCAL if person.role is Role.OWNER else people.PROVIDER
    accounts.ensure_person(db, person, kind, person.id, at)
    if person.role is Role.MEMBER:
        invitation = Invitation(person.id, f"{person.id}@example.org", person.id, at)
        people.add_invitation(db, invitation, accepted_by=person.id)

"""Further people of an installation, put there through storage before its server starts."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from roost.clock import SystemClock, SystemIds
from roost.domain.accounts import Person, Role
from roost.services.api_keys import ApiKeys
from roost.services.audit import Audit
from roost.services.sign_in import SignIn
from roost.storage import accounts
from roost.storage.database import Database


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
        keys = ApiKeys(database, audit, clock, ids)
        seeded = []
        for role in roles:
            fresh = Person(ids.new(), "Somebody", None, role)
            add = partial(
                accounts.ensure_person, fresh=fresh, kind="google", subject=fresh.id, at=clock.now()
            )
            person = database.write(add)
            seeded.append(
                (person, sign_in.begin_session(person, "seeded"), keys.create(person, "seeded").secret)
            )
        return seeded
    finally:
        database.close()

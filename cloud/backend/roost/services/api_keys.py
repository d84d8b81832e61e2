"""API keys: made, shown once, listed, revoked, recognised."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta

from roost.clock import Clock, Ids
from roost.domain.accounts import ApiKey, CreatedKey, Person
from roost.domain.audit import Action
from roost.errors import Unavailable
from roost.services.audit import Audit
from roost.services.live_events import RightsChanged
from roost.services.local_key import LocalKey
from roost.storage import api_keys
from roost.storage.database import Database, Transaction
from roost.storage.idempotency import Once, write_once

PREFIX = "roost_"
KEYS_AT_MOST = 100
USE_NOTED_EVERY = timedelta(minutes=10)


class ApiKeys:
    """`database` is bot_configs.db. A key has its owner's rights; `local_key` is recognised beside them.
    `publish` is told whose keys ended.
    """

    def __init__(
        self,
        database: Database,
        audit: Audit,
        clock: Clock,
        ids: Ids,
        publish: Callable[[RightsChanged], None],
        local_key: LocalKey | None = None,
    ) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock
        self._ids = ids
        self._publish = publish
        self._local_key = local_key

    def create(self, person: Person, name: str, once: Once | None = None) -> CreatedKey:
        """Raises Conflict when this person has a hundred keys."""
        secret = PREFIX + self._ids.secret()
        key = ApiKey(
            id=self._ids.new(), name=name, last4=secret[-4:], created_at=self._clock.now(), last_used_at=None
        )

        created = CreatedKey(key, secret)

        def add(db: Transaction) -> CreatedKey:
            api_keys.add_key(db, created, person.id, _sha256(secret), KEYS_AT_MOST)
            self._audit.note(
                db, Action.KEY_CREATED, person, subject_id=key.id, subject=name, detail=f"ends in {key.last4}"
            )
            return created

        return write_once(self._database, once, add)

    def list(self, person: Person, before_id: str | None, limit: int) -> Sequence[ApiKey]:
        """Newest first."""
        with self._database.read() as db:
            return api_keys.list_keys(db, person.id, before_id, limit)

    def delete(self, person: Person, key_id: str, once: Once | None = None) -> None:
        """Raises NotFound."""

        def revoke(db: Transaction) -> None:
            name = api_keys.delete_key(db, person.id, key_id)
            self._audit.note(db, Action.KEY_REVOKED, person, subject_id=key_id, subject=name)

        write_once(self._database, once, revoke)
        self._publish(RightsChanged(person.id))

    def person_of(self, secret: str) -> Person | None:
        """Whose key this is, None for an unknown one. The time of use is noted every ten minutes at most."""
        if self._local_key is not None and self._local_key.is_secret(secret):
            return self._local_key.person_of(secret)
        if not secret.startswith(PREFIX):
            return None
        with self._database.read() as db:
            found = api_keys.find_key_owner(db, _sha256(secret))
        if found is None:
            return None
        key, person = found
        now = self._clock.now()
        if key.last_used_at is None or now - key.last_used_at > USE_NOTED_EVERY:
            with suppress(Unavailable):
                # While nothing can be written keys still open what can be read.
                self._database.write(lambda db: api_keys.touch_key(db, key.id, now))
        return person


def _sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()

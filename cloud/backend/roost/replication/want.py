"""How a newcomer asks whoever holds the lease for it: an object under one name, the last newcomer's."""

from __future__ import annotations

import json
from dataclasses import asdict

from roost.clock import timestamp
from roost.errors import ObjectMissing
from roost.replication.layout import WANT
from roost.replication.lease import Holder
from roost.replication.object_store import ABSENT, ObjectStore


def ask(store: ObjectStore, me: Holder) -> None:
    """Raises what the store raises."""
    asking = {**asdict(me), "started_at": timestamp(me.started_at)}
    store.put(WANT, json.dumps(asking, sort_keys=True).encode())


class Requests:
    """Notices requests made after this was constructed and `begin` was called."""

    def __init__(self, store: ObjectStore, me: Holder) -> None:
        self._store = store
        self._me = me
        self._generation = ABSENT

    def begin(self) -> None:
        """What was asked before was asked of somebody else. Raises what the store raises."""
        self._generation = self._find()

    def newcomer(self) -> str | None:
        """The revision that asks for the lease now, when it is another one. Raises what the store raises."""
        generation = self._find()
        if generation in (self._generation, ABSENT):
            return None
        try:
            content = self._store.get(WANT, generation=generation)
        except ObjectMissing:
            return None
        self._generation = generation
        try:
            asking = json.loads(content)
            instance, revision = str(asking["instance"]), str(asking["revision"])
        except (ValueError, KeyError, TypeError):
            return None
        return revision if instance != self._me.instance and revision != self._me.revision else None

    def _find(self) -> int:
        try:
            return self._store.stat(WANT).generation
        except ObjectMissing:
            return ABSENT

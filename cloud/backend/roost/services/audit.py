"""The audit log: who signed in, who changed people, keys, bots and sources, and who took data in or out."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from roost.clock import Clock, Ids
from roost.domain.accounts import Person
from roost.domain.audit import Action, AuditEntry
from roost.errors import Unavailable
from roost.log import redact
from roost.storage import audit
from roost.storage.database import Database, Transaction
from roost.storage.waiting_audit import forget_entries, leave_entry, waiting_entries

KEPT = timedelta(days=400)
ENTRIES_AT_MOST = 50_000
STRANGERS_ENTRIES_AT_MOST = 5_000
"""Of failed sign-ins, which anybody can cause: they must not push out what people did."""
TEXT_KEPT = 300
REFUSAL_TOLD_EVERY_S = 3600.0
REFUSALS_REMEMBERED = 1000


class Audit:
    """`database` is bot_configs.db. Whatever looks like a token is taken out of every entry."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        ids: Ids,
        at_most: int = ENTRIES_AT_MOST,
        strangers_at_most: int = STRANGERS_ENTRIES_AT_MOST,
    ) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._at_most = at_most
        self._strangers_at_most = strangers_at_most
        self._lock = threading.Lock()
        self._refusals: dict[str, float] = {}

    def note(
        self,
        db: Transaction,
        action: Action,
        actor: Person | None,
        *,
        subject_id: str | None = None,
        subject: str | None = None,
        detail: str | None = None,
    ) -> None:
        """Adds an entry inside the write it tells of, so that both are stored or neither is."""
        self._add(db, self._entry(action, actor, subject_id=subject_id, subject=subject, detail=detail))

    def record(
        self,
        action: Action,
        actor: Person | None,
        *,
        subject_id: str | None = None,
        subject: str | None = None,
        detail: str | None = None,
    ) -> None:
        """Adds an entry that has no write of its own to be stored with."""
        self._database.write(
            lambda db: self.note(db, action, actor, subject_id=subject_id, subject=subject, detail=detail)
        )

    def record_at_last(self, action: Action, actor: Person | None, *, subject: str | None = None) -> None:
        """Adds an entry, or leaves it for `write_waiting` where nothing can be written now."""
        entry = self._entry(action, actor, subject=subject)
        try:
            self._database.write(lambda db: self._add(db, entry))
        except Unavailable:
            # Should it be stored after all it has the same id.
            leave_entry(self._database.path.parent, entry)

    def write_waiting(self, local_owner: Person) -> None:
        """Stores what was left while nothing could be written. Entries without an actor are by a command on
        this machine, which acts for the local owner.
        """
        data_dir = self._database.path.parent
        entries = [
            entry
            if entry.actor is not None
            else replace(entry, actor_id=local_owner.id, actor=_kept(local_owner.email or local_owner.name))
            for entry in waiting_entries(data_dir)
        ]

        def add(db: Transaction) -> None:
            for entry in entries:
                self._add(db, entry)

        if entries:
            self._database.write(add)
            forget_entries(data_dir)

    def decryption_refused(self, bot_id: str, bot: str) -> None:
        """A bot's stored secret is not its own, or was sealed under another key. Told once an hour."""
        now_s = self._clock.monotonic_s()
        with self._lock:
            told_s = self._refusals.pop(bot_id, None)
            due = told_s is None or now_s - told_s >= REFUSAL_TOLD_EVERY_S
            self._refusals[bot_id] = now_s if told_s is None or due else told_s
            if len(self._refusals) > REFUSALS_REMEMBERED:
                self._refusals.pop(next(iter(self._refusals)))
        if due:
            self.record(
                Action.DECRYPTION_REFUSED,
                None,
                subject_id=bot_id,
                subject=bot,
                detail="A stored secret belongs to another row, or was sealed under another SECRET_KEY.",
            )

    def _entry(
        self,
        action: Action,
        actor: Person | None,
        *,
        subject_id: str | None = None,
        subject: str | None = None,
        detail: str | None = None,
    ) -> AuditEntry:
        return AuditEntry(
            id=self._ids.new(),
            at=self._clock.now(),
            action=action,
            actor_id=None if actor is None else actor.id,
            actor=None if actor is None else _kept(actor.email or actor.name),
            subject_id=subject_id,
            subject=_kept(subject),
            detail=_kept(detail),
        )

    def _add(self, db: Transaction, entry: AuditEntry) -> None:
        by_strangers = entry.action is Action.SIGN_IN_FAILED
        at_most = self._strangers_at_most if by_strangers else self._at_most
        audit.add_entry(db, entry, oldest=self._clock.now() - KEPT, at_most=at_most)

    def page(self, before_id: str | None, limit: int) -> Sequence[AuditEntry]:
        """Newest first."""
        with self._database.read() as db:
            return audit.list_entries(db, before_id, limit)


def _kept(text: str | None) -> str | None:
    return None if text is None else redact(text)[:TEXT_KEPT]

"""Adding, changing and deleting the places that answers come from."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

from roost.clock import Clock, Ids
from roost.domain.accounts import Person
from roost.domain.audit import Action
from roost.domain.documents import Source, SourceKind
from roost.errors import InvalidInput
from roost.services.audit import Audit
from roost.services.ingestion import Ingestion, SourceState
from roost.services.ports import Crawler
from roost.storage import sources
from roost.storage.database import Database, Transaction
from roost.storage.idempotency import Once, write_once

DAY_S = 86_400
SHORTEST_PERIOD_S = 60
LONGEST_PERIOD_S = 31_536_000


class Sources:
    """Sources belong to the workspace. `database` is bot_configs.db, `website_every_s` SCRAPE_INTERVAL_S."""

    def __init__(
        self,
        database: Database,
        ingestion: Ingestion,
        crawlers: Mapping[SourceKind, Crawler],
        clock: Clock,
        ids: Ids,
        website_every_s: int,
        audit: Audit,
    ) -> None:
        self._database = database
        self._ingestion = ingestion
        self._crawlers = crawlers
        self._clock = clock
        self._ids = ids
        self._website_every_s = website_every_s
        self._audit = audit

    def create(
        self,
        kind: SourceKind,
        url: str | None,
        owner_id: str,
        *,
        every_s: int | None = None,
        source_id: str | None = None,
        by: Person | None = None,
        once: Once | None = None,
    ) -> Source:
        """Adds a source, and its first crawl begins. The same id and content give the existing one. `by` is
        who does it, for the audit log.

        Raises AddressRefused, InvalidInput, Conflict (`source_exists`, `id_taken`), Replayed.
        """
        address = self._address(kind, url)
        source = Source(
            id=source_id or self._ids.new(),
            kind=kind,
            url=address,
            every_s=self._period(kind, every_s),
            paused=False,
            owner_id=owner_id,
            created_at=self._clock.now(),
        )

        def add(db: Transaction) -> Source:
            stored = sources.insert_source_once(db, source)
            self._note(db, Action.SOURCE_ADDED, by, stored)
            return stored

        stored = write_once(self._database, once, add)
        self._ingestion.source_changed(stored)
        return stored

    def seed(self, entries: Mapping[str, SourceKind], owner_id: str) -> list[Source]:
        """Adds the configured sources at the first start that has any: what somebody deletes later stays
        deleted. No name is resolved; what is wrong with an address shows at its crawl.
        """
        if not entries:
            return []
        now = self._clock.now()
        wanted = [
            Source(self._ids.new(), kind, _plain(url), self._period(kind, None), False, owner_id, now)
            for url, kind in entries.items()
        ]
        added = self._database.write(lambda db: sources.insert_first_sources(db, wanted, now))
        for source in added:
            self._ingestion.source_changed(source)
        return added

    def list(self) -> list[SourceState]:
        return self._ingestion.states()

    def get(self, source_id: str) -> SourceState:
        """Raises NotFound."""
        return self._ingestion.state(source_id)

    def change(
        self,
        source_id: str,
        *,
        every_s: int | None = None,
        paused: bool | None = None,
        by: Person | None = None,
        once: Once | None = None,
    ) -> Source:
        """Changes what is given. Pausing ends a crawl that runs. Raises NotFound, InvalidInput, Replayed."""

        if every_s is not None:
            self._period(SourceKind.WEBSITE, every_s)
        at = self._clock.now()

        def write(db: Transaction) -> Source:
            changed = sources.change_source(db, source_id, every_s, paused, at)
            self._note(db, Action.SOURCE_CHANGED, by, changed)
            return changed

        changed = write_once(self._database, once, write)
        self._ingestion.source_changed(changed)
        return changed

    def pause_all(self, paused: bool, *, by: Person | None = None) -> None:
        """Pauses every source, or resumes it; those that are so already stay as they are."""
        at = self._clock.now()

        def write(db: Transaction) -> list[Source]:
            changed = [
                sources.change_source(db, source.id, None, paused, at)
                for source in sources.list_sources(db)
                if source.paused is not paused
            ]
            for source in changed:
                self._note(db, Action.SOURCE_CHANGED, by, source)
            return changed

        for source in self._database.write(write):
            self._ingestion.source_changed(source)

    def delete(self, source_id: str, *, by: Person | None = None, once: Once | None = None) -> None:
        """Deletes the source with its pages and passages. Raises NotFound, Replayed."""

        def delete(db: Transaction) -> None:
            source = sources.get_source(db, source_id)
            sources.delete_source(db, source_id)
            self._note(db, Action.SOURCE_DELETED, by, source)

        write_once(self._database, once, delete)
        self._ingestion.forget(source_id)

    def _note(self, db: Transaction, action: Action, by: Person | None, source: Source) -> None:
        called = source.url or source.kind.value
        self._audit.note(db, action, by, subject_id=source.id, subject=called)

    def _address(self, kind: SourceKind, url: str | None) -> str | None:
        if kind is SourceKind.MANUAL:
            if url is not None:
                raise InvalidInput(
                    "The manual comes with Roost and has no address. Leave it out.", field="url"
                )
            return None
        if url is None or not url.strip():
            raise InvalidInput("This kind of source needs an address. Enter one.", field="url")
        return self._crawlers[kind].check_address(url)

    def _period(self, kind: SourceKind, every_s: int | None) -> int:
        if every_s is None:
            return self._website_every_s if kind is SourceKind.WEBSITE else DAY_S
        if not SHORTEST_PERIOD_S <= every_s <= LONGEST_PERIOD_S:
            raise InvalidInput(
                f"A source is crawled every {SHORTEST_PERIOD_S} s at most and once a year at least. "
                "Choose a period in between.",
                field="every_s",
            )
        return every_s


def _plain(url: str) -> str:
    parts = urlsplit(url.strip())
    return urlunsplit(parts._replace(path=parts.path or "/", fragment=""))

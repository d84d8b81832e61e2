"""Adding, changing and deleting the places that answers come from."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from sqlalchemy import Connection

from roost.clock import Clock, Ids
from roost.domain.documents import Source, SourceKind
from roost.errors import AddressRefused, Conflict, InvalidInput
from roost.services.ingestion import Ingestion, SourceState
from roost.services.ports import Crawler
from roost.storage import sources
from roost.storage.database import Database
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
    ) -> None:
        self._database = database
        self._ingestion = ingestion
        self._crawlers = crawlers
        self._clock = clock
        self._ids = ids
        self._website_every_s = website_every_s

    def create(
        self,
        kind: SourceKind,
        url: str | None,
        owner_id: str,
        *,
        every_s: int | None = None,
        source_id: str | None = None,
        once: Once | None = None,
    ) -> Source:
        """Adds a source, and its first crawl begins. The same id and content give the existing one.

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
        stored = write_once(self._database, once, lambda db: _insert(db, source))
        self._ingestion.source_changed(stored)
        return stored

    def seed(self, entries: Mapping[str, SourceKind], owner_id: str) -> list[Source]:
        """Adds those of the configured sources that are not there yet; what is wrong shows at the crawl."""
        added = []
        for url, kind in entries.items():
            with suppress(AddressRefused):
                url = self._crawlers[kind].check_address(url)
            now = self._clock.now()
            source = Source(self._ids.new(), kind, url, self._period(kind, None), False, owner_id, now)
            if self._database.write(lambda db, source=source: _insert_if_new(db, source)):  # type: ignore[misc]
                added.append(source)
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
        once: Once | None = None,
    ) -> Source:
        """Changes what is given. Pausing ends a crawl that runs. Raises NotFound, InvalidInput, Replayed."""

        def run(db: Connection) -> Source:
            before = sources.get_source(db, source_id)
            period_s = before.every_s if every_s is None else self._period(before.kind, every_s)
            sources.change_source(
                db, source_id, period_s, before.paused if paused is None else paused, self._clock.now()
            )
            return sources.get_source(db, source_id)

        changed = write_once(self._database, once, run)
        self._ingestion.source_changed(changed)
        return changed

    def delete(self, source_id: str, *, once: Once | None = None) -> None:
        """Deletes the source with its pages and passages. Raises NotFound, Replayed."""
        write_once(self._database, once, lambda db: sources.delete_source(db, source_id))
        self._ingestion.forget(source_id)

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


def _insert(db: Connection, source: Source) -> Source:
    same_id = next((known for known in sources.list_sources(db) if known.id == source.id), None)
    if same_id is not None:
        if (same_id.kind, same_id.url, same_id.owner_id) != (source.kind, source.url, source.owner_id):
            raise Conflict(
                "This id names another source already. Use a new one.", code="id_taken", field="id"
            )
        return same_id
    if sources.find_source(db, source.kind, source.url) is not None:
        raise Conflict(
            "This source was added already. Look for it in the list of sources.",
            code="source_exists",
            field="url",
        )
    sources.insert_source(db, source)
    return sources.get_source(db, source.id)


def _insert_if_new(db: Connection, source: Source) -> bool:
    if sources.find_source(db, source.kind, source.url) is not None:
        return False
    sources.insert_source(db, source)
    return True

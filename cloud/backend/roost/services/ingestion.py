"""Keeps the knowledge fresh: crawls every source at the start, then each at its own period.

A crawl that is cut off, by a stop or a kill, is simply done again; pages already read answer "not modified".
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from roost.clock import Clock
from roost.domain.documents import CrawlProgress, CrawlStage, PageRecord, PageStatus, Source, SourceKind
from roost.errors import Conflict, NotFound, RoostError
from roost.services.crawl_run import CrawlOutcome, CrawlRun
from roost.services.live_events import LiveEvent, SourceChanged
from roost.services.ports import Crawler, PageIndex
from roost.storage import pages, sources
from roost.storage.database import Database
from roost.storage.pages import CrawlRecord

log = logging.getLogger(__name__)

WORKERS = 2
FIRST_RETRY_S = 60
LAST_RETRY_S = 3_600
PUBLISH_EVERY_S = 0.5
STOP_WITHIN_S = 0.9
FIRST_PAGES_WITHIN_S = 60.0
LOOK_AGAIN_AFTER_S = 0.25
CANCELLED = "Cancelled. What had been read before still answers."
WAITING = "It waits for its turn: other sources are being read."


class _Wish(Enum):
    """Why a source is to be crawled: by the schedule, because a person wants all read, or this very one."""

    SCHEDULE = auto()
    ALL = auto()
    ONE = auto()


@dataclass(frozen=True, slots=True)
class SourceState:
    """A source and how its crawls go. `pages` counts what answers come from; `reason` says why the last crawl
    failed, what it left out, or that it was cancelled; `failures` counts the crawls that failed in a row.
    """

    source: Source
    stage: CrawlStage
    done: int
    total: int
    failed: int
    pages: int
    last_started_at: datetime | None
    last_success_at: datetime | None
    next_at: datetime | None
    reason: str | None
    failures: int = 0


@dataclass(frozen=True, slots=True)
class KnowledgeSummary:
    """All sources together; `stage` is the furthest that any crawl under way has come."""

    pages: int
    stage: CrawlStage
    sources: tuple[SourceState, ...]


class _Crawl:
    """A crawl under way, and whether it is wanted any longer."""

    def __init__(self, source_id: str, started_at: datetime) -> None:
        self.progress = CrawlProgress(source_id, CrawlStage.DISCOVERING, 0, 0, 0)
        self.started_at = started_at
        self.cancelled = threading.Event()
        self.published_at_s = float("-inf")


class Ingestion:
    """One scheduler and at most `workers` crawls at once. `start()` once, `stop()` once.

    `sources_database` is bot_configs.db, `pages_database` knowledge.db. `publish` must not block.
    """

    def __init__(
        self,
        sources_database: Database,
        pages_database: Database,
        crawlers: Mapping[SourceKind, Crawler],
        index: PageIndex,
        clock: Clock,
        publish: Callable[[LiveEvent], None],
        *,
        workers: int = WORKERS,
        publish_every_s: float = PUBLISH_EVERY_S,
    ) -> None:
        self._sources = sources_database
        self._pages = pages_database
        self._crawlers = crawlers
        self._index = index
        self._clock = clock
        self._publish = publish
        self._workers = workers
        self._publish_every_s = publish_every_s
        self._changed = threading.Condition()
        self._applying = threading.Lock()
        self._stopping = False
        self._stale = False
        self._running: dict[str, _Crawl] = {}
        # In the order they were wanted.
        self._wanted: dict[str, _Wish] = {}
        self._crawled: set[str] = set()
        self._told_of_embedding: frozenset[str] = frozenset()
        self._told_of_embedding_at_s = float("-inf")
        self._due_at_s: dict[str, float] = {}
        self._cancelled: set[str] = set()
        self._threads: list[threading.Thread] = []
        self._patient_until_s = float("-inf")

    def start(self) -> None:
        """Forgets what belongs to deleted sources, then crawls all that are not paused, again and again."""
        with self._sources.read() as db:
            existing = {source.id for source in sources.list_sources(db)}
        with self._pages.read() as db:
            orphans = pages.sources_with_pages(db) - existing
        for source_id in orphans:
            self._erase(source_id)
        self.start_on_demand()
        self._begin(self._schedule, "crawl-schedule")

    def start_on_demand(self) -> None:
        """As `start`, but crawls only what `crawl_now` asks for."""
        for number in range(self._workers):
            self._begin(self._work, f"crawl-{number + 1}")

    def stop(self) -> None:
        """Ends all crawls and returns within a second; what is unfinished is crawled at the next start."""
        with self._changed:
            self._stopping = True
            for crawl in self._running.values():
                crawl.cancelled.set()
            self._changed.notify_all()
            begun = tuple(self._threads)
        ends_at_s = self._clock.monotonic_s() + STOP_WITHIN_S
        for thread in begun:
            thread.join(max(0.0, ends_at_s - self._clock.monotonic_s()))

    def crawl_now(self, source_id: str) -> None:
        """Crawls the source as soon as a worker is free, even when it is paused, and takes a site that has
        become much smaller as it is. Raises NotFound.
        """
        with self._sources.read() as db:
            sources.get_source(db, source_id)
        with self._changed:
            running = self._running.get(source_id)
            # One that was cancelled may take a moment to end; the new one begins after it.
            if running is None or running.cancelled.is_set():
                self._wanted[source_id] = _Wish.ONE
                self._changed.notify_all()
        self._publish(SourceChanged(source_id))

    def crawl_all(self) -> None:
        """Crawls every source that is not paused, as soon as workers are free. A site that has become much
        smaller keeps its old pages: that is a question of one source.
        """
        with self._sources.read() as db:
            wanted = [source.id for source in sources.list_sources(db) if not source.paused]
        with self._changed:
            for source_id in wanted:
                running = self._running.get(source_id)
                if (running is None or running.cancelled.is_set()) and (
                    self._wanted.get(source_id) is not _Wish.ONE
                ):
                    self._wanted[source_id] = _Wish.ALL
            self._changed.notify_all()
        for source_id in wanted:
            self._publish(SourceChanged(source_id))

    def cancel_all(self) -> None:
        """Ends every crawl that runs or waits."""
        with self._changed:
            under_way = [*self._running, *(each for each in self._wanted if each not in self._running)]
        for source_id in under_way:
            with suppress(NotFound):
                self.cancel(source_id)

    def embedding_advanced(self) -> None:
        """Vectors have come: tells those who watch the sources they belong to, not too often."""
        now_s = self._clock.monotonic_s()
        waiting = frozenset(self._index.embedding())
        told = self._told_of_embedding
        if waiting == told and now_s - self._told_of_embedding_at_s < self._publish_every_s:
            return
        self._told_of_embedding, self._told_of_embedding_at_s = waiting, now_s
        for source_id in waiting | told:
            self._publish(SourceChanged(source_id))

    def cancel(self, source_id: str) -> None:
        """Ends the source's crawl, if one runs or waits; the next comes at its time. Raises NotFound."""
        with self._sources.read() as db:
            source = sources.get_source(db, source_id)
        with self._changed:
            waits = self._wanted.pop(source_id, None) is not None
            if waits or source_id in self._running:
                self._cancelled.add(source_id)
            self._due_at_s[source_id] = self._clock.monotonic_s() + source.every_s
            self._cancel(source_id)
        self._publish(SourceChanged(source_id))

    def source_changed(self, source: Source) -> None:
        """A source was added, or its period or pause changed."""
        with self._changed:
            due_at_s = self._due_at_s.get(source.id)
            if source.paused:
                self._wanted.pop(source.id, None)
                self._cancel(source.id)
            elif due_at_s is not None:
                self._due_at_s[source.id] = min(due_at_s, self._clock.monotonic_s() + source.every_s)
            # The schedule may be between reading the list and going to sleep.
            self._stale = True
            self._changed.notify_all()
        self._publish(SourceChanged(source.id))

    def forget(self, source_id: str) -> None:
        """A source was deleted: its crawl ends, and its pages and passages go."""
        with self._changed:
            self._wanted.pop(source_id, None)
            self._due_at_s.pop(source_id, None)
            self._cancelled.discard(source_id)
            self._cancel(source_id)
        with self._applying:
            self._erase(source_id)
        self._publish(SourceChanged(source_id, deleted=True))

    def states(self) -> list[SourceState]:
        """Every source with its state, oldest first."""
        with self._sources.read() as db:
            listed = sources.list_sources(db)
        with self._pages.read() as db:
            records = pages.crawl_records(db)
            counts = pages.searchable_pages(db)
        return [self._state(source, records.get(source.id), counts.get(source.id, 0)) for source in listed]

    def state(self, source_id: str) -> SourceState:
        """Raises NotFound."""
        with self._sources.read() as db:
            source = sources.get_source(db, source_id)
        return self.state_of(source)

    def state_of(self, source: Source) -> SourceState:
        """The state of a source at hand, which need not be stored yet."""
        with self._pages.read() as db:
            records = pages.crawl_records(db)
            counts = pages.searchable_pages(db)
        return self._state(source, records.get(source.id), counts.get(source.id, 0))

    def pages_of(
        self, source_id: str, status: PageStatus | None, cursor: str | None, limit: int
    ) -> tuple[list[PageRecord], str | None]:
        """A source's pages by address, and the cursor of the next ones. Raises NotFound."""
        with self._sources.read() as db:
            sources.get_source(db, source_id)
        with self._pages.read() as db:
            found = pages.list_pages(db, source_id, status, cursor or "", limit + 1)
        return found[:limit], found[limit - 1].url if len(found) > limit else None

    def summary(self) -> KnowledgeSummary:
        states = tuple(self.states())
        order = list(CrawlStage)
        stage = max((state.stage for state in states), key=order.index, default=CrawlStage.IDLE)
        return KnowledgeSummary(sum(state.pages for state in states), stage, states)

    def expect_first_pages(self) -> None:
        """`start` follows soon: for a minute from now on answers may wait for what it reads."""
        self._patient_until_s = self._clock.monotonic_s() + FIRST_PAGES_WITHIN_S

    def wait_for_first_pages(self, stopped: Callable[[], bool]) -> bool:
        """For an answer that finds nothing: waits while sources are read of which this disk has nothing yet,
        as a new container's after a deploy, and while they are embedded, as long as they were expected.
        Whether there was anything to wait for.
        """
        waited = False
        while self._reads_first_pages() and not stopped():
            waited = True
            with self._changed:
                self._changed.wait(LOOK_AGAIN_AFTER_S)
        return waited

    def _reads_first_pages(self) -> bool:
        with self._changed:
            if self._stopping or self._clock.monotonic_s() > self._patient_until_s:
                return False
            cancelled = frozenset(self._cancelled)
        return any(
            state.failures == 0 and (state.last_success_at is None or state.stage is CrawlStage.EMBEDDING)
            for state in self.states()
            if not state.source.paused and state.source.id not in cancelled
        )

    def crawl(self, source_id: str, *, accept_smaller: bool = False, ask_all: bool = False) -> None:
        """Crawls the source on the caller's thread, and records how it went. `accept_smaller`: a site that
        has lost most of its pages is taken as it is. `ask_all`: every page is asked for, also those that the
        site's list calls unchanged; so is the first crawl in this process.

        Raises NotFound, and Conflict when a crawl of it runs already.
        """
        with self._changed:
            if source_id in self._running:
                raise Conflict("This source is being crawled already. Wait for it, or cancel it.")
            crawl = self._running[source_id] = _Crawl(source_id, self._clock.now())
            self._cancelled.discard(source_id)
            if self._stopping:
                crawl.cancelled.set()
        try:
            # Only now: whoever deletes the source after this finds the crawl, and ends it.
            with self._sources.read() as db:
                source = sources.get_source(db, source_id)
            self._crawl(source, crawl, accept_smaller, ask_all or source_id not in self._crawled)
        finally:
            with self._changed:
                del self._running[source_id]
                self._changed.notify_all()
            self._index.crawl_ended()
            self._publish(SourceChanged(source_id))

    def _crawl(self, source: Source, crawl: _Crawl, accept_smaller: bool, ask_all: bool) -> None:
        log.info("Crawl started: %s %s", source.kind.value, source.url or "/manual/")
        self._publish(SourceChanged(source.id))
        run = CrawlRun(
            self._pages,
            self._crawlers[source.kind],
            self._index,
            self._clock,
            source,
            self._applying,
            lambda progress: self._report(crawl, progress),
            crawl.cancelled.is_set,
            accept_smaller=accept_smaller,
            ask_all=ask_all,
        )
        try:
            outcome = run.run()
        except RoostError as error:
            if not crawl.cancelled.is_set():
                self._record(source, crawl, None, error.message, error.retry_after_s)
            return
        except Exception:  # the edge of one crawl - a page that breaks its reader must not stop the others
            log.exception("Crawl broke: %s %s", source.kind.value, source.url or "/manual/")
            self._record(
                source, crawl, None, "Roost failed while it read this source; the log says where.", None
            )
            return
        if not crawl.cancelled.is_set():
            if outcome.complete:
                self._crawled.add(source.id)
            self._record(source, crawl, outcome, outcome.reason, None)

    def _record(
        self,
        source: Source,
        crawl: _Crawl,
        outcome: CrawlOutcome | None,
        reason: str | None,
        retry_after_s: float | None,
    ) -> None:
        """Stores how it went. A failed crawl is tried again before its period, then less and less often."""
        now, now_s = self._clock.now(), self._clock.monotonic_s()
        with self._pages.read() as db:
            before = pages.crawl_records(db).get(source.id)
        succeeded = outcome is not None and not outcome.kept_old
        failures = 0 if succeeded else (before.failures if before else 0) + 1
        wait_s = float(source.every_s)
        if not succeeded:
            backoff_s = min(FIRST_RETRY_S * 2 ** min(failures - 1, 10), LAST_RETRY_S)
            wait_s = min(wait_s, max(backoff_s, retry_after_s or 0.0))
        record = CrawlRecord(
            source_id=source.id,
            started_at=crawl.started_at,
            success_at=now if succeeded else (before.success_at if before else None),
            next_at=now + timedelta(seconds=wait_s),
            failures=failures,
            reason=reason,
            done=crawl.progress.done,
            total=crawl.progress.total,
            failed=crawl.progress.failed,
        )
        with self._applying:
            if crawl.cancelled.is_set():
                return
            self._pages.write(lambda db: pages.save_crawl(db, record))
        with self._changed:
            self._due_at_s[source.id] = now_s + wait_s
        if succeeded:
            log.info("Crawl done: %s %s, %d pages", source.kind.value, source.url or "/manual/", record.done)
        else:
            log.warning("Crawl failed: %s %s: %s", source.kind.value, source.url or "/manual/", reason)

    def _report(self, crawl: _Crawl, progress: CrawlProgress) -> None:
        new_stage = progress.stage is not crawl.progress.stage
        crawl.progress = progress
        now_s = self._clock.monotonic_s()
        if new_stage or now_s - crawl.published_at_s >= self._publish_every_s:
            crawl.published_at_s = now_s
            self._publish(SourceChanged(progress.source_id))

    def _state(self, source: Source, record: CrawlRecord | None, page_count: int) -> SourceState:
        with self._changed:
            crawl = self._running.get(source.id)
            cancelled = crawl is None and source.id in self._cancelled
            waits = crawl is None and source.id in self._wanted and len(self._running) >= self._workers
        progress = crawl.progress if crawl is not None else None
        embedding = self._index.embedding().get(source.id) if crawl is None else None
        if embedding is not None:
            progress = CrawlProgress(
                source.id,
                CrawlStage.EMBEDDING,
                embedding.done,
                embedding.total,
                record.failed if record else 0,
            )
        reason = record.reason if record else None
        return SourceState(
            source=source,
            stage=progress.stage if progress else CrawlStage.IDLE,
            done=progress.done if progress else (record.done if record else 0),
            total=progress.total if progress else (record.total if record else 0),
            failed=progress.failed if progress else (record.failed if record else 0),
            pages=page_count,
            last_started_at=crawl.started_at if crawl else (record.started_at if record else None),
            last_success_at=record.success_at if record else None,
            next_at=record.next_at if record and not source.paused else None,
            reason=WAITING if waits else CANCELLED if cancelled else reason,
            failures=record.failures if record else 0,
        )

    def _schedule(self) -> None:
        while True:
            with self._changed:
                self._stale = False
            try:
                with self._sources.read() as db:
                    listed = sources.list_sources(db)
            except RoostError as error:
                log.warning("Crawls wait: %s", error.message)
                listed = []
            except Exception:  # the edge of the schedule's thread - without it nothing is ever crawled again
                log.exception("Crawls wait")
                listed = []
            with self._changed:
                if self._stopping:
                    return
                now_s = self._clock.monotonic_s()
                for source in listed:
                    due = self._due_at_s.setdefault(source.id, now_s) <= now_s
                    if due and not source.paused and source.id not in self._running:
                        self._wanted.setdefault(source.id, _Wish.SCHEDULE)
                self._changed.notify_all()
                if not self._stale:
                    self._changed.wait(self._nap_s(now_s))

    def _nap_s(self, now_s: float) -> float:
        """Until the next crawl is due, at least a moment and at most a minute."""
        idle = [at_s for source_id, at_s in self._due_at_s.items() if source_id not in self._running]
        waiting = [at_s - now_s for at_s in idle if at_s > now_s]
        return min(max(min(waiting, default=60.0), 0.2), 60.0)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stopping or self._takeable() is not None)
                if self._stopping:
                    return
                source_id = self._takeable()
                if source_id is None:
                    continue
                wish = self._wanted.pop(source_id)
                # Until the crawl has set its own time; a failure before that must not spin.
                self._due_at_s[source_id] = self._clock.monotonic_s() + FIRST_RETRY_S
            try:
                self.crawl(source_id, accept_smaller=wish is _Wish.ONE, ask_all=wish is not _Wish.SCHEDULE)
            except RoostError as error:
                # Deleted meanwhile, or storage is not to be had now: the schedule comes back to it.
                log.warning("Crawl put off: %s", error.message)
            except Exception:  # the edge of the worker's thread - it must outlive one bad crawl
                log.exception("Crawl broke")

    def _takeable(self) -> str | None:
        return next((source_id for source_id in self._wanted if source_id not in self._running), None)

    def _cancel(self, source_id: str) -> None:
        crawl = self._running.get(source_id)
        if crawl is not None:
            crawl.cancelled.set()

    def _erase(self, source_id: str) -> None:
        self._index.remove_source(source_id)
        self._pages.write(lambda db: pages.delete_pages_of_source(db, source_id))

    def _begin(self, target: Callable[[], None], name: str) -> None:
        thread = threading.Thread(target=target, name=name, daemon=True)
        with self._changed:
            # A stop may come in the middle of a start: the lease was asked for at once.
            if not self._stopping:
                thread.start()
                self._threads.append(thread)

"""One crawl of one source, from what was known of its pages to what the index holds afterwards.

The index is written first and the page's record after it: whatever a kill cuts off is read again, since the
record still carries the old tags. A page that the site says is gone goes at once; one that nothing leads to
any more goes after two crawls that saw the whole source.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from roost.clock import Clock
from roost.domain.documents import CrawlProgress, CrawlStage, ExtractedPage, PageRecord, PageStatus, Source
from roost.domain.page_text import content_sha256
from roost.services.held_pages import HeldPages
from roost.services.ports import Crawler, CrawlNote, PageFailed, PageIndex, PageRead, PageUnchanged
from roost.storage import pages
from roost.storage.database import Database, Transaction

BATCH_PAGES = 20
MISSES_TO_REMOVE = 2


@dataclass(frozen=True, slots=True)
class CrawlOutcome:
    """What a crawl came to. `reason`: what a person should know; `kept_old`: nothing was changed."""

    found: int
    failed: int
    complete: bool
    kept_old: bool
    reason: str | None


class CrawlRun:
    """`applying` is held while the index changes; nothing changes once `cancelled()`.

    A site that lost more than half of its pages is taken for an outage and its old pages are kept, unless
    `accept_smaller` and the crawl saw the whole site. `ask_all`: every page is asked for, whatever the site's
    list says of it.
    """

    def __init__(
        self,
        database: Database,
        crawler: Crawler,
        index: PageIndex,
        clock: Clock,
        source: Source,
        applying: threading.Lock,
        report: Callable[[CrawlProgress], None],
        cancelled: Callable[[], bool],
        *,
        accept_smaller: bool = False,
        ask_all: bool = True,
    ) -> None:
        self._database = database
        self._crawler = crawler
        self._index = index
        self._clock = clock
        self._source = source
        self._applying = applying
        self._report = report
        self._cancelled = cancelled
        self._accept_smaller = accept_smaller
        self._ask_all = ask_all
        self._known: dict[str, PageRecord] = {}
        self._changed = HeldPages(database, source.id)
        self._confirmed: list[str] = []
        self._records: dict[str, PageRecord] = {}
        self._gone: list[str] = []
        self._seen: set[str] = set()
        self._notes: list[str] = []
        self._found = 0
        self._failed = 0

    def run(self) -> CrawlOutcome:
        """Raises what the crawler raises when the source cannot be read; then everything is as before."""
        with self._database.read() as db:
            self._known = pages.known_pages(db, self._source.id)
        previous = sum(record.content_sha256 is not None for record in self._known.values())
        known = self._known
        if self._ask_all:
            known = {url: replace(record, listed_at=None) for url, record in known.items()}
        try:
            for event in self._crawler.crawl(self._source, known, self._report, self._cancelled):
                match event:
                    case PageRead():
                        self._take(event)
                    case PageUnchanged():
                        self._keep(event)
                    case PageFailed():
                        self._miss(event)
                    case CrawlNote(message=message):
                        self._notes.append(message)
                # Until half of the earlier pages are found again, this may be an outage in disguise.
                ready = len(self._changed) >= BATCH_PAGES or self._changed.full
                if ready and self._found * 2 >= previous:
                    self._apply(removed=[])
            return self._finish(previous)
        finally:
            self._changed.discard()

    def _take(self, event: PageRead) -> None:
        page = event.page
        sha256 = content_sha256(page)
        before = self._known.get(page.url)
        changed = before is None or before.content_sha256 != sha256
        if changed:
            self._changed.add(page)
        self._seen.add(page.url)
        self._found += 1
        self._records[page.url] = PageRecord(
            source_id=self._source.id,
            url=page.url,
            title=page.title,
            status=PageStatus.OK,
            reason=None,
            etag=event.etag,
            last_modified=event.last_modified,
            content_sha256=sha256,
            missed_crawls=0,
            fetched_at=self._clock.now(),
            links=page.links,
            listed_at=event.listed_at,
            list_honest=_list_honest(before, event.listed_at, changed=changed),
        )

    def _keep(self, event: PageUnchanged) -> None:
        url = event.url
        self._seen.add(url)
        self._found += 1
        before = self._known[url]
        well = before.status is PageStatus.OK and not before.missed_crawls
        if not event.asked:
            return
        if well and before.listed_at == event.listed_at:
            self._confirmed.append(url)
            return
        self._records[url] = replace(
            before,
            status=PageStatus.OK,
            reason=None,
            missed_crawls=0,
            fetched_at=self._clock.now(),
            listed_at=event.listed_at,
        )

    def _miss(self, event: PageFailed) -> None:
        self._seen.add(event.url)
        before = self._known.get(event.url)
        if event.gone:
            if before is not None and before.content_sha256 is not None:
                self._gone.append(event.url)
                return
        else:
            self._failed += 1
        status = PageStatus.GONE if event.gone else PageStatus.FAILED
        title = before.title if before is not None else event.url
        blank = PageRecord(
            self._source.id, event.url, title, status, event.reason, None, None, None, 0, self._clock.now()
        )
        # A page that failed keeps its text, for it may be back at the next crawl.
        kept = replace(before, status=status, reason=event.reason) if before is not None else blank
        self._records[event.url] = kept

    def _finish(self, previous: int) -> CrawlOutcome:
        if self._cancelled():
            return self._outcome(complete=False, kept_old=False)
        shrunk = self._found * 2 < previous
        if shrunk and not self._may_shrink():
            self._notes.insert(
                0,
                f"The crawl found {self._found} of {previous} pages, so the old ones are kept. "
                "If the site really shrank, crawl it again by hand: then only what is found is kept.",
            )
            return self._outcome(complete=False, kept_old=True)
        complete = not self._notes
        self._report(
            CrawlProgress(
                self._source.id,
                CrawlStage.INDEXING,
                self._found,
                self._found + self._failed,
                self._failed,
            )
        )
        removed = list(self._gone)
        forgotten: list[str] = []
        if complete:
            absent, forgotten = self._absent(1 if shrunk else MISSES_TO_REMOVE)
            removed += absent
        self._apply(removed)
        if forgotten:
            self._database.write(lambda db: pages.delete_pages(db, self._source.id, forgotten))
        return self._outcome(complete=complete, kept_old=False)

    def _may_shrink(self) -> bool:
        """A site that answers with errors, or was not seen to its end, has not shrunk."""
        return self._accept_smaller and not self._notes and self._found > self._failed

    def _absent(self, misses_to_remove: int) -> tuple[list[str], list[str]]:
        """Pages to remove, missed by so many complete crawls in a row, and records without text to forget."""
        removed: list[str] = []
        forgotten: list[str] = []
        for url, before in self._known.items():
            if url in self._seen:
                continue
            if before.content_sha256 is None:
                forgotten.append(url)
            elif before.missed_crawls + 1 >= misses_to_remove:
                removed.append(url)
            else:
                self._records[url] = replace(before, missed_crawls=before.missed_crawls + 1)
        return removed, forgotten

    def _apply(self, removed: list[str]) -> None:
        for url in removed:
            before = self._known[url]
            self._records[url] = replace(
                before,
                status=PageStatus.GONE,
                reason="The page is no longer part of the site.",
                etag=None,
                last_modified=None,
                content_sha256=None,
                missed_crawls=0,
                links=(),
                listed_at=None,
                list_honest=None,
            )
        for batch in self._changed.batches(BATCH_PAGES):
            self._store(batch, [], [self._records.pop(page.url) for page in batch])
        self._store([], removed, list(self._records.values()))
        self._records = {}

    def _store(self, changed: list[ExtractedPage], removed: list[str], records: list[PageRecord]) -> None:
        with self._applying:
            if self._cancelled():
                return
            if changed or removed:
                self._index.replace(self._source.id, changed, removed)
            confirmed, self._confirmed = self._confirmed, []
            self._database.write(lambda db: self._save(db, records, confirmed))

    def _save(self, db: Transaction, records: list[PageRecord], confirmed: list[str]) -> None:
        pages.save_pages(db, records)
        pages.confirm_pages(db, self._source.id, confirmed, self._clock.now())

    def _outcome(self, *, complete: bool, kept_old: bool) -> CrawlOutcome:
        reason = " ".join(self._notes) or None
        return CrawlOutcome(self._found, self._failed, complete, kept_old, reason)


def _list_honest(before: PageRecord | None, listed_at: str | None, *, changed: bool) -> bool | None:
    """Whether the site's list tells of changes, by what it said of this one; None while nobody can know."""
    if before is None or before.content_sha256 is None:
        return None
    if not changed:
        return before.list_honest
    if before.listed_at is None or listed_at is None:
        return None
    return before.listed_at != listed_at

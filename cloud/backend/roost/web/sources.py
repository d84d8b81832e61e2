"""Sources and their crawls."""

from __future__ import annotations

from dataclasses import replace

from roost.domain import documents
from roost.services.ingestion import SourceState
from roost.web.calls import Call
from roost.web.pagination import id_cursor, make_id_cursor
from roost.web.payload import ListQuery
from roost.web.payloads_knowledge import (
    AllSourcesChange,
    NewSource,
    Page,
    PageList,
    PageQuery,
    Source,
    SourceChange,
    SourceList,
)


def index(call: Call, query: ListQuery) -> SourceList:
    """Sources, oldest first."""
    after = id_cursor(query.cursor)
    states = sorted(call.services.sources.list(), key=lambda state: state.source.id)
    left = [state for state in states if after is None or state.source.id > after]
    items = left[: query.limit]
    last_id = items[-1].source.id if len(left) > query.limit else None
    return SourceList(items=[shown_source(state) for state in items], next_cursor=make_id_cursor(last_id))


def create(call: Call, body: NewSource) -> Source:
    """Add a source and crawl it."""
    source = call.services.sources.create(
        documents.SourceKind(body.kind),
        body.url,
        call.person.id,
        every_s=body.every_s,
        by=call.person,
        once=call.once(_fresh),
    )
    return _fresh(source)


def update(call: Call, source_id: str, body: SourceChange) -> Source:
    """Change how often a source is crawled, or pause it."""

    def changed(source: documents.Source) -> Source:
        return shown_source(replace(call.services.sources.get(source.id), source=source))

    sent = body.model_fields_set
    source = call.services.sources.change(
        source_id,
        every_s=body.every_s if "every_s" in sent else None,
        paused=body.paused if "paused" in sent else None,
        by=call.person,
        once=call.once(changed),
    )
    return changed(source)


def delete(call: Call, source_id: str) -> None:
    """Forget a source and what was read from it."""
    call.services.sources.delete(source_id, by=call.person, once=call.once(lambda _: None))


def update_all(call: Call, body: AllSourcesChange) -> SourceList:
    """Pause all sources, or resume them; may be repeated."""
    call.services.sources.pause_all(body.paused, by=call.person)
    return _all(call)


def crawl_all(call: Call) -> SourceList:
    """Crawl all sources that are not paused now; may be repeated."""
    call.services.ingestion.crawl_all()
    return _all(call)


def cancel_all(call: Call) -> SourceList:
    """End every crawl that runs or waits; may be repeated."""
    call.services.ingestion.cancel_all()
    return _all(call)


def crawl(call: Call, source_id: str) -> Source:
    """Crawl now; may be repeated."""
    call.services.ingestion.crawl_now(source_id)
    return shown_source(call.services.sources.get(source_id))


def cancel(call: Call, source_id: str) -> Source:
    """End the crawl that runs; may be repeated."""
    call.services.ingestion.cancel(source_id)
    return shown_source(call.services.sources.get(source_id))


def pages(call: Call, source_id: str, query: PageQuery) -> PageList:
    """A source's pages by address."""
    found, following = call.services.ingestion.pages_of(
        source_id, query.status, id_cursor(query.cursor), query.limit
    )
    return PageList(items=[_shown_page(page) for page in found], next_cursor=make_id_cursor(following))


def _all(call: Call) -> SourceList:
    return SourceList(items=[shown_source(state) for state in call.services.sources.list()], next_cursor=None)


def shown_source(state: SourceState) -> Source:
    source = state.source
    return Source(
        id=source.id,
        kind=source.kind,
        url=source.url,
        every_s=source.every_s,
        paused=source.paused,
        owner_id=source.owner_id,
        stage=state.stage,
        done=state.done,
        total=state.total,
        failed=state.failed,
        pages=state.pages,
        last_started_at=state.last_started_at,
        last_success_at=state.last_success_at,
        next_at=state.next_at,
        reason=state.reason,
        created_at=source.created_at,
    )


def _fresh(source: documents.Source) -> Source:
    """A source that was added at this moment: nothing of it has been read yet."""
    return shown_source(
        SourceState(
            source=source,
            stage=documents.CrawlStage.IDLE,
            done=0,
            total=0,
            failed=0,
            pages=0,
            last_started_at=None,
            last_success_at=None,
            next_at=None,
            reason=None,
        )
    )


def _shown_page(page: documents.PageRecord) -> Page:
    return Page(
        url=page.url, title=page.title, status=page.status, reason=page.reason, fetched_at=page.fetched_at
    )

"""Payloads of sources, crawls and search."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from roost.domain.documents import CrawlStage, PageStatus, SourceKind
from roost.web.payload import TEXT_LIMIT, ListQuery, Moment, Payload, Url

Period = Annotated[int, Field(ge=60, le=31_536_000)]


class Source(Payload):
    id: str
    kind: SourceKind
    url: str | None
    every_s: int
    paused: bool
    owner_id: str
    stage: CrawlStage
    done: int
    total: int
    failed: int
    pages: int
    last_started_at: Moment | None
    last_success_at: Moment | None
    next_at: Moment | None
    reason: str | None
    created_at: Moment


class SourceList(Payload):
    items: list[Source]
    next_cursor: str | None


class NewSource(Payload):
    kind: Literal["gitbook", "website", "blog", "manual"]
    url: Url | None = None
    every_s: Period | None = None


class SourceChange(Payload):
    """Only the fields that are sent change; the defaults here are never read."""

    every_s: Period = Field(default_factory=int)
    paused: bool = Field(default_factory=bool)


class AllSourcesChange(Payload):
    """What is to hold for every source."""

    paused: bool


class PageQuery(ListQuery):
    status: PageStatus | None = None


class Page(Payload):
    url: str
    title: str
    status: PageStatus
    reason: str | None
    fetched_at: Moment


class PageList(Payload):
    items: list[Page]
    next_cursor: str | None


class Knowledge(Payload):
    pages: int
    chunks: int
    vectors: int
    index_version: int
    ready: bool
    stage: CrawlStage
    reason: str | None
    sources: list[Source]


class SearchQuery(Payload):
    q: Annotated[str, Field(min_length=1, max_length=TEXT_LIMIT)]
    k: Annotated[int, Field(ge=1, le=50)] = 8


class FoundPassage(Payload):
    title: str
    url: str
    heading: str
    text: str
    score: float


class PassageList(Payload):
    items: list[FoundPassage]
    next_cursor: None


class UnansweredQuestion(Payload):
    id: str
    question: str
    bot_id: str | None
    platform: Literal["web", "telegram", "discord", "widget"]
    created_at: Moment


class UnansweredList(Payload):
    items: list[UnansweredQuestion]
    next_cursor: str | None

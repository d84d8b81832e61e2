"""What Roost knows: sources, their pages, chunks of text, and the passages a question retrieves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class SourceKind(StrEnum):
    GITBOOK = "gitbook"
    WEBSITE = "website"
    BLOG = "blog"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True)
class Source:
    """A place the workspace's answers come from. `url` is None for the shipped manual alone."""

    id: str
    kind: SourceKind
    url: str | None
    every_s: int
    paused: bool
    owner_id: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands under it up to the next heading, as markdown. Level 0 holds what precedes
    the first heading.
    """

    level: int
    heading: str
    anchor: str | None
    body: str


@dataclass(frozen=True, slots=True)
class ExtractedPage:
    """The readable part of one fetched page. `url` is where it stood after redirects, without a fragment."""

    url: str
    title: str
    sections: tuple[Section, ...]
    links: tuple[str, ...]


class PageStatus(StrEnum):
    OK = "ok"
    FAILED = "failed"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class PageRecord:
    """What is remembered of a page between crawls; `content_sha256` is of the extracted markdown.

    `links` are where the page leads within its source, for crawls in which the page answers "not modified".
    `fetched_at` is when the site last answered for it. `listed_at` is what the site's list said then (a
    sitemap's lastmod, as written), `list_honest` whether that had changed when the text last did.
    """

    source_id: str
    url: str
    title: str
    status: PageStatus
    reason: str | None
    etag: str | None
    last_modified: str | None
    content_sha256: str | None
    missed_crawls: int
    fetched_at: datetime
    links: tuple[str, ...] = ()
    listed_at: str | None = None
    list_honest: bool | None = None


class CrawlStage(StrEnum):
    IDLE = "idle"
    DISCOVERING = "discovering"
    FETCHING = "fetching"
    INDEXING = "indexing"
    EMBEDDING = "embedding"


@dataclass(frozen=True, slots=True)
class CrawlProgress:
    """How far a source's crawl is: `done` of `total` pages, of which `failed` could not be read."""

    source_id: str
    stage: CrawlStage
    done: int
    total: int
    failed: int


@dataclass(frozen=True, slots=True)
class EmbeddingProgress:
    """How many of a source's passages have their vectors."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage of a page that fits the embedder. `id` is sha256 of url, heading path and ordinal."""

    id: str
    source_id: str
    url: str
    title: str
    heading_path: tuple[str, ...]
    anchor: str | None
    ordinal: int
    text: str

    @property
    def breadcrumb(self) -> str:
        """`Title > H2 > H3`: what is put before the text for searching."""
        return " > ".join((self.title, *self.heading_path))


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk as a question's result. `url` carries the heading's anchor; `score` is in 0..1, higher is
    better.
    """

    chunk_id: str
    source_id: str
    url: str
    title: str
    heading: str
    text: str
    score: float


class Confidence(StrEnum):
    ANSWER = "answer"
    HEDGE = "hedge"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Retrieval:
    """What a question found. `ready` is False while no index exists yet; `passages` are best first."""

    query: str
    passages: tuple[Passage, ...]
    confidence: Confidence
    index_version: int
    ready: bool


@dataclass(frozen=True, slots=True)
class IndexState:
    """How far the index is. `ready` once anything can be found; `vectors` of the `chunks` can be found by
    meaning.

    `model` is the embedder's name, None while there is none; `reason` says in a sentence what is missing or
    going on.
    """

    chunks: int
    vectors: int
    index_version: int
    ready: bool
    model: str | None
    reason: str | None

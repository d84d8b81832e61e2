"""Sources are crawled, again and again, and what the index holds is never worse for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from roost.clock import SystemClock, SystemIds
from roost.domain.documents import CrawlStage, EmbeddingProgress, ExtractedPage, PageStatus, SourceKind
from roost.errors import AddressRefused, Conflict, InvalidInput, NotFound
from roost.knowledge.addresses import AddressPolicy, AllowedHost, SystemResolver
from roost.knowledge.crawler import WebsiteCrawler
from roost.knowledge.fetcher import SafeFetcher
from roost.services.audit import Audit
from roost.services.ingestion import Ingestion, SourceState
from roost.services.live_events import LiveEvent, SourceChanged
from roost.services.sources import Sources
from roost.storage.database import Database
from tests.fakes import docs_site as fake
from tests.fakes.docs_site import DocsSite, Reply

OWNER = "owner-1"


class MemoryIndex:
    """Holds pages as the index would, and may be told to fail."""

    def __init__(self) -> None:
        self.pages: dict[tuple[str, str], ExtractedPage] = {}
        self.replaced: list[str] = []
        self.fails = False
        self.largest_batch = 0
        self.waiting: dict[str, EmbeddingProgress] = {}
        self.crawls_ended = 0

    def replace(self, source_id: str, changed: Sequence[ExtractedPage], removed_urls: Sequence[str]) -> None:
        if self.fails:
            raise OSError("the index is broken")
        self.largest_batch = max(self.largest_batch, len(changed))
        for page in changed:
            self.pages[source_id, page.url] = page
            self.replaced.append(page.url)
        for url in removed_urls:
            self.pages.pop((source_id, url), None)

    def remove_source(self, source_id: str) -> None:
        self.pages = {key: page for key, page in self.pages.items() if key[0] != source_id}

    def crawl_ended(self) -> None:
        self.crawls_ended += 1

    def embedding(self) -> dict[str, EmbeddingProgress]:
        return self.waiting


class MovableClock:
    """The real clock, moved forward at will."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.ahead_s)

    def monotonic_s(self) -> float:
        return time.monotonic() + self.ahead_s


@dataclass
class House:
    site: DocsSite
    configs: Database
    knowledge: Database
    index: MemoryIndex
    ingestion: Ingestion
    sources: Sources
    clock: MovableClock
    crawlers: dict[SourceKind, WebsiteCrawler]
    events: list[LiveEvent] = field(default_factory=list)

    def add(self, path: str = "/", every_s: int | None = None) -> str:
        return self.sources.create(SourceKind.WEBSITE, self.site.url + path, OWNER, every_s=every_s).id

    def indexed(self) -> set[str]:
        return {url.removeprefix(self.site.url) for _, url in self.index.pages}

    def state(self, source_id: str) -> SourceState:
        return self.sources.get(source_id)


def build(site: DocsSite, folder: Path, index: MemoryIndex | None = None) -> House:
    configs = Database(folder / "bot_configs.db", "bot_configs")
    knowledge = Database(folder / "knowledge.db", "knowledge")
    configs.open()
    knowledge.open()
    configs.write(
        lambda db: db.execute(
            text(
                "INSERT OR IGNORE INTO users (id, kind, subject, name, role, created_at)"
                " VALUES (:id, 'local', 'me', 'Me', 'owner', '2026-01-01T00:00:00.000Z')"
            ),
            {"id": OWNER},
        )
    )
    index = index or MemoryIndex()
    clock = MovableClock()
    policy = AddressPolicy(SystemResolver(), [AllowedHost.parse(site.allowed)])
    crawler = WebsiteCrawler(SafeFetcher(policy, SystemClock(), time.sleep), clock)
    crawlers = {SourceKind.WEBSITE: crawler, SourceKind.BLOG: crawler, SourceKind.GITBOOK: crawler}
    events: list[LiveEvent] = []
    ingestion = Ingestion(configs, knowledge, crawlers, index, clock, events.append)
    ids = SystemIds(clock)
    audit = Audit(configs, clock, ids)
    sources = Sources(configs, ingestion, crawlers, clock, ids, website_every_s=600, audit=audit)
    return House(site, configs, knowledge, index, ingestion, sources, clock, crawlers, events)


@pytest.fixture
def site() -> Iterator[DocsSite]:
    with fake.docs_site() as running:
        yield running


@pytest.fixture
def house(site: DocsSite, tmp_path: Path) -> Iterator[House]:
    built = build(site, tmp_path)
    yield built
    built.ingestion.stop()
    built.configs.close()
    built.knowledge.close()


def fill(site: DocsSite, count: int) -> None:
    """The first page and `count` others that it links to."""
    links = "".join(f"<a href='/p{n}'>{n}</a> " for n in range(count))
    site.pages["/"] = fake.html("Home", f"<p>Welcome to the docs.</p>{links}")
    for n in range(count):
        site.pages[f"/p{n}"] = fake.html(f"Page {n}", f"<p>This is what page {n} has to say.</p>")


def wait_until(holds: Callable[[], bool], timeout_s: float = 10.0) -> None:
    ends_at = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < ends_at, "it did not come about in time"
        time.sleep(0.01)


def test_a_crawl_fills_the_index_and_tells_how_it_went(house: House) -> None:
    fill(house.site, 4)
    house.site.pages["/p3"] = Reply(status=500)
    source_id = house.add()
    house.ingestion.crawl(source_id)
    assert house.indexed() == {"/", "/p0", "/p1", "/p2"}
    state = house.state(source_id)
    assert (state.stage, state.done, state.total, state.failed, state.pages) == (CrawlStage.IDLE, 4, 5, 1, 4)
    assert state.last_success_at is not None
    assert state.next_at is not None
    assert 590 < (state.next_at - house.clock.now()).total_seconds() <= 600
    listed, cursor = house.ingestion.pages_of(source_id, PageStatus.FAILED, None, 10)
    assert [page.url for page in listed] == [house.site.url + "/p3"]
    assert listed[0].reason
    assert "HTTP 500" in listed[0].reason
    assert cursor is None
    assert house.ingestion.summary().pages == 4
    assert SourceChanged(source_id) in house.events


def test_only_what_changed_is_indexed_again_and_what_is_gone_goes(house: House) -> None:
    fill(house.site, 5)
    source_id = house.add()
    house.ingestion.crawl(source_id)
    house.index.replaced.clear()
    house.ingestion.crawl(source_id)
    assert house.index.replaced == []
    house.site.pages["/p1"] = fake.html("Page 1", "<p>Edited.</p>")
    del house.site.pages["/p2"]
    house.ingestion.crawl(source_id)
    assert house.index.replaced == [house.site.url + "/p1"]
    assert house.indexed() == {"/", "/p0", "/p1", "/p3", "/p4"}
    gone, _ = house.ingestion.pages_of(source_id, PageStatus.GONE, None, 10)
    assert [page.url for page in gone] == [house.site.url + "/p2"]
    house.site.pages["/p2"] = fake.html("Page 2", "<p>Back again.</p>")
    house.ingestion.crawl(source_id)
    assert "/p2" in house.indexed()


def test_a_page_that_nothing_leads_to_any_more_goes_after_two_crawls(house: House) -> None:
    fill(house.site, 5)
    source_id = house.add()
    house.ingestion.crawl(source_id)
    house.site.pages["/"] = fake.html(
        "Home", "<p>Less.</p><a href='/p0'>0</a><a href='/p1'>1</a><a href='/p2'>2</a><a href='/p3'>3</a>"
    )
    house.ingestion.crawl(source_id)
    assert "/p4" in house.indexed()
    house.ingestion.crawl(source_id)
    assert "/p4" not in house.indexed()
    assert "/p3" in house.indexed()


def test_a_crawl_that_finds_under_half_keeps_the_old_pages_and_says_so(house: House) -> None:
    fill(house.site, 9)
    source_id = house.add()
    house.ingestion.crawl(source_id)
    before = dict(house.index.pages)
    house.site.pages = {"/": fake.html("Maintenance", "<p>We are back soon.</p>")}
    for _ in range(3):
        house.ingestion.crawl(source_id)
        assert house.index.pages == before
    state = house.state(source_id)
    assert state.reason is not None
    assert "1 of 10 pages" in state.reason
    assert state.pages == 10
    fill(house.site, 9)
    house.ingestion.crawl(source_id)
    assert house.state(source_id).reason is None


def test_a_crawl_that_a_person_asks_for_takes_the_smaller_site(house: House) -> None:
    fill(house.site, 9)
    source_id = house.add()
    house.ingestion.crawl(source_id)
    house.site.pages = {"/": fake.html("Small", "<p>The docs are one page now.</p>")}
    house.ingestion.crawl(source_id)
    assert house.state(source_id).pages == 10
    house.ingestion.crawl_now(source_id)
    house.ingestion.start()
    wait_until(lambda: house.indexed() == {"/"})
    wait_until(lambda: house.state(source_id).reason is None)
    assert house.state(source_id).pages == 1


def test_a_site_that_fails_is_not_taken_for_a_smaller_one(house: House) -> None:
    fill(house.site, 9)
    source_id = house.add()
    house.ingestion.crawl(source_id)
    for n in range(3, 9):
        house.site.pages[f"/p{n}"] = Reply(status=500)
    house.site.pages["/"] = fake.html("Home", "<p>Few links.</p><a href='/p8'>8</a><a href='/p7'>7</a>")
    house.ingestion.crawl(source_id, accept_smaller=True)
    assert len(house.indexed()) == 10


def test_a_source_that_fails_keeps_its_pages_and_shows_reason_and_next_attempt(house: House) -> None:
    fill(house.site, 3)
    source_id = house.add(every_s=86_400)
    house.ingestion.crawl(source_id)
    house.site.pages["/"] = Reply(status=502)
    waits = []
    for _ in range(3):
        house.ingestion.crawl(source_id)
        state = house.state(source_id)
        assert state.next_at is not None
        waits.append(round((state.next_at - house.clock.now()).total_seconds()))
        assert state.reason is not None
        assert "HTTP 502" in state.reason
        assert state.pages == 4
    assert waits == [60, 120, 240]
    assert len(house.indexed()) == 4


def test_an_index_that_fails_loses_nothing_for_the_next_crawl(house: House) -> None:
    fill(house.site, 3)
    source_id = house.add()
    house.index.fails = True
    house.ingestion.crawl(source_id)
    state = house.state(source_id)
    assert state.reason is not None
    assert state.pages == 0
    house.index.fails = False
    house.ingestion.crawl(source_id)
    assert len(house.indexed()) == 4


def test_all_sources_are_crawled_at_the_start_and_each_at_its_period(house: House) -> None:
    fill(house.site, 2)
    source_id = house.add()
    paused = house.add("/p0")
    house.sources.change(paused, paused=True)
    house.ingestion.start()
    wait_until(lambda: house.state(source_id).last_success_at is not None)
    first = house.state(source_id).last_success_at
    assert house.state(paused).last_success_at is None
    house.clock.ahead_s = 700.0
    house.sources.change(paused, paused=False)
    wait_until(lambda: house.state(source_id).last_success_at != first)
    wait_until(lambda: house.state(paused).last_success_at is not None)


def test_a_source_added_while_running_is_crawled_at_once_and_a_deleted_one_is_forgotten(house: House) -> None:
    fill(house.site, 2)
    house.ingestion.start()
    source_id = house.add()
    wait_until(lambda: house.state(source_id).last_success_at is not None)
    assert len(house.index.pages) == 3
    house.sources.delete(source_id)
    assert house.index.pages == {}
    assert house.sources.list() == []
    assert SourceChanged(source_id, deleted=True) in house.events
    with pytest.raises(NotFound):
        house.sources.get(source_id)
    with pytest.raises(NotFound):
        house.sources.delete(source_id)


def test_a_crawl_can_be_cancelled_deleted_and_stopped_in_the_middle(house: House) -> None:
    fill(house.site, 3)
    house.site.pages["/p1"] = fake.dripping(30)
    house.ingestion.start()
    source_id = house.add()
    wait_until(lambda: house.site.asked("/p1") == 1)
    assert house.state(source_id).stage is CrawlStage.FETCHING
    with pytest.raises(Conflict):
        house.ingestion.crawl(source_id)
    house.ingestion.cancel(source_id)
    wait_until(lambda: house.state(source_id).stage is CrawlStage.IDLE, 3)
    assert (house.state(source_id).reason or "").startswith("Cancelled.")
    house.ingestion.crawl_now(source_id)
    wait_until(lambda: house.site.asked("/p1") == 2)
    assert house.state(source_id).reason is None
    house.sources.delete(source_id)
    wait_until(lambda: not any(thread.name == "resolver" for thread in threading.enumerate()))
    assert house.index.pages == {}
    other = house.add("/p1")
    wait_until(lambda: house.site.asked("/p1") == 3)
    started = time.monotonic()
    house.ingestion.stop()
    assert time.monotonic() - started < 1.5
    assert house.state(other).last_success_at is None


def test_a_crawl_asked_for_while_a_cancelled_one_still_ends_is_done(house: House) -> None:
    fill(house.site, 3)
    house.site.pages["/p1"] = fake.dripping(30)
    house.ingestion.start()
    source_id = house.add()
    wait_until(lambda: house.site.asked("/p1") == 1)
    house.ingestion.cancel(source_id)
    house.ingestion.crawl_now(source_id)
    wait_until(lambda: house.site.asked("/p1") == 2)
    house.ingestion.stop()


def test_a_restart_in_the_middle_crawls_again_and_orphans_are_cleared(site: DocsSite, tmp_path: Path) -> None:
    fill(site, 3)
    site.pages["/p1"] = fake.dripping(30)
    first = build(site, tmp_path)
    first.ingestion.start()
    source_id = first.add()
    wait_until(lambda: site.asked("/p1") == 1)
    first.ingestion.stop()
    first.index.pages["deleted-source", "http://x/"] = ExtractedPage("http://x/", "X", (), ())
    first.knowledge.write(
        lambda db: db.execute(
            text(
                "INSERT INTO crawls (source_id, started_at) VALUES ('deleted-source', '2026-01-01T00:00:00Z')"
            )
        )
    )
    first.configs.close()
    first.knowledge.close()
    fill(site, 3)
    second = build(site, tmp_path, first.index)
    second.ingestion.start()
    wait_until(lambda: second.state(source_id).last_success_at is not None)
    assert second.indexed() == {"/", "/p0", "/p1", "/p2"}
    second.ingestion.stop()
    second.configs.close()
    second.knowledge.close()


def test_a_source_is_checked_before_it_is_stored(house: House) -> None:
    for kind, url, error in (
        (SourceKind.WEBSITE, "http://169.254.169.254/", AddressRefused),
        (SourceKind.WEBSITE, None, InvalidInput),
        (SourceKind.MANUAL, house.site.url, InvalidInput),
    ):
        with pytest.raises(error):
            house.sources.create(kind, url, OWNER)
    with pytest.raises(InvalidInput) as refusal:
        house.add(every_s=59)
    assert refusal.value.field == "every_s"
    assert house.sources.list() == []


def test_a_source_is_added_once_and_a_repeat_by_id_gives_the_first(house: House) -> None:
    address = house.site.url + "/docs/"
    first = house.sources.create(SourceKind.WEBSITE, address, OWNER, source_id="s-1")
    again = house.sources.create(SourceKind.WEBSITE, address + "#part", OWNER, source_id="s-1")
    assert again == first
    with pytest.raises(Conflict) as refusal:
        house.sources.create(SourceKind.WEBSITE, address, OWNER)
    assert refusal.value.code == "source_exists"
    with pytest.raises(Conflict) as refusal:
        house.sources.create(SourceKind.WEBSITE, house.site.url + "/other", OWNER, source_id="s-1")
    assert refusal.value.code == "id_taken"
    house.sources.create(SourceKind.MANUAL, None, OWNER)
    with pytest.raises(Conflict):
        house.sources.create(SourceKind.MANUAL, None, OWNER)
    assert house.sources.get("s-1").source.every_s == 600
    assert house.sources.change("s-1", every_s=60).every_s == 60


def test_configured_sources_are_added_once_even_where_their_names_lead_nowhere(house: House) -> None:
    entries = {"https://nowhere.invalid./docs": SourceKind.GITBOOK, house.site.url: SourceKind.WEBSITE}
    assert len(house.sources.seed(entries, OWNER)) == 2
    assert house.sources.seed(entries, OWNER) == []
    assert house.site.url + "/" in [state.source.url for state in house.sources.list()]
    for state in house.sources.list():
        house.sources.delete(state.source.id)
    assert house.sources.seed(entries, OWNER) == [], "what was deleted stays deleted"


def test_sources_configured_later_come_once_and_only_where_nobody_has_added_any(house: House) -> None:
    assert house.sources.seed({}, OWNER) == []
    source_id = house.add()
    assert house.sources.seed({"https://docs.example.com": SourceKind.WEBSITE}, OWNER) == []
    house.sources.delete(source_id)
    assert house.sources.seed({"https://docs.example.com": SourceKind.WEBSITE}, OWNER) == []


def with_list(site: DocsSite, **lastmods: str) -> None:
    """Pages of these names, each with the words it has on the site, and a sitemap that dates them."""
    entries = "".join(
        f"<url><loc>{site.url}/{name}</loc><lastmod>{lastmod}</lastmod></url>"
        for name, lastmod in lastmods.items()
    )
    site.pages["/sitemap.xml"] = fake.sitemap_of(entries)


def test_a_list_that_tells_of_changes_saves_requests_until_it_conceals_one(house: House) -> None:
    site = house.site
    fill(site, 4)
    old = dict.fromkeys(("p0", "p1", "p2", "p3"), "2025-06-01T00:00:00Z")
    with_list(site, **old)
    source_id = house.add()
    asked: list[int] = []

    def crawl() -> None:
        before = site.asked("/p3")
        house.ingestion.crawl(source_id)
        asked.append(site.asked("/p3") - before)

    crawl()
    crawl()
    site.pages["/p0"] = fake.html("Page 0", "<p>Edited, and dated so.</p>")
    with_list(site, **{**old, "p0": "2025-07-01T00:00:00Z"})
    crawl()
    assert asked == [1, 1, 1], "the list has proved nothing yet"
    crawl()
    assert asked[-1] == 0
    assert house.state(source_id).pages == 5
    house.ingestion.crawl(source_id, ask_all=True)
    assert site.asked("/p3") == 4, "a person who asks gets everything read"
    # The next text changes and its date does not: that is seen when the page is asked for again.
    site.pages["/p1"] = fake.html("Page 1", "<p>Edited in secret.</p>")
    house.clock.ahead_s += 90_000
    crawl()
    assert "Edited in secret." in house.index.pages[source_id, site.url + "/p1"].sections[0].body
    crawl()
    crawl()
    assert asked[-3:] == [1, 1, 1], "a list that lied is not believed again"


def test_a_page_that_vanished_with_every_link_to_it_goes_within_one_crawl(house: House) -> None:
    fill(house.site, 5)
    source_id = house.add()
    house.ingestion.crawl(source_id)
    fill(house.site, 4)
    del house.site.pages["/p4"]
    house.ingestion.crawl(source_id)
    assert house.indexed() == {"/", "/p0", "/p1", "/p2", "/p3"}
    gone, _ = house.ingestion.pages_of(source_id, PageStatus.GONE, None, 10)
    assert [page.url for page in gone] == [house.site.url + "/p4"]


def test_large_pages_wait_on_disk_and_arrive_whole_and_in_order(house: House) -> None:
    fill(house.site, 30)
    source_id = house.add()
    house.ingestion.crawl(source_id)
    house.index.replaced.clear()
    for n in range(30):
        house.site.pages[f"/p{n}"] = fake.html(f"Page {n}", f"<p>{f'Large page {n}. ' * 20_000}</p>")
    held = []

    def count(_: LiveEvent) -> None:
        with house.knowledge.read() as db:
            held.append(int(db.execute(text("SELECT count(*) FROM held_pages")).scalar_one()))

    watched = Ingestion(
        house.configs, house.knowledge, house.crawlers, house.index, house.clock, count, publish_every_s=0
    )
    watched.crawl(source_id)
    assert max(held) >= 7, "until half of the pages are found again they are held, and not in memory"
    assert held[-1] == 0
    assert house.index.replaced == [f"{house.site.url}/p{n}" for n in range(30)]
    assert house.index.largest_batch <= 20
    body = house.index.pages[source_id, house.site.url + "/p29"].sections[0].body
    assert body.count("Large page 29.") == 20_000


def test_all_sources_are_crawled_cancelled_paused_and_resumed_at_once(house: House) -> None:
    fill(house.site, 3)
    first, second, third = house.add(), house.add("/p0"), house.add("/p1")
    house.sources.change(third, paused=True)
    house.ingestion.start_on_demand()
    house.ingestion.crawl_all()
    wait_until(lambda: all(house.state(each).last_success_at for each in (first, second)))
    assert house.state(third).last_success_at is None
    house.site.pages["/p0"] = house.site.pages["/"] = fake.dripping(30)
    house.ingestion.crawl_all()
    house.ingestion.crawl_now(third)
    wait_until(lambda: house.site.asked("/p0") >= 2 and house.site.asked("/") >= 2)
    assert "waits for its turn" in (house.state(third).reason or "")
    house.ingestion.cancel_all()
    wait_until(lambda: all(state.stage is CrawlStage.IDLE for state in house.sources.list()), 20)
    for each in (first, second, third):
        assert (house.state(each).reason or "").startswith("Cancelled."), each
    house.sources.pause_all(True)
    assert all(state.source.paused for state in house.sources.list())
    house.sources.pause_all(False)
    assert not any(state.source.paused for state in house.sources.list())


def test_a_site_that_shrank_keeps_its_pages_when_all_sources_are_crawled(house: House) -> None:
    fill(house.site, 9)
    source_id = house.add()
    house.ingestion.crawl(source_id)
    house.site.pages = {"/": fake.html("Small", "<p>The docs are one page now.</p>")}
    house.ingestion.start_on_demand()
    house.ingestion.crawl_all()
    wait_until(lambda: "old ones are kept" in (house.state(source_id).reason or ""), 20)
    assert len(house.indexed()) == 10


def test_embedding_is_a_stage_of_its_source_and_is_told_as_it_goes(house: House) -> None:
    fill(house.site, 3)
    source_id = house.add()
    house.ingestion.crawl(source_id)
    assert house.index.crawls_ended == 1
    house.index.waiting = {source_id: EmbeddingProgress(3, 12)}
    house.events.clear()
    house.ingestion.embedding_advanced()
    assert house.events == [SourceChanged(source_id)]
    state = house.state(source_id)
    assert (state.stage, state.done, state.total, state.failed) == (CrawlStage.EMBEDDING, 3, 12, 0)
    assert state.last_success_at is not None
    assert house.ingestion.summary().stage is CrawlStage.EMBEDDING
    house.index.waiting = {source_id: EmbeddingProgress(5, 12)}
    house.ingestion.embedding_advanced()
    assert len(house.events) == 1, "not more often than anybody can see"
    house.clock.ahead_s += 1
    house.ingestion.embedding_advanced()
    assert len(house.events) == 2
    house.index.waiting = {}
    house.ingestion.embedding_advanced()
    assert len(house.events) == 3, "its end is told at once"
    assert house.state(source_id).stage is CrawlStage.IDLE


def test_whoever_finds_nothing_waits_for_the_first_pages_and_for_nothing_else(house: House) -> None:
    def wanted() -> bool:
        return False

    fill(house.site, 1)
    paused = house.add("/p0")
    house.sources.change(paused, paused=True)
    assert not house.ingestion.wait_for_first_pages(wanted)
    source_id = house.add()
    assert not house.ingestion.wait_for_first_pages(wanted), "nobody has said that they come"
    house.ingestion.expect_first_pages()
    assert not house.ingestion.wait_for_first_pages(lambda: True)
    house.ingestion.start()
    assert house.ingestion.wait_for_first_pages(wanted)
    assert house.indexed() == {"/", "/p0"}
    assert house.state(source_id).last_success_at is not None
    assert not house.ingestion.wait_for_first_pages(wanted)
    # A site that cannot be read keeps nobody waiting.
    broken = house.add("/nowhere")
    house.ingestion.wait_for_first_pages(wanted)
    assert house.state(broken).failures == 1
    assert not house.ingestion.wait_for_first_pages(wanted)


def test_pages_that_take_long_are_waited_for_no_longer_than_a_minute(house: House) -> None:
    house.site.pages["/"] = fake.dripping(30)
    house.add()
    house.ingestion.expect_first_pages()
    house.ingestion.start()

    def later() -> bool:
        house.clock.ahead_s += 20.0
        return False

    assert house.ingestion.wait_for_first_pages(later)
    assert house.clock.ahead_s == 60.0
    assert not house.ingestion.wait_for_first_pages(later)


def test_pages_that_are_being_embedded_are_waited_for_too(house: House) -> None:
    fill(house.site, 1)
    source_id = house.add()
    house.ingestion.expect_first_pages()
    house.ingestion.start()
    wait_until(lambda: house.state(source_id).last_success_at is not None)
    house.index.waiting = {source_id: EmbeddingProgress(0, 2)}

    def later() -> bool:
        house.index.waiting = {}
        return False

    assert house.ingestion.wait_for_first_pages(later)
    assert not house.ingestion.wait_for_first_pages(later)


def test_a_start_that_a_stop_has_overtaken_begins_nothing(house: House) -> None:
    fill(house.site, 1)
    house.add()
    house.ingestion.stop()
    house.ingestion.start()
    assert not [each for each in threading.enumerate() if each.name.startswith("crawl-")]
    house.ingestion.stop()
    assert house.index.pages == {}

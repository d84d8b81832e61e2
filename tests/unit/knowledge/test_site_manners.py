"""What sites ask of a crawler, and how they name their pages."""

from __future__ import annotations

import hashlib
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace

import pytest

from roost.clock import SystemClock
from roost.domain.documents import PageStatus, Source, SourceKind
from roost.knowledge.addresses import AddressPolicy, AllowedHost, SystemResolver
from roost.knowledge.crawler import WebsiteCrawler
from roost.knowledge.fetcher import SafeFetcher
from roost.knowledge.scope import QUERY_VARIANTS_LIMIT
from tests.fakes import docs_site as fake
from tests.fakes.crawls import NOW, crawl
from tests.fakes.docs_site import DocsSite


@pytest.fixture
def site() -> Iterator[DocsSite]:
    with fake.docs_site() as running:
        yield running


@pytest.mark.parametrize(
    ("folder", "outside"),
    [
        ("/en/v1.2", "/en/v2.0"),
        ("/@first.last", "/@somebody"),
        ("/docs/index.html", "/blog"),
        ("/a.b/c", "/a.b/d"),
    ],
)
def test_a_dot_in_the_last_part_of_an_address_makes_it_no_file(
    site: DocsSite, folder: str, outside: str
) -> None:
    inside = f"{folder.removesuffix('index.html').rstrip('/')}/page"
    site.pages[folder] = fake.html(
        "Start", f"<p>Begin.</p><a href='{inside}'>in</a><a href='{outside}'>out</a>"
    )
    site.pages[inside] = fake.html("Inside", "<p>In.</p>")
    site.pages[outside] = fake.html("Outside", "<p>Out.</p>")
    assert set(crawl(site, folder).read) == {folder, inside}


@pytest.mark.parametrize("header", ["ETag", "Last-Modified"])
def test_a_tag_that_no_request_may_carry_is_not_sent_back(site: DocsSite, header: str) -> None:
    home = fake.html("Home", "<p>Welcome.</p>")
    site.pages["/"] = replace(home, headers={header: '"caf\xe9"'}, conditional=False)
    first = crawl(site)
    assert set(crawl(site, known=first.records()).read) == {"/"}


@pytest.mark.parametrize(
    ("head", "header", "indexed", "followed"),
    [
        ("", "noindex", False, True),
        ("", "googlebot: noindex", True, True),
        ("", "roost: noindex, nofollow", False, False),
        ("", "googlebot: noindex, nofollow", True, True),
        ("", "unavailable_after: 25 Jun 2030, noindex", False, True),
        ("<meta name='Robots' content='NONE'>", None, False, False),
        ("<meta name='robots' content='nofollow'>", None, True, False),
        (
            "<meta name='robots' content='max-snippet:1'><meta name='robots' content='noindex'>",
            None,
            False,
            True,
        ),
        ("<meta name='roost' content='noindex'>", None, False, True),
        ("<meta name='googlebot' content='noindex, nofollow'>", None, True, True),
    ],
)
def test_a_page_that_asks_not_to_be_indexed_or_followed_is_not(
    site: DocsSite, head: str, header: str | None, indexed: bool, followed: bool
) -> None:
    site.pages["/"] = fake.html("Home", "<p>Welcome.</p><a href='/wish'>wish</a>")
    wish = fake.html("Wish", "<p>A page with wishes.</p><a href='/beyond'>on</a>", head)
    site.pages["/wish"] = replace(wish, headers={"X-Robots-Tag": header} if header else {})
    site.pages["/beyond"] = fake.html("Beyond", "<p>What it leads to.</p>")
    assert set(crawl(site).read) == {"/"} | ({"/wish"} if indexed else set()) | (
        {"/beyond"} if followed else set()
    )


def test_robots_that_begin_with_a_byte_order_mark_are_obeyed(site: DocsSite) -> None:
    site.pages["/robots.txt"] = fake.text("\ufeffUser-agent: *\nDisallow: /private\n")
    site.pages["/"] = fake.html("Home", "<p>Welcome.</p><a href='/private'>p</a>")
    site.pages["/private"] = fake.html("Private", "<p>Keep out.</p>")
    assert set(crawl(site).read) == {"/"}


def variant(number: int, canonical: str) -> fake.Reply:
    return fake.html("Page", f"<p>Read {number} times.</p>", f"<link rel='canonical' href='{canonical}'>")


def test_variants_of_a_page_that_name_it_are_not_pages_of_their_own(site: DocsSite) -> None:
    site.pages["/"] = fake.html(
        "Home", "<p>Welcome.</p><a href='/page?view=print'>1</a><a href='/page/'>2</a>"
    )
    for number, path in enumerate(("/page?view=print", "/page/", "/page")):
        site.pages[path] = variant(number, "/page")
    first = crawl(site)
    assert set(first.read) == {"/", "/page"}
    again = crawl(site, known=first.records())
    assert (set(again.unchanged), again.read, again.failed) == ({"/", "/page"}, {}, {})


def test_a_variant_that_was_known_goes_once_its_page_is_there(site: DocsSite) -> None:
    site.pages["/"] = fake.html("Home", "<p>Welcome.</p><a href='/page/'>2</a>")
    site.pages["/page/"] = fake.html("Page", "<p>Read often.</p>")
    first = crawl(site)
    site.pages["/page/"] = variant(1, "/page")
    site.pages["/page"] = variant(2, "/page")
    again = crawl(site, known=first.records())
    assert set(again.read) == {"/page"}
    assert again.failed["/page/"].gone


@pytest.mark.parametrize("broken", [fake.missing(), fake.redirect("/page/")])
def test_a_page_that_names_an_address_where_there_is_none_is_read(site: DocsSite, broken: fake.Reply) -> None:
    site.pages["/"] = fake.html("Home", "<p>Welcome.</p><a href='/page/'>2</a>")
    site.pages["/page/"] = variant(1, "/page")
    site.pages["/page"] = broken
    assert set(crawl(site).read) == {"/", "/page/"}


def test_pages_that_all_name_the_front_page_by_mistake_are_read(site: DocsSite) -> None:
    site.pages["/"] = fake.html("Home", "<p>Welcome.</p><a href='/a'>a</a><a href='/b'>b</a>")
    site.pages["/a"], site.pages["/b"] = variant(1, "/"), variant(2, "/")
    assert set(crawl(site).read) == {"/", "/a", "/b"}


def test_a_base_that_is_no_address_counts_for_nothing(site: DocsSite) -> None:
    site.pages["/"] = fake.html("Home", "<p>Welcome.</p><a href='/a'>a</a>", "<base href='http://[bad/'>")
    site.pages["/a"] = fake.html("A", "<p>All about a.</p>")
    assert set(crawl(site).read) == {"/", "/a"}


class MadeUp(dict[str, fake.Reply]):
    """Every page leads to a thousand pages of 1,900 characters each, which nobody else names."""

    def get(self, path: str, default: fake.Reply | None = None) -> fake.Reply | None:  # type: ignore[override]
        if path in ("/robots.txt", "/sitemap.xml"):
            return default
        name = hashlib.sha256(path.encode()).hexdigest()
        links = "".join(f"<a href='/{name}{number}{'x' * 1_800}'>on</a>" for number in range(1_000))
        return fake.html(name, f"<p>All about {name}.</p>{links}")


def test_addresses_made_up_on_every_page_fill_no_memory(site: DocsSite) -> None:
    site.pages = MadeUp()
    tracemalloc.start()
    found = crawl(site, page_limit=20)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found.read) == 20
    assert "more than 20 pages" in found.notes[0]
    # All of them, with what is remembered of each, would be ten times as much.
    assert peak_bytes < 30 * 1024 * 1024


def test_a_page_whose_links_were_left_out_is_read_in_full_again(site: DocsSite) -> None:
    site.pages["/"] = fake.html(
        "Home", "<p>Welcome.</p>" + "".join(f"<a href='/{n}'>{n}</a>" for n in range(9))
    )
    for number in range(9):
        site.pages[f"/{number}"] = fake.html(str(number), f"<p>All about {number}.</p>")
    first = crawl(site, page_limit=5)
    assert len(first.read) == 5
    again = crawl(site, page_limit=10, known=first.records())
    assert len(again.read) + len(again.unchanged) == 10


def test_a_page_in_the_place_of_robots_forbids_nothing(site: DocsSite) -> None:
    """Many sites answer every unknown address with their front page."""
    site.pages["/robots.txt"] = fake.Reply(b"User-agent: *\nDisallow: /\n", content_type="text/html")
    site.pages["/"] = fake.html("Home", "<p>Welcome.</p>")
    assert set(crawl(site).read) == {"/"}


def test_a_page_that_failed_is_asked_for_in_full(site: DocsSite) -> None:
    site.pages["/"] = fake.html("Home", "<p>Welcome.</p><a href='/a'>a</a>")
    site.pages["/a"] = fake.html("A", "<p>All about a.</p>")
    known = crawl(site).records()
    failed = {url: replace(record, status=PageStatus.FAILED) for url, record in known.items()}
    assert set(crawl(site, known=known).unchanged) == {"/", "/a"}
    assert set(crawl(site, known=failed).read) == {"/", "/a"}


def test_a_lost_page_that_robots_have_come_to_forbid_goes_unasked(site: DocsSite) -> None:
    site.pages["/"] = fake.html("Home", "<p>Welcome.</p><a href='/a'>a</a>")
    site.pages["/a"] = fake.html("A", "<p>All about a.</p>")
    known = crawl(site).records()
    site.pages["/"] = fake.html("Home", "<p>Welcome back.</p>")
    site.pages["/robots.txt"] = fake.text("User-agent: *\nDisallow: /a\n")
    asked_before = site.asked("/a")
    assert crawl(site, known=known).failed["/a"].gone
    assert site.asked("/a") == asked_before


def test_a_source_that_moved_to_another_host_is_read_by_the_rules_there(site: DocsSite) -> None:
    site.pages["/"] = fake.redirect("http://www.example.com/home")
    site.pages["/home"] = fake.html("Home", "<p>Welcome.</p>")
    crawl(site, base="http://example.com")
    asked = [request.headers["host"] for request in site.requests if request.path == "/robots.txt"]
    assert asked == ["example.com", "www.example.com"]


def test_the_pause_that_robots_ask_for_is_made(site: DocsSite) -> None:
    site.pages["/robots.txt"] = fake.text("User-agent: *\nCrawl-delay: 3\n")
    site.pages["/"] = fake.html("Home", "<p>Welcome.</p><a href='/a'>a</a>")
    site.pages["/a"] = fake.html("A", "<p>All about a.</p>")
    slept: list[float] = []
    policy = AddressPolicy(SystemResolver(), [AllowedHost.parse(site.allowed)])
    crawler = WebsiteCrawler(SafeFetcher(policy, SystemClock(), slept.append), SystemClock())
    source = Source("s", SourceKind.WEBSITE, site.url + "/", 600, False, "owner", NOW)
    assert len(list(crawler.crawl(source, {}, lambda _: None, lambda: False))) == 2
    assert sum(slept) > 3


def test_of_the_variants_that_a_calendar_makes_of_a_page_only_some_are_read(site: DocsSite) -> None:
    class Calendar(dict[str, fake.Reply]):
        def get(self, path: str, default: fake.Reply | None = None) -> fake.Reply | None:  # type: ignore[override]
            if not path.startswith("/days"):
                return super().get(path, default)
            day = int(path.partition("=")[2] or 0)
            return fake.html(f"Day {day}", f"<p>Number {day}.</p><a href='/days?day={day + 1}'>next</a>")

    site.pages = Calendar({"/": fake.html("Home", "<p>Welcome.</p><a href='/days'>days</a>")})
    found = crawl(site, page_limit=300)
    assert len(found.read) == 2 + QUERY_VARIANTS_LIMIT
    assert found.notes == []


def test_sitemaps_beyond_a_number_are_left_out_and_told_of(site: DocsSite) -> None:
    site.pages["/"] = fake.html("Home", "<p>Welcome.</p>")
    site.pages["/sitemap.xml"] = fake.sitemap_index(*(f"{site.url}/sitemap-{n}.xml" for n in range(80)))
    for number in range(80):
        site.pages[f"/sitemap-{number}.xml"] = fake.sitemap()
    found = crawl(site)
    assert "more than 50 sitemaps" in found.notes[0]
    assert sum("sitemap" in request.path for request in site.requests) == 50

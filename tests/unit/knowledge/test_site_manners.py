"""What sites ask of a crawler, and how they name their pages."""

from __future__ import annotations

import hashlib
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.fakes import docs_site as fake
from tests.fakes.crawls import crawl
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

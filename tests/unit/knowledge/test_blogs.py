"""Blogs in the shapes of the usual programs: every article is found, also where its page cannot be read."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from roost.domain.documents import SourceKind
from roost.domain.page_text import page_markdown
from roost.errors import RemoteRejected
from roost.knowledge.feed_json import read_json_feed
from tests.fakes import blogs
from tests.fakes import docs_site as fake
from tests.fakes.crawls import Crawled, crawl
from tests.fakes.docs_site import DocsSite, Reply

BOMB = (
    b'<!DOCTYPE l [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
    b'<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><rss><channel><item><link>&c;</link></item></channel></rss>'
)
EXTERNAL = (
    b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><rss><channel><item><link>/x</link>'
    b"<title>&e;</title></item></channel></rss>"
)


@pytest.fixture
def site() -> Iterator[DocsSite]:
    with fake.docs_site() as running:
        yield running


def read(site: DocsSite, path: str = "/", base: str | None = None) -> Crawled:
    return crawl(site, path, base=base, kind=SourceKind.BLOG)


def words(found: Crawled, path: str) -> str:
    return page_markdown(found.read[path].page)


def test_wordpress_gives_its_older_articles_by_the_parts_of_its_feed(site: DocsSite) -> None:
    blogs.wordpress(site, site.url, 34, with_sitemap=False)
    found = read(site)
    assert {path for path in found.read if path != "/"} == {f"/2026/01/note-{n}/" for n in range(1, 35)}
    assert found.notes == []
    assert found.failed == {}
    assert "the 7. winter" in words(found, "/2026/01/note-7/")
    assert "Recent comments" not in words(found, "/2026/01/note-7/")


def test_wordpress_with_a_sitemap_is_not_asked_for_the_older_parts_of_its_feed(site: DocsSite) -> None:
    blogs.wordpress(site, site.url, 34, with_sitemap=True)
    found = read(site)
    assert len(found.read) == 35
    assert site.asked("/feed/") == 1
    assert site.asked("/feed/?paged=2") == 0
    assert not any(request.path.startswith("/wp-admin") for request in site.requests)


def test_a_wordpress_article_that_only_its_feed_shows_is_taken_from_there(site: DocsSite) -> None:
    blogs.wordpress(site, site.url, 3, with_sitemap=True)
    site.pages["/2026/01/note-3/"] = Reply(b"no", status=403)
    text = words(read(site), "/2026/01/note-3/")
    assert "Whole text of" in text
    assert "First!" not in text, "a comment is not the article"


def test_ghost_is_read_by_its_sitemaps_and_its_feed(site: DocsSite) -> None:
    blogs.ghost(site, site.url)
    found = read(site)
    assert set(found.read) == {"/", "/tag/fire/", "/candle/", "/lantern/"}
    assert found.read["/candle/"].listed_at == "2026-01-01T09:00:00.000Z"
    assert found.read["/lantern/"].listed_at is None
    assert "seven hours" in words(found, "/candle/")
    assert site.asked("/content/images/candle.png") == 0


def test_medium_is_read_by_its_feed_where_its_pages_refuse(site: DocsSite) -> None:
    base = "http://medium.com"
    blogs.medium(site, base)
    found = read(site, "/@ann", base)
    assert set(found.read) == {"/@ann/kites-1a2b3c4d5e6f", "/@ann/winds-6f5e4d3c2b1a"}
    kites = words(found, "/@ann/kites-1a2b3c4d5e6f")
    assert found.read["/@ann/kites-1a2b3c4d5e6f"].page.title == "Kites & strings"
    assert "## Knots" in kites.replace("###", "##")
    assert "tie --knot lark" in kites
    assert "medium.example" not in kites
    assert found.failed == {}
    assert site.asked("/feed/@ann") == 1


def test_the_address_of_the_feed_itself_is_a_blog_too(site: DocsSite) -> None:
    base = "http://medium.com"
    blogs.medium(site, base)
    assert set(read(site, "/feed/@ann", base).read) == {
        "/@ann/kites-1a2b3c4d5e6f",
        "/@ann/winds-6f5e4d3c2b1a",
    }


def test_atom_in_parts_is_read_to_its_end_and_scripted_pages_by_their_entries(site: DocsSite) -> None:
    blogs.atom(site, site.url)
    found = read(site)
    assert set(found.read) == {"/", "/rivers", "/bridges"}
    assert "run to the sea" in words(found, "/rivers")
    assert found.read["/bridges"].page.title == "Bridges"
    assert "bear carts" in words(found, "/bridges").replace("**", "")
    assert site.asked("/atom.xml?page=2") == 1


def test_an_article_that_is_gone_is_not_taken_from_the_feed(site: DocsSite) -> None:
    blogs.ghost(site, site.url)
    del site.pages["/lantern/"]
    found = read(site)
    assert found.failed["/lantern/"].gone
    assert "/lantern/" not in found.read


def test_a_blog_without_feed_that_refuses_is_told_as_refused(site: DocsSite) -> None:
    site.pages["/"] = Reply(b"no", status=403)
    with pytest.raises(RemoteRejected) as refusal:
        read(site)
    assert "403" in refusal.value.message


def test_a_feed_that_robots_forbid_is_not_read(site: DocsSite) -> None:
    blogs.wordpress(site, site.url, 12, with_sitemap=False)
    site.pages["/robots.txt"] = fake.text("User-agent: *\nDisallow: /feed/\n")
    found = read(site)
    assert site.asked("/feed/") == 0
    assert set(found.read) == {"/", "/2026/01/note-12/"}


@pytest.mark.parametrize(
    ("body", "note"),
    [
        (BOMB, "entities"),
        (EXTERNAL, "entities"),
        (b"<rss><channel><item><link>http://unfinished", None),
        (b"<rss" * 200_000, None),
        (b"\x00\xff\xfe<>", None),
        (b"{}", None),
        (b"a" * (6 * 1024 * 1024), "larger than 5 MB"),
    ],
    ids=["bomb", "external", "cut", "nested", "binary", "json", "huge"],
)
def test_a_harmful_feed_is_left_out_and_the_blog_is_read(
    site: DocsSite, body: bytes, note: str | None
) -> None:
    blogs.atom(site, site.url)
    site.pages["/"] = Reply(site.pages["/"].body.replace(b"</article>", b"<a href='/rivers'>r</a></article>"))
    site.pages["/atom.xml"] = Reply(body, content_type="application/atom+xml")
    found = read(site)
    assert {"/", "/rivers"} <= set(found.read)
    assert any(note in told for told in found.notes) if note else not found.notes


def test_a_feed_without_end_is_bounded(site: DocsSite) -> None:
    blogs.wordpress(site, site.url, 10, with_sitemap=False)

    class Endless(dict[str, Reply]):
        def get(self, path: str, default: Reply | None = None) -> Reply | None:  # type: ignore[override]
            if path.startswith("/feed/?paged="):
                number = int(path.rpartition("=")[2])
                items = [blogs.item(f"{site.url}/old/{number}-{n}", "Old", "<p>x</p>") for n in range(10)]
                return blogs.rss(site.url, "Ann", "https://wordpress.org/?v=6.7.1", items, "/feed/")
            return super().get(path, default)

    site.pages = Endless(site.pages)
    crawl(site, kind=SourceKind.BLOG, page_limit=30)
    assert sum(request.path.startswith("/feed/") for request in site.requests) <= 50


def json_feed(*items: dict[str, object], **more: object) -> Reply:
    feed = {"version": "https://jsonfeed.org/version/1.1", "title": "Blog", "items": items, **more}
    return Reply(json.dumps(feed).encode(), content_type="application/feed+json")


def test_a_json_feed_is_read_in_all_its_parts(site: DocsSite) -> None:
    link = "<link rel='alternate' type='application/feed+json' href='/feed.json'>"
    site.pages["/"] = fake.html("Blog", "<p>Welcome.</p>", link)
    site.pages["/feed.json"] = json_feed(
        {"id": "1", "url": "/kites", "title": "Kites", "content_html": "<p>How kites fly.</p>"},
        {"id": "2", "url": 7},
        next_url="/feed.json?page=2",
    )
    site.pages["/feed.json?page=2"] = json_feed(
        {"id": "3", "url": "/winds", "title": "Winds", "content_text": "Where <winds> come from."}
    )
    site.pages["/kites"] = Reply(status=403)
    site.pages["/winds"] = Reply(status=403)
    found = read(site)
    assert set(found.read) == {"/", "/kites", "/winds"}
    assert "How kites fly." in words(found, "/kites")
    assert "Where <winds> come from." in words(found, "/winds")


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"version": 1}',
        b'{"items": [1, 2]}',
        b'{"a":' * 100_000,
        b'{"version": "https://jsonfeed.org/version/1", "items": {}}',
    ],
)
def test_json_that_is_no_feed_holds_no_entries(body: bytes) -> None:
    assert read_json_feed(body).entries == []

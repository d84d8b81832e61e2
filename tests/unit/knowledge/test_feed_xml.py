"""Feeds as they are found: half-broken, in old encodings, with names of HTML in them."""

from __future__ import annotations

import pytest

from roost.knowledge.feed_xml import ARTICLE_LIMIT, ENTRY_LIMIT, EntitiesDeclared, read_feed


def rss(items: str, head: str = "") -> str:
    return f'<?xml version="1.0"?><rss version="2.0"><channel>{head}{items}</channel></rss>'


def test_names_of_html_and_bare_ampersands_do_not_end_a_feed() -> None:
    feed = read_feed(
        rss(
            "<item><title>Tom&nbsp;&amp; Jerry &hellip; &what; &#8217;</title>"
            "<link>http://x.example/?a=1&b=2</link></item>"
            "<item><title>R&D</title><link>http://x.example/2</link></item>"
        ).encode()
    )
    assert [entry.link for entry in feed.entries] == ["http://x.example/?a=1&b=2", "http://x.example/2"]
    assert feed.entries[0].title == "Tom\u00a0& Jerry \u2026 &what; \u2019"
    assert feed.entries[1].title == "R&D"


def test_what_comes_before_the_break_is_kept() -> None:
    feed = read_feed(
        rss("<item><link>http://x.example/1</link></item><item><link>http://x.ex").encode()[:-30]
    )
    assert [entry.link for entry in feed.entries] == ["http://x.example/1"]


@pytest.mark.parametrize(
    ("body", "title"),
    [
        (rss("<item><title>Grün</title><link>/x</link></item>").encode(), "Grün"),
        (b"\xef\xbb\xbf\n" + rss("<item><title>Grün</title><link>/x</link></item>").encode(), "Grün"),
        (
            rss("<item><title>Grün</title><link>/x</link></item>")
            .replace('"1.0"', '"1.0" encoding="ISO-8859-1"')
            .encode("latin-1"),
            "Grün",
        ),
        (rss("<item><title>Grün\x0b</title><link>/x</link></item>").encode("cp1252"), "Grün"),
        (rss("<item><title>Grün</title><link>/x</link></item>").encode("utf-16"), "Grün"),
        (
            rss("<item><title>日本</title><link>/x</link></item>")
            .replace('"1.0"', '"1.0" encoding="Shift_JIS"')
            .encode("shift-jis"),
            "日本",
        ),
    ],
)
def test_whatever_encoding_it_came_in(body: bytes, title: str) -> None:
    assert [entry.title for entry in read_feed(body).entries] == [title]


def test_rdf_is_read_and_titles_and_links_of_pictures_are_not_those_of_entries() -> None:
    feed = read_feed(
        b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"'
        b' xmlns:media="http://search.yahoo.com/mrss/"><channel rdf:about="http://x.example/">'
        b"<link>http://x.example/</link></channel>"
        b'<item rdf:about="http://x.example/1"><media:title>Not this</media:title><title>One</title>'
        b"<link>http://x.example/1</link></item></rdf:RDF>"
    )
    assert feed.home == "http://x.example/"
    assert [(entry.title, entry.link) for entry in feed.entries] == [("One", "http://x.example/1")]


def test_an_entry_without_link_is_found_by_its_guid() -> None:
    feed = read_feed(rss("<item><guid>http://x.example/g</guid></item><item><guid>17</guid></item>").encode())
    assert [entry.link for entry in feed.entries] == ["http://x.example/g"]


def test_entities_are_refused() -> None:
    with pytest.raises(EntitiesDeclared):
        read_feed(b'<!DOCTYPE x [<!ENTITY a "b">]>' + rss("<item><link>/&a;</link></item>").encode()[21:])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<a>" * 1_000_000,
        b"<a/>" * 1_000_000,
        b"<rss" * 1_000_000,
        b"&" * 3_000_000,
        b"<rss><channel><item><title>" + b"a" * 3_000_000,
        b"<" + b"a" * 3_000_000,
        b"<a " + b"b='c' " * 400_000,
    ],
    ids=["empty", "nested", "flat", "unclosed", "ampersands", "text", "name", "attributes"],
)
def test_what_is_built_to_exhaust_a_reader_holds_no_entries(body: bytes) -> None:
    assert read_feed(body).entries == []


def test_entries_and_their_texts_are_bounded() -> None:
    long = f"<item><link>/x</link><content>{'a' * 2 * ARTICLE_LIMIT}</content></item>"
    feed = read_feed(rss(long + "<item><link>/y</link></item>" * 3_000).encode())
    assert len(feed.entries) == ENTRY_LIMIT
    assert feed.entries[0].markup == ""

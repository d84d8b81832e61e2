"""Blogs as the usual programs serve them: their feeds, sitemaps and pages, for a site on loopback."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from tests.fakes.docs_site import DocsSite, Reply, missing, sitemap_index, text

RSS = "application/rss+xml; charset=UTF-8"
NAMESPACES = (
    'xmlns:content="http://purl.org/rss/1.0/modules/content/" '
    'xmlns:wfw="http://wellformedweb.org/CommentAPI/" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:atom="http://www.w3.org/2005/Atom" '
    'xmlns:sy="http://purl.org/rss/1.0/modules/syndication/" xmlns:media="http://search.yahoo.com/mrss/" '
    'xmlns:slash="http://purl.org/rss/1.0/modules/slash/" xmlns:cc="http://cyber.law.harvard.edu/rss/x.html"'
)


def rss(base: str, title: str, generator: str, items: Sequence[str], feed: str) -> Reply:
    return Reply(
        (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0" {NAMESPACES}>\n<channel>'
            f"<title><![CDATA[{title}]]></title>"
            f'<atom:link href="{base}{feed}" rel="self" type="application/rss+xml" /><link>{base}</link>'
            "<description><![CDATA[Thoughts & notes.]]></description>"
            "<lastBuildDate>Thu, 01 Jan 2026 08:00:00 +0000</lastBuildDate>"
            f"<generator>{generator}</generator>{''.join(items)}</channel></rss>"
        ).encode(),
        content_type=RSS,
    )


def item(link: str, title: str, markup: str, summary: str = "A few words…") -> str:
    return (
        f"<item><title><![CDATA[{title}]]></title><link>{escape(link)}</link>"
        f"<comments>{escape(link)}#respond</comments><dc:creator><![CDATA[Ann]]></dc:creator>"
        f"<pubDate>Thu, 01 Jan 2026 08:00:00 +0000</pubDate><category><![CDATA[News]]></category>"
        f'<guid isPermaLink="false">{escape(link)}</guid>'
        f"<description><![CDATA[<p>{summary} <a href='{escape(link)}'>Read more</a></p>]]></description>"
        f"<content:encoded><![CDATA[{markup}]]></content:encoded>"
        f"<slash:comments>2</slash:comments></item>"
    )


def post(title: str, markup: str, head: str = "") -> Reply:
    return Reply(
        f"<!doctype html><html lang=en><head><title>{title} &#8211; Ann's blog</title>{head}</head><body>"
        f"<header class=site-header><a href='/'>Ann's blog</a></header><main><article class='post hentry'>"
        f"<h1 class=entry-title>{title}</h1><div class=entry-content>{markup}</div></article></main>"
        f"<aside id=secondary>Recent comments</aside><footer>Powered by care</footer></body></html>".encode()
    )


def wordpress(site: DocsSite, base: str, articles: int, *, with_sitemap: bool) -> None:
    """Ten articles a feed, older ones at `?paged=`; a feed of comments beside it; the home page links to none
    of the older ones.
    """
    names = [f"/2026/01/note-{number}/" for number in range(articles, 0, -1)]
    for name in names:
        number = name.strip("/").rpartition("-")[2]
        site.pages[name] = post(
            f"Note {number}", f"<p>Note number {number} tells of the {number}. winter.</p>"
        )
    for part in range(-(-articles // 10)):
        some = names[10 * part : 10 * part + 10]
        items = [item(base + name, name, f"<p>Whole text of {name}.</p>") for name in some]
        path = "/feed/" if part == 0 else f"/feed/?paged={part + 1}"
        site.pages[path] = rss(base, "Ann", "https://wordpress.org/?v=6.7.1", items, "/feed/")
    site.pages[f"/feed/?paged={-(-articles // 10) + 1}"] = missing()
    comment = item(base + names[0] + "#comment-7", "Comment on Note", "<p>First!</p>")
    site.pages["/comments/feed/"] = rss(base, "Comments", "https://wordpress.org/?v=6.7.1", [comment], "/c")
    head = (
        f"<link rel='alternate' type='application/rss+xml' title='Feed' href='{base}/feed/' />"
        f"<link rel='alternate' type='application/rss+xml' title='Comments' href='{base}/comments/feed/' />"
        "<meta name='generator' content='WordPress 6.7.1' />"
    )
    site.pages["/"] = post("Welcome", f"<p>Notes from the north.</p><a href='{names[0]}'>newest</a>", head)
    if with_sitemap:
        site.pages["/robots.txt"] = text(
            f"User-agent: *\nDisallow: /wp-admin/\n\nSitemap: {base}/wp-sitemap.xml\n"
        )
        site.pages["/wp-sitemap.xml"] = sitemap_index(base + "/wp-sitemap-posts-post-1.xml")
        entries = "".join(f"<url><loc>{base}{name}</loc></url>" for name in names)
        site.pages["/wp-sitemap-posts-post-1.xml"] = _stylesheet_sitemap(entries, "wp-sitemap.xsl")


def ghost(site: DocsSite, base: str) -> None:
    """An index of four sitemaps, a feed at `/rss/`, and posts whose pages are whole."""
    site.pages["/"] = post("Ann", "<p>Ghost stories, told by the fire.</p><a href='/tag/fire/'>fire</a>")
    site.pages["/tag/fire/"] = post("Fire", "<p>Posts about fire and what it burns.</p>")
    site.pages["/candle/"] = post("The candle", "<p>A candle burns for seven hours.</p>")
    site.pages["/lantern/"] = post("The lantern", "<p>A lantern needs oil twice a week.</p>")
    site.pages["/robots.txt"] = text(f"User-agent: *\nSitemap: {base}/sitemap.xml\nDisallow: /ghost/\n")
    site.pages["/sitemap.xml"] = sitemap_index(
        *(f"{base}/sitemap-{part}.xml" for part in ("pages", "posts", "authors", "tags"))
    )
    site.pages["/sitemap-posts.xml"] = _stylesheet_sitemap(
        f"<url><loc>{base}/candle/</loc><lastmod>2026-01-01T09:00:00.000Z</lastmod>"
        f"<image:image><image:loc>{base}/content/images/candle.png</image:loc></image:image></url>",
        "sitemap.xsl",
    )
    site.pages["/sitemap-pages.xml"] = _stylesheet_sitemap(f"<url><loc>{base}/</loc></url>", "sitemap.xsl")
    site.pages["/sitemap-tags.xml"] = _stylesheet_sitemap(
        f"<url><loc>{base}/tag/fire/</loc></url>", "sitemap.xsl"
    )
    # The lantern was published since the sitemap was made.
    items = [
        item(f"{base}/lantern/?ref=ann-rss-feed", "The lantern", "<p>A lantern needs oil twice a week.</p>"),
        item(f"{base}/candle/?ref=ann-rss-feed", "The candle", "<p>A candle burns for seven hours.</p>"),
    ]
    site.pages["/rss/"] = rss(base, "Ann", "Ghost 5.101", items, "/rss/")


def medium(site: DocsSite, base: str) -> None:
    """A feed with whole texts; every page of it refuses whoever is no browser."""
    for path in ("/@ann", "/@ann/kites-1a2b3c4d5e6f", "/@ann/winds-6f5e4d3c2b1a"):
        site.pages[path] = Reply(b"<html><body><h1>Just a moment...</h1></body></html>", status=403)
    source = "?source=rss-0123456789ab------2"
    items = [
        item(
            f"{base}/@ann/kites-1a2b3c4d5e6f{source}",
            "Kites & strings",
            "<figure><img alt='A kite' src='https://cdn-1.medium.example/max/1024/1*k.jpeg' /></figure>"
            "<h3>Knots</h3><p>A kite is tied with a lark's head knot.</p>"
            "<pre>tie --knot lark</pre>"
            '<img src="https://medium.example/_/stat?event=post.clientViewed" width="1" height="1" alt="">',
        ),
        item(f"{base}/@ann/winds-6f5e4d3c2b1a{source}", "Winds", "<p>Four winds blow over the hill.</p>"),
    ]
    site.pages["/feed/@ann"] = rss(f"{base}/@ann{source}", "Stories by Ann", "Medium", items, "/feed/@ann")


def atom(site: DocsSite, base: str) -> None:
    """A feed in two parts (RFC 5005), with the articles' text as HTML and as XHTML."""

    def feed(entries: str, following: str) -> Reply:
        return Reply(
            (
                '<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom">'
                f"<title>Ann</title><id>urn:ann</id><updated>2026-01-01T00:00:00Z</updated>"
                f'<link rel="self" href="{base}/atom.xml"/><link href="{base}/"/>{following}{entries}</feed>'
            ).encode(),
            content_type="application/atom+xml",
        )

    def entry(path: str, title: str, content: str) -> str:
        return (
            f'<entry><title>{title}</title><link rel="alternate" href="{path}"/><id>urn:{path}</id>'
            f"<updated>2026-01-01T00:00:00Z</updated>{content}</entry>"
        )

    head = "<link rel=alternate type='application/atom+xml' href='/atom.xml'>"
    site.pages["/"] = post("Ann", "<p>Essays on rivers and on bridges.</p>", head)
    site.pages["/rivers"] = post("Rivers", "<p>Rivers run to the sea, mostly.</p>")
    # A page made by its script alone.
    site.pages["/bridges"] = Reply(
        b"<html><head><title>Ann</title></head><body><div id=app></div></body></html>"
    )
    site.pages["/atom.xml"] = feed(
        entry("/rivers", "Rivers", '<content type="html">&lt;p&gt;Rivers.&lt;/p&gt;</content>'),
        '<link rel="next" href="/atom.xml?page=2"/>',
    )
    site.pages["/atom.xml?page=2"] = feed(
        entry(
            "/bridges",
            "Bridges",
            '<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>Bridges <b>bear</b> carts.'
            "</p></div></content>",
        ),
        '<link rel="next" href="/atom.xml?page=2"/>',
    )


def _stylesheet_sitemap(entries: str, stylesheet: str) -> Reply:
    return Reply(
        (
            f'<?xml version="1.0" encoding="UTF-8"?><?xml-stylesheet type="text/xsl" href="/{stylesheet}"?>'
            '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" '
            f'xmlns:image="http://www.google.com/schemas/sitemap-image/1.1">{entries}</urlset>'
        ).encode(),
        content_type="text/xml; charset=UTF-8",
    )

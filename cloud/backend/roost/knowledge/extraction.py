"""What a person would read on a fetched page, as markdown sections with their headings and anchors.

Navigation, scripts and whatever the page hides from its readers are left out, for hidden text is how pages
smuggle instructions in. What remains is data, never markup: links and images leave their words.
"""

from __future__ import annotations

import codecs
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urljoin, urlsplit

from roost.domain.documents import ExtractedPage, Section
from roost.errors import RemoteRejected
from roost.knowledge.html_walk import SectionWalk, one_line, readable_root
from roost.knowledge.markdown_pages import markdown_links, markdown_sections, markdown_title
from roost.knowledge.page_wishes import Wishes, wishes

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser

TEXT_LIMIT = 400_000
LINK_LIMIT = 2_000
META_LIMIT = 20
NESTING_LIMIT = 1_500
REOPENED_LIMIT = 600_000  # elements that formatting left open may become
SOFT_404_TEXT_LIMIT = 600
LAYOUT_TEXT_MINIMUM = 200
LAYOUT_MARKUP_LIMIT = 1_000_000
LAYOUT_TAG_LIMIT = 10_000  # nested tables take a second for so many, and a minute for ten times as many

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_MARKDOWN_TYPES = ("text/markdown", "text/x-markdown")
_META_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]{2,40})""", re.IGNORECASE)
# The parser's time grows with the square of open elements and of attributes in one tag: 200,000 nested <div>
# cost two minutes. Elements that close themselves do not nest.
_NESTING_TAG = re.compile(
    r"<(/?)(?!(?:a|p|li|t[dhr]|d[td]|option|br|hr|img|input|link|meta|col|area|base|embed|source|track|wbr)[\s/>])"
    r"([a-zA-Z][^\s/>]{0,40})",
    re.IGNORECASE,
)
# Those left open are opened again, all of them, in every element that follows (the HTML standard,
# "reconstruct the active formatting elements"): 26 KB of markup made half a gigabyte.
_FORMATTING = frozenset(("b", "big", "code", "em", "font", "i", "s", "small", "strike", "strong", "tt", "u"))
# A selection's choices are no text, and each costs the parser a walk through all before it: minutes for 5 MB.
_CHOICE_TAG = re.compile(r"</?opt(?:ion|group)\b[^>]*>?", re.IGNORECASE)
_LONG_TAG = re.compile(r"<([a-zA-Z][\w-]{0,40})(\s[^>]{2000,})>?")
_KEPT_ATTRIBUTE = re.compile(r"""\s(?:id|class|hidden|style|role)=(?:"[^"<>]{0,200}"|'[^'<>]{0,200}')""")
_SOFT_404 = re.compile(
    r"^\W*(?:(?:error\W*)?404\b|page not found|not found|page does not exist)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Extraction:
    """A page and what it says of itself: what it asks of crawlers, where it refreshes to, whether it is an
    error page, and which address it calls its own (`canonical`, as written).
    """

    page: ExtractedPage
    wishes: Wishes
    refresh_to: str | None
    soft_404: bool
    canonical: str | None = None

    @property
    def empty(self) -> bool:
        return not any(section.body for section in self.page.sections)


def extract(url: str, content_type: str, charset: str | None, body: bytes) -> Extraction:
    """Reads HTML, markdown or plain text. `url` is where the page stood after redirects.

    Raises RemoteRejected with code `unreadable` for markup built to exhaust its reader.
    """
    text = decoded(body, charset)
    if not content_type:
        content_type = "text/html" if text.lstrip()[:1] == "<" else "text/plain"
    if content_type in _MARKDOWN_TYPES or (content_type == "text/plain" and url.endswith(".md")):
        text = text[:TEXT_LIMIT]
        return _from_sections(url, markdown_title(text), markdown_sections(text), markdown_links(text))
    if content_type == "text/plain":
        return _from_sections(url, "", (Section(0, "", None, text[:TEXT_LIMIT].strip()),))
    return _from_html(url, text)


def decoded(body: bytes, charset: str | None) -> str:
    """Text of `body`: UTF-8 where it is valid, whatever the server claims; else the charset that is named."""
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if body.startswith(mark):
            return body.decode(name, "replace").removeprefix("\ufeff")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        pass
    named = _META_CHARSET.search(body[:4096])
    for candidate in (charset, named.group(1).decode("ascii") if named else None):
        try:
            text = body.decode(candidate or "", "replace")
        except (LookupError, ValueError):
            continue
        if not _is_mostly_broken(text):
            return text
    text = body.decode("utf-8", "replace")
    return body.decode("windows-1252", "replace") if _is_mostly_broken(text) else text


def _is_mostly_broken(text: str) -> bool:
    """Whether what is no ASCII was decoded by the wrong charset, and not just cut or torn here and there."""
    return 2 * text.count("\ufffd") > len(text) - len(text.encode("ascii", "ignore"))


def _from_html(url: str, markup: str) -> Extraction:
    from selectolax.lexbor import LexborHTMLParser

    _refuse_deep_nesting(markup)
    markup = _LONG_TAG.sub(_shortened, _CHOICE_TAG.sub("", markup))
    tree = LexborHTMLParser(markup)
    # Links are read from the whole page, navigation included.
    hrefs = dict.fromkeys(node.attributes.get("href") or "" for node in tree.css("a[href]"))
    links = tuple(href for href in hrefs if 0 < len(href) < 2_000)[:LINK_LIMIT]
    base = tree.css_first("base[href]")
    if base is not None:
        links = tuple(_joined(base.attributes.get("href") or "", links))
    head_title = one_line(node.text()) if (node := tree.css_first("title")) else ""
    root = readable_root(tree)
    walk = SectionWalk(TEXT_LIMIT)
    if root is not None:
        walk.read(root)
    elif tree.body is not None:
        small = len(markup) < LAYOUT_MARKUP_LIMIT and markup.count("<") < LAYOUT_TAG_LIMIT
        worthwhile = small and len(tree.body.text()) > LAYOUT_TEXT_MINIMUM
        sections = _by_trafilatura(markup) if worthwhile else None
        if sections is not None:
            walk.sections = list(sections)
        else:
            walk.read(tree.body)
    title = walk.title or _title_without_main_heading(tree, walk.sections, head_title)
    robots = tree.css("meta[name='robots' i], meta[name='roost' i]")
    canonical = tree.css_first("head link[rel='canonical' i][href]")
    refresh = tree.css_first("meta[http-equiv='refresh' i]")
    extraction = _from_sections(url, title, tuple(walk.sections), links)
    return Extraction(
        page=extraction.page,
        wishes=wishes(node.attributes.get("content") or "" for node in robots[:META_LIMIT]),
        refresh_to=_refresh_target(refresh.attributes.get("content") or "") if refresh else None,
        soft_404=extraction.soft_404 or bool(extraction.empty and _SOFT_404.match(head_title)),
        canonical=canonical.attributes.get("href") if canonical is not None else None,
    )


def _title_without_main_heading(tree: LexborHTMLParser, sections: list[Section], head_title: str) -> str:
    """Of the heading above the text, which may be the site's, and the text's own first one: that with which
    the page's title begins.
    """
    above = tree.css_first("h1")
    outside = one_line(above.text()) if above is not None else ""
    inside = next((section.heading for section in sections if section.heading), "")
    for heading in (outside, inside):
        if heading and head_title.startswith(heading):
            return heading
    return head_title or outside or inside


def _refuse_deep_nesting(markup: str) -> None:
    tags = markup.count("<")
    # So few tags can neither nest nor multiply enough to hurt.
    if tags * tags <= REOPENED_LIMIT:
        return
    depth = formatting = most_formatting = 0
    opened: dict[str, int] = {}
    for tag in _NESTING_TAG.finditer(markup):
        name = tag.group(2).lower()
        if not tag.group(1):
            change = 1
        elif opened.get(name):
            change = -1
        else:
            # It closes nothing: whoever counted it would not see how deep the others nest.
            continue
        opened[name] = opened.get(name, 0) + change
        depth += change
        if name in _FORMATTING:
            formatting += change
            most_formatting = max(most_formatting, formatting)
        if depth > NESTING_LIMIT:
            break
    if depth > NESTING_LIMIT or most_formatting * tags > REOPENED_LIMIT:
        raise RemoteRejected("The page's markup is nested too deep to read.", code="unreadable")


def _shortened(tag: re.Match[str]) -> str:
    kept = "".join(_KEPT_ATTRIBUTE.findall(tag.group(2))[:5])
    return f"<{tag.group(1)}{kept}>"


def _by_trafilatura(markup: str) -> tuple[Section, ...] | None:
    """For pages without a `main` or an `article`: slow, and it drops more, but finds the text in a layout."""
    import trafilatura

    # It reports odd pages as errors of the program; they are reported as failed pages already.
    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)
    found = trafilatura.extract(
        markup, output_format="markdown", include_tables=True, include_formatting=True, include_comments=False
    )
    return (
        markdown_sections(found[:TEXT_LIMIT], anchors=False)
        if found and len(found) > LAYOUT_TEXT_MINIMUM
        else None
    )


def _joined(base: str, links: tuple[str, ...]) -> Iterator[str]:
    for href in links:
        try:
            yield href if href.startswith("#") else urljoin(base, href)
        except ValueError:
            # Brackets that hold no IPv6 address: in the base, which then counts for nothing, or in the link.
            yield href


def _refresh_target(content: str) -> str | None:
    _, found, target = content.partition("url=")
    return target.strip(" '\"") if found else None


def _from_sections(
    url: str, title: str, sections: tuple[Section, ...], links: tuple[str, ...] = ()
) -> Extraction:
    title = one_line(title) or _name_of(url)
    page = ExtractedPage(url, title, sections, links)
    text_size = sum(len(section.body) for section in sections)
    heading = next((section.heading for section in sections if section.heading), "")
    soft_404 = text_size < SOFT_404_TEXT_LIMIT and bool(_SOFT_404.match(title) or _SOFT_404.match(heading))
    return Extraction(page, Wishes(), refresh_to=None, soft_404=soft_404)


def _name_of(url: str) -> str:
    """A title for a page that has none: the last part of its path, or its host."""
    parts = urlsplit(url)
    last = unquote(parts.path.rstrip("/").rpartition("/")[2]).partition(".")[0]
    return one_line(last.replace("-", " ").replace("_", " ")).capitalize() or parts.netloc

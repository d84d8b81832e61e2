"""Walks a parsed page from top to bottom and writes what is readable down as markdown sections."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from roost.domain.documents import Section

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

DEPTH_LIMIT = 100
SECTION_LIMIT = 5_000
TITLE_LIMIT = 300
MAIN_TEXT_MINIMUM = 80

# fmt: off
_DROPPED = frozenset((
    "script", "style", "noscript", "template", "nav", "footer", "aside", "iframe", "object", "embed",
    "canvas", "svg", "button", "input", "select", "textarea", "dialog", "head", "link", "meta",
    "audio", "video", "map",
))
# fmt: on
# fmt: off
_BLOCKS = frozenset((
    "address", "article", "body", "center", "dd", "details", "div", "dl", "fieldset", "figcaption",
    "figure", "form", "header", "hgroup", "li", "main", "p", "section", "summary",
))
# fmt: on
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_HIDDEN_STYLE = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|opacity\s*:\s*0(?:\.0*)?(?:;|$|\s)|font-size\s*:\s*0|"
    r"(?:left|top|text-indent)\s*:\s*-\d{3,}",
    re.IGNORECASE,
)
# What only screen readers get, navigation within the text, and buttons.
# fmt: off
_DROPPED_CLASSES = frozenset((
    "sr-only", "visually-hidden", "screen-reader-text", "screen-reader-only", "skip-link",
    "skip-to-content", "breadcrumb", "breadcrumbs", "toc", "table-of-contents", "tableofcontents",
    "on-this-page", "pagination", "pagination-nav", "sphinxsidebar", "theme-doc-toc-mobile",
    "prev-next-area", "related-pages", "headerlink", "hash-link", "anchor-link", "anchorjs-link",
    "edit-this-page", "theme-edit-this-page", "cookie-banner", "cookie-consent", "feedback-widget",
    "copybtn", "copy-button", "linenos", "lineno",
))
# fmt: on
_PERMALINK_TEXT = frozenset({"", "#", "¶", "§", "🔗", "link"})
_BLANKS = re.compile(r"\s+")
_MANY_BREAKS = re.compile(r"\n{3,}")
# What no reader sees: zero-width and direction signs, and the tag characters that spell invisible text.
_INVISIBLE = re.compile(
    "[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\U000e0000-\U000e007f"
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
)
_CODE_LINES = ("div", "li", "p", "tr")
_LANGUAGE = re.compile(r"(?:language|lang|highlight(?:-source)?)-([\w+#-]{1,20})")


def visible(text: str) -> str:
    """`text` without the characters that no reader sees."""
    return _INVISIBLE.sub("", text)


def one_line(text: str) -> str:
    """`text` as a heading or a title: visible, on one line, of bounded length."""
    return _BLANKS.sub(" ", visible(text)).strip()[:TITLE_LIMIT]


def readable_root(tree: LexborHTMLParser) -> LexborNode | None:
    """The element that holds the page's own text, if it marks one: main, or the longest article."""
    candidates = [node for node in tree.css("main, [role=main], article") if not _hidden(node)]
    sized = [(len(node.text()), node) for node in candidates[:30]]
    for size, node in sized:
        if node.tag == "main" and size >= MAIN_TEXT_MINIMUM:
            return node
    return max(sized, key=lambda entry: entry[0])[1] if sized else None


class SectionWalk:
    """Collects `sections` and the page's `title`, its first h1. Stops at `text_limit` characters."""

    def __init__(self, text_limit: int, between_blocks: str = "\n\n") -> None:
        self.sections: list[Section] = []
        self.title = ""
        self._left = text_limit
        self._between_blocks = between_blocks
        self._level = 0
        self._heading = ""
        self._anchor: str | None = None
        self._blocks: list[str] = []
        self._line: list[str] = []
        self._pending_anchor: str | None = None

    def read(self, root: LexborNode, depth: int = 0) -> None:
        self._children(root, depth)
        self._end_section()

    def _children(self, node: LexborNode, depth: int) -> None:
        for child in node.iter(include_text=True, skip_empty=False):
            if self._left <= 0:
                return
            self._node(child, depth + 1)

    def _node(self, node: LexborNode, depth: int) -> None:
        tag = node.tag or ""
        if tag == "-text":
            self._line.append(node.text_content or "")
            return
        if tag in _DROPPED or tag.startswith("-") or _hidden(node):
            return
        if depth > DEPTH_LIMIT:
            self._line.append(node.text())
        elif tag in _HEADINGS:
            self._begin_section(node, _HEADINGS[tag])
        elif tag in _INLINE_WRITERS:
            _INLINE_WRITERS[tag](self, node)
        elif tag in _BLOCK_WRITERS:
            self._end_line()
            self._note_anchor(node)
            _BLOCK_WRITERS[tag](self, node, depth)
        elif tag in _BLOCKS:
            self._end_line()
            self._note_anchor(node)
            self._children(node, depth)
            self._end_line()
        else:
            self._children(node, depth)

    def _note_anchor(self, node: LexborNode) -> None:
        """Remembers a section's id for the heading that opens it, and forgets it once text came first."""
        identifier = node.id
        if identifier and node.tag in ("section", "div", "article"):
            self._pending_anchor = identifier

    def _begin_section(self, node: LexborNode, level: int) -> None:
        self._end_line()
        heading = _heading_text(node)
        if not heading:
            return
        if len(self.sections) >= SECTION_LIMIT:
            self._add_block(heading)
            return
        self._end_section()
        if level == 1 and not self.title:
            self.title = heading
        self._level = level
        self._heading = heading
        self._anchor = _heading_anchor(node) or self._pending_anchor
        self._pending_anchor = None

    def _end_section(self) -> None:
        self._end_line()
        body = _MANY_BREAKS.sub("\n\n", self._between_blocks.join(self._blocks)).strip()
        if body or self._heading:
            self.sections.append(Section(self._level, self._heading, self._anchor, body))
        self._blocks = []
        self._level, self._heading, self._anchor = 0, "", None

    def _end_line(self) -> None:
        if not self._line:
            return
        text = "".join(self._line)
        self._line = []
        lines = (_BLANKS.sub(" ", part).strip() for part in text.split(_BREAK))
        self._add_block("\n".join(line for line in lines if line))

    def _add_block(self, block: str) -> None:
        block = visible(block)[: max(0, self._left)]
        if block.strip():
            self._pending_anchor = None
            self._left -= len(block)
            self._blocks.append(block)

    def _nested(self, node: LexborNode, depth: int) -> list[str]:
        """The blocks inside `node`, for whoever indents or quotes them. Headings in there are plain lines."""
        inner = SectionWalk(self._left, "\n")
        inner.read(node, depth)
        blocks: list[str] = []
        for section in inner.sections:
            blocks += [part for part in (section.heading, section.body) if part]
        return blocks

    def write_image(self, node: LexborNode) -> None:
        alternative = (node.attributes.get("alt") or "").strip()
        if alternative:
            self._line.append(f" {alternative} ")

    def write_break(self, node: LexborNode) -> None:  # noqa: ARG002 - all writers are called alike
        self._line.append(_BREAK)

    def write_code(self, node: LexborNode) -> None:
        code = _BLANKS.sub(" ", node.text()).strip()
        if code:
            self._line.append(f"`{code}`" if "`" not in code else code)

    def write_preformatted(self, node: LexborNode, depth: int) -> None:  # noqa: ARG002 - all writers are called alike
        code = _code_text(node).strip("\n")
        if not code.strip():
            return
        fence = "```"
        while fence in code:
            fence += "`"
        self._add_block(f"{fence}{_language(node)}\n{code}\n{fence}")

    def write_list(self, node: LexborNode, depth: int) -> None:
        lines: list[str] = []
        number = 0
        for item in node.iter(include_text=False):
            if item.tag != "li" or _hidden(item):
                continue
            number += 1
            mark = f"{number}. " if node.tag == "ol" else "- "
            text = "\n".join(self._nested(item, depth + 1))
            if text:
                lines.append(mark + text.replace("\n", "\n" + " " * len(mark)))
        self._add_block("\n".join(lines))

    def write_quote(self, node: LexborNode, depth: int) -> None:
        text = "\n\n".join(self._nested(node, depth))
        if text:
            self._add_block("> " + text.replace("\n", "\n> "))

    def write_table(self, node: LexborNode, depth: int) -> None:
        if node.css_first("pre") is not None or node.css_first("table table") is not None:
            # A table that lays out code or other tables is no table to read.
            self._children(node, depth)
            self._end_line()
            return
        rows: list[str] = []
        for row in node.css("tr"):
            if _hidden(row):
                continue
            cells = [
                " ".join(" ".join(self._nested(cell, depth + 1)).split()).replace("|", "\\|")
                for cell in row.iter(include_text=False)
                if cell.tag in ("td", "th") and not _hidden(cell)
            ]
            if any(cells):
                rows.append(f"| {' | '.join(cells)} |")
                if len(rows) == 1:
                    rows.append("|" + " --- |" * len(cells))
        self._add_block("\n".join(rows))

    def write_term(self, node: LexborNode, depth: int) -> None:
        """A `dt` opens no section, but its id is where a citation of its definition should lead."""
        text = " ".join(" ".join(self._nested(node, depth)).split())
        if text:
            self._add_block(text)


_BREAK = "\x1e"
_INLINE_WRITERS = {
    "img": SectionWalk.write_image,
    "br": SectionWalk.write_break,
    "code": SectionWalk.write_code,
    "kbd": SectionWalk.write_code,
    "samp": SectionWalk.write_code,
}
_BLOCK_WRITERS = {
    "pre": SectionWalk.write_preformatted,
    "ul": SectionWalk.write_list,
    "ol": SectionWalk.write_list,
    "blockquote": SectionWalk.write_quote,
    "table": SectionWalk.write_table,
    "dt": SectionWalk.write_term,
}


def _hidden(node: LexborNode) -> bool:
    attributes = node.attributes
    if not attributes:
        return False
    # The panels of a tab strip are hidden until somebody presses their tab: they are meant to be read.
    if attributes.get("role") == "tabpanel":
        return False
    if "hidden" in attributes or attributes.get("aria-hidden") == "true":
        return True
    style = attributes.get("style")
    if style and _HIDDEN_STYLE.search(style):
        return True
    if attributes.get("role") in ("navigation", "search", "banner", "contentinfo"):
        return True
    classes = attributes.get("class")
    return classes is not None and not _DROPPED_CLASSES.isdisjoint(classes.lower().split())


def _heading_text(node: LexborNode) -> str:
    parts: list[str] = []
    for child in node.traverse(include_text=True):
        if child.tag == "-text":
            parent = child.parent
            text = child.text_content or ""
            in_link = parent is not None and parent.tag in ("a", "button")
            if in_link and text.strip() in _PERMALINK_TEXT and text.strip():
                continue
            if (
                parent is not None
                and parent.mem_id != node.mem_id
                and (parent.tag in _DROPPED or _hidden(parent))
            ):
                continue
            parts.append(text)
        elif child.tag == "img":
            parts.append(child.attributes.get("alt") or "")
    return one_line("".join(parts))


def _heading_anchor(node: LexborNode) -> str | None:
    """The id of the heading, of an anchor in it, or the target of its own permalink."""
    if node.id:
        return node.id
    for child in node.css("[id], a[name], a[href^='#']"):
        named = child.id or child.attributes.get("name") or (child.attributes.get("href") or "")[1:]
        if named:
            return named
    before = node.prev
    while before is not None and before.tag == "-text" and not (before.text_content or "").strip():
        before = before.prev
    if before is not None and before.tag == "a" and not before.text().strip():
        return before.id or before.attributes.get("name") or None
    return None


def _code_text(node: LexborNode) -> str:
    """Code with its line ends: highlighters often mark lines by elements, and line numbers too."""
    parts: list[str] = []
    for child in node.traverse(include_text=True):
        if child.tag == "-text":
            parent = child.parent
            if (
                parent is not None
                and parent.mem_id != node.mem_id
                and (parent.tag in _DROPPED or _hidden(parent))
            ):
                continue
            parts.append(child.text_content or "")
        elif child.tag == "br" or (child.tag in _CODE_LINES and parts and not parts[-1].endswith("\n")):
            parts.append("\n")
    return "".join(parts)


def _language(node: LexborNode) -> str:
    inner = node.css_first("code")
    for element in (node, inner, node.parent):
        found = _LANGUAGE.search(element.attributes.get("class") or "") if element is not None else None
        if found:
            return found.group(1)
    return ""

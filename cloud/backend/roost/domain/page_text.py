"""A page as markdown: what its fingerprint is taken of, and how headings become anchors."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Container

from roost.domain.documents import ExtractedPage

_NOT_IN_SLUG = re.compile(r"[^\w\- ]+")


def page_markdown(page: ExtractedPage) -> str:
    """The whole page: its title, then every heading with its anchor and what stands under it."""
    parts = [f"# {page.title}"]
    for section in page.sections:
        if section.heading:
            anchor = f" {{#{section.anchor}}}" if section.anchor else ""
            parts.append(f"{'#' * max(1, section.level)} {section.heading}{anchor}")
        if section.body:
            parts.append(section.body)
    return "\n\n".join(parts) + "\n"


def content_sha256(page: ExtractedPage) -> str:
    """Changes whenever something readable on the page does; its links and its address do not count."""
    return hashlib.sha256(page_markdown(page).encode("utf-8", "surrogatepass")).hexdigest()


def heading_slug(heading: str, taken: Container[str] = ()) -> str:
    """The anchor that GitHub, GitBook and Roost's manual give a heading; repeated ones get -1, -2, ..."""
    slug = _NOT_IN_SLUG.sub("", heading.lower()).strip().replace(" ", "-")
    candidate, repeat = slug, 0
    while candidate in taken:
        repeat += 1
        candidate = f"{slug}-{repeat}"
    return candidate

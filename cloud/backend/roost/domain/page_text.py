"""A page as markdown, and the fingerprint that tells whether it changed."""

from __future__ import annotations

import hashlib

from roost.domain.documents import ExtractedPage


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

"""Anchors of headings: the same slug wherever a page of markdown is shown and wherever it is cited."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_DROPPED = re.compile(r"[^\w\- ]+")


def heading_slug(heading: str) -> str:
    """Lower case, spaces as hyphens, punctuation dropped, as GitHub does; `section` when nothing is left."""
    plain = _DROPPED.sub("", unicodedata.normalize("NFKC", heading).strip().lower())
    return plain.replace(" ", "-") or "section"


def heading_slugs(headings: Iterable[str]) -> list[str]:
    """The slugs of one page's headings in order; a repeated one gets `-1`, `-2` and so on, so that each is
    unique.
    """
    taken: set[str] = set()
    # The last number given to each slug: counting from 1 again would make a page of equal headings quadratic.
    numbers: dict[str, int] = {}
    slugs = []
    for heading in headings:
        plain = slug = heading_slug(heading)
        while slug in taken:
            numbers[plain] = numbers.get(plain, 0) + 1
            slug = f"{plain}-{numbers[plain]}"
        taken.add(slug)
        slugs.append(slug)
    return slugs

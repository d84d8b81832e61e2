"""What a page asks of crawlers, in its head or in the answer's header X-Robots-Tag: not to be indexed, or not
to have its links followed. Read as search engines read it (developers.google.com/search/docs, "Robots meta
tag").
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from roost.knowledge.robots import ROBOTS_NAME

# Directives that carry a value after a colon, where other words before a colon name a crawler.
_WITH_VALUE = frozenset(("max-snippet", "max-image-preview", "max-video-preview", "unavailable_after"))


@dataclass(frozen=True, slots=True)
class Wishes:
    noindex: bool = False
    nofollow: bool = False

    def __or__(self, other: Wishes) -> Wishes:
        return Wishes(self.noindex or other.noindex, self.nofollow or other.nofollow)


def wishes(contents: Iterable[str]) -> Wishes:
    """What the texts ask of Roost, each a list of directives as `noindex, nofollow` or `roost: none`."""
    found: set[str] = set()
    for content in contents:
        meant = True
        for part in content.lower().split(","):
            name, colon, value = part.partition(":")
            if colon and name.strip() not in _WITH_VALUE:
                meant = name.strip() == ROBOTS_NAME.lower()
                name = value
            if meant:
                found.add(name.strip())
    return Wishes(not found.isdisjoint(("noindex", "none")), not found.isdisjoint(("nofollow", "none")))

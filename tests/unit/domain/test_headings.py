from __future__ import annotations

import pytest

from roost.domain.headings import heading_slug, heading_slugs


@pytest.mark.parametrize(
    ("heading", "slug"),
    [
        ("Back up Roost", "back-up-roost"),
        ("SECRET_KEY and token encryption", "secret_key-and-token-encryption"),
        ("The docs don't say", "the-docs-dont-say"),
        ("Ärger mit Ümlauten", "ärger-mit-ümlauten"),
        ("!?", "section"),
        ("", "section"),
    ],
)
def test_slugs_are_githubs(heading: str, slug: str) -> None:
    assert heading_slug(heading) == slug


def test_repeated_headings_get_slugs_of_their_own() -> None:
    assert heading_slugs(["Use", "Use", "Use-1", "Use"]) == ["use", "use-1", "use-1-1", "use-2"]


def test_a_page_of_equal_headings_is_no_more_work_than_any_other() -> None:
    """A hundred thousand of them: counted anew each time, this would take hours."""
    slugs = heading_slugs(["Use"] * 100_000)
    assert len(set(slugs)) == 100_000
    assert slugs[-1] == "use-99999"

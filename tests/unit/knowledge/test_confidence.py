from __future__ import annotations

import pytest

from roost.domain.documents import Confidence
from roost.knowledge import confidence
from roost.storage.foreign_matches import ForeignMatches

DOCS = ForeignMatches(chunks=1_000, mean=0.19, spread=0.05)


@pytest.mark.parametrize(
    ("cosine", "evidence", "expected"),
    [
        (0.60, 0.0, Confidence.ANSWER),
        (0.40, 0.0, Confidence.HEDGE),
        (0.33, 0.0, Confidence.REFUSE),
        (0.33, 0.3, Confidence.HEDGE),
        (0.15, 0.6, Confidence.REFUSE),
    ],
)
def test_a_question_must_come_nearer_than_foreign_ones_and_words_help(
    cosine: float, evidence: float, expected: Confidence
) -> None:
    assert confidence.bar(DOCS) == pytest.approx(0.36)
    assert confidence.confidence(cosine, evidence, DOCS) is expected


def test_each_index_has_its_own_bar_within_bounds() -> None:
    assert confidence.bar(ForeignMatches(30, mean=0.05, spread=0.01)) == confidence.LOWEST_BAR
    assert confidence.bar(ForeignMatches(9_000, mean=0.36, spread=0.10)) == confidence.HIGHEST_BAR
    assert confidence.LOWEST_BAR < confidence.bar(None) < confidence.HIGHEST_BAR


def test_a_follow_up_is_refused_a_little_later() -> None:
    assert confidence.confidence(0.34, 0.0, DOCS) is Confidence.REFUSE
    assert confidence.confidence(0.34, 0.0, DOCS, follow_up=True) is Confidence.HEDGE


def test_by_words_alone_little_evidence_is_refused() -> None:
    assert confidence.confidence_by_words(0.1) is Confidence.REFUSE
    assert confidence.confidence_by_words(0.25) is Confidence.HEDGE
    assert confidence.confidence_by_words(0.6) is Confidence.ANSWER

from __future__ import annotations

import pytest

from roost.domain.documents import Confidence
from roost.knowledge import fusion


def test_what_both_lists_praise_comes_first() -> None:
    ranked = fusion.fuse({1: 0.7, 2: 0.7, 3: 0.2}, {2: 9.0, 3: 8.0}, evidence=1.0)
    assert [row for row, _ in ranked] == [2, 1, 3]
    assert all(0 <= score <= 1 for _, score in ranked)


def test_chance_matches_by_words_count_less() -> None:
    cosines: dict[int, float | None] = {1: 0.60, 2: 0.55, 3: 0.40}
    bm25 = {2: 5.0}
    assert fusion.fuse(cosines, bm25, evidence=1.0)[0][0] == 2
    assert fusion.fuse(cosines, bm25, evidence=0.01)[0][0] == 1


def test_without_vectors_the_order_is_that_of_the_words() -> None:
    ranked = fusion.fuse({1: None, 2: None, 3: None}, {1: 2.0, 2: 7.0, 3: 5.0}, evidence=0.5)
    assert [row for row, _ in ranked] == [2, 3, 1]


def test_nothing_found_ranks_nothing() -> None:
    assert fusion.fuse({}, {}, evidence=0.0) == []
    assert fusion.lexical_evidence(0.0, [], 100) == 0.0


def test_words_that_nobody_wrote_speak_against_an_answer() -> None:
    assert fusion.lexical_evidence(8.0, [3], 1_000) > fusion.lexical_evidence(8.0, [3, 0, 0], 1_000)


@pytest.mark.parametrize(
    ("cosine", "evidence", "chunks", "expected"),
    [
        (0.60, 0.0, 1_000, Confidence.ANSWER),
        (0.45, 0.0, 1_000, Confidence.HEDGE),
        (0.38, 0.0, 1_000, Confidence.REFUSE),
        (0.38, 0.5, 1_000, Confidence.ANSWER),
        (0.38, 0.0, 60, Confidence.HEDGE),
        (0.45, 0.0, 10_000, Confidence.REFUSE),
        (0.15, 0.1, 10, Confidence.REFUSE),
    ],
)
def test_the_bar_grows_with_the_index_and_words_help_over_it(
    cosine: float, evidence: float, chunks: int, expected: Confidence
) -> None:
    assert fusion.confidence(cosine, evidence, chunks) is expected


def test_by_words_alone_little_evidence_is_refused() -> None:
    assert fusion.confidence_by_words(0.1) is Confidence.REFUSE
    assert fusion.confidence_by_words(0.25) is Confidence.HEDGE
    assert fusion.confidence_by_words(0.6) is Confidence.ANSWER


def test_a_follow_up_is_blended_from_both_searches() -> None:
    assert fusion.blend({1: 1.0}, {1: 1.0, 2: 1.0}) == pytest.approx({1: 1.0, 2: 0.4})

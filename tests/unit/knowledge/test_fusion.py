from __future__ import annotations

import pytest

from roost.knowledge import fusion


def test_what_both_lists_praise_comes_first() -> None:
    ranked = fusion.fuse({1: 0.7, 2: 0.7, 3: 0.2}, {2: 9.0, 3: 8.0}, evidence=1.0, chunks=1_000)
    assert [row for row, _ in ranked] == [2, 1, 3]
    assert all(0 <= score <= 1 for _, score in ranked)


def test_chance_matches_by_words_count_less() -> None:
    cosines: dict[int, float | None] = {1: 0.60, 2: 0.55, 3: 0.40}
    bm25 = {2: 5.0}
    assert fusion.fuse(cosines, bm25, evidence=1.0, chunks=1_000)[0][0] == 2
    assert fusion.fuse(cosines, bm25, evidence=0.01, chunks=1_000)[0][0] == 1


def test_without_vectors_the_order_is_that_of_the_words() -> None:
    ranked = fusion.fuse({1: None, 2: None, 3: None}, {1: 2.0, 2: 7.0, 3: 5.0}, evidence=0.5, chunks=1_000)
    assert [row for row, _ in ranked] == [2, 3, 1]


def test_nothing_found_ranks_nothing() -> None:
    assert fusion.fuse({}, {}, evidence=0.0, chunks=0) == []
    assert fusion.lexical_evidence(0.0, [], 100) == 0.0


def test_words_that_nobody_wrote_speak_against_an_answer() -> None:
    assert fusion.lexical_evidence(8.0, [3], 1_000) > fusion.lexical_evidence(8.0, [3, 0, 0], 1_000)


def test_in_a_small_index_meaning_counts_for_more() -> None:
    weights = [fusion.vector_weight(1.0, chunks) for chunks in (0, 60, 100, 300, 1_000, 100_000)]
    assert weights[:3] == pytest.approx([0.75, 0.75, 0.75])
    assert 0.6 < weights[3] < 0.75
    assert weights[4:] == pytest.approx([0.6, 0.6])
    cosines: dict[int, float | None] = {1: 0.60, 2: 0.47, 3: 0.40}
    bm25 = {2: 5.0, 3: 1.0}
    assert fusion.fuse(cosines, bm25, evidence=1.0, chunks=100)[0][0] == 1
    assert fusion.fuse(cosines, bm25, evidence=1.0, chunks=1_000)[0][0] == 2


def test_a_follow_up_is_blended_from_both_searches() -> None:
    assert fusion.blend({1: 1.0}, {1: 1.0, 2: 1.0}) == pytest.approx({1: 1.0, 2: 0.4})

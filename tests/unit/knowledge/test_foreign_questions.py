from __future__ import annotations

import json

import pytest

from roost.knowledge.foreign_questions import QUESTIONS, is_due, measure
from roost.storage.foreign_matches import ForeignMatches
from scripts.benchmarks.question_sets import MANUAL_QUESTIONS
from tests.fakes.word_embedder import WordEmbedder


def test_an_index_is_measured_once_and_again_when_it_changed_much() -> None:
    assert is_due(None, 5)
    known = ForeignMatches(chunks=100, mean=0.2, spread=0.05)
    assert not is_due(known, 100)
    assert not is_due(known, 115)
    assert is_due(known, 121)
    assert is_due(known, 79)


def test_mean_and_spread_are_those_of_the_best_cosines() -> None:
    cosines = iter([0.1, 0.3, None])
    measured = measure(WordEmbedder(), lambda _: next(cosines), 7, lambda: False, ("a", "b", "c"))
    assert measured is not None
    assert (measured.chunks, measured.mean, measured.spread) == pytest.approx((7, 0.2, 0.1))


def test_a_stop_and_an_index_without_vectors_measure_nothing() -> None:
    assert measure(WordEmbedder(), lambda _: 0.5, 7, lambda: True) is None
    assert measure(WordEmbedder(), lambda _: None, 7, lambda: False) is None


def test_the_index_is_not_measured_with_the_questions_it_is_judged_by() -> None:
    judged = json.loads(MANUAL_QUESTIONS.read_text("utf-8"))
    asked = {question.casefold().rstrip("?") for question in QUESTIONS}
    assert len(asked) >= 40
    assert not asked & {question.casefold().rstrip("?") for question in judged["off_domain"]}

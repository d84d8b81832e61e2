"""The manual's questions through the whole pipeline with the real model.

The floors lie a little under what was measured.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from roost.domain.documents import Confidence
from roost.knowledge.chroma_index import ChromaIndex
from roost.knowledge.embeddings import MiniLmEmbedder
from roost.knowledge.indexer import KnowledgeIndexer
from roost.knowledge.retriever import FusedRetriever
from roost.settings import REPOSITORY
from roost.storage import foreign_matches
from roost.storage.database import Database
from scripts.benchmarks.question_sets import manual_set
from scripts.benchmarks.ranking_measures import quality

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(180),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
]

HIT_AT_5 = 0.92
MRR = 0.82
KEPT = 0.96
REFUSED = 0.95
BY_WORDS_HIT_AT_5 = 0.72
BY_WORDS_REFUSED = 0.90


def test_the_questions_fit_the_manual() -> None:
    questions = manual_set()
    places = {f"{page.url}#{section.anchor}" for page in questions.pages for section in page.sections}
    assert len(questions.questions) >= 60
    assert len(questions.off_domain) >= 20
    assert {place for question in questions.questions for place in question.gold} <= places


def _measured(database: Database, model: str) -> bool:
    with database.read() as db:
        return foreign_matches.read(db, model) is not None


@pytest.fixture(scope="module")
def retrievers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FusedRetriever, FusedRetriever]]:
    """By meaning and words, and by words alone."""
    embedder = MiniLmEmbedder(REPOSITORY / "build" / "minilm")
    if embedder.missing():
        pytest.skip("the embedding model is not built: ./scripts/run builds it")
    folder = tmp_path_factory.mktemp("manual")
    database = Database(folder / "knowledge.db", "knowledge", "NORMAL")
    database.open()
    vector_index = ChromaIndex(folder / "chroma_db")
    indexer = KnowledgeIndexer(database, embedder, vector_index, lambda done, total: None, pause_s=0)
    indexer.replace("manual", list(manual_set().pages), [])
    indexer.start()
    deadline = time.monotonic() + 150
    while not _measured(database, embedder.model) or not vector_index.opened:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    without = MiniLmEmbedder(folder / "nothing")
    yield (
        FusedRetriever(database, embedder, vector_index, indexer.rebuild_vector_index),
        FusedRetriever(database, without, vector_index, indexer.rebuild_vector_index),
    )
    indexer.stop()
    vector_index.close()
    database.close()


def test_the_manual_answers_its_questions(retrievers: tuple[FusedRetriever, FusedRetriever]) -> None:
    questions = manual_set().questions
    found = [retrievers[0].retrieve(question.text, limit=10) for question in questions]
    reached = quality(
        [[passage.url for passage in retrieval.passages] for retrieval in found],
        [question.gold for question in questions],
    )
    assert reached.hit_at_5 >= HIT_AT_5
    assert reached.mrr_at_10 >= MRR
    kept = [retrieval.confidence is not Confidence.REFUSE for retrieval in found]
    assert sum(kept) / len(kept) >= KEPT


def test_the_manual_refuses_what_it_does_not_say(retrievers: tuple[FusedRetriever, FusedRetriever]) -> None:
    refused = [
        retrievers[0].retrieve(text).confidence is Confidence.REFUSE for text in manual_set().off_domain
    ]
    assert sum(refused) / len(refused) >= REFUSED


def test_without_a_model_words_still_find_and_still_refuse(
    retrievers: tuple[FusedRetriever, FusedRetriever], tmp_path: Path
) -> None:
    by_words = retrievers[1]
    questions = manual_set().questions
    reached = quality(
        [[passage.url for passage in by_words.retrieve(question.text).passages] for question in questions],
        [question.gold for question in questions],
    )
    assert reached.hit_at_5 >= BY_WORDS_HIT_AT_5
    refused = [by_words.retrieve(text).confidence is Confidence.REFUSE for text in manual_set().off_domain]
    assert sum(refused) / len(refused) >= BY_WORDS_REFUSED

"""The manual's questions through the whole pipeline with the real model.

The floors lie a little under what was measured.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from roost.clock import SystemClock, SystemIds
from roost.domain.accounts import Person, Role
from roost.domain.answers import Answer, AnswerSettings
from roost.domain.chat import MessageStatus, Thread
from roost.domain.citations import Sources
from roost.domain.documents import Confidence
from roost.domain.suggestions import question_about
from roost.errors import NotFound
from roost.knowledge.chroma_index import ChromaIndex
from roost.knowledge.embeddings import MiniLmEmbedder
from roost.knowledge.indexer import KnowledgeIndexer
from roost.knowledge.retriever import FusedRetriever
from roost.services.follow_ups import FollowUps
from roost.settings import REPOSITORY
from roost.storage import chat, foreign_matches
from roost.storage.database import Database, Transaction
from scripts.benchmarks.question_sets import manual_set
from scripts.benchmarks.ranking_measures import quality
from scripts.benchmarks.typing_errors import mistyped_questions, mistyped_texts

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(180),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
]

CLOCK = SystemClock()
IDS = SystemIds(CLOCK)
ANNA = Person("anna", "Anna", None, Role.MEMBER)
HIT_AT_5 = 0.92
MRR = 0.82
KEPT = 0.96
REFUSED = 0.95
MISTYPED_NDCG = 0.78
MISTYPED_KEPT = 0.93
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


def test_an_error_in_each_of_two_words_costs_little(
    retrievers: tuple[FusedRetriever, FusedRetriever],
) -> None:
    questions = mistyped_questions(manual_set().questions, seed=1, words=2)
    _read_every_word(retrievers[0])
    found = [retrievers[0].retrieve(question.text, limit=10) for question in questions]
    reached = quality(
        [[passage.url for passage in retrieval.passages] for retrieval in found],
        [question.gold for question in questions],
    )
    assert reached.ndcg_at_10 >= MISTYPED_NDCG
    kept = [retrieval.confidence is not Confidence.REFUSE for retrieval in found]
    assert sum(kept) / len(kept) >= MISTYPED_KEPT
    assert [retrieval.query for retrieval in found] == [question.text for question in questions]


def test_a_mistyped_question_about_something_else_is_refused(
    retrievers: tuple[FusedRetriever, FusedRetriever],
) -> None:
    _read_every_word(retrievers[0])
    asked = [*mistyped_texts(manual_set().off_domain, seed=1, words=2), "what is quantum entanglement"]
    refused = [retrievers[0].retrieve(text).confidence is Confidence.REFUSE for text in asked]
    assert sum(refused) / len(refused) >= REFUSED
    assert refused[-1]


def _read_every_word(retriever: FusedRetriever) -> None:
    """Waits until slips are corrected: words are read in the background, from the first question on."""
    deadline = time.monotonic() + 60
    while retriever.search("telegrma", 3) != retriever.search("telegram", 3):
        assert time.monotonic() < deadline
        time.sleep(0.05)


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


def test_what_is_suggested_next_comes_from_a_heading_and_is_answered_there(
    retrievers: tuple[FusedRetriever, FusedRetriever], tmp_path: Path
) -> None:
    retriever = retrievers[0]
    database = Database(tmp_path / "conversations.db", "conversations")
    database.open()
    follow_ups = FollowUps(database, retriever, NoBots())
    possible = {
        question_about(section.heading, title)
        for page in manual_set().pages
        for section in page.sections
        for title in (None, page.title)
    }
    asked = [question.text for question in manual_set().questions[::6]]
    suggested = {text: follow_ups.suggest(ANNA, _answered(database, retriever, text)) for text in asked}
    database.close()
    assert sum(map(bool, suggested.values())) >= 0.8 * len(asked)
    for text, questions in suggested.items():
        assert len(questions) == len(set(questions)) <= 3
        for question in questions:
            assert question in possible
            assert retriever.retrieve(question, previous=text).confidence is Confidence.ANSWER


def test_after_a_refusal_nothing_is_suggested_and_nobody_elses_answer_is_there(
    retrievers: tuple[FusedRetriever, FusedRetriever], tmp_path: Path
) -> None:
    database = Database(tmp_path / "conversations.db", "conversations")
    database.open()
    follow_ups = FollowUps(database, retrievers[0], NoBots())
    refused = _answered(database, retrievers[0], "How do I add a bot?", refused=True)
    assert follow_ups.suggest(ANNA, refused) == ()
    with pytest.raises(NotFound):
        follow_ups.suggest(replace(ANNA, id="otto"), refused)
    database.close()


class NoBots:
    def answer_settings(self, bot_id: str, person_id: str) -> AnswerSettings:
        raise NotFound("There is no such bot.")


def _answered(database: Database, retriever: FusedRetriever, question: str, *, refused: bool = False) -> str:
    """A conversation in which the question was answered from the best passage; the answer's id."""
    sources = () if refused else Sources.of(retriever.retrieve(question).passages).citations[:1]
    answer = Answer("There.", sources, (), refused=refused, model=None, notice=None, tokens_used=0)
    thread_id, answer_id, run_id = IDS.new(), IDS.new(), IDS.new()
    at = CLOCK.now()

    def store(db: Transaction) -> None:
        chat.create_thread(db, Thread(thread_id, ANNA.id, None, "web", "Manual", at, at))
        chat.add_user_message(db, IDS.new(), thread_id, question, at)
        chat.add_pending_answer(db, answer_id, thread_id, run_id, at)
        chat.finish_answer(db, answer_id, answer, MessageStatus.DONE)

    database.write(store)
    return answer_id

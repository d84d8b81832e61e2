"""The index over a real knowledge.db and a real ChromaDB; only the model is a small stand-in."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from roost.domain.documents import Confidence, ExtractedPage, Section
from roost.knowledge.chroma_index import ChromaIndex, VectorIndexDamaged
from roost.knowledge.indexer import KnowledgeIndexer
from roost.knowledge.retriever import FusedRetriever
from roost.storage import chunks
from roost.storage.database import Database
from tests.fakes.word_embedder import WordEmbedder

pytestmark = [
    pytest.mark.integration,
    # ChromaDB leaves its own deprecations and sockets to the interpreter.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
]

PATIENCE_S = 30.0
SUBJECTS = ("backup", "invoice", "webhook", "password", "printer", "holiday", "compiler", "garden")


@dataclass
class Knowledge:
    folder: Path
    database: Database
    embedder: WordEmbedder
    vector_index: ChromaIndex
    indexer: KnowledgeIndexer
    retriever: FusedRetriever
    progress: list[tuple[int, int]]

    def collection(self) -> str | None:
        with self.database.read() as db:
            return chunks.read_index(db).collection

    def complete(self) -> bool:
        """Every chunk stands in the live collection, and nothing else does."""
        with self.database.read() as db:
            record, size = chunks.read_index(db), chunks.count_chunks(db)
            if record.collection is None or record.building or chunks.removed_rows(db, 1):
                return False
            placed = chunks.count_placed(db, record.collection)
        try:
            return placed == size == self.vector_index.count(record.collection)
        except VectorIndexDamaged:
            return False

    def found(self, question: str, source_ids: list[str] | None = None) -> list[str]:
        return [passage.url for passage in self.retriever.retrieve(question, source_ids=source_ids).passages]


@contextmanager
def knowledge(
    folder: Path, embedder: WordEmbedder | None = None, *, start: bool = True
) -> Iterator[Knowledge]:
    embedder = embedder or WordEmbedder()
    database = Database(folder / "knowledge.db", "knowledge", "NORMAL")
    database.open()
    vector_index = ChromaIndex(folder / "chroma_db")
    progress: list[tuple[int, int]] = []
    indexer = KnowledgeIndexer(
        database, embedder, vector_index, lambda done, total: progress.append((done, total)), pause_s=0
    )
    retriever = FusedRetriever(database, embedder, vector_index, indexer.rebuild_vector_index)
    if start:
        indexer.start()
    try:
        yield Knowledge(folder, database, embedder, vector_index, indexer, retriever, progress)
    finally:
        indexer.stop()
        vector_index.close()
        database.close()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)


def page(subject: str, extra: str = "") -> ExtractedPage:
    body = f"All about the {subject}. How a {subject} is made, kept and repaired.{extra}"
    return ExtractedPage(
        f"https://docs.example/{subject}", subject.title(), (Section(2, f"The {subject}", subject, body),), ()
    )


def test_words_find_a_page_as_soon_as_it_is_stored(tmp_path: Path) -> None:
    with knowledge(tmp_path, start=False) as k:
        assert not k.retriever.retrieve("backup").ready
        k.indexer.replace("s", [page(subject) for subject in SUBJECTS], [])
        found = k.retriever.retrieve("how is a backup made?")
        assert found.ready
        assert found.passages[0].url == "https://docs.example/backup#backup"
        assert found.passages[0].heading == "The backup"
        assert found.confidence is Confidence.ANSWER
        assert k.retriever.retrieve("zebra giraffe savannah").confidence is Confidence.REFUSE
        state = k.indexer.state()
        assert (state.chunks, state.vectors, state.ready) == (len(SUBJECTS), 0, True)
        assert state.reason is not None
        assert not k.vector_index.opened


def test_vectors_follow_without_a_restart(tmp_path: Path) -> None:
    with knowledge(tmp_path) as k:
        k.indexer.replace("s", [page(subject) for subject in SUBJECTS], [])
        until(k.complete)
        state = k.indexer.state()
        assert (state.vectors, state.model, state.reason) == (len(SUBJECTS), "words", None)
        assert k.progress[-1] == (len(SUBJECTS), len(SUBJECTS))
        assert k.found("repair the printer")[0] == "https://docs.example/printer#printer"


def test_only_changed_text_is_embedded_again(tmp_path: Path) -> None:
    with knowledge(tmp_path) as k:
        k.indexer.replace("s", [page(subject) for subject in SUBJECTS], [])
        until(k.complete)
        version = k.indexer.state().index_version
        k.indexer.replace("s", [page(subject) for subject in SUBJECTS], [])
        assert k.indexer.state().index_version == version
        k.embedder.texts.clear()
        k.indexer.replace("s", [page("backup", " Now on tape.")], [])
        assert k.indexer.state().index_version > version
        until(k.complete)
        k.indexer.stop()
        assert [text for text in k.embedder.texts if "All about" in text] == [
            "Backup > The backup\nAll about the backup. How a backup is made, kept and repaired. Now on tape."
        ]


def test_what_is_removed_is_not_found_any_more(tmp_path: Path) -> None:
    with knowledge(tmp_path) as k:
        k.indexer.replace("s", [page(subject) for subject in SUBJECTS], [])
        k.indexer.replace("other", [page("lighthouse")], [])
        until(k.complete)
        k.indexer.replace("s", [], ["https://docs.example/backup"])
        assert "https://docs.example/backup#backup" not in k.found("backup")
        k.indexer.remove_source("other")
        assert "https://docs.example/lighthouse#lighthouse" not in k.found("lighthouse")
        until(k.complete)
        assert k.indexer.state().chunks == len(SUBJECTS) - 1


def test_sources_narrow_what_is_searched(tmp_path: Path) -> None:
    with knowledge(tmp_path) as k:
        k.indexer.replace("a", [page("backup")], [])
        k.indexer.replace("b", [page("backup"), page("garden")], [])
        until(k.complete)
        assert k.found("backup", ["a"]) == ["https://docs.example/backup#backup"]
        assert k.found("garden", ["a"]) == ["https://docs.example/backup#backup"]
        assert k.found("backup", []) == []
        assert k.found("backup").count("https://docs.example/backup#backup") == 1


@pytest.mark.parametrize(
    "question",
    [
        '"',
        "NEAR(backup garden",
        "breadcrumb:backup OR text:*",
        "backup* AND NOT garden",
        "'; DROP TABLE chunks; --",
        "backup\x00garden",
        "^backup",
        "{breadcrumb text}: garden",
        "\ud800 backup",
        "(" * 500,
        "a " * 8_000,
    ],
)
def test_operators_in_a_question_are_words(tmp_path: Path, question: str) -> None:
    """Hostile case 77."""
    with knowledge(tmp_path, start=False) as k:
        k.indexer.replace("s", [page(subject) for subject in SUBJECTS], [])
        assert k.retriever.retrieve(question).ready
        assert k.indexer.state().chunks == len(SUBJECTS)


def test_text_that_sqlite_cannot_hold_is_indexed_all_the_same(tmp_path: Path) -> None:
    with knowledge(tmp_path, start=False) as k:
        body = Section(2, "\udfff", None, "zebra\x00")
        odd = ExtractedPage("https://docs.example/odd\ud800", "Odd\x00", (body,), ())
        k.indexer.replace("s", [odd], [])
        assert len(k.found("zebra")) == 1


def test_a_missing_model_leaves_search_by_words_and_says_why(tmp_path: Path) -> None:
    embedder = WordEmbedder()
    embedder.reason = "The embedding model is not there."
    with knowledge(tmp_path, embedder) as k:
        k.indexer.replace("s", [page(subject) for subject in SUBJECTS], [])
        assert k.found("garden")[0] == "https://docs.example/garden#garden"
        state = k.indexer.state()
        assert (state.model, state.reason, state.ready) == (None, "The embedding model is not there.", True)
        assert embedder.texts == []
        embedder.reason = None
        k.indexer.replace("s", [page("lighthouse")], [])
        until(k.complete)


def test_a_follow_up_that_names_nothing_is_searched_with_the_turn_before(tmp_path: Path) -> None:
    with knowledge(tmp_path) as k:
        k.indexer.replace("s", [page(subject) for subject in SUBJECTS], [])
        until(k.complete)
        found = k.retriever.retrieve("and how is it repaired?", previous="Tell me about the compiler")
        assert found.passages[0].url == "https://docs.example/compiler#compiler"
        changed = k.retriever.retrieve("How is the garden kept?", previous="Tell me about the compiler")
        assert changed.passages[0].url == "https://docs.example/garden#garden"


def _remove(folder: Path) -> None:
    shutil.rmtree(folder)


def _garble(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            path.write_bytes(b"no database " * 500)


def _empty(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


@pytest.mark.parametrize("damage", [_remove, _garble, _empty])
def test_a_damaged_vector_index_is_rebuilt_from_the_stored_vectors(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    with knowledge(tmp_path) as k:
        k.indexer.replace("s", [page(subject) for subject in SUBJECTS], [])
        until(k.complete)
    damage(tmp_path / "chroma_db")
    with knowledge(tmp_path) as k:
        assert k.found("backup")[0] == "https://docs.example/backup#backup"
        until(k.complete)
        assert not any("All about" in text for text in k.embedder.texts)
        assert k.found("backup")[0] == "https://docs.example/backup#backup"


def test_an_index_that_vanishes_while_it_is_used_is_rebuilt(tmp_path: Path) -> None:
    with knowledge(tmp_path) as k:
        k.indexer.replace("s", [page(subject) for subject in SUBJECTS], [])
        until(k.complete)
        collection = k.collection()
        assert collection is not None
        k.vector_index.drop(collection)
        assert k.found("backup")[0] == "https://docs.example/backup#backup"
        until(k.complete)
        assert k.collection() != collection


def test_another_model_embeds_everything_anew(tmp_path: Path) -> None:
    with knowledge(tmp_path) as k:
        k.indexer.replace("s", [page(subject) for subject in SUBJECTS], [])
        until(k.complete)
        first = k.collection()
    with knowledge(tmp_path, WordEmbedder("others", 32)) as k:
        until(lambda: k.complete() and k.collection() != first)
        assert k.indexer.state().vectors == len(SUBJECTS)
        assert str(k.collection()).startswith("kb_others_32_")


def test_a_fat_collection_is_built_beside_and_exchanged(tmp_path: Path) -> None:
    with knowledge(tmp_path) as k:
        k.indexer.replace("s", [page(subject) for subject in SUBJECTS], [])
        until(k.complete)
        first = k.collection()
        # As many removals as would take a crawl of days.
        k.database.write(lambda db: chunks.forget_removed(db, range(10_000, 16_000)))
        k.indexer.replace("s", [page("lighthouse")], [])
        until(lambda: k.complete() and k.collection() != first)
        assert k.vector_index.collections() == [k.collection()]


def test_stopping_in_the_middle_takes_less_than_a_second(tmp_path: Path) -> None:
    embedder = WordEmbedder()
    with knowledge(tmp_path, embedder) as k:
        embedder.delay_s = 0.05
        k.indexer.replace("s", [page(f"{subject} {n}") for subject in SUBJECTS for n in range(20)], [])
        until(lambda: len(embedder.texts) > 3)
        began = time.monotonic()
        k.indexer.stop()
        assert time.monotonic() - began < 1.0
        assert len(embedder.texts) < len(SUBJECTS) * 20


_INDEX_FOR_EVER = """
import sys
from pathlib import Path
from tests.integration.test_knowledge_index import SUBJECTS, knowledge, page
from tests.fakes.word_embedder import WordEmbedder

embedder = WordEmbedder()
embedder.delay_s = 0.002
with knowledge(Path(sys.argv[1]), embedder) as k:
    for round in range(1000):
        pages = [page(f"{subject} {n}", f" Round {round}.") for subject in SUBJECTS for n in range(10)]
        k.indexer.replace("s", pages, [])
        print(round, flush=True)
"""


@pytest.mark.parametrize("after_s", [0.3, 1.5, 3.0])
def test_killed_at_any_moment_it_is_whole_again_after_a_start(tmp_path: Path, after_s: float) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _INDEX_FOR_EVER, str(tmp_path)],
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": "cloud/backend:."},
        text=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(after_s)
        process.send_signal(signal.SIGKILL)
    with knowledge(tmp_path) as k:
        assert k.indexer.state().chunks == len(SUBJECTS) * 10
        until(k.complete)
        for subject in SUBJECTS:
            assert k.found(f"{subject} 7")[0].startswith(f"https://docs.example/{subject}")

"""The index over a real knowledge.db and a real ChromaDB; only the model is a small stand-in."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from roost.domain.documents import Confidence, EmbeddingProgress, ExtractedPage, Section
from roost.knowledge.chroma_index import ChromaIndex, VectorIndexDamaged
from roost.knowledge.foreign_questions import is_due
from roost.knowledge.indexer import KnowledgeIndexer
from roost.knowledge.retriever import FusedRetriever
from roost.storage import chunks, foreign_matches
from roost.storage.database import Database
from tests.fakes.word_embedder import WordEmbedder

if TYPE_CHECKING:
    from roost.knowledge.embeddings import Vector

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
    on_progress: list[Callable[[], None]]

    def collection(self) -> str | None:
        with self.database.read() as db:
            return chunks.read_index(db).collection

    def complete(self) -> bool:
        """Every chunk stands in the live collection, nothing else does, and the index is measured."""
        with self.database.read() as db:
            if is_due(foreign_matches.read(db, self.embedder.model), chunks.count_chunks(db)):
                return False
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
    on_progress: list[Callable[[], None]] = []

    def advanced(done: int, total: int) -> None:
        progress.append((done, total))
        for tell in on_progress:
            tell()

    indexer = KnowledgeIndexer(database, embedder, vector_index, advanced, pause_s=0)
    retriever = FusedRetriever(database, embedder, vector_index, indexer.rebuild_vector_index)
    if start:
        indexer.start()
    try:
        yield Knowledge(folder, database, embedder, vector_index, indexer, retriever, progress, on_progress)
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


def test_of_a_long_page_only_the_changed_passages_are_embedded_again(tmp_path: Path) -> None:
    def handbook(changed: int | None = None, also: str = "") -> ExtractedPage:
        sections = [
            Section(
                2,
                f"Rule {number}",
                f"rule-{number}",
                f"All about rule {number}, which holds for everybody who works in house {number}."
                f"{' It was amended.' if number == changed else ''}",
            )
            for number in range(40)
        ]
        if also:
            sections.insert(
                7, Section(2, also, None, f"All about {also}, which is new among the rules here.")
            )
        return ExtractedPage("https://docs.example/handbook", "Handbook", tuple(sections), ())

    with knowledge(tmp_path) as k:

        def embedded_for(page: ExtractedPage) -> int:
            k.embedder.texts.clear()
            k.indexer.replace("s", [page], [])
            until(k.complete)
            return sum("All about" in text for text in k.embedder.texts)

        assert embedded_for(handbook()) == 40
        assert embedded_for(handbook(changed=20)) == 1
        assert embedded_for(handbook(changed=20, also="cats")) == 1
        assert embedded_for(handbook()) == 0, "what was said before has its vector still"
        assert k.indexer.state().chunks == 40


def test_the_log_says_once_for_each_crawl_that_the_index_is_ready(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "roost.knowledge.indexer")

    def told() -> list[str]:
        return [record.message for record in caplog.records if record.message.startswith("Index ready")]

    with knowledge(tmp_path, start=False) as k:
        k.indexer.replace("s", [page("backup")], [])
        k.indexer.start()
        until(lambda: told() == ["Index ready: 1 chunks"])
        for subject in SUBJECTS:
            k.indexer.replace("s", [page(subject)], [])
            until(k.complete)
        assert len(told()) == 1, "the crawl goes on"
        k.indexer.crawl_ended()
        until(lambda: len(told()) == 2)
        assert told()[-1] == f"Index ready: {len(SUBJECTS)} chunks"
        k.indexer.crawl_ended()
        k.indexer.replace("s", [], ["https://docs.example/backup"])
        k.indexer.crawl_ended()
        until(lambda: told()[-1] == f"Index ready: {len(SUBJECTS) - 1} chunks")
        assert len(told()) == 3, "a crawl that changes nothing is not worth a line"


def test_what_could_not_be_embedded_at_first_is_tried_again(tmp_path: Path) -> None:
    class Stumbling(WordEmbedder):
        def embed(self, text: str) -> Vector:
            if len(self.texts) == 40:
                self.texts.append("a stumble")
                raise RuntimeError("the model stumbled")
            return super().embed(text)

    with knowledge(tmp_path, Stumbling(), start=False) as k:
        k.indexer.replace("s", [page(f"{subject} {n}") for subject in SUBJECTS for n in range(10)], [])
        k.indexer.start()
        until(k.complete)
        assert k.indexer.state().vectors == 80


def test_each_source_shows_how_many_of_its_passages_have_vectors(tmp_path: Path) -> None:
    seen: list[dict[str, EmbeddingProgress]] = []
    with knowledge(tmp_path, start=False) as k:
        k.on_progress.append(lambda: seen.append(dict(k.indexer.embedding())))
        k.indexer.replace("a", [page(f"{subject} {n}") for subject in SUBJECTS for n in range(10)], [])
        k.indexer.replace("b", [page("lighthouse")], [])
        k.indexer.start()
        until(k.complete)
        until(lambda: seen[-1] == {})
        counts = [each["a"] for each in seen if "a" in each]
        assert [each.total for each in counts] == [80] * len(counts)
        assert [each.done for each in counts] == sorted(each.done for each in counts)
        assert counts[0].done == 0
        assert 0 < counts[-1].done < 80


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


def test_a_start_that_a_stop_has_overtaken_embeds_nothing(tmp_path: Path) -> None:
    """The lease was asked for while this process still started: it is another one's to embed."""
    embedder = WordEmbedder()
    with knowledge(tmp_path, embedder, start=False) as k:
        k.indexer.replace("s", [page("backup")], [])
        k.indexer.stop()
        k.indexer.start()
        assert not [each for each in threading.enumerate() if each.name == "embedding"]
        k.indexer.stop()
        assert embedder.texts == []


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


_EMBED_ONCE = """
import sys, time
from pathlib import Path
from tests.integration.test_knowledge_index import SUBJECTS, knowledge, page
from tests.fakes.word_embedder import WordEmbedder

embedder = WordEmbedder()
embedder.delay_s = 0.01
with knowledge(Path(sys.argv[1]), embedder) as k:
    k.on_progress.append(lambda: print(k.progress[-1][0], flush=True))
    k.indexer.replace("s", [page(f"{subject} {n}") for subject in SUBJECTS for n in range(50)], [])
    time.sleep(60)
"""


def test_killed_while_it_embeds_it_goes_on_where_it_was(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _EMBED_ONCE, str(tmp_path)],
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": "cloud/backend:."},
        text=True,
    ) as process:
        assert process.stdout is not None
        stored = 0
        while stored < 100:
            stored = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
    with knowledge(tmp_path) as k:
        until(k.complete)
        embedded = sum("All about" in text for text in k.embedder.texts)
        assert 0 < embedded <= len(SUBJECTS) * 50 - stored
        assert k.indexer.state().vectors == len(SUBJECTS) * 50
        assert k.found("printer 7")[0].startswith("https://docs.example/printer")

"""How well the right passages are found, beside what is usual: vectors over slices of 1,000 characters; and
how fast.

scripts/bench-retrieval [FOLDER]

FOLDER (or ROOST_BENCH_DATA) holds the public question sets `anthropic_docs` and `mtragun`; without it, the
manual's set and npm's alone. Vectors are kept in build/bench-retrieval, so that a second run takes seconds.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from roost.domain.documents import Confidence, ExtractedPage, Section
from roost.knowledge.chroma_index import ChromaIndex
from roost.knowledge.chunking import text_sha256
from roost.knowledge.embeddings import MiniLmEmbedder
from roost.knowledge.foreign_questions import is_due
from roost.knowledge.indexer import KnowledgeIndexer
from roost.knowledge.retriever import FusedRetriever
from roost.settings import REPOSITORY
from roost.storage import chunks, foreign_matches
from roost.storage.database import Database
from scripts.benchmarks.question_sets import Question, QuestionSet, manual_set, npm_set, public_sets
from scripts.benchmarks.ranking_measures import Quality, quality
from scripts.benchmarks.table import Figure, quantile, show
from scripts.benchmarks.typing_errors import mistyped_questions, mistyped_texts

if TYPE_CHECKING:
    from roost.knowledge.embeddings import Vector

KEPT = REPOSITORY / "build" / "bench-retrieval"
SLICE = 1_000  # characters
DEPTH = 30  # passages asked for: several may stand under one heading
LARGE = 10_000  # chunks
ROUNDS = 400
MISTYPED_WORDS, MISTYPED_TIMES = 2, 2
TARGETS = {"documentation": 0.80, "conversations": 0.82}


@dataclass(frozen=True, slots=True)
class Index:
    database: Database
    embedder: MiniLmEmbedder
    vector_index: ChromaIndex
    indexer: KnowledgeIndexer
    retriever: FusedRetriever


def run(folder: Path | None = None) -> str:
    """The tables. Without `folder`, ROOST_BENCH_DATA says where the public sets lie."""
    named = os.environ.get("ROOST_BENCH_DATA")
    folder = folder or (Path(named) if named else None)
    sets = [manual_set(), *filter(None, [npm_set()]), *(public_sets(folder) if folder else [])]
    embedder = MiniLmEmbedder(Path(os.environ.get("MODEL_DIR") or REPOSITORY / "build" / "minilm"))
    missing = embedder.missing()
    if missing:
        return missing + "\n"
    figures = [figure for questions in sets for figure in _set_figures(questions, embedder)]
    how = (
        "Binary relevance by address and heading. `plain`: the nearest vectors of the same model over"
        " slices of "
        f"{SLICE} characters, follow-ups with the turn before. Peers: that same procedure, in the same run."
    )
    report = show("Finding the right passages", how, figures)
    if not any(questions.name == "documentation" for questions in sets):
        report += "\nThe public sets are not there: give their folder, or set ROOST_BENCH_DATA.\n"
    return report + "\n" + show(f"Speed at {LARGE:,} chunks", _SPEED_HOW, _speed_figures(sets, embedder))


def _set_figures(questions: QuestionSet, embedder: MiniLmEmbedder) -> Iterator[Figure]:
    with _indexed(questions.name, questions.pages, embedder) as index:
        rankings, kept = [], 0
        for question in questions.questions:
            found = index.retriever.retrieve(question.text, previous=question.previous, limit=DEPTH)
            rankings.append([_place(questions, passage.url) for passage in found.passages])
            kept += found.confidence is not Confidence.REFUSE
        refused = [
            index.retriever.retrieve(text).confidence is Confidence.REFUSE for text in questions.off_domain
        ]
        gold = [question.gold for question in questions.questions]
        fused = quality(rankings, gold)
        plain = quality(_plain_rankings(questions, questions.questions, index), gold)
        mistyped_figures = list(_mistyped_figures(questions, index))
    yield from _quality_figures(questions.name, fused, plain)
    share = kept / len(gold)
    yield Figure(f"{questions.name}: answerable kept", f"{share:.1%}", ">= 97 %", "", share >= 0.97)
    if refused:
        share = sum(refused) / len(refused)
        yield Figure(f"{questions.name}: off-domain refused", f"{share:.1%}", ">= 95 %", "", share >= 0.95)
    yield from mistyped_figures


def _mistyped_figures(questions: QuestionSet, index: Index) -> Iterator[Figure]:
    """The same with an error in each of two words, several times over; questions of other domains too."""
    name = f"{questions.name} with typing errors"
    asked = [
        question
        for seed in range(MISTYPED_TIMES)
        for question in mistyped_questions(questions.questions, seed, MISTYPED_WORDS)
    ]
    gold = [question.gold for question in asked]
    found = [
        index.retriever.retrieve(question.text, previous=question.previous, limit=DEPTH) for question in asked
    ]
    rankings = [[_place(questions, passage.url) for passage in each.passages] for each in found]
    fused = quality(rankings, gold)
    plain = quality(_plain_rankings(questions, asked, index), gold)
    yield Figure(f"{name}: nDCG@10", f"{fused.ndcg_at_10:.3f}", "", f"{plain.ndcg_at_10:.3f}", None)
    yield Figure(f"{name}: hit@5", f"{fused.hit_at_5:.3f}", "", f"{plain.hit_at_5:.3f}", None)
    kept = sum(each.confidence is not Confidence.REFUSE for each in found) / len(found)
    yield Figure(f"{name}: answerable kept", f"{kept:.1%}", "", "", None)
    foreign = [
        text
        for seed in range(MISTYPED_TIMES)
        for text in mistyped_texts(questions.off_domain, seed, MISTYPED_WORDS)
    ]
    if foreign:
        refused = [index.retriever.retrieve(text).confidence is Confidence.REFUSE for text in foreign]
        share = sum(refused) / len(refused)
        yield Figure(f"{name}: off-domain refused", f"{share:.1%}", ">= 95 %", "", share >= 0.95)


def _quality_figures(name: str, fused: Quality, plain: Quality) -> Iterator[Figure]:
    target = TARGETS.get(name)
    yield Figure(
        f"{name}: nDCG@10",
        f"{fused.ndcg_at_10:.3f}",
        f">= {target:.2f}" if target else "",
        f"{plain.ndcg_at_10:.3f}",
        None if target is None else fused.ndcg_at_10 >= target,
    )
    yield Figure(f"{name}: MRR@10", f"{fused.mrr_at_10:.3f}", "", f"{plain.mrr_at_10:.3f}", None)
    limit = 0.97 if name == "documentation" else None
    yield Figure(
        f"{name}: hit@5",
        f"{fused.hit_at_5:.3f}",
        ">= 0.97" if limit else "",
        f"{plain.hit_at_5:.3f}",
        None if limit is None else fused.hit_at_5 >= limit,
    )
    yield Figure(f"{name}: recall@5", f"{fused.recall_at_5:.3f}", "", f"{plain.recall_at_5:.3f}", None)


def _plain_rankings(questions: QuestionSet, asked: Sequence[Question], index: Index) -> list[list[str]]:
    """What is usual: every section in slices of a fixed length, the nearest vectors, nothing else."""
    slices = [
        (f"{page.url}#{section.anchor}" if section.anchor else page.url, text)
        for page in questions.pages
        for section in page.sections
        for text in _slices(f"{section.heading}\n{section.body}".strip())
    ]
    matrix = np.stack([_vector(index, text) for _, text in slices])
    rankings = []
    for question in asked:
        text = f"{question.previous}\n{question.text}" if question.previous else question.text
        order = np.argsort(-(matrix @ _vector(index, text)))[: 2 * DEPTH]
        rankings.append([_place(questions, slices[place][0]) for place in order])
    return rankings


def _place(questions: QuestionSet, url: str) -> str:
    return url.partition("#")[0] if questions.by_page else url


def _slices(text: str) -> Iterator[str]:
    for start in range(0, max(len(text), 1), SLICE):
        yield text[start : start + SLICE]


def _vector(index: Index, text: str) -> Vector:
    """By the embedder, and kept under a name of its own."""
    path = KEPT / "slices" / text_sha256(text)
    if path.is_file():
        return np.frombuffer(path.read_bytes(), dtype=np.float32)
    vector = index.embedder.embed(text)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(vector.tobytes())
    return vector


_SPEED_HOW = (
    f"{ROUNDS} different questions one after the other, each embedded anew, on an index of {LARGE:,}"
    f" chunks: the sets' "
    "own, and for the rest their words shuffled, with vectors near real ones."
)


def _speed_figures(sets: Sequence[QuestionSet], embedder: MiniLmEmbedder) -> list[Figure]:
    pages = [page for questions in sets for page in questions.pages]
    asked = [question.text for questions in sets for question in questions.questions]
    with _indexed("speed", pages, embedder) as index:
        _fill(index, pages)
        plain_ms = _timed_ms(index, asked, None)
        mistyped_ms = _timed_ms(index, mistyped_texts(asked, 7, MISTYPED_WORDS), None)
        narrowed_ms = _timed_ms(index, asked, ["speed"])
        size = index.indexer.state().chunks
    return [
        Figure(
            f"retrieval, p50, {size:,} chunks",
            f"{quantile(plain_ms, 0.5):.1f} ms",
            "<= 10 ms",
            "",
            quantile(plain_ms, 0.5) <= 10,
        ),
        Figure(
            "retrieval, p99",
            f"{quantile(plain_ms, 0.99):.1f} ms",
            "<= 40 ms",
            "",
            quantile(plain_ms, 0.99) <= 40,
        ),
        Figure(
            "with errors in two words, p50",
            f"{quantile(mistyped_ms, 0.5):.1f} ms",
            "<= 3 ms more",
            "",
            quantile(mistyped_ms, 0.5) <= quantile(plain_ms, 0.5) + 3,
        ),
        Figure("with errors in two words, p99", f"{quantile(mistyped_ms, 0.99):.1f} ms", "", "", None),
        Figure(
            "narrowed to one of two sources, p50",
            f"{quantile(narrowed_ms, 0.5):.1f} ms",
            "<= 10 ms",
            "",
            quantile(narrowed_ms, 0.5) <= 10,
        ),
        Figure("narrowed to one of two sources, p99", f"{quantile(narrowed_ms, 0.99):.1f} ms", "", "", None),
    ]


def _timed_ms(index: Index, asked: Sequence[str], source_ids: list[str] | None) -> list[float]:
    index.retriever.retrieve("begin", source_ids=source_ids)
    chance = random.Random(7)
    spent = []
    for number in range(ROUNDS):
        text = f"{chance.choice(asked)} {number}{'a' if source_ids else 'b'}"
        began = time.perf_counter()
        index.retriever.retrieve(text, source_ids=source_ids)
        spent.append((time.perf_counter() - began) * 1000)
    return spent


def _fill(index: Index, pages: Sequence[ExtractedPage]) -> None:
    """Adds pages of shuffled words until there are LARGE chunks, with vectors that lie near real ones."""
    chance = random.Random(11)
    noise = np.random.default_rng(11)
    words = [word for page in pages for section in page.sections for word in section.body.split()]
    if index.indexer.state().chunks < LARGE:
        missing = LARGE - index.indexer.state().chunks
        made = [
            ExtractedPage(
                f"made:{number}",
                f"Made {number}",
                (Section(0, "", None, " ".join(chance.choices(words, k=90))),),
                (),
            )
            for number in range(missing)
        ]
        index.indexer.stop()
        index.indexer.replace("made", made, [])
        model = index.embedder.model
        with index.database.read() as db:
            real = [
                np.frombuffer(placed.vector, dtype=np.float16).astype(np.float32)
                for placed in chunks.unplaced(db, model, "none", 2_000)
            ]
            waiting, _ = chunks.unembedded(db, model, LARGE)
        vectors = {}
        for sha256 in waiting:
            near = chance.choice(real) + noise.normal(scale=0.03, size=index.embedder.dimension)
            vectors[sha256] = (near / np.linalg.norm(near)).astype(np.float16).tobytes()
        index.database.write(lambda db: chunks.store_vectors(db, model, vectors))
    another = KnowledgeIndexer(index.database, index.embedder, index.vector_index, lambda *_: None, pause_s=0)
    with _running(replace(index, indexer=another)):
        pass


@contextmanager
def _indexed(name: str, pages: Sequence[ExtractedPage], embedder: MiniLmEmbedder) -> Iterator[Index]:
    """An index over the pages with all vectors in place, kept for the next run."""
    folder = KEPT / name
    database = Database(folder / "knowledge.db", "knowledge", "NORMAL")
    database.open()
    vector_index = ChromaIndex(folder / "chroma_db")

    def progress(done: int, total: int) -> None:
        print(f"\r{name}: {done} of {total} embedded", end="", file=sys.stderr, flush=True)

    indexer = KnowledgeIndexer(database, embedder, vector_index, progress, pause_s=0)
    retriever = FusedRetriever(database, embedder, vector_index, indexer.rebuild_vector_index)
    index = Index(database, embedder, vector_index, indexer, retriever)
    try:
        indexer.replace(name, pages, [])
        with _running(index):
            yield index
    finally:
        vector_index.close()
        database.close()


@contextmanager
def _running(index: Index) -> Iterator[None]:
    """Waits until every chunk stands in the vector index; the embedding thread is stopped at the end."""
    index.indexer.start()
    while not _complete(index):
        time.sleep(0.05)
    try:
        yield
    finally:
        index.indexer.stop()


def _complete(index: Index) -> bool:
    with index.database.read() as db:
        record, size = chunks.read_index(db), chunks.count_chunks(db)
        return (
            index.vector_index.opened
            and record.collection is not None
            and chunks.count_placed(db, record.collection) == size
            and not is_due(foreign_matches.read(db, index.embedder.model), size)
        )


if __name__ == "__main__":
    print(run(Path(sys.argv[1]) if len(sys.argv) > 1 else None))

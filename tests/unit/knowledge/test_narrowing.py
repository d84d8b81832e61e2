"""Searching in some of the sources, on a real knowledge.db; the vector index is an exact one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest

from roost.domain.documents import Chunk
from roost.knowledge.narrowing import SMALL_SOURCES, Narrowed, RowSources
from roost.storage import chunks
from roost.storage.chunks import IndexedChunk, Term
from roost.storage.database import Database

if TYPE_CHECKING:
    from roost.knowledge.embeddings import Vector

MODEL = "made"
DIMENSION = 16
LIMIT = 20
SIZES = {"small": 30, "large": SMALL_SOURCES + 200, "far": SMALL_SOURCES + 100, "huge": 1_600}


class House:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.asked: list[bool] = []
        self.row_sources = RowSources()
        chance = np.random.default_rng(5)
        vectors: dict[str, bytes] = {}
        for source_id, size in SIZES.items():
            made = []
            for number in range(size):
                name = f"{source_id}-{number}"
                # All but those of `far` lie around one point, so that the sources mix.
                point = chance.normal(size=DIMENSION) + (-9.0 if source_id == "far" else 0.0)
                vectors[name] = (point / np.linalg.norm(point)).astype(np.float16).tobytes()
                words = f"handbook {source_id} {'rare' if number % 97 == 0 else 'usual'} " + "x " * (
                    number % 50
                )
                chunk = Chunk(name, source_id, f"https://e.example/{name}", name, (), None, 0, words)
                made.append(IndexedChunk(chunk, "", name))
            database.write(
                partial(chunks.change_pages, source_id=source_id, pages={"p": made}, removed_urls=[])
            )
        database.write(lambda db: chunks.store_vectors(db, MODEL, vectors))
        with database.read() as db:
            self.rows = chunks.vectors_of_sources(db, MODEL, list(SIZES))
            self.source_of = chunks.sources_of_rows(db, list(self.rows))

    def exactly_nearest(self, vector: Vector, limit: int, source_ids: Sequence[str] | None) -> list[int]:
        rows = [row for row in self.rows if source_ids is None or self.source_of[row] in source_ids]
        matrix = np.stack([np.frombuffer(self.rows[row], dtype=np.float16) for row in rows])
        similar = matrix.astype(np.float32) @ vector
        return [rows[place] for place in np.argsort(-similar, kind="stable")[:limit]]

    def nearest(self, source_ids: Sequence[str], vector: Vector) -> list[int]:
        def ask(limit: int, filtered: Sequence[str] | None) -> list[int]:
            self.asked.append(filtered is not None)
            return self.exactly_nearest(vector, limit, filtered)

        with self.database.read() as db:
            return self.narrowed(source_ids).nearest(db, MODEL, vector, LIMIT, ask)

    def narrowed(self, source_ids: Sequence[str]) -> Narrowed:
        inside = sum(SIZES[source_id] for source_id in source_ids)
        return Narrowed(source_ids, inside, sum(SIZES.values()), self.row_sources)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    database = Database(tmp_path_factory.mktemp("narrowing") / "knowledge.db", "knowledge", "NORMAL")
    database.open()
    yield House(database)
    database.close()


def questions() -> list[Vector]:
    chance = np.random.default_rng(6)
    points = [chance.normal(size=DIMENSION) + 0.3 for _ in range(20)]
    return [(point / np.linalg.norm(point)).astype(np.float32) for point in points]


@pytest.mark.parametrize("source_ids", [["small"], ["large"], ["far"], ["huge"], ["small", "huge"]])
def test_some_sources_lose_nothing_to_the_others(house: House, source_ids: list[str]) -> None:
    for vector in questions():
        assert house.nearest(source_ids, vector) == house.exactly_nearest(vector, LIMIT, source_ids)


def test_the_slow_filter_is_asked_only_where_too_few_are_left_without_it(house: House) -> None:
    def asked(source_id: str) -> list[bool]:
        house.asked.clear()
        for vector in questions():
            house.nearest([source_id], vector)
        return house.asked

    assert asked("small") == [], "a small source is compared vector by vector"
    assert asked("huge") == [False] * len(questions())
    assert asked("far").count(True) > len(questions()) // 2
    assert asked("far").count(False) == 2 * len(questions()), "without it first"


@pytest.mark.parametrize("source_ids", [["small"], ["large"], ["huge"], ["large", "small"], []])
@pytest.mark.parametrize("word", ["handbook", "rare", "usual", "large", "nowhere"])
def test_by_words_the_scores_are_those_of_the_filter(house: House, word: str, source_ids: list[str]) -> None:
    with house.database.read() as db:
        found = house.narrowed(source_ids).best_by_words(db, [Term(word)], LIMIT)
        filtered = chunks.best_by_words(db, [Term(word)], LIMIT, source_ids)
    assert sorted(found.values()) == sorted(filtered.values())
    assert {house.source_of[row] for row in found} <= set(source_ids)


def test_rows_are_told_apart_also_when_more_were_met_than_are_remembered(house: House) -> None:
    rows = list(house.rows)
    with house.database.read() as db:
        met = RowSources(remembered=250)
        for start in range(0, len(rows), 100):
            some = rows[start : start + 100]
            assert met.kept(db, some, ["small"]) == [row for row in some if house.source_of[row] == "small"]
        assert met.kept(db, [10**9, rows[0]], [house.source_of[rows[0]]]) == rows[:1]

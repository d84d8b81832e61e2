"""Reading questions as they were meant, on a real knowledge.db."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from roost.domain.documents import Chunk
from roost.knowledge.spelling import ROWS_A_MERGE, Spelling
from roost.storage import chunks
from roost.storage.chunks import IndexedChunk, Term
from roost.storage.database import Database
from tests.fakes.word_embedder import WordEmbedder

LANGUAGE = ["quantum", "weather", "recipe", "banana", "typography"]
TEXT = """Paste the token of your Telegram bot. Install a webhook, tokens are revoked. It crawls robots.txt.
Set max_tokens and SECRET_KEY. Bots answer from stages and files. Configuration. Isn't it?"""


class Reader:
    def __init__(self, database: Database, embedder: WordEmbedder) -> None:
        self.database = database
        self.spelling = Spelling(database, embedder)

    def index(self, name: str, *texts: str) -> None:
        made = [
            IndexedChunk(Chunk(f"{name}-{number}", "docs", name, "Docs", (), None, number, text), "", text)
            for number, text in enumerate(texts)
        ]
        self.database.write(lambda db: chunks.change_pages(db, "docs", {name: made}, []))

    def read(self, question: str) -> str:
        with self.database.read() as db:
            self.spelling.follow(chunks.newest_row(db))
            return self.spelling.read(question, lambda word: chunks.count_matches(db, Term(word))).text

    def read_in_the_end(self, question: str, expected: str) -> None:
        deadline = time.monotonic() + 30
        while self.read(question) != expected:
            assert time.monotonic() < deadline, self.read(question)
            time.sleep(0.01)


@pytest.fixture
def embedder() -> WordEmbedder:
    made = WordEmbedder()
    made.known_words = LANGUAGE
    return made


@pytest.fixture
def reader(tmp_path: Path, embedder: WordEmbedder) -> Iterator[Reader]:
    database = Database(tmp_path / "knowledge.db", "knowledge")
    database.open()
    made = Reader(database, embedder)
    made.index("page", TEXT)
    made.read_in_the_end("telegrma", "telegram")
    yield made
    database.close()


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("Where is the tokne?", "Where is the token?"),
        ("Whree is my Telegarm WEBHOK", "where is my telegram webhook"),
        ("is my robtos.txt read", "is my robots.txt read"),
        ("what is SECERT_KEY", "what is secret_KEY"),
        ("instlaling it", "installing it"),
        ("the wheather today", "the weather today"),
        ("a webhok's answer", "a webhook's answer"),
    ],
)
def test_slips_are_corrected_and_nothing_else_changes(reader: Reader, typed: str, meant: str) -> None:
    assert reader.read(typed) == meant


@pytest.mark.parametrize(
    "question",
    [
        "what is quantum entanglement",
        "typography",
        "recipes and bananas",
        "tokens installing telegram",
        "isn't it, don't they, doesn’t he",  # noqa: RUF001 - it is typed like that, too
        "tokne2 v1.tokne ab12",
        "bto fo ym",
        "",
        "'''''  \x00 ;--",
        "x" * 5_000,
        "tokne" * 300,
    ],
)
def test_what_is_no_slip_stays_to_the_letter(reader: Reader, question: str) -> None:
    assert reader.read(question) == question


def test_guessed_words_are_told(reader: Reader) -> None:
    with reader.database.read() as db:
        reading = reader.spelling.read("tokne tokens", lambda word: chunks.count_matches(db, Term(word)))
    assert reading.text == "token tokens"
    assert reading.guessed == {"token"}


def test_of_two_words_the_more_frequent_is_meant(reader: Reader) -> None:
    reader.index("themes", "themes", "a theme again")
    reader.index("there", *[f"thewe {number}" for number in range(5)])
    reader.read_in_the_end("thepe", "thewe")


def test_new_pages_are_read_and_words_that_are_gone_are_not_guessed(reader: Reader) -> None:
    reader.index("second", "An albatross flies.")
    reader.read_in_the_end("albatros", "albatross")
    reader.index("second", "Nothing.")
    assert reader.read("albatros") == "albatros"


def test_a_large_index_is_read_to_its_end(reader: Reader) -> None:
    reader.index("many", *[f"number {number}" for number in range(ROWS_A_MERGE + 50)], "Zanzibar")
    reader.read_in_the_end("zanzibra", "zanzibar")


def test_where_the_language_is_unknown_nothing_is_corrected(tmp_path: Path) -> None:
    database = Database(tmp_path / "knowledge.db", "knowledge")
    database.open()
    reader = Reader(database, WordEmbedder())
    reader.index("page", TEXT)
    assert reader.read("telegrma") == "telegrma"
    database.close()


def test_once_stopped_it_reads_no_more_and_leaves_the_closed_file_alone(
    tmp_path: Path, embedder: WordEmbedder
) -> None:
    database = Database(tmp_path / "knowledge.db", "knowledge")
    database.open()
    made = Reader(database, embedder)
    made.index("page", *(f"Passage {number}. {TEXT}" for number in range(2 * ROWS_A_MERGE)))
    with database.read() as db:
        newest = chunks.newest_row(db)
    made.spelling.follow(newest)
    made.spelling.stop()
    database.close()
    made.spelling.follow(newest + 1)
    made.spelling.stop()
    assert [path.name for path in tmp_path.iterdir()] == ["knowledge.db"]

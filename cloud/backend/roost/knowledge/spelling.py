"""Reads a question as it was meant: an unknown word is taken for one of the passages' words that is a slip
away, or else of the language's.

What people see stays their question. The passages' words are read in the background, portion by portion; as
rows never change only new rows are read, and a word that has gone since is told by its count.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass

from roost.domain.stop_words import STOP_WORDS
from roost.errors import RoostError
from roost.knowledge.embeddings import Embedder
from roost.knowledge.query_words import WORDS_AT_MOST
from roost.knowledge.vocabulary import SHORTEST, Vocabulary, words_of
from roost.storage import chunks
from roost.storage.database import Database

ROWS_AT_ONCE = 100
ROWS_A_MERGE = 2_000
PAUSE_S = 0.002  # between readings, for whoever waits for Python's lock
FIRST_WAIT_S = 0.25  # for a question that comes before the first word was read
CANDIDATES_COUNTED = 12
SAME_FIRST_LETTER = 4  # times as likely as another word of the same frequency
ENDINGS = ("ing", "ed", "es", "s", "d")

# The parts of a compound (`max_tokens`, `docs/setup`) are words; with a digit it is a name. `isn't` is left.
_PHRASE = re.compile(r"\w+(?:[-./:]+\w+)*(?:['’](?!s\b)\w+)?")  # noqa: RUF001 - it is typed like that, too
_WORD = re.compile(r"[^\W\d_]+")
_NO_WORD = re.compile(r"[\d'’]")  # noqa: RUF001
_log = logging.getLogger("roost.knowledge.spelling")


@dataclass(frozen=True, slots=True)
class Reading:
    """A question as it is searched for, and the words in it that nobody wrote, in lower case."""

    text: str
    guessed: frozenset[str] = frozenset()


class Spelling:
    """Knows the words of one database's passages. `embedder` knows those of the language; without them a slip
    cannot be told from a word that the passages do not use, and nothing is corrected.
    """

    def __init__(self, database: Database, embedder: Embedder) -> None:
        self._database = database
        self._embedder = embedder
        self._language = Vocabulary()
        self._passages = Vocabulary()
        self._starting = threading.Lock()
        self._read_up_to = 0
        self._wanted = 0
        self._reader: threading.Thread | None = None
        self._stopped = threading.Event()
        self._first = threading.Event()

    def stop(self) -> None:
        """Reads no more of the passages, for good: when this returns the database may be closed."""
        self._stopped.set()
        with self._starting:
            reader = self._reader
        if reader is not None:
            reader.join()

    def follow(self, newest_row: int) -> None:
        """Has the words of the rows up to `newest_row` read, in a thread of its own if there are new ones."""
        with self._starting:
            self._wanted = newest_row
            if self._reader is not None or self._stopped.is_set() or newest_row <= self._read_up_to:
                return
            self._reader = threading.Thread(target=self._read, name="spelling", daemon=True)
            self._reader.start()

    def read(self, question: str, count: Callable[[str], int]) -> Reading:
        """The question with its unknown words corrected. `count` says in how many passages a word stands."""
        absent = [word for word in _plain_words(question) if word not in STOP_WORDS and count(word) == 0]
        if not absent:
            return Reading(question)
        self._first.wait(FIRST_WAIT_S)
        if len(self._language) == 0:
            return Reading(question)
        # A word of the language that the passages happen not to use is no slip.
        meant = {word: self._meant(word, count) for word in absent if not self._is_known(word)}
        guessed = {word: other for word, other in meant.items() if other is not None}
        if not guessed:
            return Reading(question)

        def replaced(match: re.Match[str]) -> str:
            if _NO_WORD.search(match[0]):
                return match[0]
            return _WORD.sub(lambda word: guessed.get(word[0].lower(), word[0]), match[0])

        return Reading(_PHRASE.sub(replaced, question), frozenset(guessed.values()))

    def _is_known(self, word: str) -> bool:
        return word in self._language or word.removesuffix("s") in self._language

    def _meant(self, word: str, count: Callable[[str], int]) -> str | None:
        found = self._in_passages(word, count)
        if found is not None:
            return found
        for ending in ENDINGS:
            # The passages may hold the word with another ending, which the search takes for the same.
            stem = self._in_passages(word.removesuffix(ending), count) if word.endswith(ending) else None
            if stem is not None and count(stem + ending) > 0:
                return stem + ending
        near = self._language.nearest(word)
        near = [other for other in near if other[0] == word[0]] or near
        return near[0] if len(near) == 1 else None

    def _in_passages(self, word: str, count: Callable[[str], int]) -> str | None:
        """The nearest word, the more frequent of several; the first letter is seldom the wrong one."""

        def likelihood(other: str) -> int:
            return count(other) * (SAME_FIRST_LETTER if other[0] == word[0] else 1)

        near = sorted(self._passages.nearest(word), key=lambda other: other[0] != word[0])
        found = [other for other in near[:CANDIDATES_COUNTED] if count(other) > 0 or other in STOP_WORDS]
        return max(found, key=likelihood, default=None)

    def _read(self) -> None:
        try:
            if len(self._language) == 0:
                self._language.add(self._embedder.words())
            if len(self._language) == 0:
                return
            if self._read_up_to == 0:
                self._passages.add(STOP_WORDS)
            while self._read_up_to < self._wanted and not self._stopped.is_set():
                self._read_portion(self._wanted)
                self._first.set()
        except RoostError as error:
            # The database is being closed, or cannot be read; the next version of the index tries again.
            _log.warning("spelling_unread", extra={"reason": str(error)})
        finally:
            self._first.set()
            with self._starting:
                self._reader = None

    def _read_portion(self, newest_row: int) -> None:
        words: set[str] = set()
        row = self._read_up_to
        for _ in range(ROWS_A_MERGE // ROWS_AT_ONCE):
            with self._database.read() as db:
                texts, row = chunks.texts_after(db, row, ROWS_AT_ONCE)
            for text in texts:
                words |= words_of(text)
            if len(texts) < ROWS_AT_ONCE:
                row = max(row, newest_row)  # the newest may have been removed meanwhile
                break
            if self._stopped.wait(PAUSE_S):
                return
        self._passages.add(words)
        self._read_up_to = row


def _plain_words(question: str) -> list[str]:
    """The words that are letters alone and long enough to be told from others."""
    phrases = (match[0] for match in _PHRASE.finditer(question))
    words = (
        word for phrase in phrases if not _NO_WORD.search(phrase) for word in _WORD.findall(phrase.lower())
    )
    return list(dict.fromkeys(word for word in words if len(word) >= SHORTEST))[:WORDS_AT_MOST]

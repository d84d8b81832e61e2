"""What a question is searched by, word for word: its telling words, and identifiers as they are written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from roost.domain.stop_words import STOP_WORDS

WORDS_AT_MOST = 48

_WORD = re.compile(r"\w+(?:[-./:]+\w+)*")
_PART = re.compile(r"[^\W_]+")
_CAMEL = re.compile(r"\b\w*(?:[a-z0-9][A-Z]|[A-Z]{2}[a-z])\w*\b")
_HUMPS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")


def query_words(question: str) -> tuple[str, ...]:
    """The question's telling words in order, each once, in lower case; a compound (`max_tokens`,
    `docs/setup`) whole and in parts.

    Where every word is a stop word, all of them are kept: "who are you" is a question too.
    """
    words = list(dict.fromkeys(_compounds_and_parts(question.lower())))
    telling = [word for word in words if word not in STOP_WORDS]
    return tuple((telling or words)[:WORDS_AT_MOST])


def identifier_words(texts: Iterable[str]) -> str:
    """The parts of camel-case names (`getUpdates` gives `get Updates`), which a tokenizer for prose takes for
    one word.
    """
    names = dict.fromkeys(name for text in texts for name in _CAMEL.findall(text))
    return " ".join(dict.fromkeys(hump for name in names for hump in _HUMPS.findall(name)))


def _compounds_and_parts(text: str) -> Iterator[str]:
    for match in _WORD.finditer(text):
        word = match[0]
        parts = _PART.findall(word)
        if len(parts) > 1:
            yield word
        yield from parts

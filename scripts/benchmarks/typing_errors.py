"""Questions as they are typed in a hurry."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import replace

from scripts.benchmarks.question_sets import Question

SHORTEST = 5  # letters of a word that is mistyped
_WORD = re.compile(r"[^\W\d_]+")
_KEYS = "abcdefghijklmnopqrstuvwxyz"


def mistyped(text: str, chance: random.Random, words: int) -> str:
    """The text with one typing error in each of so many of its words, if it has as many."""
    places = [match.span() for match in _WORD.finditer(text) if len(match[0]) >= SHORTEST]
    for start, end in sorted(chance.sample(places, min(words, len(places))), reverse=True):
        text = text[:start] + _mistyped_word(text[start:end], chance) + text[end:]
    return text


def mistyped_questions(questions: Sequence[Question], seed: int, words: int) -> list[Question]:
    """The questions with typing errors, the same for the same seed; turns before are left alone."""
    texts = mistyped_texts([question.text for question in questions], seed, words)
    return [replace(question, text=text) for question, text in zip(questions, texts, strict=True)]


def mistyped_texts(texts: Sequence[str], seed: int, words: int) -> list[str]:
    chance = random.Random(seed)
    return [mistyped(text, chance, words) for text in texts]


def _mistyped_word(word: str, chance: random.Random) -> str:
    """Two letters swapped, one dropped, doubled or replaced; never the same word again."""
    while True:
        place = chance.randrange(len(word) - 1)
        here, following, rest = word[place], word[place + 1], word[place + 2 :]
        tail = chance.choice(
            (following + here, following, here + here + following, chance.choice(_KEYS) + following)
        )
        typed = word[:place] + tail + rest
        if typed != word:
            return typed

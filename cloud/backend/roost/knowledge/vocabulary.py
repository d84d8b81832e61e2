"""Many words, and which of them a misspelt one may stand for.

Words lie in one array, so that 200,000 of them take 8 MB, and carry a set of their letters as bits: a word
within one typing error differs in at most two letters, which leaves a few hundred to compare.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from roost.storage.numpy_import import load_numpy

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SHORTEST = 4  # letters; of a shorter word every other is a neighbour
TWO_ERRORS_FROM = 9
LONGEST_BYTES = 32
WORDS_AT_MOST = 200_000

_LETTERS = re.compile(rf"[^\W\d_]{{{SHORTEST},}}")


def words_of(text: str) -> set[str]:
    """The words of letters alone that a question's words are compared with, in lower case."""
    return set(_LETTERS.findall(text.lower()))


class Vocabulary:
    """A growing set of words. `add` and `nearest` may be called from several threads at once, `add` from one
    at a time.
    """

    def __init__(self, words_at_most: int = WORDS_AT_MOST) -> None:
        self._words_at_most = words_at_most
        self._table: tuple[NDArray[np.bytes_], NDArray[np.uint32], NDArray[np.uint8]] | None = None

    def __len__(self) -> int:
        return 0 if self._table is None else len(self._table[0])

    def __contains__(self, word: str) -> bool:
        table = self._table
        if table is None:
            return False
        encoded = word.encode()
        place = int(table[0].searchsorted(encoded))
        return place < len(table[0]) and bool(table[0][place] == encoded)

    @property
    def size_bytes(self) -> int:
        return 0 if self._table is None else sum(column.nbytes for column in self._table)

    def add(self, words: Iterable[str]) -> None:
        """Leaves out words of under SHORTEST letters or over LONGEST_BYTES, and all of them once there are
        too many.
        """
        load_numpy()
        import numpy as np

        long_enough = (word.encode() for word in words if len(word) >= SHORTEST)
        encoded = [word for word in long_enough if len(word) <= LONGEST_BYTES]
        fresh = np.array(encoded, dtype=f"S{LONGEST_BYTES}")
        known = np.unique(fresh) if self._table is None else np.union1d(self._table[0], fresh)
        if len(known) > self._words_at_most:
            return
        letters = np.frombuffer(known.tobytes(), dtype=np.uint8).reshape(-1, LONGEST_BYTES)
        masks = np.zeros(len(known), dtype=np.uint32)
        for place in range(LONGEST_BYTES):
            column = letters[:, place]
            masks |= np.where(column > 0, np.uint32(1) << (column & 31).astype(np.uint32), np.uint32(0))
        self._table = (known, masks, (letters > 0).sum(axis=1, dtype=np.uint8))

    def nearest(self, word: str) -> list[str]:
        """The words with the fewest typing errors between them and `word`: one at most, two from
        TWO_ERRORS_FROM letters on; all that have so few, in alphabetical order.
        """
        table = self._table
        if table is None or len(word) < SHORTEST:
            return []
        import numpy as np

        known, masks, lengths = table
        encoded = word.encode()
        # A letter beyond ASCII is two bytes or more.
        bytes_a_letter = 1 if word.isascii() else 2
        mask = np.uint32(0)
        for byte in encoded:
            mask |= np.uint32(1 << (byte & 31))
        for errors in (1, 2) if len(word) >= TWO_ERRORS_FROM else (1,):
            differing = errors * bytes_a_letter
            near = np.abs(lengths.astype(np.int16) - len(encoded)) <= differing
            near &= np.bitwise_count(masks ^ mask) <= 2 * differing
            found = [
                meant
                for meant in (entry.decode() for entry in known[near])
                if _is_likely(word, meant, errors) and _within(word, meant, errors)
            ]
            if found:
                return found
        return []


def _is_likely(typed: str, meant: str, errors: int) -> bool:
    """Whether people mistype like that: they seldom take a wrong key for the first letter, and in a word of
    four letters only two swapped or one left out tell a slip from another word.
    """
    swapped = sorted(typed) == sorted(meant)
    if len(typed) == SHORTEST:
        return swapped or len(meant) > len(typed)
    if typed[0] == meant[0]:
        return True
    return errors == 1 and (swapped or len(typed) != len(meant))


def _within(one: str, other: str, errors: int) -> bool:
    """Whether so many typing errors make one of the other: a letter more, a letter less, another letter, or
    two neighbours swapped (optimal string alignment).
    """
    same = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        same += 1
    one, other = one[same:], other[same:]
    if not one or not other or errors == 0:
        return len(one) + len(other) <= errors
    return (
        _within(one[1:], other[1:], errors - 1)
        or _within(one[1:], other, errors - 1)
        or _within(one, other[1:], errors - 1)
        or (one[:2] == other[1::-1] and _within(one[2:], other[2:], errors - 1))
    )

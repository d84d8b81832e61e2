"""How two rankings become one. Pure arithmetic.

Min-max weighted sums over the union of both lists did best of what was measured on public question sets
(reciprocal ranks 1 to 4 points of nDCG worse); see docs/decisions on retrieval and scripts/bench-retrieval.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

VECTOR_WEIGHT = 0.6
# In a small index the fifty nearest are most of it, which squeezes the differences that matter into the top
# of the range, and a word's rarity says little: meaning counts for more there. Best weight on parts of four
# public sets: .75 at 60 and 120 chunks, .65 at 250 and 500, .6 from 1,000 on.
SMALL_INDEX_WEIGHT = 0.75
SMALL_INDEX, FULL_INDEX = 100, 1_000  # chunks
# A follow-up is searched for alone and together with the turn before, and both results are blended: with a
# turn that belongs to it this beats either search, and with one about something else it harms little
# (measured on 332 conversations).
LAST_TURN_WEIGHT = 0.6

# Below this share the best match by words is a chance one, and its list counts less in proportion.
FULL_EVIDENCE = 0.2

BM25_K1 = 1.2  # FTS5's constant: a term's score grows to (k1 + 1) times its idf


def blend(
    last: Mapping[int, float], together: Mapping[int, float], weight: float = LAST_TURN_WEIGHT
) -> dict[int, float]:
    """Scores of a follow-up's two searches in one; a row missing from one counts as 0 there."""
    return {
        row: weight * last.get(row, 0.0) + (1 - weight) * together.get(row, 0.0) for row in {*last, *together}
    }


def fuse(
    cosines: Mapping[int, float | None], bm25: Mapping[int, float], evidence: float, chunks: int
) -> list[tuple[int, float]]:
    """Rows with their scores in 0..1, best first. `cosines` holds every candidate, None where it has no
    vector (yet). `chunks` is the size of the index.

    A candidate without a vector is placed by its words alone, as if its meaning fitted just as well.
    """
    by_meaning = min_max({row: cosine for row, cosine in cosines.items() if cosine is not None})
    by_words = min_max(bm25)
    weight = vector_weight(evidence, chunks)
    scores = {}
    for row in cosines:
        words = by_words.get(row, 0.0)
        scores[row] = weight * by_meaning.get(row, words) + (1 - weight) * words
    return sorted(scores.items(), key=lambda entry: (-entry[1], entry[0]))


def vector_weight(evidence: float, chunks: int) -> float:
    """The weight of meaning against words, for so much `lexical_evidence` and so large an index."""
    smallness = math.log(FULL_INDEX / max(chunks, SMALL_INDEX)) / math.log(FULL_INDEX / SMALL_INDEX)
    base = VECTOR_WEIGHT + (SMALL_INDEX_WEIGHT - VECTOR_WEIGHT) * max(0.0, smallness)
    return 1 - (1 - base) * min(1.0, evidence / FULL_EVIDENCE)


def min_max(scores: Mapping[int, float]) -> dict[int, float]:
    """Stretched to 0..1; where all are equal, all are 1."""
    if not scores:
        return {}
    low, high = min(scores.values()), max(scores.values())
    if high <= low:
        return dict.fromkeys(scores, 1.0)
    return {row: (score - low) / (high - low) for row, score in scores.items()}


def lexical_evidence(best_bm25: float, matches: Sequence[int], chunks: int) -> float:
    """The best BM25 score as a share (0..1) of what the question's words could reach if all stood densely in
    one chunk.

    `matches` says for each word in how many of the `chunks` it stands. A word nobody wrote counts with the
    highest weight: that it is missing is what gives an off-domain question away. The idf is FTS5's own
    (sqlite.org/fts5.html, section 5.1.1).
    """
    reachable = (BM25_K1 + 1) * sum(_idf(count, chunks) for count in matches)
    return min(1.0, best_bm25 / reachable) if reachable > 0 else 0.0


def _idf(matches: int, chunks: int) -> float:
    return max(math.log((chunks - matches + 0.5) / (matches + 0.5)), 1e-6)

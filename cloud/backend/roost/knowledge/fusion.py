"""How two rankings become one, and when to say that the docs don't say. Pure arithmetic.

Min-max weighted sums over the union of both lists did best of what was measured on public question sets
(reciprocal ranks 1 to 4 points of nDCG worse); see docs/decisions on retrieval and scripts/bench-retrieval.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from roost.domain.documents import Confidence

VECTOR_WEIGHT = 0.6
# A follow-up is searched for alone and together with the turn before, and both results are blended: with a
# turn that belongs to it this beats either search, and with one about something else it harms little
# (measured on 332 conversations).
LAST_TURN_WEIGHT = 0.6

# A question is answered when the top cosine of all-MiniLM-L6-v2, helped by the evidence of its words, passes
# a bar that grows with the size of the index: the best of n chance cosines grows as sqrt(2 ln n) of their
# spread (extreme values of a normal distribution). A fixed bar of .35 refused 14 % of answerable questions on
# 96 chunks and let 11 % of foreign ones pass on 1,200.
REFUSE_BELOW = 0.42
HEDGE_BELOW = 0.52
EVIDENCE_WEIGHT = 0.3
CHANCE_SPREAD = 0.09
BAR_MEASURED_AT = 1_000  # chunks
BAR_MOVES_WITHIN = (50, 10_000)  # chunks

# The same gates by words alone: the share of the greatest BM25 score the question's words could reach.
# Off-domain questions share few and common words with the docs.
REFUSE_BELOW_EVIDENCE = 0.2
HEDGE_BELOW_EVIDENCE = 0.3
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
    cosines: Mapping[int, float | None], bm25: Mapping[int, float], evidence: float
) -> list[tuple[int, float]]:
    """Rows with their scores in 0..1, best first. `cosines` holds every candidate, None where it has no
    vector (yet).

    A candidate without a vector is placed by its words alone, as if its meaning fitted just as well.
    """
    by_meaning = min_max({row: cosine for row, cosine in cosines.items() if cosine is not None})
    by_words = min_max(bm25)
    weight = vector_weight(evidence)
    scores = {}
    for row in cosines:
        words = by_words.get(row, 0.0)
        scores[row] = weight * by_meaning.get(row, words) + (1 - weight) * words
    return sorted(scores.items(), key=lambda entry: (-entry[1], entry[0]))


def vector_weight(evidence: float) -> float:
    """The weight of meaning against words: VECTOR_WEIGHT, more where the question's words hardly occur."""
    return 1 - (1 - VECTOR_WEIGHT) * min(1.0, evidence / FULL_EVIDENCE)


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


def confidence(top_cosine: float, evidence: float, chunks: int) -> Confidence:
    """Whether to answer, from the best cosine, `lexical_evidence` and the number of chunks searched."""
    fewest, most = BAR_MOVES_WITHIN
    size = min(max(chunks, fewest), most)
    shift = CHANCE_SPREAD * (_chance_maximum(size) - _chance_maximum(BAR_MEASURED_AT))
    return _gate(top_cosine + EVIDENCE_WEIGHT * evidence - shift, REFUSE_BELOW, HEDGE_BELOW)


def confidence_by_words(evidence: float) -> Confidence:
    return _gate(evidence, REFUSE_BELOW_EVIDENCE, HEDGE_BELOW_EVIDENCE)


def _gate(value: float, refuse_below: float, hedge_below: float) -> Confidence:
    if value < refuse_below:
        return Confidence.REFUSE
    return Confidence.HEDGE if value < hedge_below else Confidence.ANSWER


def _chance_maximum(count: int) -> float:
    return math.sqrt(2 * math.log(count))


def _idf(matches: int, chunks: int) -> float:
    return max(math.log((chunks - matches + 0.5) / (matches + 0.5)), 1e-6)

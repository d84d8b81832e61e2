"""How good a ranking is, by the usual measures with binary relevance."""

from __future__ import annotations

import math
from collections.abc import Sequence, Set
from dataclasses import dataclass

DEPTH = 10


@dataclass(frozen=True, slots=True)
class Quality:
    """Means over a question set, each 0..1."""

    ndcg_at_10: float
    mrr_at_10: float
    hit_at_5: float
    recall_at_5: float


def quality(rankings: Sequence[Sequence[str]], gold: Sequence[Set[str]]) -> Quality:
    """Each ranking holds the addresses found, best first; a repeated one counts where it comes first."""
    pairs = [(list(dict.fromkeys(ranking)), wanted) for ranking, wanted in zip(rankings, gold, strict=True)]
    return Quality(
        ndcg_at_10=_mean([ndcg(ranking, wanted) for ranking, wanted in pairs]),
        mrr_at_10=_mean([reciprocal_rank(ranking, wanted) for ranking, wanted in pairs]),
        hit_at_5=_mean([float(bool(set(ranking[:5]) & wanted)) for ranking, wanted in pairs]),
        recall_at_5=_mean([len(set(ranking[:5]) & wanted) / len(wanted) for ranking, wanted in pairs]),
    )


def ndcg(ranking: Sequence[str], wanted: Set[str]) -> float:
    """Normalised discounted cumulative gain at 10 (Järvelin and Kekäläinen, 2002)."""
    gained = sum(1 / math.log2(place + 2) for place, found in enumerate(ranking[:DEPTH]) if found in wanted)
    best = sum(1 / math.log2(place + 2) for place in range(min(len(wanted), DEPTH)))
    return gained / best


def reciprocal_rank(ranking: Sequence[str], wanted: Set[str]) -> float:
    return next((1 / (place + 1) for place, found in enumerate(ranking[:DEPTH]) if found in wanted), 0.0)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)

"""When to say that the docs don't say. Pure arithmetic.

How near the best passage of an index comes to a question about something else differs from index to index:
.16 on average in a manual of a hundred passages, .24 in a product's documentation, .35 in an encyclopaedia.
So each index is measured with questions about everyday life (`foreign_questions`), and a question is answered
when it comes clearly nearer than those. Chosen on six question sets; see docs/decisions on confidence.
"""

from __future__ import annotations

from roost.domain.documents import Confidence
from roost.storage.foreign_matches import ForeignMatches

# The top cosine is helped by `fusion.lexical_evidence`; foreign questions have a little of it, too.
EVIDENCE_WEIGHT = 0.15
EVIDENCE_OF_FOREIGN = 0.02
SPREADS = 3.0
# An index in which questions about everyday life find their answers tells nothing about what is foreign to
# it, and in a tiny one even relevant cosines are chance: the bar stays between these, for all-MiniLM-L6-v2.
LOWEST_BAR, HIGHEST_BAR = 0.30, 0.41
UNMEASURED_BAR = 0.35
# A follow-up says only a part of what it is about, and stands in a conversation that is about the docs.
FOLLOW_UP_BONUS = 0.04
HEDGE_WITHIN = 0.10

# The same gates by words alone: the share of the greatest BM25 score the question's words could reach.
# Off-domain questions share few and common words with the docs.
REFUSE_BELOW_EVIDENCE = 0.2
HEDGE_BELOW_EVIDENCE = 0.3


def bar(foreign: ForeignMatches | None) -> float:
    """What top cosine and evidence must reach. None: the index was not measured yet."""
    if foreign is None:
        return UNMEASURED_BAR
    beyond = foreign.mean + SPREADS * foreign.spread + EVIDENCE_OF_FOREIGN
    return min(max(beyond, LOWEST_BAR), HIGHEST_BAR)


def confidence(
    top_cosine: float, evidence: float, foreign: ForeignMatches | None, *, follow_up: bool = False
) -> Confidence:
    """Whether to answer, from the best cosine and the question's `lexical_evidence`."""
    bonus = FOLLOW_UP_BONUS if follow_up else 0.0
    lowest = bar(foreign)
    return _gate(top_cosine + EVIDENCE_WEIGHT * evidence + bonus, lowest, lowest + HEDGE_WITHIN)


def confidence_by_words(evidence: float) -> Confidence:
    return _gate(evidence, REFUSE_BELOW_EVIDENCE, HEDGE_BELOW_EVIDENCE)


def _gate(value: float, refuse_below: float, hedge_below: float) -> Confidence:
    if value < refuse_below:
        return Confidence.REFUSE
    return Confidence.HEDGE if value < hedge_below else Confidence.ANSWER

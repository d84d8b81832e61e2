"""A knowledge base of a few fixed passages, for tests of what is built on retrieval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from roost.domain.documents import Confidence, Passage, Retrieval

PASSAGES = (
    Passage(
        "c1",
        "s",
        "https://docs.example/start#press",
        "Start",
        "Press",
        "Press the green button to start.",
        0.9,
    ),
    Passage("c2", "s", "https://docs.example/stop", "Stop", "", "Hold the red button to stop.", 0.8),
    Passage("c3", "s", "https://docs.example/start#hold", "Start", "Hold", "Hold it for a second.", 0.7),
    Passage("c4", "s", "https://docs.example/sell", "Sell", "", "Sell it with care.", 0.6),
)


@dataclass
class FixedRetriever:
    """Finds the same passages for every question, and remembers what it was asked."""

    passages: tuple[Passage, ...] = PASSAGES
    confidence: Confidence = Confidence.ANSWER
    ready: bool = True
    refused: frozenset[str] = frozenset()
    """Questions for which nothing is found."""
    asked: list[tuple[str, str | None, Sequence[str] | None]] = field(default_factory=list)

    def retrieve(
        self,
        question: str,
        *,
        previous: str | None = None,
        source_ids: Sequence[str] | None = None,
        limit: int = 8,
    ) -> Retrieval:
        self.asked.append((question, previous, source_ids))
        confidence = Confidence.REFUSE if question in self.refused else self.confidence
        return Retrieval(question, self.passages[:limit], confidence, 7, self.ready)

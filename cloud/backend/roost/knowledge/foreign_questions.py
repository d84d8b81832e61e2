"""Questions about everyday life, and how near an index comes to them by chance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from roost.knowledge.embeddings import Embedder
from roost.storage.foreign_matches import ForeignMatches

if TYPE_CHECKING:
    from roost.knowledge.embeddings import Vector

MEASURED_AGAIN_BEYOND = 0.2  # of the chunks that it held then

QUESTIONS = (
    "What is the best way to cook rice?",
    "How do I renew my passport?",
    "Who is the prime minister of Japan?",
    "How can I lose weight fast?",
    "What's the weather in Berlin tomorrow?",
    "Tell me a joke",
    "How long does it take to fly to Sydney?",
    "Write a poem about autumn",
    "What medication helps against migraine?",
    "Which car should I buy?",
    "How do I write a will?",
    "What is quantum entanglement?",
    "When is the next solar eclipse?",
    "How do I clean a cast iron pan?",
    "What is the population of Brazil?",
    "How do I teach my dog to sit?",
    "Who wrote Pride and Prejudice?",
    "What is a good exercise for back pain?",
    "How do I file my taxes in Germany?",
    "What are the lyrics of Yesterday?",
    "How many players are in a basketball team?",
    "How do volcanoes form?",
    "Can you recommend a book about the Vikings?",
    "Why is the sky blue?",
    "What is the exchange rate of euro to dollar?",
    "How do I get a stain out of my shirt?",
    "Is coffee bad for you?",
    "What is the tallest building in the world?",
    "How do I fix a leaking tap?",
    "What year did the Titanic sink?",
    "who won the last election",
    "best pizza near me",
    "how to tie a tie",
    "symptoms of flu",
    "stock price of apple",
    "how do I grow potatoes",
    "who invented the telephone",
    "how do I play the guitar",
    "what time is it in Tokyo",
    "should I invest in bitcoin",
)


def is_due(known: ForeignMatches | None, chunks: int) -> bool:
    """Whether an index of so many chunks is to be measured (again)."""
    return known is None or abs(chunks - known.chunks) > MEASURED_AGAIN_BEYOND * known.chunks


def measure(
    embedder: Embedder,
    best_cosine: Callable[[Vector], float | None],
    chunks: int,
    stopped: Callable[[], bool],
    questions: Sequence[str] = QUESTIONS,
) -> ForeignMatches | None:
    """None when stopped, or when nothing was found. A question takes some 4 ms of CPU.

    `best_cosine(vector)` is that of the nearest passage.
    """
    cosines = []
    for question in questions:
        if stopped():
            return None
        cosine = best_cosine(embedder.embed(question))
        if cosine is not None:
            cosines.append(cosine)
    if not cosines:
        return None
    mean = sum(cosines) / len(cosines)
    spread = (sum((cosine - mean) ** 2 for cosine in cosines) / len(cosines)) ** 0.5
    return ForeignMatches(chunks, mean, spread)

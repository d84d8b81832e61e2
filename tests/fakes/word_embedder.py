"""An embedder without a model: texts that share words are near each other. Exact, instant, and it counts what
it embeds.
"""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from roost.knowledge.embeddings import Vector


class WordEmbedder:
    """`reason` stands for a missing model; `delay_s` for a slow one; `known_words` are those of its language.
    `texts` are all that were embedded, in order.
    """

    def __init__(self, model: str = "words", dimension: int = 64) -> None:
        self.model = model
        self.dimension = dimension
        self.reason: str | None = None
        self.delay_s = 0.0
        self.known_words: Collection[str] = ()
        self.texts: list[str] = []
        self._lock = threading.Lock()

    def missing(self) -> str | None:
        return self.reason

    def count_tokens(self, text: str) -> int:
        return len(re.findall(r"\w+|[^\w\s]", text))

    def words(self) -> Collection[str]:
        return self.known_words

    def embed(self, text: str) -> Vector:
        if self.delay_s:
            time.sleep(self.delay_s)
        with self._lock:
            self.texts.append(text)
        vector = np.full(self.dimension, 1e-3, dtype=np.float32)
        for word in re.findall(r"\w+", text.lower()):
            digest = hashlib.sha256(word.encode()).digest()
            vector[digest[0] % self.dimension] += 1 if digest[1] % 2 else -1
        return (vector / np.linalg.norm(vector)).astype(np.float32)

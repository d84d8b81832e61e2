"""Vectors of meaning: all-MiniLM-L6-v2 as int8 ONNX, in this process, one thread.

The library and the model are loaded when first used. A query takes 1 to 2 ms of CPU, a passage of 256 tokens
some 25 ms. Source of the pooling: the model card of sentence-transformers/all-MiniLM-L6-v2 (mean over
the tokens, then L2 norm).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from roost.errors import Unavailable
from roost.knowledge.chunking import SPECIAL_TOKENS, TOKEN_LIMIT, estimate_tokens
from roost.storage.numpy_import import load_numpy

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vector = NDArray[np.float32]

MODEL_FILE = "encoder_int8.onnx"
TOKENIZER_FILE = "tokenizer.json"
QUERIES_KEPT = 256


class Embedder(Protocol):
    """Turns text into unit vectors of `dimension` numbers. Safe to call from several threads."""

    model: str
    dimension: int

    def missing(self) -> str | None:
        """Why there can be no vectors, as a sentence with its remedy; None when there can."""
        ...

    def count_tokens(self, text: str) -> int: ...

    def words(self) -> Collection[str]:
        """The words that the model knows as a whole, in lower case: common ones of its language. Empty when
        there is no model.
        """
        ...

    def embed(self, text: str) -> Vector:
        """Raises Unavailable when `missing()` has a reason."""
        ...


class MiniLmEmbedder:
    """The bundled model, read from `model_dir` (`encoder_int8.onnx` and `tokenizer.json`)."""

    model = "all-MiniLM-L6-v2-int8-fused"
    dimension = 384

    def __init__(self, model_dir: Path) -> None:
        self._model_dir = model_dir
        self._loading = threading.Lock()
        self._tokenizer: Any = None
        self._session: Any = None

    def missing(self) -> str | None:
        for name in (MODEL_FILE, TOKENIZER_FILE):
            if not (self._model_dir / name).is_file():
                return (
                    f"The embedding model is not in {self._model_dir}, so search goes by words alone. "
                    "Run scripts/prepare.py model, or set MODEL_DIR to its folder."
                )
        return None

    def count_tokens(self, text: str) -> int:
        """The text's tokens without the two special ones; an estimate when the model is missing."""
        if self._tokenizer is None and self.missing() is not None:
            return estimate_tokens(text)
        return len(self._load_tokenizer().encode(text, add_special_tokens=False).ids)

    def words(self) -> Collection[str]:
        if self.missing() is not None:
            return ()
        return [word for word in self._load_tokenizer().get_vocab() if word.isalpha()]

    def embed(self, text: str) -> Vector:
        load_numpy()
        import numpy as np

        session, tokenizer = self._load_session(), self._load_tokenizer()
        encoding = tokenizer.encode(text, add_special_tokens=False)
        first, last = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")
        ids = np.array([[first, *encoding.ids[: TOKEN_LIMIT - SPECIAL_TOKENS], last]], dtype=np.int64)
        states = session.run(None, {"input_ids": ids})[0]
        mean = states[0].mean(axis=0, dtype=np.float32)
        unit: Vector = mean / max(float(np.linalg.norm(mean)), 1e-12)
        return unit

    def _load_tokenizer(self) -> Any:
        with self._loading:
            if self._tokenizer is None:
                from tokenizers import Tokenizer

                tokenizer = Tokenizer.from_file(str(self._model_dir / TOKENIZER_FILE))
                tokenizer.no_padding()
                tokenizer.no_truncation()
                self._tokenizer = tokenizer
            return self._tokenizer

    def _load_session(self) -> Any:
        with self._loading:
            if self._session is None:
                reason = self.missing()
                if reason is not None:
                    raise Unavailable(reason, code="model_missing")
                import onnxruntime

                options = onnxruntime.SessionOptions()
                options.intra_op_num_threads = 1
                options.inter_op_num_threads = 1
                options.log_severity_level = 3
                self._session = onnxruntime.InferenceSession(
                    str(self._model_dir / MODEL_FILE),
                    options,
                    providers=["CPUExecutionProvider"],
                    # The fused operator goes number by number: a sixth of all time where the two it takes the
                    # place of need a twentieth (onnxruntime 1.31).
                    disabled_optimizers=["SkipLayerNormFusion"],
                )
            return self._session


class QueryVectors:
    """An embedder's answers to recent questions, so that a repeated one costs nothing."""

    def __init__(self, embedder: Embedder, kept: int = QUERIES_KEPT) -> None:
        self._embedder = embedder
        self._kept = kept
        self._lock = threading.Lock()
        self._recent: OrderedDict[str, Vector] = OrderedDict()

    def embed(self, query: str) -> Vector:
        with self._lock:
            known = self._recent.get(query)
            if known is not None:
                self._recent.move_to_end(query)
                return known
        vector = self._embedder.embed(query)
        with self._lock:
            self._recent[query] = vector
            while len(self._recent) > self._kept:
                self._recent.popitem(last=False)
        return vector

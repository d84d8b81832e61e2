"""numpy, loaded once and whole before any thread uses it.

numpy's modules import each other in circles. When two threads import it for the first time at once, by
different doors (ChromaDB's and ours), Python lets one of them see a half-made module, and that thread fails
with ImportError.
"""

from __future__ import annotations

import threading

_loading = threading.Lock()


def load_numpy() -> None:
    """Call it before the first import of numpy, or of what imports it, in every thread."""
    with _loading:
        import numpy.typing  # noqa: F401 - the last part of the circle

"""The whole server's memory with the embedding model and an index of 1,000 chunks loaded."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from scripts.benchmarks.process_tree import pss_mb
from scripts.benchmarks.table import Figure, show
from scripts.benchmarks.telegram import fill_index
from tests.e2e.world import world

CHUNKS = 1_000


def run() -> str:
    with tempfile.TemporaryDirectory() as folder, world(Path(folder)) as here:
        here.roost.start()
        with here.roost.client() as client:
            fill_index(here, client, CHUNKS)
            built_mb = pss_mb(here.roost.pid)
            here.roost.kill()
        here.roost.start()
        with here.roost.client() as client:
            for _ in range(20):
                client.post("/api/ask", json={"question": "How is a perch set up?"}).raise_for_status()
            time.sleep(15)
            loaded_mb = pss_mb(here.roost.pid)
    how = f"PSS of the process tree with {CHUNKS} chunks and their vectors; no bot, no bucket."
    return show(
        "Memory",
        how,
        [
            Figure(
                "with model and index loaded, after a restart and 20 questions",
                f"{loaded_mb:.0f} MB",
                "<= 270 MB",
                "629 MB",
                loaded_mb <= 270,
            ),
            Figure("at the end of crawling and embedding them", f"{built_mb:.0f} MB", "-", "-", None),
        ],
    )

"""The whole server's memory with the embedding model and an index loaded: of 1,000 chunks, and of 10,000."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from roost.knowledge.embeddings import MiniLmEmbedder
from roost.settings import REPOSITORY
from scripts.benchmarks.made_index import fill_folder
from scripts.benchmarks.process_tree import pss_mb
from scripts.benchmarks.question_sets import manual_set
from scripts.benchmarks.table import Figure, show
from scripts.benchmarks.telegram import fill_index
from tests.e2e.world import QUESTION, wait_for, world

CHUNKS = 1_000
MANY_CHUNKS = 10_000


def run() -> str:
    return "\n".join((_small(), _large()))


def _small() -> str:
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


def _large() -> str:
    embedder = MiniLmEmbedder(Path(os.environ.get("MODEL_DIR") or REPOSITORY / "build" / "minilm"))
    with tempfile.TemporaryDirectory() as folder, world(Path(folder)) as here:
        here.roost.start()
        with here.roost.client() as client:
            source_id = here.read_site(client)
            # A crawl would remove what is added below.
            client.patch(f"/api/sources/{source_id}", json={"paused": True}).raise_for_status()
        here.roost.terminate()
        fill_folder(Path(folder), embedder, MANY_CHUNKS, manual_set().pages, source_id)
        here.roost.start()
        ready = f"Index ready: {MANY_CHUNKS}"[:-2]
        wait_for(lambda: ready in here.roost.printed, "all are placed", within_s=1_800)
        built_mb = pss_mb(here.roost.pid)
        here.roost.terminate()
        here.roost.start()
        with here.roost.client() as client:
            for number in range(200):
                query = {"q": f"{QUESTION} {number}"}
                client.get("/api/knowledge/search", params=query).raise_for_status()
            time.sleep(15)
            loaded_mb = pss_mb(here.roost.pid)
    how = f"PSS of the process tree with {MANY_CHUNKS:,} chunks and their vectors; no bot, no bucket."
    return show(
        "Memory with a large index",
        how,
        [
            Figure(
                "after a restart and 200 different questions",
                f"{loaded_mb:.0f} MB",
                "<= 450 MB",
                "",
                loaded_mb <= 450,
            ),
            Figure(
                "at the end of building the vector index",
                f"{built_mb:.0f} MB",
                "<= 450 MB",
                "",
                built_mb <= 450,
            ),
        ],
    )

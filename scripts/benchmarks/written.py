"""What a written answer costs beyond the model."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import httpx

from roost.clock import SystemClock, SystemIds
from scripts.benchmarks.process_tree import cpu_s
from scripts.benchmarks.table import Figure, quantile, show
from tests.e2e.world import QUESTION, world

ANSWERS = 60


def run() -> str:
    """Written answers in the browser's way: POST, then the run's events, the endpoint answering at once."""
    overhead_s: list[float] = []
    first_s: list[float] = []
    with tempfile.TemporaryDirectory() as folder, world(Path(folder), written=True) as here:
        here.llm.piece_chars = 16
        here.roost.start()
        with here.roost.client() as client:
            here.read_site(client)
            for _ in range(5):
                _ask(client, _thread(client))
            threads = [_thread(client) for _ in range(ANSWERS)]
            before_s = cpu_s(here.roost.pid)
            for thread in threads:
                first, done = _ask(client, thread)
                first_s.append(first)
                overhead_s.append(done)
            spent_ms = (cpu_s(here.roost.pid) - before_s) * 1000 / ANSWERS
            following_s = [_ask(client, threads[0])[1] for _ in range(ANSWERS)]
    p50_ms, slow_ms = quantile(overhead_s, 0.5) * 1000, quantile(first_s, 0.95) * 1000
    following_ms = quantile(following_s, 0.5) * 1000
    how = (
        f"{ANSWERS} questions, each in a thread of its own, one after the other, the stand-in answering at "
        "once; from the POST to the `done` event, which holds the stand-in's own time too. Then as many in "
        "one thread: for a follow-up the model is asked twice, first for what to search."
    )
    return show(
        "Written answers",
        how,
        [
            Figure(
                "from the question to the whole answer, p50",
                f"{p50_ms:.0f} ms",
                "<= 60 ms",
                "-",
                p50_ms <= 60,
            ),
            Figure("the same for a follow-up, p50", f"{following_ms:.0f} ms", "-", "-", None),
            Figure("CPU an answer", f"{spent_ms:.0f} ms", "<= 30 ms", "-", spent_ms <= 30),
            Figure("first text, p95", f"{slow_ms:.0f} ms", "<= 300 ms", "-", slow_ms <= 300),
        ],
    )


def _thread(client: httpx.Client) -> str:
    return str(client.post("/api/threads", json={}).json()["id"])


def _ask(client: httpx.Client, thread: str) -> tuple[float, float]:
    """Seconds to the first text, and to the end."""
    began_s = time.monotonic()
    reply = client.post(
        f"/api/threads/{thread}/messages", json={"id": SystemIds(SystemClock()).new(), "text": QUESTION}
    )
    reply.raise_for_status()
    first_s = 0.0
    with client.stream("GET", f"/api/runs/{reply.json()['run_id']}/events") as events:
        for line in events.iter_lines():
            if line.startswith("event: delta") and not first_s:
                first_s = time.monotonic() - began_s
            if line.startswith("event: done"):
                break
    return first_s, time.monotonic() - began_s

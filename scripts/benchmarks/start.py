"""How much CPU and time the server needs before its page opens, and how much memory it then holds."""

from __future__ import annotations

import subprocess
import tempfile
import time
from pathlib import Path

import httpx

from scripts.benchmarks.process_tree import cpu_s, pss_mb
from scripts.benchmarks.table import Figure, quantile, show
from tests.e2e.roost_process import RoostProcess

ROUNDS = 5
ROOST = Path(__file__).parents[1] / "roost"


def run() -> str:
    cpu: list[float] = []
    first_page_s: list[float] = []
    ready_s: list[float] = []
    health_s: list[float] = []
    memory_mb = 0.0
    for last in [False] * (ROUNDS - 1) + [True]:
        with tempfile.TemporaryDirectory() as folder, RoostProcess(Path(folder)) as server:
            began_s = time.monotonic()
            server.launch()
            health_s.append(_first_200(server, "/healthz") - began_s)
            _first_200(server, "/")
            opened_s = _first_200(server, "/api/session")
            cpu.append(cpu_s(server.pid))
            first_page_s.append(opened_s - began_s)
            server.wait_until_ready()
            ready_s.append(time.monotonic() - began_s)
            if last:
                time.sleep(15)
                memory_mb = pss_mb(server.pid)
    how = (
        f"{ROUNDS} starts on empty folders; CPU of the whole process tree (user and system, /proc) when both "
        "pages had answered 200, the slowest start; PSS of the tree 15 s after the last start."
    )
    help_s = _help_s()
    figures = [
        Figure(
            "CPU to the first 200 of `/` and `/api/session`",
            f"{max(cpu):.2f} s",
            "<= 0.8 s",
            "5.6 and 8.9 s",
            max(cpu) <= 0.8,
        ),
        Figure("`/healthz` after start", f"{max(health_s):.2f} s", "<= 1 s", "-", max(health_s) <= 1),
        Figure("first page after start", f"{max(first_page_s):.2f} s", "-", "-", None),
        Figure("`roost --help`, the median of five", f"{help_s:.2f} s", "<= 0.3 s", "-", help_s <= 0.3),
        Figure("ready after start", f"{max(ready_s):.2f} s", "-", "-", None),
        Figure(
            "memory 15 s after start, no bot", f"{memory_mb:.0f} MB", "<= 110 MB", "344 MB", memory_mb <= 110
        ),
    ]
    return show("Start", how, figures)


def _first_200(server: RoostProcess, path: str) -> float:
    """The moment at which `path` first answers 200."""
    deadline_s = time.monotonic() + 30
    while time.monotonic() < deadline_s:
        try:
            if httpx.get(server.base_url + path, timeout=5).status_code == 200:
                return time.monotonic()
        except httpx.TransportError:
            pass
        time.sleep(0.005)
    raise TimeoutError(f"{path} did not answer 200:\n{server.printed}")


def _help_s() -> float:
    took = []
    for _ in range(5):
        began_s = time.monotonic()
        subprocess.run([ROOST, "--help"], capture_output=True, timeout=30, check=True)
        took.append(time.monotonic() - began_s)
    return quantile(took, 0.5)

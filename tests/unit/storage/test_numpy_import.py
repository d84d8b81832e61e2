"""Threads that need numpy at the same moment, as after a restart with questions in flight."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[3] / "cloud" / "backend"

PROGRAM = """
import threading
from roost.storage.numpy_import import load_numpy

doors = ["numpy", "numpy.linalg", "numpy.typing", "numpy.lib", "numpy.matrixlib", "numpy.ma", "numpy.random"]
start = threading.Barrier(len(doors))
failures = []

def enter(door):
    start.wait()
    try:
        load_numpy()
        __import__(door)
    except ImportError as error:
        failures.append(f"{door}: {error}")

threads = [threading.Thread(target=enter, args=(door,)) for door in doors]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(failures)
"""


def run(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=SOURCES, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.strip()


def test_every_thread_gets_a_whole_numpy_by_whatever_door_it_enters() -> None:
    assert run(PROGRAM) == "[]"

"""A folder's store while processes are stopped and killed at every step, and while many write one object."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from roost.clock import SystemClock
from roost.replication.directory_store import DirectoryStore
from tests.integration.replication.stopped_writers import CALLS

ROOT = Path(__file__).parents[3]
MEMORY = Path("/dev/shm")

COUNTING = """
import json, sys
from pathlib import Path
from roost.clock import SystemClock
from roost.errors import ObjectMissing, PreconditionFailed
from roost.replication.directory_store import DirectoryStore

folder, wins = Path(sys.argv[1]), int(sys.argv[2])
store, won, lost = DirectoryStore(folder, SystemClock()), [], 0
sys.stdin.readline()
while len(won) < wins:
    stat = store.stat("v1/counter")
    try:
        content = store.get("v1/counter", generation=stat.generation)
        number = int(content) + 1
        put = store.put("v1/counter", b"%d" % number, if_generation_match=stat.generation)
    except (PreconditionFailed, ObjectMissing):
        lost += 1
    else:
        won.append((number, put.generation))
print(json.dumps([won, lost]))
"""

RACING = """
import json, sys
from pathlib import Path
from roost.clock import SystemClock
from roost.errors import PreconditionFailed
from roost.replication.directory_store import DirectoryStore

folder, wins = Path(sys.argv[1]), int(sys.argv[2])
store, won = DirectoryStore(folder, SystemClock()), []
sys.stdin.readline()
while len(won) < wins:
    try:
        put = store.put("v1/taken", b"mine", if_generation_match=0)
    except PreconditionFailed:
        continue
    won.append(put.generation)
    store.delete("v1/taken", if_generation_match=put.generation)
print(json.dumps(won))
"""


@pytest.fixture(params=["disk", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """On both, for their file systems differ in much."""
    if request.param == "disk":
        yield tmp_path
    elif not MEMORY.is_dir():
        pytest.skip("no file system in memory")
    else:
        with TemporaryDirectory(dir=MEMORY) as path:
            yield Path(path)


def at_once(processes: int, program: str, folder: Path, wins: int) -> list[Any]:
    """What each of them told, after all have begun at once."""
    with ExitStack() as stack:
        running = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", program, str(folder), str(wins)],
                    cwd=ROOT / "cloud" / "backend",
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                )
            )
            for _ in range(processes)
        ]
        for each in running:
            assert each.stdin is not None
            each.stdin.write(b"\n")
            each.stdin.flush()
        told = [each.communicate()[0] for each in running]
    assert [each.returncode for each in running] == [0] * processes
    return [json.loads(each) for each in told]


@pytest.mark.parametrize("call", CALLS)
def test_nobody_waits_for_a_process_that_was_stopped_and_none_undoes_what_was_written_since(
    call: str, tmp_path: Path
) -> None:
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else tmp_path) as path:
        run = subprocess.run(
            [sys.executable, "-m", "tests.integration.replication.stopped_writers", path, call],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": f"{ROOT / 'cloud' / 'backend'}:{ROOT}"},
            stdout=subprocess.PIPE,
            check=True,
        )
    told = json.loads(run.stdout)
    assert told["failures"] == []
    # Several rivals at each of its steps.
    assert told["cases"] > 150


@pytest.mark.parametrize(("processes", "wins"), [(2, 100), (8, 25)])
def test_of_many_processes_each_write_by_compare_and_set_counts_once(
    processes: int, wins: int, folder: Path
) -> None:
    store = DirectoryStore(folder, SystemClock())
    store.put("v1/counter", b"0")
    told = at_once(processes, COUNTING, folder, wins)
    written = sorted(tuple(pair) for won, _ in told for pair in won)
    assert [number for number, _ in written] == list(range(1, processes * wins + 1))
    generations = [generation for _, generation in written]
    assert generations == sorted(set(generations))
    assert store.get("v1/counter") == str(processes * wins).encode()
    assert (folder / "v1" / "counter").read_bytes() == str(processes * wins).encode()
    assert sum(lost for _, lost in told) > 0


def test_of_many_processes_that_create_and_delete_one_object_one_wins_each_time(folder: Path) -> None:
    """Each round is won by one, which deletes what it created: the object begins anew each time."""
    told = at_once(4, RACING, folder, 40)
    generations = sorted(generation for won in told for generation in won)
    assert generations == sorted(set(generations))
    assert len(generations) == 4 * 40
    for won in told:
        assert won == sorted(won)
    assert DirectoryStore(folder, SystemClock()).list().items == []
    assert not [path for path in folder.rglob("*") if path.is_file() and path.parent.name != "floor"]

"""kill -9 of a real process that writes and ships, its disk lost with it or not."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from roost.replication.gcs import GcsStore
from tests.fakes.fake_gcs import FakeGcs, Fault
from tests.fakes.log_house import NAMES, LogHouse, contents

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def gcs() -> Iterator[FakeGcs]:
    with FakeGcs("roost") as gcs:
        yield gcs


class Killed:
    """What a process had said when it was killed."""

    def __init__(self, folder: Path, gcs: FakeGcs, first: int, lines: int) -> None:
        self.stored = self.shipped = first - 1
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.fakes.log_process", str(folder), gcs.url, str(first)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": f"{ROOT / 'cloud' / 'backend'}:{ROOT}"},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        with process.stdout:
            for _ in range(lines):
                self._hear(process.stdout.readline())
            process.send_signal(signal.SIGKILL)
            for line in process.stdout:
                self._hear(line)
        process.wait(20)

    def _hear(self, line: str) -> None:
        said, _, number = line.partition(" ")
        if said == "stored":
            self.stored = int(number)
        elif said == "shipped":
            self.shipped = int(number)


def counted(path: Path) -> list[int]:
    return sorted(row[0] for row in contents(path).get("counted", []))


@pytest.mark.timeout(180)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_kill_with_the_disk_lost_keeps_all_that_was_shipped(
    gcs: FakeGcs, seed: int, tmp_path: Path
) -> None:
    """Fault 1: kill -9 under load. Fault 2: during an upload. Fault 4: during a snapshot."""
    chance = random.Random(seed)
    first, killed = 1, None
    with closing(GcsStore("roost", None, gcs.url)) as store:
        for round_ in range(3):
            house = LogHouse(tmp_path / f"data{round_}", store)
            if killed is not None:
                first = require_shipped(house, killed) + 1
            gcs.fail("put", *[Fault(delay_s=chance.random() / 10) for _ in range(200)])
            killed = Killed(house.data_dir, gcs, first, chance.randrange(30, 80))
            gcs.clear_faults()
            assert killed.shipped > first
            assert require_shipped(LogHouse(tmp_path / f"seen{round_}", store), killed) >= first


def require_shipped(house: LogHouse, killed: Killed) -> int:
    """Restores onto an empty disk; how many rows there are, without a gap."""
    restored = house.restored(house.data_dir)
    numbers = counted(restored.files["conversations"])
    assert numbers == list(range(1, len(numbers) + 1))
    assert killed.shipped <= len(numbers) <= killed.stored + 1
    for name in NAMES:
        restored.files[name].rename(house.path(name))
    return len(numbers)


@pytest.mark.timeout(180)
def test_a_kill_with_the_disk_kept_loses_nothing_that_was_acknowledged(gcs: FakeGcs, tmp_path: Path) -> None:
    """Fault 3: killed between a checkpoint and the upload; the disk is still there."""
    gcs.fail("put", *[Fault(delay_s=0.05) for _ in range(500)])
    killed = Killed(tmp_path / "data", gcs, 1, 60)
    gcs.clear_faults()
    with closing(GcsStore("roost", None, gcs.url)) as store:
        house = LogHouse(tmp_path / "data", store)
        house.begin()
        house.require_equal(tmp_path / "restored")
        numbers = counted(house.path("conversations"))
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) >= killed.stored
        house.end()

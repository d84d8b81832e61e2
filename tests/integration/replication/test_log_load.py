"""Seeded hostile use, restored at random points and compared row by row."""

from __future__ import annotations

import random
from contextlib import suppress
from pathlib import Path

import pytest

from roost.clock import SystemClock
from roost.errors import Unavailable
from roost.replication.directory_store import DirectoryStore
from tests.fakes.log_house import LogHouse
from tests.fakes.log_load import LogLoad

STEPS = 120


@pytest.mark.timeout(240)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_whatever_is_done_to_the_databases_comes_back(seed: int, tmp_path: Path) -> None:
    """Rollbacks, savepoints, VACUUM, shrinking files, held readers, other writers, kills, snapshots."""
    (tmp_path / "bucket").mkdir()
    store = DirectoryStore(tmp_path / "bucket", SystemClock())
    house = LogHouse(tmp_path / "data", store, interval_s=0.02)
    house.create()
    load = LogLoad(house, seed)
    load.begin()
    house.begin()
    chance = random.Random(seed)
    for step in range(STEPS):
        load.step()
        if chance.random() < 0.03:
            house.require_equal(tmp_path / f"restored{step}")
        if chance.random() < 0.03:
            house.running.snapshot_now()
        if chance.random() < 0.02:
            load.close()
            with suppress(Unavailable):
                if chance.random() < 0.5:
                    house.end(clean=chance.random() < 0.7)
            house.die()
            house.begin()
    load.close()
    house.require_equal(tmp_path / "restored")
    assert house.running.standing().rebases_total == 0
    assert len(load.done) > 8
    house.end()

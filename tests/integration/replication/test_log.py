"""What is written through `Database` and shipped comes back row for row."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from roost.clock import SystemClock
from roost.replication.directory_store import DirectoryStore
from roost.replication.gcs import GcsStore
from roost.replication.object_store import ObjectStore
from tests.fakes.fake_gcs import FakeGcs
from tests.fakes.log_house import LogHouse


@pytest.fixture(params=["folder", "gcs"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ObjectStore]:
    if request.param == "folder":
        (tmp_path / "bucket").mkdir()
        yield DirectoryStore(tmp_path / "bucket", SystemClock())
    else:
        with FakeGcs("roost") as gcs, closing(GcsStore("roost", None, gcs.url)) as opened:
            yield opened


@pytest.fixture
def house(store: ObjectStore, tmp_path: Path) -> Iterator[LogHouse]:
    house = LogHouse(tmp_path / "data", store)
    house.begin()
    yield house
    house.die()


def test_what_was_shipped_comes_back_row_for_row(house: LogHouse, tmp_path: Path) -> None:
    for number in range(30):
        house.note(f"note {number}")
        if number % 10 == 0:
            house.note("changed", "bot_configs")
            house.flush()
    restored = house.require_equal(tmp_path / "restored")
    assert restored.position.seq == house.running.standing().seq
    assert house.running.standing().lag_s == 0


def test_epochs_follow_one_another(house: LogHouse, tmp_path: Path) -> None:
    for number in range(4):
        house.note(f"note {number}")
        assert house.end() is not None
        house.begin()
    house.note("last")
    house.flush()
    house.die()
    house.begin()
    house.note("after a kill")
    house.require_equal(tmp_path / "restored")
    assert house.epoch == 6

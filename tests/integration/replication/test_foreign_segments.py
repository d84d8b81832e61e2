"""What somebody else put among the log's segments: named, with what to do, and nothing is built upon it."""

from __future__ import annotations

from pathlib import Path

import pytest

from roost.clock import SystemClock
from roost.errors import ObjectDamaged
from roost.replication.directory_store import DirectoryStore
from roost.replication.layout import segment as segment_name
from roost.replication.log_reader import Log
from roost.replication.sealing import seal
from tests.fakes.log_house import LogHouse, contents


@pytest.mark.parametrize("how", ["by hand", "through the store", "another segment"])
def test_a_foreign_object_at_the_logs_end_stops_a_start_until_it_is_gone(tmp_path: Path, how: str) -> None:
    clock = SystemClock()
    (tmp_path / "bucket").mkdir()
    store = DirectoryStore(tmp_path / "bucket", clock)
    house = LogHouse(tmp_path / "data", store)
    house.begin()
    house.note("kept")
    house.flush()
    last = house.running.standing().seq
    house.die()
    name = segment_name(house.epoch, last + 1)
    if how == "by hand":
        (tmp_path / "bucket" / name).write_bytes(b"notes of somebody")
    elif how == "through the store":
        store.put(name, b"notes of somebody")
    else:
        first = segment_name(house.epoch, 1)
        store.put(name, store.get(first), metadata=store.stat(first).metadata)
    log = Log(store)
    newest = log.documents.newest
    assert newest is not None
    before = [stat.name for stat in store.list("v1/").items]
    with pytest.raises(ObjectDamaged) as refusal:
        seal(store, log, newest, clock.now())
    assert refusal.value.message.startswith(f"{name} in {store.place} does not belong to the log: ")
    assert "See who put it there, then remove it or move it away." in refusal.value.message
    assert refusal.value.code == "foreign_segment"
    assert [stat.name for stat in store.list("v1/").items] == before
    (tmp_path / "bucket" / name).unlink()
    assert seal(store, Log(store), newest, clock.now()).seq == last + 1
    restored = house.restored(tmp_path / "restored")
    assert contents(restored.files["conversations"])["notes"] == [("kept",)]

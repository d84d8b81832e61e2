"""A database whose disk is full: told, tried again, and well by itself."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from roost.errors import Unavailable
from roost.storage.database import Database
from tests.fakes.small_disk import SmallDisk, mounted

TRIED_EVERY_S = 0.05


def opened(disk: SmallDisk) -> Database:
    database = Database(disk.path / "conversations.db", "conversations", disk_tried_every_s=TRIED_EVERY_S)
    database.open()
    database.write(lambda db: db.execute(text("CREATE TABLE entries (id TEXT PRIMARY KEY)")))
    return database


def insert(db: Connection, id_: str) -> None:
    db.execute(text("INSERT INTO entries (id) VALUES (:id)"), {"id": id_})


def fill(database: Database) -> Unavailable:
    """Writes until the disk does not take it."""
    for number in range(1000):
        try:
            database.write(partial(insert, id_=f"{number:0>60000}"))
        except Unavailable as error:
            return error
    raise AssertionError("the disk took everything")


def trouble(database: Database) -> str | None:
    return database.disk.sentence


def trouble_ends(database: Database) -> bool:
    for _ in range(300):
        if trouble(database) is None:
            return True
        threading.Event().wait(0.1)
    return False


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with mounted(tmp_path / "small", 16) as disk:
        if disk is None:
            pytest.skip("no file system may be mounted here")
        yield disk


def test_a_full_disk_is_trouble_until_it_has_room_also_when_nobody_writes(small_disk: SmallDisk) -> None:
    database = opened(small_disk)
    database.write(lambda db: insert(db, "kept"))
    assert trouble(database) is None
    small_disk.leave(300_000)
    assert fill(database).code == "disk_full"
    assert (trouble(database) or "").startswith(f"The disk of {small_disk.path} is full:")
    assert (trouble(database) or "").endswith("Free some space; Roost goes on by itself.")
    commits = database.commits
    small_disk.free()
    assert trouble_ends(database)
    assert database.commits > commits
    database.close()


def test_what_fits_into_a_gap_of_a_full_disk_does_not_end_the_trouble(small_disk: SmallDisk) -> None:
    database = opened(small_disk)
    small_disk.leave(300_000)
    fill(database)
    database.write(lambda db: None)
    small_disk.leave(100_000)
    database.write(lambda db: insert(db, "small"))
    assert trouble(database) is not None
    small_disk.free()
    database.write(lambda db: None)
    database.write(lambda db: insert(db, "large"))
    assert trouble(database) is None
    database.close()


def test_trying_the_disk_does_not_use_up_what_is_left_of_it(small_disk: SmallDisk) -> None:
    """Each attempt is a page of the log, which nothing shortens while nobody writes."""
    database = opened(small_disk)
    small_disk.leave(300_000)
    fill(database)
    small_disk.leave(200_000)
    commits = database.commits
    threading.Event().wait(10 * TRIED_EVERY_S)
    assert database.commits == commits
    small_disk.free()
    assert trouble_ends(database)
    database.close()


def test_a_frozen_database_is_not_written_to_in_order_to_try_the_disk(small_disk: SmallDisk) -> None:
    """Its log has ended: what came now, nobody would ship."""
    database = opened(small_disk)
    small_disk.leave(300_000)
    fill(database)
    database.freeze("Handed over.")
    commits = database.commits
    small_disk.free()
    threading.Event().wait(10 * TRIED_EVERY_S)
    assert database.commits == commits
    database.thaw()
    assert trouble_ends(database)
    database.close()

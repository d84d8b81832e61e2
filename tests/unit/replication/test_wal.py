"""Reading SQLite's log: only what is committed, all of it, and nothing twice."""

from __future__ import annotations

import random
import sqlite3
import struct
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from roost.replication.pages import PageHashes, apply_change, page_hashes
from roost.replication.segment import PageChange
from roost.replication.wal import (
    Break,
    Changes,
    Generation,
    Unsettled,
    WalPosition,
    WalReader,
    _checksum_map,
    _header_checksum,
)


class Written:
    """A database that is written by hand, and what is read from its log."""

    def __init__(self, path: Path, page_size: int = 4096) -> None:
        self.path = path
        with closing(sqlite3.connect(path)) as db:
            db.execute(f"PRAGMA page_size={page_size}")
            db.execute("PRAGMA auto_vacuum=2")
            db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v BLOB)")
            db.commit()
        self.hashes = page_hashes(path)
        self.db = sqlite3.connect(path, isolation_level=None)
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute("PRAGMA wal_autocheckpoint=0")
        self.db.execute("PRAGMA cache_size=10")
        self.reader = WalReader(path)

    def insert(self, count: int = 1, size: int = 100) -> None:
        self.db.executemany("INSERT INTO t (v) VALUES (randomblob(?))", [(size,)] * count)

    def take(self) -> Changes | Break | Unsettled | None:
        changes = self.reader.scan(self.hashes.state.pages)
        if isinstance(changes, Changes):
            numbers = sorted(changes.offsets)
            images = self.reader.images(changes, numbers)
            assert not isinstance(images, Break)
            change = PageChange(changes.floor, changes.pages, dict(zip(numbers, images, strict=True)))
            apply_change(self.hashes, change)
            self.reader.advance(changes)
        return changes

    def checkpoint(self, mode: str = "PASSIVE") -> None:
        self.reader.drained()
        self.db.execute(f"PRAGMA wal_checkpoint({mode})").fetchall()

    def require_equal(self) -> None:
        """What was read adds up to what a copy of the file holds."""
        copy = self.path.with_name("copy.db")
        copy.unlink(missing_ok=True)
        with closing(sqlite3.connect(copy)) as target:
            target.execute(f"PRAGMA page_size={self.hashes.page_size}")
            self.db.backup(target)
        assert page_hashes(copy).state == self.hashes.state


@pytest.fixture
def written(tmp_path: Path) -> Iterator[Written]:
    made = Written(tmp_path / "a.db")
    yield made
    made.db.close()
    made.reader.close()


@pytest.mark.parametrize("page_size", [512, 4096, 65536])
def test_what_is_committed_is_read_once(tmp_path: Path, page_size: int) -> None:
    written = Written(tmp_path / "a.db", page_size)
    assert written.take() is None
    for _ in range(3):
        written.insert(20)
        assert isinstance(written.take(), Changes)
        assert written.take() is None
        written.require_equal()
    written.db.close()


def test_an_open_transaction_is_not_read_and_an_undone_one_never_is(written: Written) -> None:
    written.insert()
    written.take()
    written.db.execute("BEGIN")
    written.insert(300, 3000)
    assert written.reader.size_bytes() > 300_000
    assert written.take() is None
    written.db.execute("ROLLBACK")
    assert written.take() is None
    written.insert()
    assert isinstance(written.take(), Changes)
    written.require_equal()


def test_a_transaction_larger_than_what_is_read_at_once_is_read_whole(written: Written) -> None:
    written.db.execute("BEGIN")
    written.insert(2000, 5000)
    written.db.execute("COMMIT")
    changes = written.take()
    assert isinstance(changes, Changes)
    assert changes.held is None
    written.require_equal()


def test_our_own_checkpoint_lets_the_log_begin_anew(written: Written) -> None:
    for _ in range(5):
        written.insert(10)
        written.take()
        written.checkpoint()
        written.insert()
        assert isinstance(written.take(), Changes)
    written.require_equal()


def test_a_checkpoint_behind_our_back_is_noticed_once_the_log_begins_anew(written: Written) -> None:
    """Fault 26: a foreign checkpoint, with something in it that was never read."""
    written.insert(10)
    written.take()
    written.checkpoint()
    written.insert(10)
    written.take()
    with closing(sqlite3.connect(written.path, isolation_level=None)) as other:
        other.execute("INSERT INTO t (v) VALUES ('unseen')")
        other.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
    written.insert()
    assert isinstance(written.take(), Break)


def test_a_log_cut_off_by_another_program_is_noticed(written: Written) -> None:
    """Fault 26: the shell writes and truncates the log right after our own checkpoint."""
    written.insert(10)
    written.take()
    written.checkpoint()
    with closing(sqlite3.connect(written.path, isolation_level=None)) as other:
        other.execute("INSERT INTO t (v) VALUES ('unseen')")
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    written.insert()
    assert isinstance(written.take(), Break)


def test_frames_that_change_after_they_were_taken_are_noticed(written: Written) -> None:
    written.insert(10)
    written.take()
    log = written.path.with_name("a.db-wal")
    content = bytearray(log.read_bytes())
    content[-4096 - 1] ^= 1
    log.write_bytes(content)
    assert isinstance(written.reader.scan(written.hashes.state.pages), Break)


def test_a_reader_that_holds_the_log_only_makes_it_grow(written: Written) -> None:
    with closing(sqlite3.connect(written.path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM t").fetchone()
        for _ in range(5):
            written.insert(50)
            written.take()
            written.checkpoint()
    written.insert(50)
    assert isinstance(written.take(), Changes)
    written.checkpoint()
    written.insert(50)
    assert isinstance(written.take(), Changes)
    written.require_equal()


def test_a_file_that_shrinks_and_grows_between_two_readings_keeps_no_old_page(tmp_path: Path) -> None:
    written = Written(tmp_path / "a.db")
    for _ in range(4):
        written.insert(200, 3000)
        written.take()
        written.db.execute("DELETE FROM t WHERE id % 4 > 0")
        written.db.executescript("PRAGMA incremental_vacuum")
        pages = int(written.db.execute("PRAGMA page_count").fetchone()[0])
        written.insert(80, 3000)
        changes = written.take()
        assert isinstance(changes, Changes)
        assert changes.floor == pages < changes.pages
        written.require_equal()
    written.db.close()


def test_a_removed_log_is_noticed(written: Written) -> None:
    written.insert()
    written.take()
    assert not written.reader.displaced()
    written.path.with_name("a.db-wal").unlink()
    assert written.reader.displaced()


@pytest.mark.parametrize("page_size", [512, 4096, 65536])
@pytest.mark.parametrize("big_endian", [False, True])
def test_the_checksum_of_a_frame_is_the_same_at_once_as_word_by_word(
    page_size: int, big_endian: bool
) -> None:
    import numpy as np

    rng = random.Random(page_size)
    content = rng.randbytes(page_size + 8)
    before = (rng.getrandbits(32), rng.getrandbits(32))
    s, t = before
    for x, y in struct.iter_unpack(">2I" if big_endian else "<2I", content):
        s = (s + t + x) & 0xFFFFFFFF
        t = (t + s + y) & 0xFFFFFFFF
    carried, weights = _checksum_map(len(content) // 4)
    words = np.frombuffer(content, ">u4" if big_endian else "<u4").astype(np.uint32)
    at_once = words @ weights + np.array(before, np.uint32) @ carried
    assert at_once.tolist() == [s, t]
    assert _header_checksum(bytes(24), big_endian=big_endian) == (0, 0)


def test_pages_that_were_never_written_count_as_zeros(tmp_path: Path) -> None:
    path = tmp_path / "sparse.db"
    first = Written(tmp_path / "a.db").path.read_bytes()
    path.write_bytes(first[:4096] + bytes(4096 * 9) + b"\x01" * 4096)
    sparse = PageHashes(4096)
    sparse.put(1, first[:4096])
    sparse.put(11, b"\x01" * 4096)
    assert sparse.state == page_hashes(path).state
    sparse.resize(1)
    sparse.resize(11)
    assert sparse.state != page_hashes(path).state


def test_a_log_beyond_4_gib_is_read_on(tmp_path: Path) -> None:
    """Sparse, and made by hand: Roost refuses writes at 256 MB, another program may write on."""
    path = tmp_path / "a.db-wal"
    header = struct.pack(">6I", 0x377F0682, 3007000, 4096, 0, 0xFFFFFFFE, 7)
    begun = _header_checksum(header, big_endian=False)
    generation = Generation(4096, (0xFFFFFFFE, 7), False, begun, False)
    before = WalPosition(generation, 2**32 // 4120 + 1, (0xFFFFFFFF, 0xFFFFFFFE), bytes(24))
    assert before.offset > 2**32
    pages = [bytes([number]) * 4096 for number in (1, 2)]
    checksum = before.checksum
    with path.open("wb") as file:
        file.write(header + struct.pack(">2I", *begun))
        file.seek(before.offset)
        for number, pages_after, page in ((0xFFFFFFF0, 0, pages[0]), (3, 0xFFFFFFF1, pages[1])):
            head = struct.pack(">2I", number, pages_after)
            checksum = checksum_after(checksum, head + page)
            file.write(head + struct.pack(">4I", 0xFFFFFFFE, 7, *checksum) + page)
    reader = WalReader(tmp_path / "a.db")
    reader.advance(Changes({}, 5, 5, before, None))
    changes = reader.scan(0xFFFFFFF1)
    assert isinstance(changes, Changes)
    assert changes.offsets == {0xFFFFFFF0: before.offset + 24, 3: before.offset + 24 + 4120}
    assert (changes.pages, changes.after.frames) == (0xFFFFFFF1, before.frames + 2)
    assert reader.images(changes, [0xFFFFFFF0, 3]) == pages
    assert reader.images(replace(changes, held=None), [0xFFFFFFF0, 3]) == pages
    reader.advance(changes)
    assert reader.scan(0xFFFFFFF1) is None
    assert reader.has_frames(before.frames + 2)
    assert reader.waiting_bytes() == 0
    reader.close()


def checksum_after(checksum: tuple[int, int], content: bytes) -> tuple[int, int]:
    """As SQLite's file format describes it, a pair of words at a time."""
    s, t = checksum
    for x, y in struct.iter_unpack("<2I", content):
        s = (s + t + x) & 0xFFFFFFFF
        t = (t + s + y) & 0xFFFFFFFF
    return s, t

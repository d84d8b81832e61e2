"""Taking over, killed at every moment, and on what a disk may hold."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import pytest

from roost.clock import SystemClock, SystemIds
from roost.errors import ObjectDamaged, Unavailable
from roost.replication.candidacy import Candidacy, Terms
from roost.replication.directory_store import DirectoryStore
from roost.replication.epochs import Epochs, close_number
from roost.replication.folder_id import folder_id
from roost.replication.layout import DATABASES, epoch_document
from roost.replication.lease import HeldLease, Holder, LeaseLost
from roost.replication.log_reader import Log, end_segment
from roost.replication.log_restore import LogRestore
from roost.replication.object_store import ObjectStore
from roost.replication.segment import Kind
from roost.replication.set_aside import conflicts
from roost.replication.shipper import Shipper
from roost.replication.taking_over import Begun, TakingOver
from roost.storage.copies import settle
from roost.storage.database import Database

ROOT = Path(__file__).parents[3]
CLOCK = SystemClock()

KILLED = 9

KILLED_AT = """
import os, sys
from pathlib import Path
sys.path[:0] = ["cloud/backend", "."]
from roost.clock import SystemClock
from roost.replication.directory_store import DirectoryStore
from tests.integration.replication.test_taking_over import take_over

left = int(sys.argv[3])

def die():
    global left
    left -= 1
    if left == 0:
        os._exit(9)

def watch(event, arguments):
    # Before a file of the data folder is put in place or removed.
    if event in ("os.rename", "os.remove") and str(arguments[0]).startswith(sys.argv[2]):
        die()

class Dying(DirectoryStore):
    def put(self, name, content, **options):
        closes_a_number = isinstance(content, bytes) and b'"void"' in content
        if not closes_a_number:
            die()
        stat = super().put(name, content, **options)
        if not closes_a_number:
            die()
        return stat

sys.addaudithook(watch)
take_over(Dying(Path(sys.argv[1]), SystemClock()), Path(sys.argv[2]))
"""


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    (tmp_path / "bucket").mkdir()
    return DirectoryStore(tmp_path / "bucket", CLOCK)


def take_over(store: ObjectStore, data_dir: Path) -> Begun:
    """As a process that holds the folder's lock does."""
    data_dir.mkdir(exist_ok=True)
    folder = folder_id(data_dir, f"folder {data_dir.name}")
    me = Holder("instance", folder, "revision", CLOCK.now())
    stopping = threading.Event()
    taking = TakingOver(store, data_dir, me, CLOCK, stopping)
    terms = Terms(me, 1.5, dict.fromkeys(DATABASES, 1), may_ask=False)
    lease = Candidacy(store, terms, CLOCK, SystemIds(CLOCK), stopping, taking.check, lambda *_: None).wait()
    return taking.run(lease)


def note(data_dir: Path, words: str) -> None:
    """Written and never shipped, as a kill leaves it: in the log beside the file."""
    script = (
        "import os, sqlite3, sys; db = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "db.execute('PRAGMA journal_mode=WAL'); db.execute('CREATE TABLE IF NOT EXISTS notes (words TEXT)');"
        "db.execute('INSERT INTO notes VALUES (?)', (sys.argv[2],)); os._exit(0)"
    )
    path = data_dir / "conversations.db"
    subprocess.run([sys.executable, "-c", script, str(path), words], check=True)
    assert path.with_name(path.name + "-wal").stat().st_size > 0


def notes(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as db:
        return [row[0] for row in db.execute("SELECT words FROM notes ORDER BY rowid")]


def in_the_log(store: ObjectStore, folder: Path) -> list[str]:
    folder.mkdir()
    return notes(LogRestore(store, threading.Event()).restore(folder).files["conversations"])


def kill_at_every_step(bucket: Path, data_dir: Path) -> int:
    """Takes over again and again, each time killed one step later; how often it was killed."""
    for step in range(1, 60):
        ended = subprocess.run(
            [sys.executable, "-c", KILLED_AT, str(bucket), str(data_dir), str(step)], cwd=ROOT, check=False
        )
        if ended.returncode == 0:
            return step - 1
        assert ended.returncode == KILLED
    raise AssertionError("it never ended")


def test_killed_at_any_step_it_keeps_what_is_on_this_disk_alone(
    store: DirectoryStore, tmp_path: Path
) -> None:
    """Faults 3 and 11: what a kill left unshipped survives further kills while it is taken up."""
    take_over(store, tmp_path / "data")
    note(tmp_path / "data", "only here")
    assert kill_at_every_step(tmp_path / "bucket", tmp_path / "data") > 10
    assert notes(tmp_path / "data" / "conversations.db") == ["only here"]
    assert in_the_log(store, tmp_path / "restored") == ["only here"]
    assert not conflicts(tmp_path / "data")


def test_killed_at_any_step_it_restores_and_sets_aside_once(store: DirectoryStore, tmp_path: Path) -> None:
    """Fault 5: with what another container wrote meanwhile, and what was written here alone."""
    one, two = tmp_path / "one", tmp_path / "two"
    take_over(store, one)
    take_over(store, two)
    note(two, "shipped")
    take_over(store, two)
    note(one, "here alone")
    assert kill_at_every_step(tmp_path / "bucket", one) > 10
    assert notes(one / "conversations.db") == ["shipped"]
    assert in_the_log(store, tmp_path / "restored") == ["shipped"]
    (conflict,) = conflicts(one)
    assert notes(one / conflict.id) == ["here alone"]


def test_an_emptied_file_is_restored_and_never_shipped(store: DirectoryStore, tmp_path: Path) -> None:
    """SQLite takes it for a new database; a disk that lost its power may leave one."""
    data_dir = tmp_path / "data"
    take_over(store, data_dir)
    note(data_dir, "kept")
    take_over(store, data_dir)
    (data_dir / "conversations.db").write_bytes(b"")
    take_over(store, data_dir)
    assert notes(data_dir / "conversations.db") == ["kept"]
    assert in_the_log(store, tmp_path / "restored") == ["kept"]


def test_a_file_that_another_program_holds_is_not_taken_without_its_log(
    store: DirectoryStore, tmp_path: Path
) -> None:
    data_dir = tmp_path / "data"
    take_over(store, data_dir)
    path = data_dir / "conversations.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("PRAGMA journal_mode=WAL").fetchall()
        reader.execute("CREATE TABLE kept (words TEXT)")
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM kept").fetchall()
        note(data_dir, "behind the reader")
        with pytest.raises(Unavailable, match="Another program holds"):
            settle(path)
    settle(path)
    assert notes(path) == ["behind the reader"]


@contextmanager
def shipping(store: ObjectStore, data_dir: Path, begun: Begun) -> Iterator[Callable[[str], None]]:
    """What writes a note and waits until it is in the bucket."""
    databases = {name: Database(data_dir / f"{name}.db", name) for name in DATABASES}
    shipper = Shipper(store, databases, CLOCK, 0.05, lambda _: None)
    for name, database in databases.items():
        database.guard(
            shipper.admit, partial(shipper.before_checkpoint, name), partial(shipper.after_checkpoint, name)
        )
        database.open()
    shipper.begin(begun.document, begun.hashes)

    def write(words: str) -> None:
        databases["conversations"].write(
            lambda db: db.exec_driver_sql("INSERT INTO notes VALUES (?)", (words,))
        )
        assert shipper.flush(20)

    yield write
    shipper.abandon()
    for database in databases.values():
        database.close()


def test_what_a_kill_left_unshipped_goes_on_from_its_own_disk(store: DirectoryStore, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    take_over(store, data_dir)
    note(data_dir, "old")
    with shipping(store, data_dir, take_over(store, data_dir)) as write:
        write("shipped")
    note(data_dir, "not shipped")
    take_over(store, data_dir)
    assert notes(data_dir / "conversations.db") == ["old", "shipped", "not shipped"]
    assert in_the_log(store, tmp_path / "restored") == ["old", "shipped", "not shipped"]
    assert conflicts(data_dir) == ()


def candidate(store: ObjectStore, data_dir: Path) -> tuple[TakingOver, HeldLease]:
    """One that has the lease, and was stopped before it did anything with it."""
    data_dir.mkdir()
    me = Holder("instance", folder_id(data_dir, f"folder {data_dir.name}"), "revision", CLOCK.now())
    stopping = threading.Event()
    taking = TakingOver(store, data_dir, me, CLOCK, stopping)
    terms = Terms(me, 1.5, dict.fromkeys(DATABASES, 1), may_ask=False)
    lease = Candidacy(store, terms, CLOCK, SystemIds(CLOCK), stopping, taking.check, lambda *_: None).wait()
    return taking, lease


def test_whoever_slept_between_its_lease_and_its_epoch_neither_begins_nor_ends_one(
    store: DirectoryStore, tmp_path: Path
) -> None:
    """Fault 11: its number was closed by the next one, whose log it must not end."""
    take_over(store, tmp_path / "first")
    taking, lease = candidate(store, tmp_path / "sleeper")
    begun = take_over(store, tmp_path / "next")
    assert begun.document.epoch == lease.epoch + 1
    with pytest.raises(LeaseLost):
        taking.run(lease)
    epochs = Epochs(store)
    assert lease.epoch in epochs
    assert epochs.find(lease.epoch) is None
    assert Log(store).head(begun.document).ended is None


def test_whoever_slept_while_its_number_was_closed_does_not_begin(
    store: DirectoryStore, tmp_path: Path
) -> None:
    take_over(store, tmp_path / "first")
    taking, lease = candidate(store, tmp_path / "sleeper")
    assert close_number(store, lease.epoch)
    with pytest.raises(LeaseLost):
        taking.run(lease)


def test_a_disk_that_was_set_back_does_not_take_back_what_was_shipped(
    store: DirectoryStore, tmp_path: Path
) -> None:
    """As an image of the machine brings it back, or a clone of its disk: with the same inodes."""
    data_dir = tmp_path / "data"
    take_over(store, data_dir)
    note(data_dir, "old")
    begun = take_over(store, data_dir)
    image = {path: path.read_bytes() for path in data_dir.iterdir()}
    with shipping(store, data_dir, begun) as write:
        image[data_dir / "log.reached"] = (data_dir / "log.reached").read_bytes()
        write("shipped")
    for path, content in image.items():
        path.write_bytes(content)
    take_over(store, data_dir)
    assert notes(data_dir / "conversations.db") == ["old", "shipped"]
    assert in_the_log(store, tmp_path / "restored") == ["old", "shipped"]
    (conflict,) = conflicts(data_dir)
    assert notes(data_dir / conflict.id) == ["old"]


def test_an_epoch_that_lost_its_document_is_not_begun_behind(store: DirectoryStore, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    begun = take_over(store, data_dir)
    name = epoch_document(begun.document.epoch)
    mark = end_segment(Kind.SEAL, begun.document.epoch, Log(store).head(begun.document), CLOCK.now())
    store.put(mark.name, mark.content, metadata=mark.metadata)
    content, metadata = store.get(name), store.stat(name).metadata
    store.delete(name)
    me = Holder("instance", "other", "revision", CLOCK.now())
    taking = TakingOver(store, tmp_path / "other", me, CLOCK, threading.Event())
    with pytest.raises(ObjectDamaged, match=r"00000001\.json is missing"):
        taking.check(Epochs(store))
    # What somebody else put into a folder of the log is no epoch.
    store.delete(mark.name)
    store.put(mark.name, b"mine")
    assert Log(store).forsaken() is None
    store.put(name, content, metadata=metadata)
    store.put(mark.name, mark.content, metadata=mark.metadata)
    taking.check(Epochs(store))


def vacuum(data_dir: Path) -> None:
    """By another program, so that every page lies elsewhere."""
    with closing(sqlite3.connect(data_dir / "conversations.db", isolation_level=None)) as db:
        db.execute("PRAGMA page_size=8192")
        db.execute("PRAGMA journal_mode=DELETE").fetchall()
        db.execute("VACUUM")


def test_a_file_that_was_only_rearranged_since_the_handover_is_no_conflict(
    store: DirectoryStore, tmp_path: Path
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    take_over(store, one)
    note(one, "shipped")
    take_over(store, one)
    take_over(store, two)
    vacuum(one)
    take_over(store, one)
    assert not conflicts(one)
    assert notes(one / "conversations.db") == ["shipped"]
    take_over(store, two)
    with closing(sqlite3.connect(one / "conversations.db")) as db:
        db.execute("UPDATE notes SET words = 'here alone'")
        db.commit()
    vacuum(one)
    take_over(store, one)
    assert notes(one / "conversations.db") == ["shipped"]
    (conflict,) = conflicts(one)
    assert notes(one / conflict.id) == ["here alone"]

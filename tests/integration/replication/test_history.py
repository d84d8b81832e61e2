"""`roost backup list`, `verify` and `restore`, and the drill, on real buckets."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from roost.clock import SystemClock, timestamp
from roost.replication.directory_store import DirectoryStore
from tests.fakes.command_line import CommandLine
from tests.fakes.fake_gcs import FakeGcs
from tests.fakes.log_house import NAMES, LogHouse, contents, wait_until

pytestmark = pytest.mark.timeout(120)

REPOSITORY = Path(__file__).resolve().parents[3]
KEY = "a-key-that-is-long-enough-for-a-test"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[LogHouse]:
    (tmp_path / "bucket").mkdir()
    house = LogHouse(tmp_path / "data", DirectoryStore(tmp_path / "bucket", SystemClock()))
    house.begin()
    yield house
    house.close()


@pytest.fixture
def roost(tmp_path: Path) -> CommandLine:
    return CommandLine({"BUCKET_DIR": str(tmp_path / "bucket"), "DATA_DIR": str(tmp_path / "other")})


def notes(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as db:
        return [row[0] for row in db.execute("SELECT words FROM notes ORDER BY rowid")]


def test_what_is_kept_is_listed_checked_and_restored(
    house: LogHouse, roost: CommandLine, tmp_path: Path
) -> None:
    house.note("first")
    house.flush()
    history = roost.ok("backup", "list")
    assert history["epochs"] == 1
    assert {each["database"] for each in history["snapshots"]} == set(NAMES)
    assert history["earliest"] <= history["latest"]
    roost.ok("backup", "restore", "--at", history["earliest"], "--to", str(tmp_path / "earliest"))
    checked = roost.ok("backup", "verify")
    assert checked["restorable"] is True
    assert checked["gaps"] == []
    done = roost.ok("backup", "restore", "--to", str(tmp_path / "restored"))
    assert set(done["files"]) == set(NAMES)
    assert sorted(each.name for each in (tmp_path / "restored").iterdir()) == [
        "bot_configs.db",
        "conversations.db",
    ]
    for name in NAMES:
        assert contents(tmp_path / "restored" / f"{name}.db") == contents(house.path(name))


def test_a_moment_before_a_deletion_is_given_back(
    house: LogHouse, roost: CommandLine, tmp_path: Path
) -> None:
    """Fault 29: a point in time before and after a deletion."""
    house.note("dear")
    house.flush()
    before = datetime.now(UTC)
    wait_until(lambda: datetime.now(UTC) > before + timedelta(milliseconds=20), "a later moment")
    house.write("DELETE FROM notes")
    house.flush()
    roost.ok("backup", "restore", "--at", timestamp(before), "--to", str(tmp_path / "then"))
    assert notes(tmp_path / "then" / "conversations.db") == ["dear"]
    # Without a zone it is UTC.
    bare = before.replace(tzinfo=None).isoformat()
    roost.ok("backup", "restore", "--at", bare, "--to", str(tmp_path / "bare"))
    assert notes(tmp_path / "bare" / "conversations.db") == ["dear"]
    roost.ok("backup", "restore", "--to", str(tmp_path / "now"))
    assert notes(tmp_path / "now" / "conversations.db") == []


def test_what_cannot_be_is_refused_in_a_sentence_and_leaves_nothing(
    house: LogHouse, roost: CommandLine, tmp_path: Path
) -> None:
    house.flush()
    assert "not a time" in roost.refused(
        "backup", "restore", "--at", "yesterday", "--to", str(tmp_path / "x")
    )
    assert "not a time" in roost.refused(
        "backup", "restore", "--at", "0001-01-01T00:00:00+14:00", "--to", str(tmp_path / "x")
    )
    assert "begins at" in roost.refused(
        "backup", "restore", "--at", "2001-01-01T00:00:00Z", "--to", str(tmp_path / "x")
    )
    assert not (tmp_path / "x").exists()
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine.txt").write_text("mine")
    assert "not an empty folder" in roost.refused("backup", "restore", "--to", str(full))
    assert [each.name for each in full.iterdir()] == ["mine.txt"]
    no_bucket = CommandLine({"DATA_DIR": str(tmp_path / "other")})
    assert "GCS_BUCKET_NAME or BUCKET_DIR" in no_bucket.refused("backup", "list")
    gone = CommandLine({"BUCKET_DIR": str(tmp_path / "nowhere"), "DATA_DIR": str(tmp_path / "other")})
    assert "nowhere" in gone.refused("backup", "list")
    (tmp_path / "empty").mkdir()
    empty = CommandLine({"BUCKET_DIR": str(tmp_path / "empty"), "DATA_DIR": str(tmp_path / "other")})
    assert empty.ok("backup", "list")["latest"] is None
    assert "holds nothing of Roost's" in empty.refused("backup", "restore", "--to", str(tmp_path / "x"))
    assert "no log" in empty.refused("backup", "verify")
    assert not (tmp_path / "x").exists()


def test_a_damaged_log_is_told_and_never_passed_over(
    house: LogHouse, roost: CommandLine, tmp_path: Path
) -> None:
    """Fault 20: a corrupt segment."""
    for number in range(4):
        house.note(f"note {number}")
        house.flush()
    segments = sorted((tmp_path / "bucket" / "v1" / "log").rglob("*.seg"))
    damaged = segments[-2]
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 0xFF
    damaged.write_bytes(bytes(content))
    verdict = roost("backup", "verify")
    assert verdict.code == 1
    assert "CANNOT be restored" in verdict.out
    assert damaged.name in verdict.err
    assert damaged.name in roost.refused("backup", "restore", "--to", str(tmp_path / "x"))
    assert not (tmp_path / "x").exists()


def test_plain_copies_alone_are_given_back(house: LogHouse, roost: CommandLine, tmp_path: Path) -> None:
    """Fault 40: a bucket with only plain files."""
    house.note("from the older one")
    house.end()
    plain = tmp_path / "plain"
    plain.mkdir()
    for name in NAMES:
        (plain / f"{name}.db").write_bytes(house.path(name).read_bytes())
    older = CommandLine({"BUCKET_DIR": str(plain), "DATA_DIR": str(tmp_path / "other")})
    listed = older("backup", "list")
    assert "plain copies only" in listed.out
    assert "of one moment" in older.refused(
        "backup", "restore", "--at", "2026-01-01T00:00:00Z", "--to", str(tmp_path / "x")
    )
    older.ok("backup", "restore", "--to", str(tmp_path / "restored"))
    assert notes(tmp_path / "restored" / "conversations.db") == ["from the older one"]


def test_a_bucket_of_the_service_is_read_by_the_real_client(tmp_path: Path) -> None:
    from roost.replication.gcs import GcsStore

    with FakeGcs() as gcs:
        house = LogHouse(tmp_path / "data", GcsStore("roost", None, gcs.url))
        house.begin()
        house.note("there")
        house.end()
        roost = CommandLine(
            {
                "GCS_BUCKET_NAME": "roost",
                "STORAGE_EMULATOR_HOST": gcs.url,
                "SECRET_KEY": KEY,
                "DATA_DIR": str(tmp_path / "other"),
            }
        )
        assert roost.ok("backup", "verify")["restorable"] is True
        roost.ok("backup", "restore", "--to", str(tmp_path / "restored"))
    assert notes(tmp_path / "restored" / "conversations.db") == ["there"]


def test_the_drill_proves_that_the_newest_copy_opens(house: LogHouse, tmp_path: Path) -> None:
    def drill() -> subprocess.CompletedProcess[str]:
        environ = {
            "PATH": os.environ["PATH"],
            "BUCKET_DIR": str(tmp_path / "bucket"),
            "DATA_DIR": str(tmp_path / "unused"),
            "SECRET_KEY": KEY,
        }
        return subprocess.run(
            [sys.executable, REPOSITORY / "scripts" / "restore-drill", "--json"],
            env=environ,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    house.flush()
    done = drill()
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["bots"] == 0
    assert not (tmp_path / "unused").exists()
    for snapshot in (tmp_path / "bucket" / "v1" / "snap").rglob("*.zst"):
        snapshot.write_bytes(b"damaged")
    failed = drill()
    assert failed.returncode == 1
    assert "roost:" in failed.stderr


def test_an_epoch_without_its_document_is_told_and_never_passed_over(
    house: LogHouse, roost: CommandLine, tmp_path: Path
) -> None:
    house.note("first")
    house.flush()
    house.end()
    between = timestamp(datetime.now(UTC))
    house.begin()
    house.note("second")
    house.flush()
    document = tmp_path / "bucket" / "v1" / "epochs" / "00000002.json"
    document.rename(tmp_path / "kept.json")
    assert "00000002.json is missing" in roost.refused("backup", "restore", "--to", str(tmp_path / "x"))
    verdict = roost("backup", "verify")
    assert verdict.code == 1
    assert "00000002.json is missing" in verdict.err
    roost.ok("backup", "restore", "--at", between, "--to", str(tmp_path / "before"))
    assert notes(tmp_path / "before" / "conversations.db") == ["first"]
    (tmp_path / "kept.json").rename(document)
    roost.ok("backup", "restore", "--to", str(tmp_path / "x"))
    assert notes(tmp_path / "x" / "conversations.db") == ["first", "second"]
    # The snapshots there are hang on the first epoch's.
    (tmp_path / "bucket" / "v1" / "epochs" / "00000001.json").unlink()
    assert "00000001.json is missing" in roost.refused("backup", "restore", "--to", str(tmp_path / "y"))

"""What only a folder has: modes, files left by a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from roost.clock import SystemClock
from roost.errors import BucketUnreachable
from roost.replication.directory_store import DirectoryStore

BACKEND = Path(__file__).parents[3] / "cloud" / "backend"

ENDLESS_UPLOAD = """
import io, sys
from pathlib import Path
from roost.clock import SystemClock
from roost.replication.directory_store import DirectoryStore

class Endless(io.RawIOBase):
    def seek(self, *_): return 0
    def read(self, size=-1):
        print("reading", flush=True)
        sys.stdin.readline()
        return b"x" * 1000

DirectoryStore(Path(sys.argv[1]), SystemClock()).put("conversations.db", Endless())
"""


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def staged(folder: Path) -> list[Path]:
    return list((folder / ".roost" / "staged").iterdir())


def uploading(folder: Path) -> subprocess.Popen[bytes]:
    """A process in the middle of an upload."""
    process = subprocess.Popen(
        [sys.executable, "-c", ENDLESS_UPLOAD, str(folder)],
        cwd=BACKEND,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    if process.stdout is None:
        raise AssertionError("no pipe")
    assert process.stdout.readline() == b"reading\n"
    return process


def test_what_an_upload_that_was_killed_left_is_cleaned_up(tmp_path: Path) -> None:
    with uploading(tmp_path) as killed:
        killed.send_signal(signal.SIGKILL)
    assert len(staged(tmp_path)) == 1
    DirectoryStore(tmp_path, SystemClock()).put("a", b"1")
    assert staged(tmp_path) == []


def test_an_upload_of_another_process_is_left_alone(tmp_path: Path) -> None:
    with uploading(tmp_path) as other:
        DirectoryStore(tmp_path, SystemClock()).put("a", b"1")
        assert len(staged(tmp_path)) == 1
        other.kill()


@pytest.mark.usefixtures("open_umask")
def test_everything_in_the_folder_is_for_its_owner_alone(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path, SystemClock())
    store.put("v1/log/1/0001.seg", b"1")
    store.put("conversations.db", b"1")
    store.stat("conversations.db")
    found = list(tmp_path.rglob("*"))
    assert tmp_path / "v1" / "log" / "1" / "0001.seg" in found
    for path in found:
        assert path.stat().st_mode & 0o077 == 0, path


def test_listing_holds_nobody_up(tmp_path: Path) -> None:
    """The lease is renewed meanwhile: with many objects, reading the folders takes seconds."""
    (tmp_path / "v1").mkdir()
    for number in range(30):
        (tmp_path / "v1" / f"{number:02}").write_bytes(b"x")
    store = DirectoryStore(tmp_path, SystemClock())
    listed = [item.name for item in store.list("v1/").items]
    assert listed == [f"v1/{number:02}" for number in range(30)]
    page = store.list("v1/", start_offset="v1/05", limit=7)
    assert [item.name for item in page.items] == listed[5:12]
    page = store.list("v1/", start_offset="v1/05", limit=100, page_token=page.next_page_token)
    assert [item.name for item in page.items] == listed[12:]
    assert page.next_page_token is None


def test_what_cannot_be_read_is_not_empty(tmp_path: Path) -> None:
    """A name that is too long stands for any failure of the disk: root may read whatever has no rights."""
    store = DirectoryStore(tmp_path, SystemClock())
    assert store.list("nothing/here/").items == []
    store.put("file", b"x")
    assert store.list("file/").items == []
    with pytest.raises(BucketUnreachable):
        store.list("x" * 300 + "/")

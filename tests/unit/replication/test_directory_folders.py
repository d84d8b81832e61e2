"""Folders that somebody else had a hand in: an older version, a person, a copy, a clock that was set."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from roost.clock import SystemClock
from roost.errors import BucketUnreachable, ObjectMissing, PreconditionFailed
from roost.replication.directory_store import DirectoryStore
from roost.replication.object_store import ABSENT
from tests.fakes.former_bucket import write_former
from tests.fakes.installation import SteppedClock

FORMER = 1_700_000_000_000_000
NAME = "v1/lease.json"


def opened(folder: Path) -> DirectoryStore:
    return DirectoryStore(folder, SystemClock())


def test_a_folder_that_a_former_version_wrote_is_read_as_it_is(tmp_path: Path) -> None:
    names = ["conversations.db", "v1/lease.json", "v1/log/00000001/000000000001.seg"]
    for number, name in enumerate(names):
        write_former(tmp_path, name, name.encode(), FORMER + number, {"sha256": name})
    before = sorted(tmp_path.rglob("*"))
    store = opened(tmp_path)
    listed = store.list().items
    assert [(item.name, item.generation) for item in listed] == [
        (name, FORMER + number) for number, name in enumerate(names)
    ]
    for item in listed:
        assert store.stat(item.name) == item
        assert store.get(item.name, generation=item.generation) == item.name.encode()
        assert dict(item.metadata) == {"sha256": item.name}
        with pytest.raises(PreconditionFailed):
            store.put(item.name, b"x", if_generation_match=ABSENT)
    assert [path for path in sorted(tmp_path.rglob("*")) if path.name != "staged"] == before


def test_an_object_of_a_former_version_goes_on_with_its_generation(tmp_path: Path) -> None:
    future = FORMER * 1000
    write_former(tmp_path, NAME, b"1", future)
    store = opened(tmp_path)
    second = store.put(NAME, b"2", if_generation_match=future)
    assert second.generation > future
    assert not (tmp_path / ".roost" / "objects" / f"{NAME}.json").exists()
    with pytest.raises(PreconditionFailed):
        store.put(NAME, b"3", if_generation_match=future)
    assert store.put("new", b"1").generation > future


def test_an_object_of_a_former_version_is_deleted_for_good(tmp_path: Path) -> None:
    write_former(tmp_path, NAME, b"1", FORMER)
    store = opened(tmp_path)
    with pytest.raises(PreconditionFailed):
        store.delete(NAME, if_generation_match=FORMER + 1)
    store.delete(NAME, if_generation_match=FORMER)
    with pytest.raises(ObjectMissing):
        store.stat(NAME)
    assert store.list().items == []
    assert list((tmp_path / ".roost" / "objects" / "v1").iterdir()) == []


def test_a_write_that_a_kill_of_a_former_version_kept_from_its_place_did_not_happen(tmp_path: Path) -> None:
    write_former(tmp_path, NAME, b"1", FORMER)
    record = tmp_path / ".roost" / "objects" / f"{NAME}.json"
    newest, _ = json.loads(record.read_text("utf-8"))
    waiting = {**newest, "generation": FORMER + 1, "sha256": "f" * 64, "inode": 1}
    record.write_text(json.dumps([waiting, newest]), "utf-8")
    assert opened(tmp_path).stat(NAME).generation == FORMER


def test_a_former_version_beside_this_one_is_understood(tmp_path: Path) -> None:
    """It notices a handover's request, and gives the lease away, by what it writes."""
    store = opened(tmp_path)
    ours = store.put(NAME, b"ours")
    write_former(tmp_path, NAME, b"theirs", ours.generation + 7, {"by": "them"})
    theirs = store.stat(NAME)
    assert (theirs.generation, dict(theirs.metadata)) == (ours.generation + 7, {"by": "them"})
    again = store.put(NAME, b"ours again", if_generation_match=theirs.generation)
    assert store.stat(NAME) == again


def test_a_leftover_of_a_former_version_is_cleaned_up(tmp_path: Path) -> None:
    write_former(tmp_path, NAME, b"1", FORMER)
    leftover = tmp_path / ".roost" / "partial" / "0123456789abcdef"
    leftover.write_bytes(b"half")
    opened(tmp_path).put("a", b"1")
    assert not leftover.exists()


@pytest.mark.parametrize("former", [True, False])
def test_a_folder_that_was_copied_keeps_its_generations(tmp_path: Path, former: bool) -> None:
    folder = tmp_path / "bucket"
    folder.mkdir()
    if former:
        write_former(folder, NAME, b"1", FORMER, {"sha256": "abc"})
    else:
        opened(folder).put(NAME, b"0")
        opened(folder).put(NAME, b"1", metadata={"sha256": "abc"})
    stat = opened(folder).stat(NAME)
    shutil.copytree(folder, tmp_path / "copy")
    copied = opened(tmp_path / "copy")
    assert copied.stat(NAME) == stat
    assert copied.put(NAME, b"2", if_generation_match=stat.generation).generation > stat.generation


def test_a_file_that_somebody_put_there_is_a_new_generation(tmp_path: Path) -> None:
    store = opened(tmp_path)
    first = store.put("conversations.db", b"ours", metadata={"sha256": "abc"})
    (tmp_path / "conversations.db").write_bytes(b"a person's")
    second = store.stat("conversations.db")
    assert second.generation > first.generation
    assert second.metadata == {}
    assert opened(tmp_path).stat("conversations.db") == second
    with pytest.raises(PreconditionFailed):
        store.put("conversations.db", b"x", if_generation_match=first.generation)
    assert store.get("conversations.db", generation=second.generation) == b"a person's"


def test_what_somebody_deleted_by_hand_is_missing_and_comes_back_above(tmp_path: Path) -> None:
    store = opened(tmp_path)
    first = store.put("a", b"1")
    (tmp_path / "a").unlink()
    with pytest.raises(ObjectMissing):
        store.stat("a")
    with pytest.raises(ObjectMissing):
        store.delete("a")
    assert store.put("a", b"1", if_generation_match=ABSENT).generation > first.generation


def test_generations_rise_though_the_clock_was_set_back(tmp_path: Path) -> None:
    clock = SteppedClock()
    store = DirectoryStore(tmp_path, clock)
    seen = [store.put("a", b"1").generation]
    clock.step(-86400 * 400)
    for _ in range(3):
        seen.append(store.put("a", b"1").generation)
        store.delete("a")
        seen.append(DirectoryStore(tmp_path, clock).put("a", b"1").generation)
    assert seen == sorted(set(seen))
    assert len(list((tmp_path / ".roost" / "floor").iterdir())) <= 2


def test_generations_rise_though_what_lies_under_roost_was_lost(tmp_path: Path) -> None:
    store = opened(tmp_path)
    first = store.put("a", b"1")
    shutil.rmtree(tmp_path / ".roost")
    second = store.stat("a")
    assert second.generation > first.generation
    assert store.put("a", b"2", if_generation_match=second.generation).generation > second.generation


def test_a_record_that_somebody_edited_makes_the_file_a_new_generation(tmp_path: Path) -> None:
    store = opened(tmp_path)
    first = store.put("a", b"1")
    (tmp_path / ".roost" / "records" / ".a" / "record.json").write_text("{")
    second = store.stat("a")
    assert second.generation > first.generation
    assert store.get("a", generation=second.generation) == b"1"


def test_names_that_begin_with_another_name_do_not_meet(tmp_path: Path) -> None:
    """Files of both cannot be there at once, but one after the other; nor do records meet."""
    store = opened(tmp_path)
    for name in ("a", "b/1", "b/record.json", "b/content", "b.json", "2"):
        store.put(name, name.encode())
    with pytest.raises(BucketUnreachable):
        store.put("a/2", b"x")
    with pytest.raises(BucketUnreachable):
        store.put("b", b"x")
    with pytest.raises(ObjectMissing):
        store.stat("b")
    first = store.stat("a").generation
    store.delete("a")
    store.put("a/2", b"x")
    assert store.get("a/2") == b"x"
    store.delete("a/2")
    (tmp_path / "a").rmdir()
    assert store.put("a", b"again").generation > first
    assert [item.name for item in store.list().items] == [
        "2",
        "a",
        "b.json",
        "b/1",
        "b/content",
        "b/record.json",
    ]


def test_a_reader_goes_on_with_what_it_has_opened(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.put("a", b"first")
    with (tmp_path / "a").open("rb") as reading:
        store.put("a", b"second")
        store.delete("a")
        assert reading.read() == b"first"

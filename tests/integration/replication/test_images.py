"""Pictures are in the bucket before anything names them, and come back from there."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from roost.clock import SystemClock
from roost.domain.images import LIMIT_BYTES
from roost.errors import InvalidInput, NotFound, TooLarge, Unavailable
from roost.replication.directory_store import DirectoryStore
from roost.replication.gcs import GcsStore
from roost.replication.image_objects import BucketImages
from roost.services.images import Images
from roost.storage.image_files import ImageFiles
from tests.fakes.fake_gcs import FakeGcs, Fault

PNG = b"\x89PNG\r\n\x1a\n" + b"pixels"
NAME = hashlib.sha256(PNG).hexdigest() + ".png"


@pytest.fixture
def gcs() -> Iterator[FakeGcs]:
    with FakeGcs() as gcs:
        yield gcs


def images(folder: Path, gcs: FakeGcs) -> Images:
    folder.mkdir(exist_ok=True)
    return Images(ImageFiles(folder), BucketImages(GcsStore("roost", None, gcs.url)))


def test_a_picture_is_here_and_in_the_bucket_and_keeping_it_again_changes_nothing(
    tmp_path: Path, gcs: FakeGcs
) -> None:
    kept = images(tmp_path / "data", gcs)
    assert kept.keep(PNG) == kept.keep(PNG) == NAME
    assert gcs.buckets["roost"][f"images/{NAME}"].content == PNG
    assert [path.name for path in (tmp_path / "data" / "images").iterdir()] == [NAME]
    assert kept.open(NAME) == PNG


def test_another_machine_fetches_it_and_a_damaged_file_is_replaced(tmp_path: Path, gcs: FakeGcs) -> None:
    images(tmp_path / "first", gcs).keep(PNG)
    second = images(tmp_path / "second", gcs)
    assert second.open(NAME) == PNG
    (tmp_path / "second" / "images" / NAME).write_bytes(b"half")
    assert second.open(NAME) == PNG
    assert (tmp_path / "second" / "images" / NAME).read_bytes() == PNG


def test_no_name_is_given_while_the_bucket_has_not_got_it(tmp_path: Path, gcs: FakeGcs) -> None:
    kept = images(tmp_path / "data", gcs)
    gcs.forbidden = True
    with pytest.raises(Unavailable, match="could not be kept"):
        kept.keep(PNG)
    assert not (tmp_path / "data" / "images").exists()
    gcs.forbidden = False
    # An answer that is lost is no failure: the picture is there.
    gcs.fail("put", Fault(drop=True))
    assert kept.keep(PNG) == NAME


def test_what_was_kept_without_a_bucket_is_brought_there_once(tmp_path: Path, gcs: FakeGcs) -> None:
    (tmp_path / "data").mkdir()
    assert Images(ImageFiles(tmp_path / "data"), None).bring() == 0
    Images(ImageFiles(tmp_path / "data"), None).keep(PNG)
    for name, content in ((f"{NAME}.7-8.partial", PNG), ("notes.txt", b"mine"), ("0" * 64 + ".png", b"half")):
        (tmp_path / "data" / "images" / name).write_bytes(content)
    kept = images(tmp_path / "data", gcs)
    assert (kept.bring(), kept.bring()) == (1, 0)
    assert list(gcs.buckets["roost"]) == [f"images/{NAME}"]
    assert images(tmp_path / "other", gcs).open(NAME) == PNG


def test_what_is_no_picture_or_no_name_is_refused(tmp_path: Path, gcs: FakeGcs) -> None:
    kept = images(tmp_path / "data", gcs)
    for content in (b"", b"<svg onload=alert(1)>", b"MZ" + PNG, b"RIFF1234WAVE"):
        with pytest.raises(InvalidInput, match="not a PNG"):
            kept.keep(content)
    with pytest.raises(TooLarge):
        kept.keep(PNG + b"x" * LIMIT_BYTES)
    for name in ("../bot_configs.db", NAME.upper(), NAME + "/..", "x.png"):
        with pytest.raises(InvalidInput):
            kept.open(name)
    with pytest.raises(NotFound):
        kept.open("0" * 64 + ".png")
    assert gcs.buckets["roost"] == {}


def test_a_forged_object_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "bucket").mkdir()
    store = DirectoryStore(tmp_path / "bucket", SystemClock())
    store.put(f"images/{NAME}", b"something else")
    (tmp_path / "data").mkdir()
    with pytest.raises(NotFound):
        Images(ImageFiles(tmp_path / "data"), BucketImages(store)).open(NAME)

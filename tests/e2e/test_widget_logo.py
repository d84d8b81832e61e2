"""A picture that people hand in outlives the machine it was sent to."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from roost.domain.images import name_of
from tests.e2e.fleet import Fleet, fleet, state
from tests.e2e.roost_process import BACKEND, RoostProcess
from tests.e2e.world import wait_for
from tests.fakes.fake_gcs import FakeGcs
from tests.fakes.pictures import png

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(150)]

SITE = "https://docs.example.com"
LOGO = png(300, 100, (20, 90, 60))
OTHER = png(40, 40, (160, 40, 30))


class Bucket:
    """One that can be taken away and given back."""

    def __init__(self, here: Fleet, take_away: Any, give_back: Any) -> None:
        self.here = here
        self.take_away = take_away
        self.give_back = give_back


@pytest.fixture(params=["folder", "gcs"])
def bucket(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bucket]:
    if request.param == "folder":
        with fleet(tmp_path) as here:
            kept, hidden = tmp_path / "bucket", tmp_path / "elsewhere"
            yield Bucket(here, lambda: kept.rename(hidden), lambda: hidden.rename(kept))
        return
    with FakeGcs("roost") as gcs, fleet(tmp_path, gcs) as here:
        yield Bucket(here, lambda: setattr(gcs, "forbidden", True), lambda: setattr(gcs, "forbidden", False))


def make_widget(client: httpx.Client) -> dict[str, Any]:
    made = client.post("/api/widgets", json={"name": "Docs", "origins": [SITE]})
    assert made.status_code == 201, made.text
    widget: dict[str, Any] = made.json()
    return widget


def put(client: httpx.Client, widget: dict[str, Any], picture: bytes) -> httpx.Response:
    return client.put(
        f"/api/widgets/{widget['id']}/logo", content=picture, headers={"Content-Type": "image/png"}
    )


def shown(roost: RoostProcess, widget: dict[str, Any]) -> httpx.Response:
    """As a page of the site asks for it."""
    address = f"{roost.base_url}/widget/v1/{widget['key']}"
    look = httpx.get(f"{address}/look", headers={"Origin": SITE}, timeout=20)
    assert look.status_code == 200, look.text
    name = look.json()["logo"]
    return httpx.get(f"{address}/logo?name={name}", headers={"Origin": SITE}, timeout=20)


def test_killed_and_its_disk_lost_the_logo_is_there_byte_for_byte(bucket: Bucket) -> None:
    first = bucket.here.container("first")
    first.start()
    with first.client() as client:
        widget = make_widget(client)
        kept = put(client, widget, LOGO)
        assert kept.status_code == 200, kept.text
        # Before the answer, not some time after it.
        assert bucket.here.store.get(f"images/{name_of(LOGO)}") == LOGO
        assert client.post("/api/backup").status_code == 200
    first.kill()
    shutil.rmtree(first.data_dir)
    second = bucket.here.container("second")
    second.start(40)
    assert not (second.data_dir / "images").exists()
    answer = shown(second, widget)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/png")
    assert answer.content == LOGO
    assert (second.data_dir / "images" / name_of(LOGO)).read_bytes() == LOGO


def test_while_the_bucket_cannot_be_reached_nothing_is_named(bucket: Bucket) -> None:
    roost = bucket.here.container("one")
    roost.start()
    with roost.client() as client:
        widget = make_widget(client)
        assert put(client, widget, LOGO).status_code == 200
        bucket.take_away()
        refused = put(client, widget, OTHER)
        assert refused.status_code == 503, refused.text
        assert refused.headers["Retry-After"]
        assert "picture could not be kept" in refused.json()["error"]["message"]
        assert client.get(f"/api/widgets/{widget['id']}").json()["logo"] == name_of(LOGO)
        assert not (roost.data_dir / "images" / name_of(OTHER)).exists()
        bucket.give_back()
        wait_for(lambda: state(roost) == "ready", "it writes again", within_s=40)
        wait_for(lambda: put(client, widget, OTHER).status_code == 200, "it is kept now", within_s=40)
    assert bucket.here.store.get(f"images/{name_of(OTHER)}") == OTHER
    assert shown(roost, widget).content == OTHER


def test_going_back_in_time_into_a_new_bucket_brings_the_logo_along(bucket: Bucket, tmp_path: Path) -> None:
    roost = bucket.here.container("one")
    roost.start()
    with roost.client() as client:
        widget = make_widget(client)
        assert put(client, widget, LOGO).status_code == 200
    assert roost.terminate() == 0
    bucket.here.store.put("images/notes.txt", b"mine")
    told = subprocess.run(
        [sys.executable, "-m", "roost", "backup", "restore", "--to", str(tmp_path / "then")],
        cwd=BACKEND,
        env=dict(roost.environ),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    assert "images/notes.txt" in told.stdout + told.stderr
    assert [path.name for path in (tmp_path / "then" / "images").iterdir()] == [name_of(LOGO)]
    new = {"GCS_BUCKET_NAME": "", "BUCKET_DIR": str(tmp_path / "new")}
    later = bucket.here.container("then", **new).start(40)
    assert shown(later, widget).content == LOGO
    wait_for((tmp_path / "new" / "images").exists, "the new bucket has it too", within_s=40)


def test_a_logo_from_before_there_was_a_bucket_is_brought_there(bucket: Bucket) -> None:
    alone = bucket.here.container("one", BUCKET_DIR="", GCS_BUCKET_NAME="")
    alone.start()
    with alone.client() as client:
        widget = make_widget(client)
        assert put(client, widget, LOGO).status_code == 200
    assert alone.terminate() == 0
    with_bucket = bucket.here.container("one")
    with_bucket.start(40)
    wait_for(
        lambda: f"images/{name_of(LOGO)}" in [each.name for each in bucket.here.store.list("images/").items],
        "the picture is in the bucket",
        within_s=40,
    )
    with with_bucket.client() as client:
        assert client.post("/api/backup").status_code == 200
    with_bucket.kill()
    shutil.rmtree(with_bucket.data_dir)
    assert shown(bucket.here.container("two").start(40), widget).content == LOGO

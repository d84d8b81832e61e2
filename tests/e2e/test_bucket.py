"""The real process with a bucket, a folder or Cloud Storage: what survives, is refused, is waited for."""

from __future__ import annotations

import io
import json
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from roost.clock import SystemClock, SystemIds
from roost.replication.directory_store import DirectoryStore
from roost.replication.gcs import GcsStore
from roost.replication.object_store import ObjectStore
from tests.e2e.roost_process import BACKEND, RoostProcess
from tests.e2e.world import QUESTION, TOKEN, wait_for, world
from tests.fakes.fake_gcs import FakeGcs, Fault
from tests.fakes.small_disk import mounted

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

WAITING = "Waiting for the bucket gs://roost."
KEY = "a key of more than thirty-two characters"


class Place:
    """A bucket that the process uses and the test looks into."""

    def __init__(self, environ: dict[str, str], store: ObjectStore) -> None:
        self.environ = {**environ, "SECRET_KEY": KEY, "LEASE_TTL_S": "4"}
        self.store = store

    def copies(self) -> list[str]:
        """The whole copies at the bucket's root."""
        return [item.name for item in self.store.list().items if "/" not in item.name]


@pytest.fixture
def gcs() -> Iterator[FakeGcs]:
    with FakeGcs("roost") as gcs:
        yield gcs


@pytest.fixture(params=["folder", "gcs"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "folder":
        folder = tmp_path / "bucket"
        yield Place({"BUCKET_DIR": str(folder)}, DirectoryStore(folder, SystemClock()))
    else:
        gcs = request.getfixturevalue("gcs")
        with closing(GcsStore("roost", None, gcs.url)) as store:
            yield Place(on(gcs), store)


def on(gcs: FakeGcs) -> dict[str, str]:
    return {
        "GCS_BUCKET_NAME": "roost",
        "STORAGE_EMULATOR_HOST": gcs.url,
        "SECRET_KEY": KEY,
        "LEASE_TTL_S": "4",
    }


def copies(gcs: FakeGcs) -> list[str]:
    return [name for name in gcs.names() if "/" not in name]


def new_thread(roost: RoostProcess) -> str:
    thread_id = SystemIds(SystemClock()).new()
    with roost.client() as client:
        assert client.post("/api/threads", json={"id": thread_id}).status_code == 201
    return thread_id


def threads(roost: RoostProcess) -> set[str]:
    with roost.client() as client:
        return {thread["id"] for thread in client.get("/api/threads").json()["items"]}


def adoptions(roost: RoostProcess) -> list[tuple[str, str]]:
    """Who said so of which bucket."""
    with roost.client() as client:
        entries = client.get("/api/audit").json()["items"]
    return [(each["actor"], each["subject"]) for each in entries if each["action"] == "bucket_adopted"]


def standing(roost: RoostProcess) -> tuple[int, str]:
    reply = httpx.get(f"{roost.base_url}/readyz", timeout=5)
    return reply.status_code, str(reply.json()["reason"])


def wait_for_reason(roost: RoostProcess, words: str) -> None:
    def given() -> bool:
        status, reason = standing(roost)
        return status == 503 and words in reason

    wait_for(given, f"it stands by, saying {words!r}")


def integrity(path: Path) -> str:
    with closing(sqlite3.connect(path)) as db:
        return str(db.execute("PRAGMA integrity_check").fetchone()[0])


def test_after_the_loss_of_the_disk_bots_and_conversations_are_back(place: Place, tmp_path: Path) -> None:
    """S003-1, S003-16 to S003-19, S003-28. Defect 1: a restore works. Defect 2: conversations are copied.
    Defect 3: bots are loaded after it. Defect 5: the index never goes there.
    """
    data_dir = tmp_path / "data"
    with world(data_dir, place.environ) as here:
        here.roost.start()
        here.telegram.add(TOKEN)
        with here.roost.client() as client:
            reply = client.post("/api/bots", json={"platform": "telegram", "token": TOKEN, "start": True})
            assert reply.status_code == 201, reply.text
        wait_for(lambda: here.telegram.polling() == 1, "the bot polls")
        kept = new_thread(here.roost)
        assert here.roost.terminate() == 0
        assert "Backing up data to GCS" in here.roost.printed
        assert place.copies() == ["bot_configs.db", "conversations.db"]

        shutil.rmtree(data_dir)
        here.roost.output.clear()
        here.roost.start()
        assert threads(here.roost) == {kept}
        wait_for(lambda: here.telegram.polling() == 1, "the bot polls again")
        order = [
            here.roost.printed.index(line)
            for line in (
                "Restored conversations.db",
                "Restored bot_configs.db",
                "Restored 1 bot(s) from storage",
            )
        ]
        assert order == sorted(order)
        assert here.roost.terminate() == 0


def test_killed_on_a_disk_that_survives_nothing_is_lost_or_set_aside(place: Place, tmp_path: Path) -> None:
    with RoostProcess(tmp_path / "data", place.environ) as roost:
        roost.start()
        made = {new_thread(roost)}
        roost.kill()
        roost.start()
        made.add(new_thread(roost))
        roost.kill()
        roost.start()
        assert threads(roost) == made
        assert roost.terminate() == 0
        assert not list((tmp_path / "data").glob("*.conflict-*"))
        shutil.rmtree(tmp_path / "data")
        roost.start()
        assert threads(roost) == made
        assert roost.terminate() == 0


def test_a_stalled_bucket_does_not_hold_up_the_stop(gcs: FakeGcs, tmp_path: Path) -> None:
    """Fault 7: SIGTERM with the bucket stalled."""
    """S003-20."""
    data_dir = tmp_path / "data"
    with RoostProcess(data_dir, on(gcs)) as roost:
        roost.start()
        wait_for(lambda: len(copies(gcs)) == 2, "the first copies are there")
        kept = new_thread(roost)
        gcs.stall()
        began_s = time.monotonic()
        assert roost.terminate() == 0
        assert time.monotonic() - began_s < 8
        assert integrity(data_dir / "conversations.db") == "ok"
        assert integrity(data_dir / "bot_configs.db") == "ok"
        gcs.flow()
        roost.start()
        assert threads(roost) == {kept}
        assert roost.terminate() == 0
    assert not list(data_dir.glob("*.conflict-*"))


def test_whatever_hangs_the_stop_ends_before_it_is_ended(gcs: FakeGcs, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with ExitStack() as held, world(data_dir, on(gcs)) as here:
        here.start_with_bot()
        wait_for(lambda: len(copies(gcs)) == 2, "the first copies are there")
        here.telegram.hold("sendmessage")
        here.telegram.hold("getupdates")
        here.telegram.text(TOKEN, 5000, QUESTION)
        kept = new_thread(here.roost)
        gcs.stall()
        address = urlsplit(here.roost.base_url)
        for _ in range(5):
            client = held.enter_context(socket.create_connection((address.hostname, address.port), 5))
            client.sendall(b"POST /auth/local HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{")
        for database in ("conversations", "bot_configs", "knowledge"):
            other = held.enter_context(closing(sqlite3.connect(data_dir / f"{database}.db")))
            other.execute("BEGIN IMMEDIATE")
        # Cloud Run kills after ten seconds; `scripts/bench bucket` tells what a quiet machine needs.
        assert here.roost.terminate(within_s=9.9) == 0
        held.close()
        gcs.flow()
        here.telegram.release()
        here.roost.start()
        assert kept in threads(here.roost)
        wait_for(lambda: len(here.answers(5000)) > 0, "the question is answered")
        assert here.roost.terminate() == 0
    assert not list(data_dir.glob("*.conflict-*"))


def service_account(path: Path, token_uri: str) -> Path:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_text(
        json.dumps(
            {
                "type": "service_account",
                "project_id": "roost",
                "private_key_id": "1",
                "private_key": pem.decode(),
                "client_email": "roost@example.iam.gserviceaccount.com",
                "token_uri": token_uri,
            }
        )
    )
    return path


def no_such_file(folder: Path, gcs: FakeGcs) -> Path:
    return folder / "absent.json"


def no_json(folder: Path, gcs: FakeGcs) -> Path:
    path = folder / "broken.json"
    path.write_text("{")
    return path


def refused_account(folder: Path, gcs: FakeGcs) -> Path:
    gcs.refuse_tokens = True
    return service_account(folder / "revoked.json", f"{gcs.url}/token")


@pytest.mark.parametrize("make", [no_such_file, no_json, refused_account])
def test_bad_credentials_are_named_and_waited_for(
    gcs: FakeGcs, tmp_path: Path, make: Callable[[Path, FakeGcs], Path]
) -> None:
    """S003-38, S003-40."""
    credentials = make(tmp_path, gcs)
    environ = {**on(gcs), "GOOGLE_APPLICATION_CREDENTIALS": str(credentials)}
    with RoostProcess(tmp_path / "data", environ) as roost:
        roost.launch()
        wait_for_reason(roost, "GOOGLE_APPLICATION_CREDENTIALS")
        assert "Traceback" not in roost.printed
        assert gcs.names() == []
        gcs.refuse_tokens = False
        service_account(credentials, f"{gcs.url}/token")
        roost.wait_until_ready(40)
        assert roost.terminate() == 0
    assert copies(gcs) == ["bot_configs.db", "conversations.db"]


def test_a_bucket_that_appears_late_is_taken_up_without_a_restart(gcs: FakeGcs, tmp_path: Path) -> None:
    objects = gcs.buckets.pop("roost")
    with RoostProcess(tmp_path / "data", on(gcs)) as roost:
        roost.launch()
        wait_for_reason(roost, "There is no bucket gs://roost")
        assert httpx.get(f"{roost.base_url}/healthz", timeout=5).status_code == 200
        reply = httpx.get(f"{roost.base_url}/api/threads", timeout=5)
        assert (reply.status_code, "Retry-After" in reply.headers) == (503, True)
        gcs.buckets["roost"] = objects
        roost.wait_until_ready(40)
        assert roost.terminate() == 0


def test_a_folder_on_a_disk_that_is_mounted_late_is_taken_up_without_a_restart(tmp_path: Path) -> None:
    folder = tmp_path / "disk" / "backup"
    with RoostProcess(tmp_path / "data", {"BUCKET_DIR": str(folder), "SECRET_KEY": KEY}) as roost:
        roost.launch()
        wait_for_reason(roost, "does not exist")
        folder.mkdir(parents=True)
        roost.wait_until_ready(40)
        assert roost.terminate() == 0
    assert (folder / "conversations.db").exists()


def test_files_of_this_disk_are_shown_while_the_bucket_is_away(gcs: FakeGcs, tmp_path: Path) -> None:
    """Fault 24: the bucket is down at the start. What is here can be read, nothing can be written."""
    with RoostProcess(tmp_path / "data", on(gcs)) as roost:
        roost.start()
        kept = new_thread(roost)
        with roost.client() as client:
            assert roost.terminate() == 0
            gcs.forbidden = True
            roost.launch()
            wait_for_reason(roost, "Storage Object Admin")
            wait_for(lambda: client.get("/api/threads").status_code == 200, "what is here is shown")
            assert [thread["id"] for thread in client.get("/api/threads").json()["items"]] == [kept]
            refused = client.post("/api/threads", json={})
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "standby")
            assert "Retry-After" in refused.headers
            gcs.forbidden = False
            roost.wait_until_ready(40)
            assert client.post("/api/threads", json={}).status_code == 201
        assert roost.terminate() == 0


def test_a_stop_in_the_middle_of_a_restore_leaves_nothing_half_done(gcs: FakeGcs, tmp_path: Path) -> None:
    """Fault 8: SIGTERM during a restore."""
    data_dir = tmp_path / "data"
    with RoostProcess(data_dir, on(gcs)) as roost:
        roost.start()
        kept = new_thread(roost)
        assert roost.terminate() == 0
        shutil.rmtree(data_dir)
        gcs.fail("get", *[Fault(delay_s=2)] * 3)
        roost.launch()
        wait_for(lambda: any(operation == "get" for operation, _ in gcs.requests), "the restore has begun")
        began_s = time.monotonic()
        assert roost.terminate() == 0
        assert time.monotonic() - began_s < 8
        assert not (data_dir / "conversations.db").exists()
        gcs.clear_faults()
        roost.start()
        assert threads(roost) == {kept}
        assert roost.terminate() == 0


def test_a_full_disk_is_told_and_waited_for(place: Place, tmp_path: Path) -> None:
    """Fault 33: the disk is full."""
    with mounted(tmp_path / "disk", 64) as disk:
        if disk is None:
            pytest.skip("no file system may be mounted here")
        data_dir = disk.path / "data"
        with RoostProcess(data_dir, place.environ) as roost:
            roost.start()
            kept = new_thread(roost)
            assert roost.terminate() == 0
            before = [place.store.stat(name) for name in ("conversations.db", "bot_configs.db")]
            for path in data_dir.glob("*.db*"):
                path.unlink()
            disk.leave(20_000)
            roost.launch()
            wait_for_reason(roost, "Free some space")
            assert not (data_dir / "conversations.db").exists()
            assert [place.store.stat(stat.name) for stat in before] == before
            disk.free()
            roost.wait_until_ready(40)
            assert threads(roost) == {kept}
            assert roost.terminate() == 0
        assert not list(data_dir.glob("*.conflict-*"))


def test_a_bucket_that_hangs_is_named_before_it_counts_as_out_of_reach(gcs: FakeGcs, tmp_path: Path) -> None:
    with RoostProcess(tmp_path / "data", on(gcs)) as roost:
        gcs.stall()
        roost.launch()
        seen: list[str] = []

        def out_of_reach() -> bool:
            reason = standing(roost)[1]
            if reason not in seen:
                seen.append(reason)
            return len(seen) > 1 and seen[-1] != WAITING

        wait_for(lambda: standing(roost)[1] != "Roost is starting.", "the bucket is asked")
        wait_for(out_of_reach, "its silence is told")
        assert seen[0] == WAITING
        gcs.flow()
        roost.wait_until_ready(40)
        assert roost.terminate() == 0


def test_a_disk_that_fills_up_is_told_and_waited_for_while_reads_go_on(place: Place, tmp_path: Path) -> None:
    """Fault 33: the disk is full."""
    with mounted(tmp_path / "disk", 64) as disk:
        if disk is None:
            pytest.skip("no file system may be mounted here")
        data_dir = disk.path / "data"
        with RoostProcess(data_dir, place.environ) as roost:
            roost.start()
            kept = {new_thread(roost)}
            with roost.client() as client:
                disk.leave(0)
                while (
                    reply := client.post("/api/threads", json={"id": SystemIds(SystemClock()).new()})
                ).status_code == 201:
                    kept.add(reply.json()["id"])
                assert reply.status_code == 503
                assert reply.json()["error"]["code"] == "disk_full"
                told = client.get("/api/status").json()
                assert told["database"]["trouble"].startswith(f"The disk of {data_dir} is full")
                assert "\nroost_disk_full 1\n" in client.get("/metrics").text
                assert client.get("/readyz").status_code == 200
                assert {each["id"] for each in client.get("/api/threads").json()["items"]} == kept
                disk.free()
                wait_for(
                    lambda: client.get("/api/status").json()["database"]["trouble"] is None,
                    "it ends by itself",
                )
            kept.add(new_thread(roost))
            assert roost.terminate() == 0
            shutil.rmtree(data_dir)
            roost.start()
            assert threads(roost) == kept
            assert roost.terminate() == 0


def test_killed_in_the_middle_of_a_restore_the_next_start_makes_it(gcs: FakeGcs, tmp_path: Path) -> None:
    """Fault 5: kill -9 during a restore, run again."""
    data_dir = tmp_path / "data"
    with RoostProcess(data_dir, on(gcs)) as roost:
        roost.start()
        kept = new_thread(roost)
        assert roost.terminate() == 0
        for skipped in range(3):
            shutil.rmtree(data_dir)
            gcs.requests.clear()
            gcs.fail("get", *[Fault()] * skipped, Fault(delay_s=2))
            roost.launch()
            wait_for(
                lambda: any(operation == "get" for operation, _ in gcs.requests), "the restore has begun"
            )
            roost.kill()
            gcs.clear_faults()
            roost.start()
            assert threads(roost) == {kept}
            assert roost.terminate() == 0
    assert not list(data_dir.glob("*.conflict-*"))


def forget_the_log(place: Place) -> None:
    """As an older Roost leaves a bucket."""
    for item in place.store.list("v1/").items:
        place.store.delete(item.name)


def test_a_bucket_with_plain_copies_alone_is_taken_over(place: Place, tmp_path: Path) -> None:
    """Fault 40."""
    with RoostProcess(tmp_path / "data", place.environ) as roost:
        roost.start()
        kept = new_thread(roost)
        assert roost.terminate() == 0
        forget_the_log(place)
        shutil.rmtree(tmp_path / "data")
        roost.start()
        later = new_thread(roost)
        assert threads(roost) == {kept, later}
        assert roost.terminate() == 0
        # From then on it has a log, and that is believed.
        shutil.rmtree(tmp_path / "data")
        for name in place.copies():
            place.store.delete(name)
        roost.start()
        assert threads(roost) == {kept, later}
        assert roost.terminate() == 0


def test_a_database_of_a_newer_roost_is_refused_and_left_alone(place: Place, tmp_path: Path) -> None:
    with RoostProcess(tmp_path / "data", place.environ) as roost:
        roost.start()
        assert roost.terminate() == 0
        shutil.rmtree(tmp_path / "data")
        forget_the_log(place)
        newer = tmp_path / "newer.db"
        newer.write_bytes(place.store.get("bot_configs.db"))
        with closing(sqlite3.connect(newer)) as db:
            db.execute("PRAGMA user_version=9999")
        generation = place.store.put("bot_configs.db", newer.read_bytes()).generation
        roost.launch()
        wait_for_reason(roost, "was written by a newer Roost")
        assert roost.terminate() == 0
        assert not (tmp_path / "data" / "conversations.db").exists()
        assert place.store.stat("bot_configs.db").generation == generation


def test_what_was_changed_on_two_disks_is_set_aside_and_shown_until_dismissed(
    place: Place, tmp_path: Path
) -> None:
    with (
        RoostProcess(tmp_path / "one", place.environ) as one,
        RoostProcess(tmp_path / "two", place.environ) as two,
    ):
        one.start()
        of_one = new_thread(one)
        assert one.terminate() == 0
        two.start()
        of_two = new_thread(two)
        assert two.terminate() == 0
        with closing(sqlite3.connect(tmp_path / "one" / "conversations.db")) as db:
            db.execute("UPDATE threads SET title = 'By hand'")
            db.commit()
        one.start()
        assert threads(one) == {of_one, of_two}
        (aside,) = (tmp_path / "one").glob("conversations.db.conflict-*Z")
        with closing(sqlite3.connect(aside)) as db:
            assert db.execute("SELECT id, title FROM threads").fetchall() == [(of_one, "By hand")]
        with one.client() as client:
            shown = client.get("/api/status").json()["replication"]
            assert shown["bucket"] == place.store.place
            assert [conflict["id"] for conflict in shown["conflicts"]] == [aside.name]
            assert "roost_replication_lag_seconds" in client.get("/metrics").text
            for conflict in shown["conflicts"]:
                client.post(f"/api/backup/conflicts/{conflict['id']}/dismiss").raise_for_status()
            assert client.get("/api/status").json()["replication"]["conflicts"] == []
        assert aside.exists()
        assert one.terminate() == 0


def empty(place: Place) -> None:
    for item in place.store.list().items:
        place.store.delete(item.name)


def adopt(place: Place, data_dir: Path) -> str:
    """What the command says."""
    adopted = subprocess.run(
        [sys.executable, "-m", "roost", "backup", "now", "--adopt"],
        cwd=BACKEND,
        env={**place.environ, "DATA_DIR": str(data_dir)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert adopted.returncode == 0, adopted.stderr
    return adopted.stdout


def test_an_emptied_bucket_is_filled_again_once_a_person_says_so(place: Place, tmp_path: Path) -> None:
    """S003-7: what is here is never overwritten by nothing."""
    data_dir = tmp_path / "data"
    with RoostProcess(data_dir, place.environ) as roost:
        roost.start()
        kept = new_thread(roost)
        assert roost.terminate() == 0
        empty(place)
        roost.launch()
        wait_for_reason(roost, "The bucket was emptied or exchanged")
        assert "within 15 seconds" in adopt(place, data_dir)
        roost.wait_until_ready(40)
        assert threads(roost) == {kept}
        # Nothing could be written when it was asked for.
        (adopted,) = adoptions(roost)
        assert adopted[0] is not None

        wait_for(lambda: len(place.copies()) == 2, "the first copies are there")
        empty(place)
        # Also while it runs, and whether it has noticed by itself by then or not.
        assert "from this disk" in adopt(place, data_dir)
        wait_for(lambda: len(place.copies()) == 2, "the copies are there again")
        roost.wait_until_ready(40)
        assert threads(roost) == {kept}
        assert not (data_dir / "adopt-bucket").exists()
        assert roost.terminate() == 0

        empty(place)
        assert "has everything" in adopt(place, data_dir), "also where none runs"
        assert len(place.copies()) == 2
        assert not (data_dir / "adopt-bucket").exists()
        roost.start()
        assert threads(roost) == {kept}
        assert adoptions(roost) == [adopted] * 3
        assert roost.terminate() == 0


def test_what_cannot_be_meant_is_refused_at_the_start(tmp_path: Path) -> None:
    bucket = {"GCS_BUCKET_NAME": "roost"}
    for environ, words in (
        ({**bucket, "BUCKET_DIR": str(tmp_path / "b"), "SECRET_KEY": KEY}, "both set"),
        (bucket, "SECRET_KEY is not"),
    ):
        code, said = RoostProcess(tmp_path / "data", environ).refuse_to_start()
        assert code == 1
        assert words in said
        assert len(said.strip().splitlines()) == 1


def test_a_folder_without_a_key_starts_with_a_warning(tmp_path: Path) -> None:
    with RoostProcess(tmp_path / "data", {"BUCKET_DIR": str(tmp_path / "bucket")}) as roost:
        roost.start()
        assert "losing DATA_DIR loses the bots' tokens" in roost.printed
        assert roost.terminate() == 0


def test_without_a_bucket_nothing_of_google_is_loaded(tmp_path: Path) -> None:
    with RoostProcess(tmp_path / "data") as roost:
        roost.start()
        (worker,) = Path(f"/proc/{roost.pid}/task/{roost.pid}/children").read_text().split()
        maps = Path(f"/proc/{worker}/maps").read_text()
        assert "google_crc32c" not in maps
        assert "No bucket configured: data stays in" in roost.printed
        assert roost.terminate() == 0


def test_50_neither_bucket_nor_disk_nor_export_holds_a_token_or_key(place: Place, tmp_path: Path) -> None:
    """Hostile case 50: grep of databases, WAL, bucket objects, exports for the test tokens -> 0 hits."""
    data_dir = tmp_path / "data"
    model_key = "sk-only-made-up-" + "k" * 24

    def found_in(contents: Mapping[str, bytes]) -> list[str]:
        secrets = (TOKEN, model_key, key)
        return [name for name, body in contents.items() if any(each.encode() in body for each in secrets)]

    def disk() -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in data_dir.rglob("*") if path.is_file()}

    with world(data_dir, place.environ) as here:
        here.roost.start()
        here.telegram.add(TOKEN)
        with here.roost.client() as client:
            new = {"platform": "telegram", "token": TOKEN, "api_key": model_key, "start": True}
            client.post("/api/bots", json=new, headers={"Idempotency-Key": "1"}).raise_for_status()
            made = client.post("/api/keys", json={"name": "script"}, headers={"Idempotency-Key": "2"})
            key = made.json()["key"]
            client.post("/api/backup", json={}).raise_for_status()
            exported = client.post("/api/export", json={}).content
        with zipfile.ZipFile(io.BytesIO(exported)) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        assert "bots.jsonl" in parts
        assert found_in(parts) == []
        assert any(name.endswith("bot_configs.db-wal") for name in disk())
        assert found_in(disk()) == []
        assert here.roost.terminate() == 0
        objects = {item.name: place.store.get(item.name) for item in place.store.list().items}
        assert {"bot_configs.db", "conversations.db"} <= set(objects)
        assert found_in(objects) == []
        # What is compressed in the bucket is on the disk as it is, once it has been restored.
        shutil.rmtree(data_dir)
        here.roost.start()
        wait_for(lambda: here.telegram.polling() == 1, "the bot polls with its restored token")
        assert found_in(disk()) == []
        assert here.roost.terminate() == 0
        assert TOKEN not in here.roost.printed

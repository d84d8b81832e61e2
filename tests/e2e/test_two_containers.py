"""Several real containers on one bucket: who may write, how it is handed over, and what is never lost."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from roost.replication.layout import LEASE
from tests.e2e.fleet import TTL_S, Fleet, Writing, add_bot, fleet, require, state, threads, wait_shipped
from tests.e2e.roost_process import BACKEND, RoostProcess
from tests.e2e.world import TOKEN, wait_for
from tests.fakes.fake_gcs import FakeGcs, Fault

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(150)]


@pytest.fixture
def gcs() -> Iterator[FakeGcs]:
    with FakeGcs("roost") as gcs:
        yield gcs


@pytest.fixture(params=["folder", "gcs"])
def on_both(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Fleet]:
    with fleet(tmp_path, request.getfixturevalue("gcs") if request.param == "gcs" else None) as made:
        yield made


@pytest.fixture
def on_folder(tmp_path: Path) -> Iterator[Fleet]:
    with fleet(tmp_path) as made:
        yield made


@pytest.fixture
def on_gcs(tmp_path: Path, gcs: FakeGcs) -> Iterator[Fleet]:
    with fleet(tmp_path, gcs) as made:
        yield made


def lease(here: Fleet) -> dict[str, object]:
    found: dict[str, object] = json.loads(here.store.get(LEASE))
    return found


def asides(roost: RoostProcess) -> list[str]:
    return [path.name for path in roost.data_dir.glob("*.conflict-*")]


def test_a_deploy_under_writes_loses_nothing_and_answers_once(on_both: Fleet) -> None:
    """Fault 9: a rolling deploy under writes. Fault 32: one poller a token, no update handled twice."""
    old, new = on_both.container("old", "one"), on_both.container("new", "two")
    old.start()
    add_bot(old, on_both.telegram)
    with Writing(old, new) as writing:
        writing.until(20)
        for chat_id in range(101, 106):
            on_both.telegram.text(TOKEN, chat_id, "How many birds?")
        new.start(40)
        for chat_id in range(106, 111):
            on_both.telegram.text(TOKEN, chat_id, "How many birds?")
        writing.until(len(writing.acknowledged) + 20)
    assert set(writing.by.values()) == {old.base_url, new.base_url}
    assert writing.refused <= {"handover", "standby", "restoring"}
    assert writing.other == []
    assert writing.ids <= threads(new)
    assert state(old) == "standby"

    def answered() -> Counter[int]:
        return Counter(send["chat_id"] for send in on_both.telegram.state(TOKEN)["sends"])

    wait_for(lambda: len(answered()) == 10, "everybody is answered")
    assert set(answered().values()) == {1}
    assert on_both.telegram.state(TOKEN)["conflicts"] == 0
    assert old.terminate() == 0
    assert new.terminate() == 0
    assert asides(old) == asides(new) == []


def test_the_old_one_takes_over_again_when_the_new_one_dies_and_never_asks_back(on_folder: Fleet) -> None:
    """Fault 30: a roll back to an older revision is a deploy like any other; and there is no ping-pong."""
    newer, older = on_folder.container("newer", "two"), on_folder.container("older", "one")
    newer.start()
    older.start(40)
    wait_for(lambda: state(newer) == "standby", "the newer one has handed over")
    made = set()
    with Writing(older) as writing:
        writing.until(30)
        made = writing.ids
    time.sleep(1)
    assert state(older) == "ready"
    older.kill()
    newer.wait_until_ready(40)
    assert "Asked" not in newer.printed
    # What was acknowledged in the last moments died with that disk.
    assert len(made - threads(newer)) <= len(made) // 2
    # It comes back with what it had left to ship.
    older.start(40)
    wait_for(lambda: state(newer) == "standby", "it has asked as a newcomer")


def test_killed_under_load_with_its_disk_only_the_last_moments_are_lost(on_both: Fleet) -> None:
    """Fault 1."""
    first = on_both.container("first")
    first.start()
    with Writing(first, pause_s=0.0) as writing:
        writing.until(300)
        first.kill()
        killed_s = time.monotonic()
    shutil.rmtree(first.data_dir)
    second = on_both.container("second")
    second.start(40)
    kept = threads(second)
    lost = [(made, at_s) for made, at_s in writing.acknowledged if made not in kept]
    assert all(killed_s - at_s < 5 for _, at_s in lost), "a second and a half on a quiet machine"
    order = [made for made, _ in writing.acknowledged]
    assert kept & set(order) == set(order[: len(order) - len(lost)]), "the last ones, without a gap"


def test_of_two_newcomers_one_runs_and_the_other_stands_by(on_folder: Fleet) -> None:
    """Fault 10: two newcomers race. Fault 31: two instances of one revision."""
    one, two = on_folder.container("one"), on_folder.container("two")
    one.launch()
    two.launch()
    wait_for(lambda: {state(one), state(two)} == {"ready", "standby"}, "one of them is ready", within_s=40)
    running, waiting = (one, two) if state(one) == "ready" else (two, one)
    reply = httpx.get(f"{waiting.base_url}/api/threads", timeout=5)
    assert (reply.status_code, reply.json()["error"]["code"]) == (503, "standby")
    assert "is at work" in reply.json()["error"]["message"]
    add_bot(running, on_folder.telegram)
    assert running.terminate() == 0
    waiting.wait_until_ready(40)
    wait_for(lambda: on_folder.telegram.polling() == 1, "its bot polls")
    assert on_folder.telegram.state(TOKEN)["conflicts"] == 0


def test_a_newcomer_that_dies_right_after_it_took_the_lease_is_waited_out(
    on_gcs: Fleet, gcs: FakeGcs
) -> None:
    """Fault 11."""
    old = on_gcs.container("old", "one")
    old.start()
    with Writing(old) as writing:
        writing.until(5)
    assert old.terminate() == 0
    epoch = int(str(lease(on_gcs)["epoch"]))
    # The lease is the first it writes; it dies before the second.
    gcs.fail("put", Fault(), *[Fault(delay_s=3)] * 3)
    dying = on_gcs.container("dying", "two")
    dying.launch()
    wait_for(lambda: lease(on_gcs)["epoch"] == epoch + 1, "it holds the lease")
    dying.kill()
    gcs.clear_faults()
    last = on_gcs.container("last", "three")
    last.start(40)
    require(threads(last), writing)
    assert json.loads(on_gcs.store.get(f"v1/epochs/{epoch + 1:08d}.json")) == {
        "epoch": epoch + 1,
        "void": True,
    }


def test_a_holder_that_dies_while_it_hands_over_is_waited_out(on_gcs: Fleet, gcs: FakeGcs) -> None:
    """Fault 12."""
    old, new = on_gcs.container("old", "one"), on_gcs.container("new", "two")
    old.start()
    with Writing(old) as writing:
        writing.until(10)
    wait_shipped(old)
    gcs.requests.clear()
    new.launch()
    wait_for(lambda: state(old) in ("handover", "standby"), "the old one hands over")
    old.kill()
    new.wait_until_ready(40)
    require(threads(new), writing)
    old.start(40)
    require(threads(old), writing)
    assert asides(old) == []


def test_one_that_was_stopped_and_replaced_acknowledges_nothing_any_more(on_both: Fleet) -> None:
    """Fault 13: a SIGSTOP zombie resumes."""
    zombie, next_one = on_both.container("zombie"), on_both.container("next")
    zombie.start()
    add_bot(zombie, on_both.telegram)
    with Writing(zombie) as writing:
        writing.until(10)
    wait_shipped(zombie)
    with zombie.client() as client:
        zombie.pause()
        next_one.start(40)
        with Writing(next_one) as later:
            later.until(10)
        before = on_both.telegram.state(TOKEN)["conflicts"]
        zombie.resume()
        answers: list[int] = []
        while len(answers) < 5:
            try:
                answers.append(client.post("/api/threads", json={}).status_code)
            except httpx.TransportError:
                answers.append(0)
        assert 201 not in answers
    wait_for(lambda: state(zombie) == "standby", "it stands by")
    wait_for(lambda: on_both.telegram.polling() == 1, "the bot polls")
    assert on_both.telegram.state(TOKEN)["conflicts"] <= before + 1, "the poll that was open while it stopped"
    require(threads(next_one), writing, later)
    assert next_one.terminate() == 0
    zombie.wait_until_ready(40)
    require(threads(zombie), writing, later)


def test_answers_of_the_bucket_that_are_lost_do_not_lose_the_lease(on_gcs: Fleet, gcs: FakeGcs) -> None:
    """Fault 17: the lease is written, and the answer lost, at the taking and at renewals."""
    gcs.fail("put", Fault(drop=True))
    one = on_gcs.container("one")
    one.start(40)
    for _ in range(3):
        gcs.fail("put", *[Fault(drop=True)] * 2)
        with Writing(one) as writing:
            writing.until(5)
        time.sleep(1)
        assert state(one) == "ready"
    assert "Holding the lease" in one.printed
    assert one.printed.count("Holding the lease") == 1
    assert one.terminate() == 0


def test_a_lost_or_scrambled_lease_is_written_anew_by_its_holder_and_waited_out_by_others(
    on_folder: Fleet,
) -> None:
    """Fault 23."""
    one = on_folder.container("one")
    one.start()
    on_folder.store.delete(LEASE)
    wait_for(lambda: LEASE in [item.name for item in on_folder.store.list("v1/lease").items], "it is back")
    on_folder.store.put(LEASE, b"\x00garbage")
    wait_for(lambda: on_folder.store.get(LEASE).startswith(b"{"), "it is a lease again")
    with Writing(one) as writing:
        writing.until(5)
    assert state(one) == "ready"
    epoch = lease(on_folder)["epoch"]
    assert one.terminate() == 0
    on_folder.store.put(LEASE, b'{"epoch": 999999999, "state": "held"}')
    two = on_folder.container("two")
    two.launch()
    wait_for(lambda: state(two) == "standby", "it waits, for somebody may hold it")
    two.wait_until_ready(40)
    require(threads(two), writing)
    assert lease(on_folder)["epoch"] == int(str(epoch)) + 1


def test_while_the_bucket_is_away_nothing_is_written_and_it_goes_on_by_itself(
    on_gcs: Fleet, gcs: FakeGcs
) -> None:
    """Fault 25: the bucket is down for longer than the lease lasts."""
    one = on_gcs.container("one")
    one.start()
    add_bot(one, on_gcs.telegram)
    with one.client() as client, Writing(one) as writing:
        writing.until(5)
        gcs.forbidden = True
        wait_for(lambda: state(one) == "standby", "it pauses")
        wait_for(lambda: on_gcs.telegram.polling() == 0, "its bot does not poll")
        wait_for(
            lambda: "Storage Object Admin" in client.get("/readyz").json()["reason"],
            "it says why, and the remedy",
        )
        reply = client.post("/api/threads", json={})
        assert "Storage Object Admin" in reply.json()["error"]["message"]
        assert (reply.status_code, reply.json()["error"]["code"]) == (503, "standby")
        assert "Retry-After" in reply.headers
        assert client.get("/api/threads").json()["items"], "what is here is shown"
        status = client.get("/api/status").json()["replication"]
        assert status["trouble"]
        assert "roost_lease_held 0" in client.get("/metrics").text
        on_gcs.telegram.text(TOKEN, 101, "Anybody there?")
        time.sleep(TTL_S)
        gcs.forbidden = False
        one.wait_until_ready(40)
        assert client.post("/api/threads", json={}).status_code == 201
        assert "roost_lease_held 1" in client.get("/metrics").text
    wait_for(lambda: on_gcs.telegram.polling() == 1, "its bot polls again")
    wait_for(lambda: len(on_gcs.telegram.sends(TOKEN, 101)) == 1, "what was asked meanwhile is answered")
    assert writing.ids <= threads(one)
    assert one.terminate() == 0
    shutil.rmtree(one.data_dir)
    one.start(40)
    assert writing.ids <= threads(one)


def test_a_stop_under_load_ends_in_time_and_leaves_everything_in_the_bucket(on_gcs: Fleet) -> None:
    """Fault 6: SIGTERM under load."""
    one = on_gcs.container("one")
    one.start()
    with Writing(one, pause_s=0.0) as writing:
        writing.until(100)
        assert one.terminate(within_s=9.9) == 0
    assert lease(on_gcs)["state"] == "released"
    shutil.rmtree(one.data_dir)
    # Not even the plain copies are needed.
    for name in ("conversations.db", "bot_configs.db"):
        on_gcs.store.delete(name)
    one.start(40)
    assert threads(one) >= writing.ids


def command(roost: RoostProcess, *words: str) -> subprocess.CompletedProcess[str]:
    """`roost …` on that container's disk."""
    return subprocess.run(
        [sys.executable, "-m", "roost", *words],
        cwd=BACKEND,
        env=roost.environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_command_without_a_server_writes_to_the_log_or_not_at_all(on_both: Fleet) -> None:
    one = on_both.container("one", ALLOW_PRIVATE_SOURCES="127.0.0.1:1")
    two = on_both.container("two")
    one.start()
    with Writing(one) as writing:
        writing.until(5)
    two.launch()
    wait_for(lambda: state(two) == "standby", "the second stands by")
    assert one.terminate() == 0
    two.wait_until_ready(40)
    refused = command(one, "bots", "list")
    assert refused.returncode == 1
    assert "uses" in refused.stderr
    assert "--server" in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1
    assert two.terminate() == 0
    added = command(one, "sources", "add", "http://127.0.0.1:1/", "--no-wait")
    assert added.stderr.startswith("Added"), added.stderr
    assert lease(on_both)["state"] == "released"
    shutil.rmtree(one.data_dir)
    one.start()
    require(threads(one), writing)
    with one.client() as client:
        assert [each["url"] for each in client.get("/api/sources").json()["items"]] == ["http://127.0.0.1:1/"]
    assert one.terminate() == 0

"""What machines do to a server: its worker killed, its files damaged, its start cut off, its time stopped."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.roost_process import BACKEND, RoostProcess
from tests.e2e.world import wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

ASKED = {"question": "How do I add a Telegram bot?"}


@pytest.fixture
def roost(tmp_path: Path) -> Iterator[RoostProcess]:
    with RoostProcess(tmp_path / "data") as running:
        yield running


def read_manual(client: httpx.Client) -> None:
    client.post("/api/sources", json={"kind": "manual"})

    def indexed() -> bool:
        state = client.get("/api/knowledge").json()
        return bool(0 < state["chunks"] == state["vectors"])

    wait_for(indexed, "the manual is indexed", within_s=60)


def worker_of(roost: RoostProcess) -> int:
    [child] = Path(f"/proc/{roost.pid}/task/{roost.pid}/children").read_text().split()
    return int(child)


def test_a_killed_worker_is_replaced_and_everything_is_there_again(roost: RoostProcess) -> None:
    roost.start()
    with roost.client() as client:
        read_manual(client)
        first = worker_of(roost)
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: not Path(f"/proc/{first}").exists(), "the worker is gone")
    roost.wait_until_ready()
    with roost.client() as client:
        wait_for(lambda: client.get("/api/knowledge").json()["vectors"] > 0, "the vectors are there")
        answer = client.post("/api/ask", json=ASKED).json()
        assert not answer["refused"]
        assert answer["citations"]
    assert roost.terminate() == 0


def test_a_process_that_stood_still_goes_on(roost: RoostProcess) -> None:
    roost.start()
    worker = worker_of(roost)
    for pid in (roost.pid, worker):
        os.kill(pid, signal.SIGSTOP)
    time.sleep(2)
    for pid in (worker, roost.pid):
        os.kill(pid, signal.SIGCONT)
    roost.wait_until_ready()
    assert worker_of(roost) == worker
    assert httpx.get(f"{roost.base_url}/healthz").status_code == 200


@pytest.mark.parametrize("name", ["bot_configs", "conversations"])
def test_a_damaged_database_is_refused_and_left_as_it_is(roost: RoostProcess, name: str) -> None:
    roost.start()
    assert roost.terminate() == 0
    path = roost.data_dir / f"{name}.db"
    whole = path.read_bytes()
    damaged = whole[: len(whole) // 2] + b"\xa5" * (len(whole) - len(whole) // 2)
    for content in (b"garbage" * 1000, damaged):
        path.write_bytes(content)
        exit_code, said = roost.refuse_to_start()
        assert exit_code == 1
        assert str(path) in said
        assert said.count("\n") == 1
        assert path.read_bytes() == content


def test_damaged_caches_are_built_anew(roost: RoostProcess) -> None:
    roost.start()
    with roost.client() as client:
        read_manual(client)
    roost.kill()
    for file in roost.data_dir.glob("knowledge.db*"):
        file.write_bytes(b"garbage" * 1000)
    shutil.rmtree(roost.data_dir / "chroma_db")
    (roost.data_dir / "chroma_db").mkdir()
    (roost.data_dir / "chroma_db" / "chroma.sqlite3").write_bytes(b"garbage" * 1000)
    roost.start()
    with roost.client() as client:
        wait_for(lambda: client.get("/api/knowledge").json()["vectors"] > 0, "it is read again", within_s=60)
        assert not client.post("/api/ask", json=ASKED).json()["refused"]


def test_a_start_cut_off_at_any_moment_does_not_harm_the_next(roost: RoostProcess) -> None:
    environ = {"PATH": os.environ["PATH"], "PORT": "0", "DATA_DIR": str(roost.data_dir)}
    for after_s in (0.3, 0.5, 0.7, 0.8, 0.9, 1.0, 1.2):
        cut_off = subprocess.Popen(
            [sys.executable, "api.py"],
            cwd=BACKEND,
            env=environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(after_s)
        cut_off.kill()
        cut_off.wait(10)
    roost.start()
    with roost.client() as client:
        assert client.get("/api/threads").status_code == 200


def test_a_key_file_without_a_key_is_told_and_not_replaced(roost: RoostProcess) -> None:
    roost.start()
    assert roost.terminate() == 0
    key = roost.data_dir / "secret.key"
    key.write_bytes(b"")
    roost.launch()

    def told() -> bool:
        reply = httpx.get(f"{roost.base_url}/readyz")
        return reply.status_code == 503 and "holds no key" in reply.text

    wait_for(told, "the reason stands at /readyz")
    assert key.read_bytes() == b""

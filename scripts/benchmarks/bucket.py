"""How long the bucket takes: the last copies at SIGTERM, a stall, restoring onto an empty disk."""

from __future__ import annotations

import socket
import sqlite3
import tempfile
import threading
import time
from contextlib import ExitStack, closing
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from roost.storage.copies import copy_database
from scripts.benchmarks.table import Figure, show
from tests.e2e.roost_process import RoostProcess
from tests.e2e.world import wait_for
from tests.fakes.fake_gcs import FakeGcs
from tests.fakes.fake_telegram import FakeTelegram

STREAMS = 20
BOTS = 5
KEY = "a key of more than thirty-two characters"


def run() -> str:
    stop_s, complete = _stop(stalled=False)
    stalled_s, intact = _stop(stalled=True)
    worst_s, worst_intact = _stop(stalled=True, all_hangs=True)
    small_s, large_s = _restore(10), _restore(100)
    how = (
        f"The real process and client library against a Cloud Storage server on loopback; {STREAMS} open "
        f"streams, {BOTS} running bots, 10 MB of databases; restoring: the start until `/readyz` is 200, "
        "less the same start on an empty bucket."
    )
    return show(
        "Bucket",
        how,
        [
            Figure(
                "SIGTERM to exit 0, both files in the bucket",
                f"{stop_s:.1f} s",
                "<= 5 s",
                "-",
                complete and stop_s <= 5,
            ),
            Figure(
                "SIGTERM to exit 0, bucket stalled, files whole",
                f"{stalled_s:.1f} s",
                "<= 8 s",
                "-",
                intact and stalled_s <= 8,
            ),
            Figure(
                "the same, platform stalled, requests half sent, databases locked by others",
                f"{worst_s:.1f} s",
                "<= 8 s",
                "-",
                worst_intact and worst_s <= 8,
            ),
            Figure("restoring 10 MB", f"{small_s:.2f} s", "<= 1 s", "-", small_s <= 1),
            Figure("restoring 100 MB", f"{large_s:.2f} s", "<= 4 s", "-", large_s <= 4),
        ],
    )


def _environ(gcs: FakeGcs) -> dict[str, str]:
    return {"GCS_BUCKET_NAME": "roost", "STORAGE_EMULATOR_HOST": gcs.url, "SECRET_KEY": KEY}


def _stop(*, stalled: bool, all_hangs: bool = False) -> tuple[float, bool]:
    """Seconds until exit 0, and whether the data is where it has to be."""
    with ExitStack() as stack:
        data_dir = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "data"
        gcs = stack.enter_context(FakeGcs("roost"))
        telegram = stack.enter_context(FakeTelegram())
        environ = {**_environ(gcs), "TELEGRAM_API_BASE_URL": telegram.url}
        roost = stack.enter_context(RoostProcess(data_dir, environ))
        roost.start()
        roost.terminate()
        _fill(data_dir / "conversations.db", 10)
        roost.start()
        _add_bots(roost, telegram)
        _open_streams(stack, roost)
        wait_for(lambda: len(gcs.content("conversations.db")) > 10_000_000, "the first copy is there")
        with roost.client() as client:
            client.post("/api/threads", json={})
        if stalled:
            gcs.stall()
        hanging = stack.enter_context(ExitStack())
        if all_hangs:
            _hang(hanging, roost, telegram, data_dir)
        began_s = time.monotonic()
        exit_code = roost.terminate()
        took_s = time.monotonic() - began_s
        hanging.close()
        if stalled:
            kept = all(_is_whole(data_dir / f"{name}.db") for name in ("conversations", "bot_configs"))
        else:
            kept = all(
                gcs.content(f"{name}.db") == _copy_of(data_dir, name)
                for name in ("conversations", "bot_configs")
            )
        return took_s, kept and exit_code == 0


def _hang(stack: ExitStack, roost: RoostProcess, telegram: FakeTelegram, data_dir: Path) -> None:
    """Everything that a stop could wait for."""
    for method in ("getupdates", "sendmessage", "sendchataction"):
        telegram.hold(method)
    address = urlsplit(roost.base_url)
    for _ in range(10):
        client = stack.enter_context(socket.create_connection((address.hostname, address.port), 5))
        client.sendall(b"POST /auth/local HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{")
    for name in ("conversations", "bot_configs", "knowledge"):
        other = stack.enter_context(closing(sqlite3.connect(data_dir / f"{name}.db")))
        other.execute("BEGIN IMMEDIATE")


def _restore(size_mb: int) -> float:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        gcs = stack.enter_context(FakeGcs("roost"))
        with RoostProcess(folder / "first", _environ(gcs)) as roost:
            began_s = time.monotonic()
            roost.start()
            empty_s = time.monotonic() - began_s
            roost.terminate()
        _fill(folder / "first" / "conversations.db", size_mb)
        with RoostProcess(folder / "first", _environ(gcs)) as roost:
            roost.start()
            wait_for(
                lambda: len(gcs.content("conversations.db")) > size_mb * 1_000_000, "it is in the bucket", 60
            )
            roost.terminate()
        with RoostProcess(folder / "second", _environ(gcs)) as roost:
            began_s = time.monotonic()
            roost.start()
            took_s = time.monotonic() - began_s
            roost.terminate()
        return max(0.0, took_s - empty_s)


def _fill(path: Path, size_mb: int) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE IF NOT EXISTS filling (bytes BLOB)")
        db.executemany("INSERT INTO filling VALUES (randomblob(?))", [(10_000,)] * (size_mb * 102))
        db.commit()


def _copy_of(data_dir: Path, name: str) -> bytes:
    copy_database(data_dir / f"{name}.db", data_dir / "copy")
    return (data_dir / "copy").read_bytes()


def _is_whole(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as db:
        return bool(db.execute("PRAGMA integrity_check").fetchone()[0] == "ok")


def _add_bots(roost: RoostProcess, telegram: FakeTelegram) -> None:
    with roost.client() as client:
        for number in range(BOTS):
            token = f"{700000001 + number}:" + "A" * 35
            telegram.add(token)
            client.post(
                "/api/bots", json={"platform": "telegram", "token": token, "start": True}
            ).raise_for_status()
    wait_for(lambda: telegram.polling() == BOTS, "all bots poll")


def _open_streams(stack: ExitStack, roost: RoostProcess) -> None:
    client = stack.enter_context(roost.client(timeout_s=60))
    opened = threading.Semaphore(0)

    def follow() -> None:
        try:
            with client.stream("GET", "/api/events") as reply:
                opened.release()
                for _ in reply.iter_bytes():
                    pass
        except httpx.TransportError:
            opened.release()

    for _ in range(STREAMS):
        threading.Thread(target=follow, daemon=True).start()
    for _ in range(STREAMS):
        opened.acquire()

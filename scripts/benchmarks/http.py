"""The web server under slow clients and open streams, and how it stops."""

from __future__ import annotations

import socket
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from roost.domain.accounts import Role
from scripts.benchmarks.table import Figure, show
from scripts.benchmarks.telegram import token
from tests.e2e.people import seed_sessions
from tests.e2e.roost_process import RoostProcess
from tests.e2e.world import wait_for, world

SLOW_CLIENTS = 200
STREAMS = 125
STREAMS_EACH = 25
PROBES = 50


def run() -> str:
    return "\n".join((_crowded(), _stop()))


def _crowded() -> str:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        people = seed_sessions(Path(folder), [Role.MEMBER] * (STREAMS // STREAMS_EACH))
        server = stack.enter_context(RoostProcess(Path(folder)).start())
        streams = [Stream(server.base_url, session) for _, session in people for _ in range(STREAMS_EACH)]
        wait_for(
            lambda: all(stream.opened.is_set() for stream in streams), "all streams are open", within_s=30
        )
        address = urlsplit(server.base_url)
        for _ in range(SLOW_CLIENTS):
            slow = stack.enter_context(
                socket.create_connection((str(address.hostname), int(address.port or 0)))
            )
            slow.sendall(b"GET /api/session HTTP/1.1\r\nHost: loc")
        time.sleep(1)
        worst_s = 0.0
        for _ in range(PROBES):
            began_s = time.monotonic()
            reply = httpx.get(f"{server.base_url}/healthz", timeout=30)
            reply.raise_for_status()
            worst_s = max(worst_s, time.monotonic() - began_s)
        server.kill()
    how = (
        f"{SLOW_CLIENTS} connections that sent half a header and {STREAMS} open event streams; "
        f"the slowest of {PROBES} requests, each on a connection of its own."
    )
    return show(
        "A crowded server",
        how,
        [Figure("`/healthz`", f"{worst_s * 1000:.0f} ms", "<= 100 ms", "8 s", worst_s <= 0.1)],
    )


def _stop() -> str:
    with tempfile.TemporaryDirectory() as folder, world(Path(folder)) as here:
        here.roost.start()
        with here.roost.client() as client:
            for number in range(5):
                here.telegram.add(token(number))
                asked = {"platform": "telegram", "token": token(number), "start": True}
                client.post("/api/bots", json=asked).raise_for_status()
            wait_for(lambda: here.telegram.polling() == 5, "all poll")
            session = client.cookies["roost_session"]
        streams = [Stream(here.roost.base_url, session) for _ in range(20)]
        wait_for(lambda: all(stream.opened.is_set() for stream in streams), "all streams are open")
        began_s = time.monotonic()
        exit_code = here.roost.terminate()
        stopped_s = time.monotonic() - began_s
        wait_for(lambda: all(stream.closed.is_set() for stream in streams), "all streams have ended")
        told = sum("event: restart" in stream.received for stream in streams)
    how = "20 open event streams, 5 polling bots; SIGTERM to the exit of the process."
    return show(
        "Stopping",
        how,
        [
            Figure(
                "SIGTERM to exit",
                f"exit {exit_code} after {stopped_s:.1f} s",
                "exit 0 within 5 s",
                "-",
                exit_code == 0 and stopped_s <= 5,
            ),
            Figure("streams told", f"{told} of 20", "20 of 20", "-", told == 20),
        ],
    )


class Stream:
    """An open event stream, read in a thread of its own."""

    def __init__(self, base_url: str, session: str) -> None:
        self.opened = threading.Event()
        self.closed = threading.Event()
        self.received = ""
        self._thread = threading.Thread(target=self._read, args=(base_url, session), daemon=True)
        self._thread.start()

    def _read(self, base_url: str, session: str) -> None:
        try:
            with httpx.stream(
                "GET", f"{base_url}/api/events", cookies={"roost_session": session}, timeout=60
            ) as reply:
                reply.raise_for_status()
                self.opened.set()
                for text in reply.iter_text():
                    self.received += text
        except httpx.TransportError:
            self.received += "\n(cut)\n"
        finally:
            self.closed.set()

"""SIGTERM while clients hold connections in every unfinished state: nobody keeps the process from ending."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.e2e.roost_process import RoostProcess

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

# gunicorn kills its worker after nine seconds, which would also end the process.
BEFORE_THE_KILL_S = 8.0
UNFINISHED = {
    "nothing sent": b"",
    "half a header": b"GET / HTTP/1.1\r\nHost: localhost\r\nX",
    "half a body": b"POST /auth/local HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Content-Length: 100\r\n\r\n{",
}


@pytest.fixture
def roost(tmp_path: Path) -> Iterator[RoostProcess]:
    with RoostProcess(tmp_path) as running:
        yield running.start()


@pytest.mark.parametrize("sent", UNFINISHED.values(), ids=UNFINISHED.keys())
def test_clients_that_never_end_their_request_do_not_hold_the_process(
    roost: RoostProcess, sent: bytes
) -> None:
    address = urlsplit(roost.base_url)
    with ExitStack() as stack:
        for _ in range(10):
            client = stack.enter_context(socket.create_connection((address.hostname, address.port), 5))
            client.sendall(sent)
        with httpx.Client(base_url=roost.base_url) as other:
            assert other.get("/healthz").status_code == 200
        assert roost.terminate(within_s=BEFORE_THE_KILL_S) == 0
    assert "SIGKILL" not in roost.printed
    assert "Stopped in" in roost.printed


def test_a_port_that_is_taken_is_told_in_a_sentence(roost: RoostProcess, tmp_path: Path) -> None:
    port = str(urlsplit(roost.base_url).port)
    exit_code, said = RoostProcess(tmp_path / "other", {"PORT": port}).refuse_to_start()
    assert exit_code == 1
    assert f"Port {port} of 127.0.0.1" in said
    assert said.count("\n") == 1


def test_a_second_sigterm_changes_nothing(roost: RoostProcess) -> None:
    with httpx.Client(base_url=roost.base_url) as idle:
        assert idle.get("/healthz").status_code == 200
        os.kill(roost.pid, signal.SIGTERM)
        assert roost.terminate(within_s=BEFORE_THE_KILL_S) == 0
    assert roost.printed.count("Stopped in") == 1

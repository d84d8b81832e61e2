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


def workers(roost: RoostProcess) -> list[str]:
    return Path(f"/proc/{roost.pid}/task/{roost.pid}/children").read_text("ascii").split()


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="tells children as Linux alone does")
def test_no_signal_begins_a_second_worker(roost: RoostProcess) -> None:
    """Two in one data folder would both poll one token: each proves to the other that it is dead."""
    (worker,) = workers(roost)
    for each in (signal.SIGTTIN, signal.SIGUSR2, signal.SIGWINCH, signal.SIGTTOU):
        os.kill(roost.pid, each)
        os.kill(int(worker), each)
    # Handled in order, and the last of them by an end: whatever the others had begun is in the log.
    assert roost.terminate(within_s=BEFORE_THE_KILL_S) == 0
    assert roost.printed.count("Booting worker") == 1
    assert roost.printed.count("Stopped in") == 1


def test_a_terminal_that_closes_stops_it_as_a_stop_does(roost: RoostProcess) -> None:
    """It tells every process; the worker hears it from the server alone."""
    (worker,) = workers(roost)
    os.kill(int(worker), signal.SIGHUP)
    os.kill(roost.pid, signal.SIGHUP)
    assert roost.wait_ended(within_s=30) == 0
    assert roost.printed.count("Booting worker") == 1
    assert roost.printed.count("Stopped in") == 1

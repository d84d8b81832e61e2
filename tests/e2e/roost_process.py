"""The real server as a process that tests start, kill and start again."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import httpx

BACKEND = Path(__file__).resolve().parents[2] / "cloud" / "backend"
ADDRESS = re.compile(r"Roost is at (http://\S+)")


class RoostProcess:
    """One server on one data folder, on a free port that stays the same over restarts.

    `output` is everything it printed, over all its lives.
    """

    def __init__(self, data_dir: Path, environ: Mapping[str, str] | None = None) -> None:
        self.data_dir = data_dir
        self.base_url = ""
        self.output: list[str] = []
        self._environ = dict(environ or {})
        self._port = "0"
        self._process: subprocess.Popen[str] | None = None
        self._address_known = threading.Event()
        self._collector = threading.Thread()

    @property
    def environ(self) -> Mapping[str, str]:
        """For a command on the same disk."""
        return self._full_environ()

    @property
    def pid(self) -> int:
        """The server's own process; its worker is a child of it."""
        return self._running().pid

    def start(self, ready_within_s: float = 20.0) -> RoostProcess:
        """Starts the server and waits until it answers /readyz with 200."""
        self.launch()
        self.wait_until_ready(ready_within_s)
        return self

    def launch(self) -> None:
        """Starts the server and waits only for its address."""
        self._address_known.clear()
        self._process = subprocess.Popen(
            [sys.executable, "api.py"],
            cwd=BACKEND,
            env=self._full_environ(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._collector = threading.Thread(target=self._collect, args=(self._process,), daemon=True)
        self._collector.start()
        if not self._address_known.wait(20):
            raise AssertionError("the server printed no address:\n" + self.printed)

    def refuse_to_start(self) -> tuple[int, str]:
        """Runs a server that is expected to end by itself: its exit code and what it said on stderr."""
        done = subprocess.run(
            [sys.executable, "api.py"],
            cwd=BACKEND,
            env=self._full_environ(),
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        return done.returncode, done.stderr

    def wait_until_ready(self, within_s: float = 20.0) -> None:
        deadline_s = time.monotonic() + within_s
        while True:
            try:
                reply = httpx.get(f"{self.base_url}/readyz", timeout=2)
                if reply.status_code == 200:
                    return
            except httpx.TransportError:
                pass
            if time.monotonic() > deadline_s:
                raise AssertionError("the server did not become ready:\n" + self.printed)
            time.sleep(0.02)

    @contextmanager
    def client(self, timeout_s: float = 20.0) -> Iterator[httpx.Client]:
        """A client signed in as the local owner."""
        with httpx.Client(base_url=self.base_url, timeout=timeout_s) as client:
            reply = client.post("/auth/local", json={})
            assert reply.status_code == 200, reply.text
            yield client

    def kill(self) -> None:
        """kill -9, as a machine's loss would."""
        process = self._running()
        process.kill()
        process.wait(10)
        self._collector.join(10)

    def pause(self) -> None:
        """SIGSTOP: it does nothing, and does not know of it."""
        for pid in self._pids():
            os.kill(pid, signal.SIGSTOP)

    def resume(self) -> None:
        for pid in self._pids():
            os.kill(pid, signal.SIGCONT)

    def terminate(self, within_s: float = 15.0) -> int:
        """SIGTERM; the exit code."""
        self._running().send_signal(signal.SIGTERM)
        return self.wait_ended(within_s)

    def wait_ended(self, within_s: float) -> int:
        """The exit code of a server that was told to end."""
        exit_code = self._running().wait(within_s)
        self._collector.join(10)
        return exit_code

    @property
    def printed(self) -> str:
        return "".join(self.output)

    def __enter__(self) -> RoostProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()

    def _full_environ(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return {
            **kept,
            "PORT": self._port,
            "DATA_DIR": str(self.data_dir),
            "PYTHONUNBUFFERED": "1",
            **self._environ,
        }

    def _pids(self) -> list[int]:
        """The server and its worker."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text("ascii").split()
        return [self.pid, *map(int, children)]

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            raise AssertionError("the server has not been started")
        return self._process

    def _collect(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                self.output.append(line)
                found = ADDRESS.search(line)
                if found:
                    self.base_url = found[1]
                    self._port = found[1].rsplit(":", 1)[1]
                    self._address_known.set()

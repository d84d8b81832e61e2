"""The writers' processes, each on a disk of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from roost.storage.data_folder import YIELDED
from tests.soak.ledger import Ledger
from tests.soak.writer import RESTART

ROOT = Path(__file__).resolve().parents[2]
SECRET_KEY = "a key of more than thirty-two characters"


class Container:
    """One disk, and at most one process on it. `begun` is the epoch that waits for leave to write."""

    def __init__(self, folder: Path, environ: Mapping[str, str], ledger: Ledger, seed: int) -> None:
        self.folder = folder
        self.name = folder.name
        self.since = time.time()
        self.paused = False
        self.begun: int | None = None
        self.epoch = 0
        self.revision = "one"
        self.broken: list[str] = []
        self._environ = environ
        self._ledger = ledger
        self._seed = seed
        self._lives = 0
        self._process: subprocess.Popen[str] | None = None
        self._hearing: threading.Thread | None = None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def wants_restart(self) -> bool:
        return self._process is not None and self._process.poll() == RESTART

    @property
    def exit_code(self) -> int | None:
        return None if self._process is None else self._process.poll()

    def launch(self, revision: str | None) -> None:
        """`revision` None: as a server begins its worker anew."""
        self._heard()
        if revision is not None:
            self.revision = revision
            (self.folder / YIELDED).unlink(missing_ok=True)
        self._lives += 1
        self.paused, self.begun, self.epoch = False, None, 0
        life = f"{self.name}{self._lives}"
        log = self.folder.with_name(f"{self.name}.log").open("ab")
        environ = {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "PYTHONPATH": f"{ROOT / 'cloud' / 'backend'}:{ROOT}",
            "DATA_DIR": str(self.folder),
            "K_REVISION": self.revision,
            "SECRET_KEY": SECRET_KEY,
            **self._environ,
        }
        with log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.soak.writer", str(self._seed), life],
                cwd=ROOT,
                env=environ,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self._hearing = threading.Thread(target=self._hear, args=(self._process, life), daemon=True)
        self._hearing.start()

    def go(self) -> None:
        """Leave to write."""
        self.begun = None
        process = self._process
        if process is not None and process.stdin is not None:
            # Unless it ended meanwhile.
            with suppress(BrokenPipeError):
                process.stdin.write("go\n")
                process.stdin.flush()

    def kill(self, *, lose_disk: bool) -> None:
        process = self._process
        if process is not None:
            process.kill()
            process.wait(20)
        self._heard()
        self.paused, self.begun, self.epoch = False, None, 0
        if lose_disk:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.since = time.time()

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)
        self.paused = True

    def resume(self) -> None:
        self._signal(signal.SIGCONT)
        self.paused = False

    def ask_to_stop(self) -> None:
        self._signal(signal.SIGTERM)

    def wait_stopped(self, within_s: float) -> bool:
        if self._process is None:
            return True
        try:
            self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            return False
        self._heard()
        self.epoch, self.begun = 0, None
        return True

    def _signal(self, number: int) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def _heard(self) -> None:
        """Everything that a process which has ended has said."""
        if self._hearing is not None:
            self._hearing.join(20)
        if self._process is not None and self._process.stdin is not None:
            with suppress(BrokenPipeError):
                self._process.stdin.close()

    def _hear(self, process: subprocess.Popen[str], life: str) -> None:
        if process.stdout is None:
            return
        with process.stdout:
            for line in process.stdout:
                try:
                    told = json.loads(line)
                except ValueError:
                    # Cut by a kill.
                    continue
                self._ledger.take(self.name, life, told)
                if told["event"] == "begun":
                    self.epoch = self.begun = told["epoch"]
                elif told["event"] == "broken":
                    self.broken.append(f"{life}: {told['why']}")

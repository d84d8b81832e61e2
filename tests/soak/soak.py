"""What befalls the writers and their bucket, chosen by a seed, and when the judge looks."""

from __future__ import annotations

import json
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from roost.clock import SystemClock
from roost.errors import BucketUnreachable, ObjectMissing
from roost.replication.directory_store import DirectoryStore
from roost.replication.epochs import Epochs
from roost.replication.gcs import GcsStore
from roost.replication.layout import DATABASES, LEASE, LOG, SNAPSHOTS, plain_copy
from roost.replication.lease import parse_lease
from roost.replication.object_store import ObjectStore
from roost.replication.segment import Kind, unpack
from tests.e2e.roost_process import RoostProcess
from tests.fakes.fake_gcs import FakeGcs, Fault, Operation
from tests.soak.containers import SECRET_KEY, Container
from tests.soak.judge import Judge
from tests.soak.ledger import Ledger
from tests.soak.writer import RESTART

CONTAINERS = ("a", "b", "c")
TTL_S = 3
SETTLES_WITHIN_S = 90.0
STOPS_WITHIN_S = 20.0
REPLACED_WITHIN_S = 20.0
TRIES = 5
ENDED_BY_US = (-signal.SIGKILL, -signal.SIGTERM)
"""SIGTERM ends a process too that has not begun yet."""

T = TypeVar("T")

FAULTS: tuple[tuple[tuple[Operation, ...], Fault], ...] = (
    (("get", "stat", "list", "put", "delete"), Fault(status=503)),
    (("get", "stat", "list", "put", "delete"), Fault(status=429)),
    (("get", "stat", "list", "put", "delete"), Fault(reset=True)),
    (("put",), Fault(drop=True)),
    (("get", "stat", "list", "put"), Fault(delay_s=0.7)),
    (("get",), Fault(truncate=True)),
    (("get",), Fault(corrupt=True)),
)


class Round:
    """Three disks and one bucket, for a while. `counted` says what happened, `mismatches` what must not."""

    def __init__(
        self, seed: int, folder: Path, store: ObjectStore, environ: dict[str, str], gcs: FakeGcs | None
    ) -> None:
        self._chance = random.Random(seed)
        self._gcs = gcs
        self._store = store
        self._ledger = Ledger(folder / "ledger.jsonl")
        self._judge = Judge(store, self._ledger, folder, self._quiet)
        self._folder = folder
        self._settings = {
            **environ,
            "LEASE_TTL_S": str(TTL_S),
            "SHIP_INTERVAL_S": self._chance.choice(("0.2", "1")),
        }
        self._containers = [
            Container(folder / name, self._settings, self._ledger, seed) for name in CONTAINERS
        ]
        self._revision = 0
        self._resume_at_s: dict[str, float] = {}
        self._until_replaced: set[str] = set()
        self._flow_at_s: float | None = None
        self._began = time.time()
        self.counted: Counter[str] = Counter()

    @property
    def mismatches(self) -> list[str]:
        return [*self._judge.mismatches, *(why for each in self._containers for why in each.broken)]

    def run(self, lasting_s: float) -> None:
        try:
            deadline_s = time.monotonic() + lasting_s
            self._launch(self._containers[0])
            while time.monotonic() < deadline_s and not self.mismatches:
                self._step()
                until_s = time.monotonic() + self._chance.random() * 1.5
                while time.monotonic() < until_s:
                    self._attend()
                    time.sleep(0.02)
            self._settle()
        finally:
            for each in self._containers:
                each.kill(lose_disk=False)
            self._quiet()
            self._count()
            self._ledger.close()

    def _step(self) -> None:
        does: list[tuple[int, Callable[[], None]]] = [
            (10, self._launch_another),
            (8, self._kill),
            (5, self._kill_with_its_disk),
            (5, self._stop_in_order),
            (5, self._pause),
            (14 if self._gcs else 0, self._faults),
            (2 if self._gcs else 0, self._stall),
            (5, self._compare_head),
            (4, self._compare_past),
            (20, self._nothing),
        ]
        act = self._chance.choices([each for _, each in does], [weight for weight, _ in does])[0]
        act()

    def _attend(self) -> None:
        """What a platform does by itself, and what the ledger needs before anybody writes on."""
        now_s = time.monotonic()
        for each in self._containers:
            if each.paused:
                self._resume(each, now_s)
            if each.begun is not None and not each.paused:
                self._begin(each)
            if each.wants_restart:
                self.counted["restarts by themselves"] += 1
                each.wait_stopped(1)
                each.launch(None)
            elif each.exit_code not in (None, 0, RESTART, *ENDED_BY_US):
                self._judge.mismatches.append(f"{each.name} ended by itself with {each.exit_code}")
        if self._flow_at_s is not None and now_s >= self._flow_at_s and self._gcs:
            self._flow_at_s = None
            self._gcs.flow()
        if not any(each.running for each in self._containers):
            self._launch(self._chance.choice(self._containers))

    def _resume(self, container: Container, now_s: float) -> None:
        name = container.name
        if name in self._until_replaced and any(
            each.epoch > container.epoch and each.begun is None for each in self._containers
        ):
            self._until_replaced.discard(name)
            self._resume_at_s[name] = now_s + 0.7
            self.counted["replaced while stopped"] += 1
        if now_s >= self._resume_at_s[name]:
            self._until_replaced.discard(name)
            container.resume()

    def _begin(self, container: Container) -> None:
        """A new holder: it may write once what its disk has was looked at."""
        epoch = container.begun or 0
        self.counted["takeovers"] += 1
        self._note_ends()
        document = self._undisturbed(lambda: Epochs(self._store).find(epoch))
        acknowledged = {
            database: self._ledger.acknowledged_in(container.name, database, container.since)
            for database in DATABASES
        }
        aside = self._judge.compare_disk(
            container.folder, acknowledged, document.prev_epoch if document else None
        )
        self.counted["writes found in what was set aside"] += aside
        container.go()

    def _note_ends(self) -> None:
        """An epoch whose holder released the lease in order has everything in the bucket."""
        try:
            lease = parse_lease(self._undisturbed(lambda: self._store.get(LEASE)))
        except ObjectMissing:
            return
        if lease is not None and lease.released and lease.final_seq is not None:
            self._ledger.ended_in_order(lease.epoch, time.time())

    def _launch(self, container: Container) -> None:
        if self._chance.random() < 0.7:
            self._revision += 1
        self._ledger.note(driver="launch", name=container.name, revision=self._revision, wall=time.time())
        container.launch(f"r{self._revision}")
        self.counted["launches"] += 1

    def _launch_another(self) -> None:
        idle = [each for each in self._containers if not each.running]
        # Now and then several at once, who race.
        for each in self._chance.sample(idle, min(len(idle), self._chance.choice((1, 1, 2)))):
            self._launch(each)

    def _victim(self) -> Container | None:
        """A holder more often than one that waits."""
        running = [each for each in self._containers if each.running and not each.paused]
        holding = [each for each in running if each.epoch]
        return self._chance.choice(holding or running) if running else None

    def _kill(self) -> None:
        self._kill_one(lose_disk=False)

    def _kill_with_its_disk(self) -> None:
        self._kill_one(lose_disk=True)

    def _kill_one(self, *, lose_disk: bool) -> None:
        victim = self._victim()
        if victim is not None:
            self._ledger.note(driver="kill", name=victim.name, lose_disk=lose_disk, wall=time.time())
            self._add_conflicts(victim)
            victim.kill(lose_disk=lose_disk)
            self.counted["kills with the disk lost" if lose_disk else "kills"] += 1
            if not lose_disk and self._chance.random() < 0.5:
                self._launch(victim)

    def _stop_in_order(self) -> None:
        victim = self._victim()
        if victim is None:
            return
        self._ledger.note(driver="stop", name=victim.name, wall=time.time())
        victim.ask_to_stop()
        if victim.wait_stopped(STOPS_WITHIN_S):
            self.counted["stops in order"] += 1
        else:
            self.counted["stops that took too long"] += 1
            victim.kill(lose_disk=False)
        self._note_ends()

    def _pause(self) -> None:
        victim = self._victim()
        if victim is None:
            return
        lasting_s = self._chance.choice((0.5, TTL_S, *[REPLACED_WITHIN_S] * 3))
        if lasting_s == REPLACED_WITHIN_S:
            self._until_replaced.add(victim.name)
        self._ledger.note(driver="pause", name=victim.name, lasting_s=lasting_s, wall=time.time())
        victim.pause()
        self._resume_at_s[victim.name] = time.monotonic() + lasting_s
        self.counted["processes stopped and resumed"] += 1
        if not any(each.running and not each.paused for each in self._containers):
            self._launch_another()

    def _faults(self) -> None:
        if self._gcs is None:
            return
        for _ in range(self._chance.randrange(1, 6)):
            operations, fault = self._chance.choice(FAULTS)
            count = self._chance.choice((1, 1, 2, 5))
            self._gcs.fail(self._chance.choice(operations), *[fault] * count)
            self.counted["faults"] += count
        self._gcs.requests.clear()

    def _stall(self) -> None:
        if self._gcs is not None and self._flow_at_s is None:
            self._gcs.stall()
            self._flow_at_s = time.monotonic() + self._chance.choice((0.5, 2.0, TTL_S + 1.0))
            self.counted["stalls of the bucket"] += 1

    def _compare_head(self) -> None:
        self._judge.compare()

    def _compare_past(self) -> None:
        self._judge.compare(at=self._began + self._chance.random() * (time.time() - self._began))

    def _nothing(self) -> None:
        """Somebody writes."""

    def _quiet(self) -> None:
        """The driver is to reach the bucket."""
        if self._gcs is not None:
            self._gcs.clear_faults()
            self._gcs.flow()
            self._flow_at_s = None

    def _undisturbed(self, ask: Callable[[], T]) -> T:
        """The driver's own look at the bucket, which has to come to an end."""
        for _ in range(TRIES):
            try:
                return ask()
            except BucketUnreachable:
                self._quiet()
        return ask()

    def _settle(self) -> None:
        """All is well again: somebody gets to write, and everything acknowledged can be accounted for."""
        self._quiet()
        for each in self._containers:
            if each.paused:
                each.resume()
        deadline_s = time.monotonic() + SETTLES_WITHIN_S
        while not any(each.running and each.epoch and each.begun is None for each in self._containers):
            self._attend()
            time.sleep(0.02)
            if time.monotonic() > deadline_s:
                self._judge.mismatches.append(f"nobody holds the lease after {SETTLES_WITHIN_S:.0f} s")
                break
        for each in sorted(self._containers, key=lambda each: each.epoch):
            each.ask_to_stop()
            if not each.wait_stopped(STOPS_WITHIN_S):
                self._judge.mismatches.append(f"{each.name} does not stop")
        self._note_ends()
        self._judge.compare()
        self._serve()
        self._judge.compare()
        for _ in range(3):
            self._compare_past()
        for database in DATABASES:
            try:
                self._judge.compare_plain(database, self._store.get(plain_copy(database)))
            except ObjectMissing:
                continue
        self._judge.mismatches.extend(self._ledger.overlapping_epochs())

    def _serve(self) -> None:
        """A whole Roost, on an empty disk, goes on with what the writers have left."""
        environ = {**self._settings, "SECRET_KEY": SECRET_KEY, "K_REVISION": "served"}
        made: set[str] = set()
        with RoostProcess(self._folder / "served", environ) as roost:
            roost.start(SETTLES_WITHIN_S)
            with roost.client() as client:
                for _ in range(5):
                    reply = client.post("/api/threads", json={})
                    if reply.status_code == 201:
                        made.add(str(reply.json()["id"]))
            code = roost.terminate(STOPS_WITHIN_S)
        if code != 0 or len(made) != 5:
            self._judge.mismatches.append(
                f"a whole Roost made {len(made)} threads of 5 and ended with {code}"
            )
        self._judge.expect_threads(made)
        self.counted["takeovers by a whole Roost"] += 1

    def _add_conflicts(self, container: Container) -> None:
        self.counted["conflict files"] += len(list(container.folder.glob("*.conflict-*Z")))

    def _count(self) -> None:
        for each in self._containers:
            if each.folder.exists():
                self._add_conflicts(each)
        ended: Counter[str] = Counter()
        for name in _names(self._store, LOG):
            self.counted["segments"] += 1
            kind = unpack(self._store.get(name)).kind
            if kind is not Kind.DATA:
                ended[kind.name] += 1
        self.counted["seals"] = ended["SEAL"]
        self.counted["logs ended in order"] = ended["CLEAN_END"]
        self.counted["snapshots"] = len(_names(self._store, SNAPSHOTS))
        self.counted["restores"] = self._judge.restores
        self.counted["restores tried again"] = self._judge.failed_restores
        self.counted["rows compared"] = self._judge.compared_rows
        self.counted["writes compared"] = self._judge.compared_operations
        self.counted += self._ledger.counted


def _names(store: ObjectStore, prefix: str) -> list[str]:
    found: list[str] = []
    token: str | None = None
    while True:
        page = store.list(prefix, page_token=token)
        found += [item.name for item in page.items]
        token = page.next_page_token
        if token is None:
            return found


@contextmanager
def round_on(kind: str, seed: int, folder: Path) -> Iterator[Round]:
    """On a "folder", or on Cloud Storage ("gcs")."""
    folder.mkdir(parents=True)
    if kind == "folder":
        bucket = folder / "bucket"
        bucket.mkdir()
        yield Round(seed, folder, DirectoryStore(bucket, SystemClock()), {"BUCKET_DIR": str(bucket)}, None)
        return
    with FakeGcs("roost") as gcs:
        store = GcsStore("roost", None, gcs.url)
        try:
            environ = {"GCS_BUCKET_NAME": "roost", "STORAGE_EMULATOR_HOST": gcs.url}
            yield Round(seed, folder, store, environ, gcs)
        finally:
            store.close()


def report(seed: int, lasted_s: float, counted: Counter[str], mismatches: list[str]) -> str:
    return json.dumps(
        {
            "seed": seed,
            "minutes": round(lasted_s / 60, 1),
            **dict(sorted(counted.items())),
            "mismatches": len(mismatches),
        },
        indent=2,
    )

"""What was tried, acknowledged and said to be durable, kept outside of everything that is killed."""

from __future__ import annotations

import json
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.soak.operations import Operation

INFINITY = float("inf")


@dataclass(slots=True)
class Entry:
    """`tried`, `durable` are wall clock; `acked_s`, `admitted_s` the steady one. `durable` is when it was
    first known to be in the bucket.
    """

    operation: Operation
    database: str
    folder: str
    life: str
    tried: float
    epoch: int = 0
    acked_s: float | None = None
    admitted_s: float = 0.0
    durable: float | None = None


@dataclass(slots=True)
class _Life:
    epoch: int = 0
    until_s: float = -1.0
    until_wall: float = 0.0


class Ledger:
    """Thread-safe; one thread for each process tells it what that says."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8")
        self._lock = threading.Lock()
        self._entries: dict[str, Entry] = {}
        self._lives: dict[str, _Life] = defaultdict(_Life)
        self._waiting: dict[str, list[Entry]] = defaultdict(list)
        self.counted: Counter[str] = Counter()

    def note(self, **told: Any) -> None:
        """What the driver does, for people who look for a mismatch."""
        with self._lock:
            self._file.write(json.dumps(told) + "\n")
            self._file.flush()

    def take(self, folder: str, life: str, told: dict[str, Any]) -> None:
        with self._lock:
            self._file.write(json.dumps({"life": life, **told}) + "\n")
            known = self._lives[life]
            match told["event"]:
                case "begun":
                    known.epoch = told["epoch"]
                case "try":
                    operation = Operation(told["name"], told["kind"], told["seed"])
                    self._entries[operation.name] = Entry(operation, told["db"], folder, life, told["wall"])
                case "ack":
                    self._acknowledge(known, self._entries[told["name"]], told)
                case "durable":
                    self._durable(known, life, told["until_s"], told["wall"])
                    self.counted[f"durable by {told['by']}"] += 1
                case "outside":
                    self.counted[told["what"].split()[0]] += 1

    def _acknowledge(self, life: _Life, entry: Entry, told: dict[str, Any]) -> None:
        entry.epoch, entry.acked_s, entry.admitted_s = life.epoch, told["at_s"], told["admitted_s"]
        self.counted["acknowledged"] += 1
        if entry.acked_s is not None and entry.acked_s <= life.until_s:
            entry.durable = life.until_wall
        else:
            self._waiting[entry.life].append(entry)

    def _durable(self, life: _Life, name: str, until_s: float, wall: float) -> None:
        if until_s <= life.until_s:
            return
        life.until_s, life.until_wall = until_s, wall
        left = []
        for entry in self._waiting[name]:
            if entry.acked_s is not None and entry.acked_s <= until_s:
                entry.durable = wall
            else:
                left.append(entry)
        self._waiting[name] = left

    def ended_in_order(self, epoch: int, wall: float) -> None:
        """The epoch's holder has said that its log is complete."""
        with self._lock:
            for waiting in self._waiting.values():
                for entry in waiting:
                    if entry.epoch == epoch:
                        entry.durable = wall
            self._waiting = defaultdict(
                list,
                {
                    life: [each for each in left if each.durable is None]
                    for life, left in self._waiting.items()
                },
            )

    def find(self, name: str) -> Entry | None:
        with self._lock:
            return self._entries.get(name)

    def durable(self, database: str, until: float = INFINITY) -> set[str]:
        return self._names(
            lambda each: each.database == database and each.durable is not None and each.durable <= until
        )

    def acknowledged_in(self, folder: str, database: str, since: float) -> dict[str, int]:
        """With their epochs."""
        with self._lock:
            return {
                name: each.epoch
                for name, each in self._entries.items()
                if each.folder == folder
                and each.database == database
                and each.acked_s is not None
                and each.tried >= since
            }

    def overlapping_epochs(self) -> list[str]:
        """Epochs whose acknowledgements interleave with those of one that began later."""
        spans: dict[int, tuple[float, float]] = {}
        for each in self._all():
            if each.acked_s is not None:
                first, last = spans.get(each.epoch, (INFINITY, -INFINITY))
                spans[each.epoch] = (min(first, each.admitted_s), max(last, each.admitted_s))
        found, latest, of = [], -INFINITY, 0
        for epoch, (first, last) in sorted(spans.items()):
            if first < latest:
                found.append(f"epoch {epoch} acknowledged {latest - first:.3f} s before epoch {of} had ended")
            if last > latest:
                latest, of = last, epoch
        return found

    def _names(self, wanted: Callable[[Entry], bool]) -> set[str]:
        return {each.operation.name for each in self._all() if wanted(each)}

    def _all(self) -> Iterable[Entry]:
        with self._lock:
            return list(self._entries.values())

    def close(self) -> None:
        with self._lock:
            self._file.close()

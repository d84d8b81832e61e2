"""Stops a process before each thing that a call of the folder's store does to the disk; others go on.

    python -m tests.integration.replication.stopped_writers FOLDER CALL

prints how many cases there were, and what did not hold, as JSON.

Forking is much faster than starting an interpreter for each of some thousand stops, and must not happen in a
test's own process, which has threads.
"""

from __future__ import annotations

import errno
import itertools
import json
import os
import random
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from roost.errors import BucketUnreachable, ObjectMissing, PreconditionFailed
from roost.replication.directory_store import DirectoryStore
from roost.replication.object_store import ABSENT
from tests.fakes.former_bucket import write_former
from tests.fakes.installation import SteppedClock

NAME = "v1/lease.json"
CLOCK = SteppedClock()
"""Stands still: that generations rise may not hang on it."""
FORMER = 2_500_000_000_000_000
"""Above what the clock says."""
EVENTS = ("open", "os.rename", "os.mkdir", "os.rmdir", "os.remove", "os.listdir", "fcntl.flock")
PAIRS = 30


class Stop:
    """Stops this process before the n-th event, or lets the disk be full from then on."""

    def __init__(self) -> None:
        self._left = 0
        self._fills = False
        self._full = False

    def before(self, number: int, *, fills: bool = False) -> None:
        self._left, self._fills, self._full = number, fills, False

    def notice(self, event: str, _: object) -> None:
        """An audit hook, called before what it tells of happens (PEP 578)."""
        if self._left and event in EVENTS:
            self._left -= 1
            if not self._left:
                self._full = self._fills
                if not self._fills:
                    os.kill(os.getpid(), signal.SIGSTOP)
        if self._full and event in NEEDS_SPACE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


STOP = Stop()


@dataclass
class Call:
    """What a process that is stopped was doing, from what was there."""

    prepare: Callable[[Path], None]
    do: Callable[[DirectoryStore, int, str], str]


def _nothing(folder: Path) -> None:
    """An empty bucket."""


def _written(folder: Path) -> None:
    store = _store(folder)
    generation = store.put(NAME, b"first").generation
    store.put(NAME, b"prepared", if_generation_match=generation)


def _written_once(folder: Path) -> None:
    _store(folder).put(NAME, b"prepared")


def _former(folder: Path) -> None:
    write_former(folder, NAME, b"prepared", FORMER)


def _foreign(folder: Path) -> None:
    _written(folder)
    (folder / NAME).write_bytes(b"foreign")


def _deleted(folder: Path) -> None:
    _written(folder)
    _store(folder).delete(NAME)


def _create(store: DirectoryStore, known: int, content: str) -> str:
    return str(store.put(NAME, content.encode(), if_generation_match=ABSENT).generation)


def _replace(store: DirectoryStore, known: int, content: str) -> str:
    return str(store.put(NAME, content.encode(), if_generation_match=known).generation)


def _put(store: DirectoryStore, known: int, content: str) -> str:
    return str(store.put(NAME, content.encode()).generation)


def _delete(store: DirectoryStore, known: int, content: str) -> str:
    store.delete(NAME, if_generation_match=known)
    return ""


def _read(store: DirectoryStore, known: int, content: str) -> str:
    store.list()
    store.get(NAME)
    return ""


CALLS = {
    "create": Call(_nothing, _create),
    "create again": Call(_deleted, _create),
    "replace": Call(_written_once, _replace),
    "replace a former one": Call(_former, _replace),
    "put": Call(_written, _put),
    "delete": Call(_written, _delete),
    "delete the first": Call(_written_once, _delete),
    "delete a former one": Call(_former, _delete),
    "read a foreign one": Call(_foreign, _read),
    "replace a foreign one": Call(_foreign, _put),
}
RIVALS = ("", "r", "rrr", "d", "drdr")
"""What others do meanwhile, each to what is there: replace (or create) it, delete it."""
A_PERSON = "f"
"""Puts a file there by hand. Only a deletion can keep from doing away with it, whenever that is."""
NEEDS_SPACE = ("open", "os.rename", "os.mkdir")
AFTER_KILLS = ("", "dr")


class Process:
    """A fork that does a call, and stops before its `stop_at`-th event, or finds the disk full (`fills`)."""

    def __init__(self, call: Call, folder: Path, content: str, stop_at: int, *, fills: bool = False) -> None:
        self._reading, writing = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            _run(call, folder, content, stop_at, fills, writing)
        os.close(writing)
        _, status = os.waitpid(self.pid, os.WUNTRACED)
        self.stopped = os.WIFSTOPPED(status)

    def resume(self) -> str:
        if self.stopped:
            os.kill(self.pid, signal.SIGCONT)
            os.waitpid(self.pid, 0)
        with os.fdopen(self._reading) as told:
            return told.read()

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._reading)


def _run(call: Call, folder: Path, content: str, stop_at: int, fills: bool, writing: int) -> None:
    result = "broken"
    try:
        store, known = _store(folder), int((folder.parent / "known").read_text())
        STOP.before(stop_at, fills=fills)
        result = "won " + call.do(store, known, content)
    except (PreconditionFailed, ObjectMissing):
        result = "refused"
    except BucketUnreachable as error:
        result = error.code
    except Exception as error:  # noqa: BLE001 - told to the parent - it counts every failure
        result = f"{type(error).__name__}: {error}"
    finally:
        STOP.before(0)
        os.write(writing, result.encode())
        os._exit(0)


@dataclass
class Case:
    """One object and all that was seen of it, in order."""

    folder: Path
    failures: list[str] = field(default_factory=list)
    seen: list[int] = field(default_factory=list)
    content: bytes | None = None
    generation: int = ABSENT
    others: bool = False
    """Whether somebody else than the rivals writes, who do not look in between."""

    def expect(self, what: str, holds: object) -> None:
        if not holds:
            self.failures.append(what)

    def look(self) -> int:
        """The generation now."""
        store = _store(self.folder)
        self.generation = ABSENT
        try:
            stat = store.stat(NAME)
            self.content = store.get(NAME, generation=stat.generation)
        except ObjectMissing:
            self.content = None
            self.expect("is listed though it is missing", not store.list().items)
            return ABSENT
        self.expect("is not listed", store.list().items == [stat])
        self.expect("the plain file differs", (self.folder / NAME).read_bytes() == self.content)
        if not self.seen or stat.generation != self.seen[-1]:
            self.expect("a generation did not rise", stat.generation > max(self.seen, default=0))
            self.seen.append(stat.generation)
        self.generation = stat.generation
        return stat.generation

    def act(self, does: str, number: int) -> None:
        """By somebody who is alone: it has to succeed."""
        if does == "f":
            beside = self.folder / "beside"
            beside.write_bytes(b"foreign")
            (self.folder / NAME).parent.mkdir(exist_ok=True)
            beside.rename(self.folder / NAME)
            return
        store, generation = _store(self.folder), self.look()
        if does == "r":
            store.put(NAME, f"rival {number}".encode(), if_generation_match=generation)
            self.look()
            self.expect("a rival's write is not there", self.content == f"rival {number}".encode())
        elif generation != ABSENT:
            store.delete(NAME, if_generation_match=generation)
            self.expect("a rival's deletion did not happen", self.look() == ABSENT)

    def resumed(self, result: str, content: str, call: Call) -> None:
        """Whoever was stopped went on, and said that it won or was refused."""
        before, known, known_generation = self.content, list(self.seen), self.generation
        generation = self.look()
        if result not in ("won ", "refused"):
            won = _number(result)
            if won is None:
                self.failures.append(result)
                return
            if won not in known and won == generation:
                self.expect("a write won against its condition", self._meets(call, known_generation))
                self.expect("a write that won is not there", self.content == content.encode())
                return
            # Of two that were stopped, one may have replaced the other's before anybody looked.
            replaced_unseen = self.others and won < max(known, default=0)
            self.expect("a write that won was never there", won in known or replaced_unseen)
        elif result == "won " and call.do is _delete and known_generation == self._condition():
            self.expect("what was deleted is there", generation == ABSENT)
            return
        self.expect("a late process changed something", (before, known) == (self.content, self.seen))

    def _condition(self) -> int:
        return int((self.folder.parent / "known").read_text())

    def _meets(self, call: Call, generation: int) -> bool:
        if call.do is _create:
            return generation == ABSENT
        return call.do is not _replace or generation == self._condition()

    def settle(self) -> None:
        """What a kill leaves is swept by the next process, and old records by the next write."""
        self.act("r", 99)
        own = self.folder / ".roost"
        self.expect("a leftover in staged", not list((own / "staged").iterdir()))
        left = list((own / "records" / "v1" / ".lease.json").rglob("record.json"))
        self.expect(f"{len(left)} records", len(left) == 1)
        self.act("d", 0)
        left = list((own / "records" / "v1").iterdir())
        self.expect(f"records of a deleted object: {left}", not left)
        self.expect("a former record", not (own / "objects" / f"{NAME}.json").exists())


def _number(result: str) -> int | None:
    """The generation of a write that won."""
    generation = result.removeprefix("won ")
    return int(generation) if generation.isdecimal() else None


def _store(folder: Path) -> DirectoryStore:
    return DirectoryStore(folder, CLOCK)


@contextmanager
def _case(root: Path, call: Call) -> Iterator[Case]:
    folder = root / "bucket"
    folder.mkdir()
    call.prepare(folder)
    known = ABSENT
    if call.prepare is not _foreign and (folder / NAME).exists():
        known = _store(folder).stat(NAME).generation
    (root / "known").write_text(str(known))
    case = Case(folder)
    try:
        yield case
    finally:
        shutil.rmtree(folder)


def one_stopped(root: Path, call: Call, *, killed: bool) -> Iterator[tuple[str, list[str]]]:
    for rivals in AFTER_KILLS if killed else (*RIVALS, A_PERSON) if call.do is _delete else RIVALS:
        for stop_at in itertools.count(1):
            with _case(root, call) as case:
                process = Process(call, case.folder, "stopped", stop_at)
                stopped = process.stopped
                for number, does in enumerate(rivals):
                    case.act(does, number)
                if rivals == A_PERSON:
                    process.resume()
                    case.look()
                    case.expect("a person's file is gone", case.content == b"foreign")
                elif killed and stopped:
                    process.kill()
                else:
                    case.look()
                    case.resumed(process.resume(), "stopped", call)
                case.settle()
                yield (
                    f"{rivals or 'a reader'}, stopped before event {stop_at}, killed={killed}",
                    case.failures,
                )
            if not stopped:
                break


def on_a_full_disk(root: Path, call: Call) -> Iterator[tuple[str, list[str]]]:
    """What failed may have been stored or not, and leaves nothing behind that a later write does not mend."""
    for full_at in itertools.count(1):
        with _case(root, call) as case:
            result = Process(call, case.folder, "stopped", full_at, fills=True).resume()
            staged = list((case.folder / ".roost" / "staged").glob("*"))
            case.expect("a leftover of a failure", not staged)
            case.look()
            if call.do is _delete:
                possible: tuple[bytes | None, ...] = (b"prepared", None)
            elif call.do is _read:
                possible = (b"foreign",)
            else:
                possible = (b"stopped", b"foreign" if call.prepare is _foreign else b"prepared", None)
            case.expect(f"{case.content!r} is there", case.content in possible)
            if result.startswith("won "):
                case.expect("what was stored is not there", case.content == possible[call.do is _delete])
            case.settle()
            yield f"full before event {full_at}", case.failures
        if result.startswith("won "):
            break
        if result != "disk_full":
            yield f"full before event {full_at}", [result]


def two_stopped(root: Path, call: Call, chance: random.Random) -> Iterator[tuple[str, list[str]]]:
    for _ in range(PAIRS):
        other = chance.choice([each for each in CALLS.values() if each.do is not _read])
        at = chance.randrange(1, 45), chance.randrange(1, 45)
        rivals = chance.choice(RIVALS), chance.choice(RIVALS)
        with _case(root, call) as case:
            case.others = True
            first = Process(call, case.folder, "one", at[0])
            for number, does in enumerate(rivals[0]):
                case.act(does, number)
            second = Process(other, case.folder, "two", at[1])
            for number, does in enumerate(rivals[1]):
                case.act(does, 10 + number)
            case.look()
            order = [(first, "one", call), (second, "two", other)]
            chance.shuffle(order)
            for process, content, its in order:
                case.resumed(process.resume(), content, its)
            case.settle()
            yield f"{at} {rivals} {content}", case.failures


def main() -> None:
    root, name = Path(sys.argv[1]), sys.argv[2]
    call = CALLS[name]
    sys.addaudithook(STOP.notice)
    # What is imported late is imported now.
    with _case(root, CALLS["replace"]) as case:
        case.settle()
    done, failures = 0, []
    cases = [
        one_stopped(root, call, killed=False),
        one_stopped(root, call, killed=True),
        on_a_full_disk(root, call),
        two_stopped(root, call, random.Random(name)),
    ]
    for what, broken in itertools.chain.from_iterable(cases):
        done += 1
        failures += [f"{name}: {what}: {why}" for why in broken]
    sys.stdout.write(json.dumps({"cases": done, "failures": failures}))


if __name__ == "__main__":
    main()

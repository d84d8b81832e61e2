"""A folder that stands in for a bucket.

The objects are plain files under their own names. What a file cannot carry, its generation and metadata, lies
under `.roost/`, together with the lock that makes compare-and-set hold between processes.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import heapq
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

from roost.clock import Clock
from roost.errors import (
    BucketForbidden,
    BucketMissing,
    BucketUnreachable,
    ObjectMissing,
    PreconditionFailed,
    RemoteError,
)
from roost.replication.object_store import ListPage, ObjectStat

OWN = ".roost"
LOCK_WAIT_S = 3.0
PART_BYTES = 1024 * 1024
COUNTER_DIGITS = 20
# The copies hold people's conversations.
FILE_MODE = 0o600
FOLDER_MODE = 0o700


@dataclass(frozen=True, slots=True)
class _Entry:
    """A generation, and by what the file that holds it is recognised."""

    generation: int
    sha256: str
    metadata: dict[str, str]
    inode: int
    size_bytes: int
    mtime_ns: int

    def is_file(self, status: os.stat_result) -> bool:
        return (self.inode, self.size_bytes, self.mtime_ns) == (
            status.st_ino,
            status.st_size,
            status.st_mtime_ns,
        )


class DirectoryStore:
    """`ObjectStore` in a folder, for any number of processes on one machine. Survives a kill at any moment.

    A write first records what the file will be, beside what it was, then renames the file into place: the
    file itself says which of the two happened. A file that somebody else put there is a new generation.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._own = path / OWN
        self._clock = clock
        self._swept = False

    @property
    def place(self) -> str:
        return str(self._path)

    def stat(self, name: str) -> ObjectStat:
        with self._locked():
            return _stat(name, self._entry(name))

    def get(
        self, name: str, *, generation: int | None = None, start: int = 0, end: int | None = None
    ) -> bytes:
        with self._locked():
            entry = self._entry(name)
            if generation is not None and entry.generation != generation:
                raise ObjectMissing(f"{name} in {self.place} is not at generation {generation} any more.")
            # Once open, the file stays this generation: a later one is another file.
            file = self._file(name).open("rb")
        with file, self._translated():
            file.seek(start)
            return file.read() if end is None else file.read(max(0, end - start))

    def put(
        self,
        name: str,
        content: bytes | BinaryIO,
        *,
        if_generation_match: int | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> ObjectStat:
        file = self._file(name)
        with self._translated():
            partial, sha256 = self._stage(content)
        try:
            with self._locked():
                before = self._find(name)
                self._expect(name, before, if_generation_match)
                status = partial.stat()
                entry = _Entry(
                    self._next_generation(),
                    sha256,
                    dict(metadata or {}),
                    status.st_ino,
                    status.st_size,
                    status.st_mtime_ns,
                )
                _make_folder(file.parent)
                self._record(name, entry, before)
                partial.replace(file)
                _sync_folder(file.parent)
        finally:
            partial.unlink(missing_ok=True)
        return _stat(name, entry)

    def list(
        self,
        prefix: str = "",
        *,
        start_offset: str = "",
        page_token: str | None = None,
        limit: int = 1000,
    ) -> ListPage:
        # The lock is not held while folders are read: with many objects that takes longer than others wait.
        with self._translated():
            self._require_folder()
            names = heapq.nsmallest(
                limit + 1,
                (
                    name
                    for name in self._names(prefix)
                    if name >= start_offset and (page_token is None or name > page_token)
                ),
                key=str.encode,
            )
        with self._locked():
            page = [_stat(name, entry) for name in names[:limit] if (entry := self._find(name)) is not None]
        return ListPage(page, names[limit - 1] if len(names) > limit else None)

    def delete(self, name: str, *, if_generation_match: int | None = None) -> None:
        with self._locked():
            self._expect(name, self._entry(name), if_generation_match)
            file = self._file(name)
            file.unlink()
            _sync_folder(file.parent)
            self._record_path(name).unlink(missing_ok=True)

    def _expect(self, name: str, entry: _Entry | None, generation: int | None) -> None:
        if generation is not None and (entry.generation if entry else 0) != generation:
            raise PreconditionFailed(f"{name} in {self.place} is not at generation {generation}.")

    def _file(self, name: str) -> Path:
        parts = name.split("/")
        if any(not part or part.startswith(".") or "\0" in part for part in parts):
            raise ValueError(f"{name!r} is no name for an object")
        return self._path.joinpath(*parts)

    def _names(self, prefix: str) -> Iterator[str]:
        within = prefix.rpartition("/")[0]
        for root, folders, files in os.walk(self._path / within, onerror=_raise_unless_missing):
            folders[:] = [each for each in folders if not each.startswith(".")]
            below = "" if root == str(self._path) else root[len(str(self._path)) + 1 :] + "/"
            for each in files:
                if not each.startswith(".") and (name := below + each).startswith(prefix):
                    yield name

    def _stage(self, content: bytes | BinaryIO) -> tuple[Path, str]:
        """The content as a file beside, on disk, and its SHA-256. The lock is held only while it is begun."""
        source = BytesIO(content) if isinstance(content, bytes) else content
        source.seek(0)
        partial, descriptor = self._begin_partial()
        digest = hashlib.sha256()
        try:
            with os.fdopen(descriptor, "wb") as file:
                while part := source.read(PART_BYTES):
                    digest.update(part)
                    file.write(part)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            partial.unlink(missing_ok=True)
            raise
        return partial, digest.hexdigest()

    def _begin_partial(self) -> tuple[Path, int]:
        """A new file and its descriptor, locked for as long as somebody writes it: what nobody has locked
        was left by a kill.
        """
        with self._locked():
            staging = self._own / "partial"
            _make_folder(staging)
            if not self._swept:
                for leftover in staging.iterdir():
                    _unlink_unless_locked(leftover)
                self._swept = True
            partial = staging / uuid4().hex
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return partial, descriptor

    def _entry(self, name: str) -> _Entry:
        entry = self._find(name)
        if entry is None:
            raise ObjectMissing(f"{self.place} holds no {name}.")
        return entry

    def _find(self, name: str) -> _Entry | None:
        file = self._file(name)
        try:
            status = file.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        entries = self._read_record(name)
        for entry in entries:
            if entry.is_file(status):
                return entry
        return self._recognise(name, file, status, entries)

    def _recognise(
        self, name: str, file: Path, status: os.stat_result, entries: tuple[_Entry, ...]
    ) -> _Entry:
        """A file that is not the one we wrote: the folder was copied, or somebody put another file there."""
        with file.open("rb") as opened:
            sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
        known = next((entry for entry in entries if entry.sha256 == sha256), None)
        entry = _Entry(
            known.generation if known else self._next_generation(),
            sha256,
            known.metadata if known else {},
            status.st_ino,
            status.st_size,
            status.st_mtime_ns,
        )
        self._record(name, entry, None)
        return entry

    def _record_path(self, name: str) -> Path:
        return self._own / "objects" / f"{name}.json"

    def _record(self, name: str, entry: _Entry, before: _Entry | None) -> None:
        path = self._record_path(name)
        _make_folder(path.parent)
        partial = path.with_name(path.name + ".partial")
        with open(partial, "w", encoding="utf-8", opener=_private) as file:
            json.dump([asdict(each) for each in (entry, before) if each is not None], file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        _sync_folder(path.parent)

    def _read_record(self, name: str) -> tuple[_Entry, ...]:
        try:
            stored: list[dict[str, Any]] = json.loads(self._record_path(name).read_text("utf-8"))
            return tuple(_Entry(**entry) for entry in stored)
        except FileNotFoundError:
            return ()
        except (ValueError, TypeError):
            # Somebody edited it: the file is then a generation nobody knows.
            return ()

    def _next_generation(self) -> int:
        """Above every one before, also after a deletion, a lost `.roost` or a clock that was set back."""
        path = self._own / "generation"
        try:
            last = int(path.read_text("ascii"))
        except (FileNotFoundError, ValueError):
            last = 0
        generation = max(last + 1, int(self._clock.now().timestamp() * 1_000_000))
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        try:
            # One small write in place: a kill leaves the old number or the new one.
            os.pwrite(descriptor, str(generation).rjust(COUNTER_DIGITS, "0").encode(), 0)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        return generation

    def _require_folder(self) -> None:
        if not self._path.is_dir():
            raise BucketMissing(
                f"The folder {self.place} does not exist. Make or mount it; Roost takes it up by itself."
            )

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._translated():
            self._require_folder()
            self._own.mkdir(mode=FOLDER_MODE, exist_ok=True)
            descriptor = os.open(self._own / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
            try:
                self._take(descriptor)
                yield
            finally:
                os.close(descriptor)

    def _take(self, descriptor: int) -> None:
        deadline_s = time.monotonic() + LOCK_WAIT_S
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline_s:
                    raise BucketUnreachable(
                        f"Another process has held the lock of {self.place} for {LOCK_WAIT_S:.0f} s."
                    ) from None
                time.sleep(0.005)
            else:
                return

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except RemoteError:
            raise
        except OSError as error:
            raise self._translate(error) from error

    def _translate(self, error: OSError) -> RemoteError:
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            return BucketForbidden(
                f"{self.place} may not be used ({error.strerror}). Let Roost's user read and write there."
            )
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return BucketUnreachable(f"The disk of {self.place} is full. Free some space.", code="disk_full")
        return BucketUnreachable(f"{self.place} cannot be used: {error.strerror or error}.")


def _raise_unless_missing(error: OSError) -> None:
    """What cannot be read is not empty."""
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        raise error


def _stat(name: str, entry: _Entry) -> ObjectStat:
    return ObjectStat(name, entry.generation, entry.size_bytes, entry.metadata)


def _make_folder(path: Path) -> None:
    """With the folders above it, each for its owner alone; `mkdir(parents=True)` would open those to all."""
    if not path.is_dir():
        _make_folder(path.parent)
        path.mkdir(mode=FOLDER_MODE, exist_ok=True)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, FILE_MODE)


def _unlink_unless_locked(path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    else:
        path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

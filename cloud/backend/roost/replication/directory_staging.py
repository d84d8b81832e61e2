"""What a write to a folder has prepared before it counts.

Each write under way has a folder below `.roost/staged`, which it holds locked for as long as it lives: what
nobody has locked was left by a kill. Renamed to a place where nothing is, the whole folder counts at once;
where something is, renaming it fails (POSIX, rename: a folder takes the place of an empty one alone). So of
many that want one place one gets it, without waiting for anybody.

A place that is freed again must not go to somebody who asked for it before and was stopped since. Therefore
who wants a place says so first, by the name of the staged folder, and only then looks whether what has to be
there before is still there. Who frees places takes away what has to be there, then those names, and only then
frees: the rename of the one who was stopped fails (Michael: Hazard pointers, 2004, is the same order).
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from roost.replication.directory_files import (
    FOLDER_MODE,
    FileIdentity,
    identity,
    make_folder,
    new_file,
    open_folder,
    remove_if_empty,
)

CONTENT = "content"
RECORD = "record.json"
PART_BYTES = 1024 * 1024
TRIES = 10


class Outrun(Exception):
    """Somebody else was faster: look again."""


class Staging:
    """`own` is `.roost`. Thread-safe."""

    def __init__(self, own: Path) -> None:
        self._path = own / "staged"
        self._former = own / "partial"
        self._lock = threading.Lock()
        self._swept = False

    @contextmanager
    def begin(self) -> Iterator[Staged]:
        """A folder for one write; gone afterwards, unless it was committed."""
        make_folder(self._path)
        with self._lock:
            sweeps, self._swept = not self._swept, True
        if sweeps:
            self._sweep()
        staged = self._new()
        try:
            yield staged
        finally:
            staged.close()

    def revoke(self, name: str, index: int) -> None:
        """Whoever has said that it wants a place of that object's, up to `index`, will find it gone."""
        wanted = _key(name)
        for each in _listed(self._path):
            own, _, announced = each.partition(".")
            key, _, place = announced.partition(".")
            if key == wanted and int(place) <= index:
                with suppress(FileNotFoundError):
                    (self._path / each).rename(self._path / own)

    def _new(self) -> Staged:
        for _ in range(TRIES):
            path = self._path / uuid4().hex
            path.mkdir(mode=FOLDER_MODE)
            try:
                staged = _own(path)
            except OSError:
                remove_if_empty(path)
                raise
            if staged is not None:
                return staged
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    def _sweep(self) -> None:
        for each in _listed(self._path):
            path = self._path / each
            with suppress(FileNotFoundError, NotADirectoryError):
                folder = open_folder(path)
                try:
                    # It may have been committed since it was listed, and is no leftover then.
                    if _lock(folder) and _is_at(folder, path):
                        _remove(folder, path)
                finally:
                    os.close(folder)
        for each in _listed(self._former):
            _remove_former(self._former / each)


class Staged:
    """One write's folder, open as `folder` (a descriptor)."""

    def __init__(self, path: Path, folder: int) -> None:
        self.folder = folder
        self._path = path
        self._announced: Path | None = None

    def take(self, source: BinaryIO) -> tuple[str, FileIdentity]:
        """The content, on disk when this returns: its SHA-256, and by what it will be known again."""
        source.seek(0)
        digest = hashlib.sha256()
        with os.fdopen(new_file(CONTENT, self.folder), "wb") as file:
            while part := source.read(PART_BYTES):
                digest.update(part)
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
            return digest.hexdigest(), identity(os.fstat(file.fileno()))

    def record(self, content: bytes, *, whole: bool = True) -> None:
        """It is on disk when this returns, and so is everything else if `whole`."""
        with os.fdopen(new_file(RECORD, self.folder), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if whole:
            os.fsync(self.folder)

    def announce(self, name: str, index: int) -> None:
        """From now on `Staging.revoke` finds it."""
        if self._announced is not None:
            with suppress(FileNotFoundError):
                self._announced.rename(self._path)
        announced = self._path.with_name(f"{self._path.name}.{_key(name)}.{index}")
        self._path.rename(announced)
        self._announced = announced

    def commit(self, target: Path | str, within: int | None = None) -> None:
        """Takes the place `target` (in the open folder `within`). Raises Outrun when it is taken, or may not
        be had any more.
        """
        try:
            os.rename(self._announced or self._path, target, dst_dir_fd=within)
        except FileNotFoundError as error:
            raise Outrun from error
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            raise Outrun from error

    def close(self) -> None:
        try:
            # In this order: revoking renames from the first to the second.
            for path in (self._announced, self._path):
                if path is not None and _is_at(self.folder, path):
                    with suppress(FileNotFoundError):
                        _remove(self.folder, path)
        finally:
            os.close(self.folder)


def _own(path: Path) -> Staged | None:
    """None when a sweep found it while it was not locked yet."""
    try:
        folder = open_folder(path)
    except FileNotFoundError:
        return None
    try:
        if _lock(folder) and _is_at(folder, path):
            return Staged(path, folder)
    except OSError:
        os.close(folder)
        raise
    os.close(folder)
    return None


def _key(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def _listed(path: Path) -> list[str]:
    try:
        return [each.name for each in path.iterdir()]
    except FileNotFoundError:
        return []


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(folder: int, path: Path) -> bool:
    try:
        there = path.stat(follow_symlinks=False)
    except FileNotFoundError:
        return False
    return os.path.samestat(there, os.fstat(folder))


def _remove(folder: int, path: Path) -> None:
    for name in os.listdir(folder):
        os.unlink(name, dir_fd=folder)
    path.rmdir()


def _remove_former(path: Path) -> None:
    """A file that a version before this one left: it had such a file locked while it was written."""
    with suppress(FileNotFoundError):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if _lock(descriptor):
                path.unlink(missing_ok=True)
        finally:
            os.close(descriptor)

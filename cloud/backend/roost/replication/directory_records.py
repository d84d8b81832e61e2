"""Which generation of an object a folder holds: its records, numbered, of which the newest counts.

`.roost/records/a/.b` is the folder of the object `a/b`; no part of an object's name begins with a dot, so the
objects `a` and `a/b` do not meet. The folder itself is the first record, its folders `2`, `3` … are the later
ones. Each is put there whole, by one rename, with the content that it is about. The content then goes to its
plain place, which happens once, for then it is gone from here: whoever looks does it for a writer that was
stopped or killed, and nobody adds a record before it is done.

A deletion is a record too, and the last one: the records end with it, and the object, if it comes back,
begins with another folder. What somebody who was stopped meanwhile still does to the old one goes through its
descriptor, and fails.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from uuid import uuid4

from roost.replication.directory_files import (
    FileIdentity,
    identity_of,
    make_folder,
    open_folder,
    read_all,
    remove_if_empty,
    sync_folder,
)
from roost.replication.directory_staging import CONTENT, RECORD, Outrun, Staged, Staging

FIRST = 1
MOVED = "moved."


@dataclass(frozen=True, slots=True)
class Entry:
    """A generation, and by what the file that holds it is recognised. `deleted`: that file is to go."""

    generation: int
    sha256: str
    metadata: dict[str, str]
    inode: int
    size_bytes: int
    mtime_ns: int
    deleted: bool = False

    @property
    def identity(self) -> FileIdentity:
        return self.inode, self.size_bytes, self.mtime_ns

    def within(self, file: FileIdentity) -> Entry:
        """The same content in another file."""
        inode, size_bytes, mtime_ns = file
        return replace(self, inode=inode, size_bytes=size_bytes, mtime_ns=mtime_ns)

    def to_bytes(self) -> bytes:
        return json.dumps(asdict(self)).encode()


UNKNOWN = Entry(0, "", {}, 0, -1, 0)
"""What a record says that somebody edited: the file is then a generation nobody knows."""


class Records:
    """Those of one object, as they were when they were opened, and its plain file. `index` is the newest
    record's, 0 if there is none; `newest` is what it says.
    """

    def __init__(self, name: str, path: Path, file: Path, folder: int | None) -> None:
        self.name = name
        self.file = file
        self.index = 0
        self.newest: Entry | None = None
        self._path = path
        self._folder = folder
        self._older: list[int] = []
        if folder is not None:
            self._look(folder)

    @classmethod
    @contextmanager
    def opened(cls, own: Path, name: str, file: Path) -> Iterator[Records]:
        """`own` is `.roost`. Raises Outrun."""
        above, _, leaf = name.rpartition("/")
        path = own / f"records/{above}/.{leaf}"
        try:
            folder = open_folder(path)
        except FileNotFoundError:
            folder = None
        try:
            yield cls(name, path, file, folder)
        finally:
            if folder is not None:
                os.close(folder)

    @property
    def generation(self) -> int:
        """The newest record's, 0 if there is none or nobody can read it."""
        return 0 if self.newest is None else self.newest.generation

    def confirm(self) -> None:
        """Raises Outrun when the newest record is gone. Called once the next one is announced."""
        if self.index:
            try:
                os.stat(_path(self.index, RECORD), dir_fd=self._folder)
            except FileNotFoundError as error:
                raise Outrun from error

    def add(self, staged: Staged, entry: Entry) -> None:
        """The next record, kept open by `staged`. Raises Outrun when somebody else has added one.

        It is on disk when this returns, unless it is a deletion, which holds once the file is taken away. One
        that is lost with the power before has not happened, in whatever part of it is found again.
        """
        staged.record(entry.to_bytes(), whole=not entry.deleted)
        if self.index:
            staged.commit(str(self.index + 1), self._folder)
            self._older.append(self.index)
            if self._folder is not None and not entry.deleted:
                os.fsync(self._folder)
        else:
            make_folder(self._path.parent)
            staged.commit(self._path)
            self._folder = staged.folder
            if not entry.deleted:
                sync_folder(self._path.parent)
        self.index += 1
        self.newest = entry

    def place(self) -> bool:
        """Moves the newest content into its place, if it is not there yet. Whether it was waiting."""
        content = _path(self.index, CONTENT)
        try:
            os.stat(content, dir_fd=self._folder)
        except FileNotFoundError:
            return False
        make_folder(self.file.parent)
        with suppress(FileNotFoundError):
            os.rename(content, self.file, src_dir_fd=self._folder)
        sync_folder(self.file.parent)
        return True

    def collect(self, staging: Staging) -> None:
        """Removes all but the newest, whose content is in its place."""
        while self._older:
            # Those before it are gone: from now on nobody who may still get this place announces it.
            staging.revoke(self.name, self._older[0])
            self._remove(self._older.pop(0))

    def take_away(self) -> None:
        """Moves the file that the newest record says is deleted out of its place, for good when this returns.

        It goes into that very record: for somebody who was stopped since, there is no such folder any more.
        """
        if self.newest is not None and identity_of(self.file) == self.newest.identity:
            with suppress(FileNotFoundError):
                os.rename(self.file, _path(self.index, f"{MOVED}{uuid4().hex}"), dst_dir_fd=self._folder)
            self._sort_out(self.newest.identity)
        # Also when somebody else has moved it, who may not have got further.
        with suppress(FileNotFoundError):
            sync_folder(self.file.parent)

    def end(self, staging: Staging) -> None:
        """Removes everything, the record of the deletion last."""
        self.collect(staging)
        staging.revoke(self.name, self.index)
        if self.newest is not None:
            self._sort_out(self.newest.identity)
        self._remove(self.index)
        remove_if_empty(self._path)

    def _look(self, folder: int) -> None:
        names = os.listdir(folder)
        indices = sorted(int(name) for name in names if name.isdecimal())
        if RECORD in names:
            indices.insert(0, FIRST)
        self.index = indices.pop() if indices else 0
        self._older = indices
        if not self.index:
            self._sort_out(None)
            return
        try:
            descriptor = os.open(_path(self.index, RECORD), os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)
        except FileNotFoundError as error:
            # There is a newer one, or whoever was ending the records was stopped or killed just here.
            self._sort_out(None)
            remove_if_empty(str(self.index), folder)
            raise Outrun from error
        try:
            self.newest = _parse(read_all(descriptor))
        finally:
            os.close(descriptor)

    def _sort_out(self, deleted: FileIdentity | None) -> None:
        """What was moved here goes, but back to its place if somebody had put it there in that moment."""
        within = str(self.index) if self.index > FIRST else "."
        with suppress(FileNotFoundError):
            folder = os.open(within, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self._folder)
            try:
                for name in os.listdir(folder):  # noqa: PTH208
                    if name.startswith(MOVED):
                        self._return(name, folder, deleted)
            finally:
                os.close(folder)

    def _return(self, name: str, folder: int, deleted: FileIdentity | None) -> None:
        with suppress(FileNotFoundError):
            found = identity_of(name, folder)
            if found == deleted or self.file.exists():
                os.unlink(name, dir_fd=folder)
            else:
                os.rename(name, self.file, src_dir_fd=folder)

    def _remove(self, index: int) -> None:
        for name in (CONTENT, RECORD):
            with suppress(FileNotFoundError):
                os.unlink(_path(index, name), dir_fd=self._folder)
        if index != FIRST:
            remove_if_empty(str(index), self._folder)


def _parse(content: bytes) -> Entry:
    try:
        return Entry(**json.loads(content))
    except (ValueError, TypeError):
        return UNKNOWN


def _path(index: int, name: str) -> str:
    return name if index == FIRST else f"{index}/{name}"

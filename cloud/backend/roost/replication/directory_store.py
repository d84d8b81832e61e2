"""A folder that stands in for a bucket.

The objects are plain files under their own names. What a file cannot carry, its generation and metadata,
lies under `.roost/`. Nobody waits for anybody: a process that is stopped at any moment, or hangs in its disk,
keeps no other one out.
"""

from __future__ import annotations

import errno
import hashlib
import heapq
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, TypeVar

from roost.clock import Clock
from roost.errors import (
    BucketForbidden,
    BucketMissing,
    BucketUnreachable,
    ObjectMissing,
    PreconditionFailed,
    RemoteError,
)
from roost.replication.directory_files import (
    FOLDER_MODE,
    FileIdentity,
    identity,
    identity_of,
    make_folder,
    sync_folder,
)
from roost.replication.directory_former import FormerRecords
from roost.replication.directory_generations import Generations
from roost.replication.directory_records import FIRST, Entry, Records
from roost.replication.directory_staging import Outrun, Staged, Staging
from roost.replication.object_store import ListPage, ObjectStat

OWN = ".roost"
TRIES_FOR_S = 3.0
TRIES_AT_LEAST = 20
TRIES_AT_ONCE = 5
PAUSE_S = 0.002

T = TypeVar("T")


class DirectoryStore:
    """`ObjectStore` in a folder, for any number of processes on one machine. Survives a kill at any moment.

    Of several writes to one generation exactly one adds the next record; whoever looks finishes what its
    writer has not. A file that somebody else put there is a new generation.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._own = path / OWN
        self._staging = Staging(self._own)
        self._generations = Generations(self._own, clock)
        self._former = FormerRecords(self._own)

    @property
    def place(self) -> str:
        return str(self._path)

    def stat(self, name: str) -> ObjectStat:
        with self._translated():
            return _stat(name, self._attempt(name, self._present))

    def get(
        self, name: str, *, generation: int | None = None, start: int = 0, end: int | None = None
    ) -> bytes:
        def opened(records: Records) -> BinaryIO:
            entry = self._present(records)
            if generation is not None and entry.generation != generation:
                raise ObjectMissing(f"{name} in {self.place} is not at generation {generation} any more.")
            try:
                file = records.file.open("rb")
            except FileNotFoundError as error:
                raise Outrun from error
            if identity(os.fstat(file.fileno())) == entry.identity:
                # Once open, the file stays this generation: a later one is another file.
                return file
            file.close()
            raise Outrun

        with self._translated(), self._attempt(name, opened) as file:
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
        source = BytesIO(content) if isinstance(content, bytes) else content

        def write(records: Records) -> ObjectStat:
            before = self._find(records)
            self._expect(name, before, if_generation_match)
            if records.file.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            make_folder(records.file.parent)

            def entry() -> Entry:
                generation = self._next_generation(records, before)
                return Entry(generation, sha256, dict(metadata or {}), *stored)

            written = self._add(records, before.identity if before else None, staged, entry)
            if not records.place():
                # Somebody else has, and may not have got further.
                sync_folder(records.file.parent)
            self._tidy(records)
            return _stat(name, written)

        with self._translated(), self._writing(name) as staged:
            sha256, stored = staged.take(source)
            return self._attempt(name, write)

    def list(
        self,
        prefix: str = "",
        *,
        start_offset: str = "",
        page_token: str | None = None,
        limit: int = 1000,
    ) -> ListPage:
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
            found = ((name, self._attempt(name, self._find)) for name in names[:limit])
            page = [_stat(name, entry) for name, entry in found if entry is not None]
        return ListPage(page, names[limit - 1] if len(names) > limit else None)

    def delete(self, name: str, *, if_generation_match: int | None = None) -> None:
        def write(records: Records) -> None:
            entry = self._present(records)
            self._expect(name, entry, if_generation_match)
            self._add(records, entry.identity, staged, lambda: replace(entry, deleted=True))
            self._bury(records)

        with self._translated(), self._writing(name) as staged:
            self._attempt(name, write)

    def _attempt(self, name: str, act: Callable[[Records], T]) -> T:
        """Again while somebody else is faster: then that one has got on."""
        file = self._file(name)
        self._require_folder()
        deadline_s = time.monotonic() + TRIES_FOR_S
        tried = 0
        while True:
            tried += 1
            try:
                with Records.opened(self._own, name, file) as records:
                    return act(records)
            except Outrun as error:
                # By the number too: it may have been stopped for longer than that.
                if tried >= TRIES_AT_LEAST and time.monotonic() > deadline_s:
                    raise BucketUnreachable(f"{name} in {self.place} changes too fast.") from error
            if tried > TRIES_AT_ONCE:
                time.sleep(PAUSE_S)

    def _present(self, records: Records) -> Entry:
        entry = self._find(records)
        if entry is None:
            raise ObjectMissing(f"{self.place} holds no {records.name}.")
        return entry

    def _find(self, records: Records) -> Entry | None:
        """What the plain file is. Finishes first what somebody has begun. Raises Outrun."""
        newest = records.newest
        if newest is not None and newest.deleted:
            self._bury(records)
            raise Outrun
        file = identity_of(records.file)
        if newest is not None:
            if newest.identity == file:
                return newest
            if records.place():
                raise Outrun
        if file is None:
            return None
        if newest is None:
            for entry in self._former.read(records.name):
                if entry.identity == file:
                    return entry
        self._adopt(records)
        raise Outrun

    def _adopt(self, records: Records) -> None:
        """Records a file that is not the one we wrote: the folder was copied, or somebody put another file
        there.
        """
        records.confirm()
        sha256, file = _digest(records.file)
        known = self._known(records, sha256, file)

        def entry() -> Entry:
            if known is not None:
                return known.within(file)
            return Entry(self._next_generation(records, None), sha256, {}, *file)

        with self._staging.begin() as staged:
            self._add(records, file, staged, entry)
            self._tidy(records)

    def _known(self, records: Records, sha256: str, file: FileIdentity) -> Entry | None:
        if records.newest is not None and records.newest.sha256 == sha256:
            return records.newest
        for entry in self._former.read(records.name):
            # One that is not above the newest was replaced long ago.
            if entry.generation > records.generation and (entry.identity == file or entry.sha256 == sha256):
                return entry
        return None

    def _add(
        self, records: Records, before: FileIdentity | None, staged: Staged, make: Callable[[], Entry]
    ) -> Entry:
        """The next record. `before` is the plain file that it was decided on. Raises Outrun."""
        staged.announce(records.name, records.index + 1)
        records.confirm()
        if identity_of(records.file) != before:
            raise Outrun
        entry = make()
        records.add(staged, entry)
        return entry

    def _tidy(self, records: Records) -> None:
        records.collect(self._staging)
        if records.index == FIRST:
            self._former.forget(records.name)

    def _bury(self, records: Records) -> None:
        """Carries out the deletion that is the newest record."""
        records.take_away()
        self._generations.retire(records.generation)
        self._former.forget(records.name)
        records.end(self._staging)

    def _next_generation(self, records: Records, before: Entry | None) -> int:
        if records.generation:
            return self._generations.after(records.generation)
        return self._generations.first(before.generation if before else 0)

    def _expect(self, name: str, entry: Entry | None, generation: int | None) -> None:
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

    @contextmanager
    def _writing(self, name: str) -> Iterator[Staged]:
        self._file(name)
        self._require_folder()
        self._own.mkdir(mode=FOLDER_MODE, exist_ok=True)
        with self._staging.begin() as staged:
            yield staged

    def _require_folder(self) -> None:
        if not self._path.is_dir():
            raise BucketMissing(
                f"The folder {self.place} does not exist. Make or mount it; Roost takes it up by itself."
            )

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


def _digest(path: Path) -> tuple[str, FileIdentity]:
    """Raises Outrun when there is no such file any more."""
    try:
        with path.open("rb") as opened:
            found = identity(os.fstat(opened.fileno()))
            return hashlib.file_digest(opened, "sha256").hexdigest(), found
    except FileNotFoundError as error:
        raise Outrun from error


def _stat(name: str, entry: Entry) -> ObjectStat:
    return ObjectStat(name, entry.generation, entry.size_bytes, entry.metadata)

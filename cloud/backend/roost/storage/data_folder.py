"""The folder that holds everything: made if missing, writable, and used by one process at a time."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from types import TracebackType

from roost.errors import SettingsError, StorageError
from roost.storage.migrations import inspect_file
from roost.storage.server_file import remove_server_file

LOCK_FILE = "roost.lock"
# A killed server's worker notices within a second that its parent is gone; only then is the lock free.
LOCK_WAIT_S = 5.0
IN_USE = "data_dir_in_use"
REPLICATED = ("conversations", "bot_configs")
CACHES = ("knowledge",)
YIELDED = "yielded"
"""Here while a server that has left the bucket to another one waits for it again: it asks nobody."""


class DataFolder:
    """Holds `roost.lock` from `take` until the process, and every process it forked, has ended."""

    def __init__(self, path: Path, wait_s: float = LOCK_WAIT_S) -> None:
        self.path = path
        self._wait_s = wait_s
        self._descriptor: int | None = None

    def take(self) -> None:
        """Raises SettingsError when the folder cannot be used, or another Roost uses it."""
        try:
            # Conversations are for the eyes of Roost's user alone.
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self.path / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise SettingsError(
                f"DATA_DIR {self.path} cannot be used: {error.strerror}. "
                "Make it a folder that Roost may write to."
            ) from error
        deadline_s = time.monotonic() + self._wait_s
        while not self._try_lock(descriptor):
            if time.monotonic() > deadline_s:
                os.close(descriptor)
                raise SettingsError(
                    f"Another Roost is using DATA_DIR {self.path}. "
                    "Stop it first, or give this one a folder of its own.",
                    code=IN_USE,
                )
            time.sleep(0.1)
        self._descriptor = descriptor
        # What a killed server has left there leads nowhere.
        remove_server_file(self.path)

    def in_use(self) -> bool:
        """Whether another process holds the folder at this moment. Makes and changes nothing."""
        try:
            descriptor = os.open(self.path / LOCK_FILE, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def inspect(self) -> None:
        """Refuses database files that cannot be used, and sets a damaged cache aside.

        Raises SchemaTooNew or DatabaseUnreadable for a file that must not be lost.
        """
        for name in REPLICATED:
            path = self.path / f"{name}.db"
            if path.exists():
                inspect_file(str(path), name)
        for name in CACHES:
            path = self.path / f"{name}.db"
            try:
                if path.exists():
                    inspect_file(str(path), name)
            except StorageError:
                for suffix in ("", "-wal", "-shm"):
                    damaged = self.path / f"{name}.db{suffix}"
                    if damaged.exists():
                        damaged.replace(self.path / f"{name}.db{suffix}.damaged")

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> DataFolder:
        self.take()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    @staticmethod
    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

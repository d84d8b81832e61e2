"""A database file as it was at one moment, copied page by page while others go on writing it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import TracebackType

from roost.errors import DatabaseUnreadable, Unavailable

PAGES_AT_ONCE = 2048
"""Between two of these a copy can be ended."""


class OpenedState:
    """Holds what was committed when it was made, until it is closed. Meanwhile no checkpoint can begin the
    log anew, so that the log grows.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        # Read and written by no other connection: the thread that opens it need not be the one that copies.
        self._source = sqlite3.connect(
            f"file:{path}?mode=rw", uri=True, timeout=10, isolation_level=None, check_same_thread=False
        )
        try:
            self._source.execute("PRAGMA wal_autocheckpoint=0")
            self._source.execute("PRAGMA query_only=1")
            self._source.execute("BEGIN")
            self.schema = int(self._source.execute("PRAGMA user_version").fetchone()[0])
            self.page_size = int(self._source.execute("PRAGMA page_size").fetchone()[0])
            # Reading a table is what makes SQLite hold the state.
            self._source.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.Error:
            self._source.close()
            raise

    def copy_to(self, target: Path, going_on: Callable[[], None]) -> None:
        """Every page as it was; only the counters in the first one differ. `going_on` is called between parts
        and may raise, which ends the copy.

        Raises Unavailable when the disk is full, DatabaseUnreadable for a damaged file; then `target` is
        gone.
        """
        target.unlink(missing_ok=True)
        try:
            with closing(sqlite3.connect(target, isolation_level=None)) as copy:
                copy.execute(f"PRAGMA page_size={self.page_size}")
                copy.execute("PRAGMA synchronous=OFF")
                copy.execute("PRAGMA journal_mode=OFF").fetchall()
                self._source.backup(copy, pages=PAGES_AT_ONCE, progress=lambda *_: going_on())
        except sqlite3.Error as error:
            target.unlink(missing_ok=True)
            raise self._translate(error) from error
        except BaseException:  # cleaned up and raised on - whatever it was
            target.unlink(missing_ok=True)
            raise

    def close(self) -> None:
        self._source.close()

    def __enter__(self) -> OpenedState:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _translate(self, error: sqlite3.Error) -> Exception:
        words = str(error)
        if "disk is full" in words or "disk I/O error" in words:
            return Unavailable(
                f"{self._path.name} cannot be copied: the disk of DATA_DIR is full or failing. "
                "Free some space.",
                code="disk_full",
                retry_after_s=10,
            )
        return DatabaseUnreadable(
            f"{self._path.name} cannot be read ({error}). Put a good copy in its place."
        )

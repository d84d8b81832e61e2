"""What versions before this one wrote down about an object: one file, changed under a lock."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from roost.replication.directory_records import Entry


class FormerRecords:
    """`own` is `.roost`. They hold for an object until it is written or deleted; none is written any more."""

    def __init__(self, own: Path) -> None:
        self._path = own / "objects"

    def read(self, name: str) -> tuple[Entry, ...]:
        """The newest generation, and the one before: a kill may have kept the newest from its place."""
        try:
            stored: list[dict[str, Any]] = json.loads(self._file(name).read_text("utf-8"))
            return tuple(Entry(**entry) for entry in stored)
        except (FileNotFoundError, NotADirectoryError):
            return ()
        except (ValueError, TypeError):
            # Somebody edited it: the file is then a generation nobody knows.
            return ()

    def forget(self, name: str) -> None:
        try:
            self._file(name).unlink()
        except (FileNotFoundError, NotADirectoryError):
            return

    def _file(self, name: str) -> Path:
        return self._path / f"{name}.json"

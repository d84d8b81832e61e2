"""How far this folder's process has gone in the log: noted on its disk before each segment is sent.

A disk that was set back to an earlier state, or cloned, is told by it: the log then has what it never noted.
"""

from __future__ import annotations

import os
from pathlib import Path

from roost.replication.markers import sync_folder
from roost.replication.segment import Position

FILE = "log.reached"
_BYTES = 32


class Reached:
    """Kept open, so that noting costs one small write in place. Raises OSError."""

    def __init__(self, data_dir: Path, beginning: Position) -> None:
        self._descriptor = os.open(data_dir / FILE, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self.note(beginning)
        sync_folder(data_dir)

    def note(self, position: Position) -> None:
        """Lasts when this returns."""
        text = f"{position.epoch} {position.seq}".ljust(_BYTES)
        os.pwrite(self._descriptor, text.encode("ascii"), 0)
        os.fdatasync(self._descriptor)

    def close(self) -> None:
        os.close(self._descriptor)


def read_reached(data_dir: Path) -> Position | None:
    """None where nothing was noted, as by an older Roost."""
    try:
        epoch, seq = (data_dir / FILE).read_text("ascii").split()
        return Position(int(epoch), int(seq))
    except (FileNotFoundError, ValueError):
        return None

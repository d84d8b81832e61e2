"""Whether the disk takes what is written to a database, as its writer saw it last."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from roost.errors import Unavailable

log = logging.getLogger("roost.storage")

DISK_FULL = "disk_full"
ROOM_BYTES = 1024 * 1024
"""With less than that left, a small write that found a gap does not tell that the next one will."""


class DiskTrouble:
    """Of one file; told by its writer, asked by anybody."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sentence: str | None = None

    @property
    def sentence(self) -> str | None:
        """Cause and remedy, for people; None while what is written is stored."""
        return self._sentence

    def failed(self, error: BaseException) -> None:
        """A commit failed. Nothing but a lack of space counts."""
        if not isinstance(error, Unavailable) or error.code != DISK_FULL:
            return
        full = "disk is full" in str(error.__cause__) or not self.has_room()
        sentence = (
            f"The disk of {self._path.parent} {'is full' if full else 'is full or failing'}: nothing new can "
            "be saved. Free some space; Roost goes on by itself."
        )
        if self._sentence is None:
            log.error("%s", sentence)
        self._sentence = sentence

    def succeeded(self) -> None:
        """Something was really written."""
        if self._sentence is not None and self.has_room():
            self._sentence = None
            log.info("The disk of %s takes what is written to %s again", self._path.parent, self._path.name)

    def has_room(self) -> bool:
        """False: whatever were written now would not end the trouble, and take what is left."""
        try:
            found = os.statvfs(self._path.parent)
        except OSError:
            return True
        return found.f_bavail * found.f_frsize >= ROOM_BYTES

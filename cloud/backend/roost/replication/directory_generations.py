"""The numbers of generations in a folder: an object's rise, also over a deletion and a clock set back."""

from __future__ import annotations

import os
from pathlib import Path

from roost.clock import Clock
from roost.replication.directory_files import FILE_MODE, make_folder, sync_folder

KEPT = 2
"""Of the floors: one that is being read may not be the newest any more."""


class Generations:
    """`own` is `.roost`. What was deleted has no record, so all of it together has a floor: the greatest of
    the numbers that are the names of the files in `.roost/floor`. Whoever is late adds a lower one, which
    changes nothing.
    """

    def __init__(self, own: Path, clock: Clock) -> None:
        self._path = own / "floor"
        self._former = own / "generation"
        self._clock = clock

    def after(self, before: int) -> int:
        """For an object that has a record; `before` is its generation."""
        return max(before + 1, int(self._clock.now().timestamp() * 1_000_000))

    def first(self, before: int) -> int:
        """For an object without a record. Above all that was deleted until its place was announced."""
        return self.after(max(before, self._former_counter(), *self._floors(), 0))

    def retire(self, generation: int) -> None:
        """None that is given from now on by `first` is that low."""
        floors = self._floors()
        if floors and floors[-1] >= generation:
            return
        # As high as it may be, so that the next ones that are deleted are below it.
        floor = self.after(generation)
        make_folder(self._path)
        os.close(os.open(self._path / str(floor), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, FILE_MODE))
        sync_folder(self._path)
        for each in [*floors, floor][:-KEPT]:
            (self._path / str(each)).unlink(missing_ok=True)

    def _floors(self) -> list[int]:
        try:
            return sorted(int(each.name) for each in self._path.iterdir() if each.name.isdecimal())
        except FileNotFoundError:
            return []

    def _former_counter(self) -> int:
        """The last number that a version before this one gave to anything."""
        try:
            return int(self._former.read_text("ascii"))
        except (FileNotFoundError, ValueError):
            return 0

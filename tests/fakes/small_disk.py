"""Disks that are really full: a small tmpfs; where none may be mounted, the limit of a file's size."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BALLAST = "ballast"


class SmallDisk:
    """A file system of its own at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def leave(self, size_bytes: int) -> None:
        """Fills the disk but for so much, without ever leaving more in between than before."""
        with (self.path / BALLAST).open("ab", buffering=0) as ballast:
            if (missing := size_bytes - self._free_bytes()) > 0:
                ballast.truncate(max(0, ballast.tell() - missing))
            while (more := self._free_bytes() - size_bytes) > 0:
                ballast.write(bytes(min(65536, more)))

    def free(self) -> None:
        (self.path / BALLAST).unlink(missing_ok=True)

    def _free_bytes(self) -> int:
        found = os.statvfs(self.path)
        return found.f_bavail * found.f_frsize


@contextmanager
def mounted(path: Path, size_mib: int) -> Iterator[SmallDisk | None]:
    """None where mounting is not allowed."""
    path.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size_mib}m,mode=700", "tmpfs", str(path)],
        capture_output=True,
        check=False,
    )
    if made.returncode != 0:
        yield None
        return
    try:
        yield SmallDisk(path)
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


@contextmanager
def files_of_at_most(size_bytes: int) -> Iterator[None]:
    """No file of this process grows beyond that: EFBIG, setrlimit(2)."""
    before, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, hard))

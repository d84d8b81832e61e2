"""Files and folders for their owner alone: the copies hold people's conversations."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

FILE_MODE = 0o600
FOLDER_MODE = 0o700
READ_BYTES = 65536

FileIdentity = tuple[int, int, int]
"""Inode, size in bytes, time of modification in ns: by this a file that we wrote is known again."""


def identity(status: os.stat_result) -> FileIdentity:
    return status.st_ino, status.st_size, status.st_mtime_ns


def identity_of(path: Path | str, folder: int | None = None) -> FileIdentity | None:
    """None when there is no such file."""
    try:
        status = os.stat(path, dir_fd=folder)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return identity(status) if stat.S_ISREG(status.st_mode) else None


def open_folder(path: Path | str) -> int:
    """A descriptor, through which this very folder is meant whatever becomes of its name."""
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def make_folder(path: Path) -> None:
    """With the folders above it, each for its owner alone; `mkdir(parents=True)` would open those to all."""
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(mode=FOLDER_MODE, exist_ok=True)


def new_file(name: str, folder: int) -> int:
    """A descriptor for writing the file, anew if it is there."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    return os.open(name, flags, FILE_MODE, dir_fd=folder)


def read_all(descriptor: int) -> bytes:
    """Cheaper than a file object by half, which tells in listings."""
    content = b""
    while part := os.read(descriptor, READ_BYTES):
        content += part
    return content


def remove_if_empty(path: Path | str, folder: int | None = None) -> None:
    """Removes a folder, unless it is gone, or holds something again."""
    try:
        os.rmdir(path, dir_fd=folder)
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTEMPTY, errno.EEXIST):
            raise


def sync_folder(path: Path) -> None:
    descriptor = open_folder(path)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""What a data folder is called in the bucket: an id of its own, which a copy of it does not share. And where
it lies.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from roost.replication.markers import sync_folder

FILE = "folder.id"
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def folder_id(data_dir: Path, fresh: str) -> str:
    """The folder's id; `fresh`, and kept, when it has none yet or was copied from another.

    Told apart by the file's inode: a copy has another.
    """
    path = data_dir / FILE
    try:
        stored = json.loads(path.read_text("utf-8"))
        if int(stored["inode"]) == path.stat().st_ino:
            return str(stored["id"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        pass
    partial = path.with_name(path.name + ".partial")
    with partial.open("w", encoding="utf-8") as file:
        json.dump({"id": fresh, "inode": partial.stat().st_ino}, file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    sync_folder(data_dir)
    return fresh


def folder_home(data_dir: Path) -> str:
    """The running kernel and the file system that the folder lies on, empty where the kernel has no name.

    Only there does the folder's lock tell whether another process uses the folder: an image of the disk, as
    of a cloned machine, has the same id, and is another folder.
    Source of the name: https://www.kernel.org/doc/html/latest/admin-guide/sysctl/kernel.html#random
    """
    try:
        boot = BOOT_ID.read_text("ascii").strip()
    except (OSError, ValueError):
        return ""
    return f"{boot}:{data_dir.stat().st_dev}"

"""CPU and memory of a process and all its children, read from Linux's /proc."""

from __future__ import annotations

import os
from pathlib import Path

PROC = Path("/proc")
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def tree(pid: int) -> list[int]:
    """The process and its descendants."""
    found = [pid]
    for parent in found:
        for children in PROC.glob(f"{parent}/task/*/children"):
            try:
                found.extend(int(child) for child in children.read_text().split())
            except FileNotFoundError:
                continue
    return found


def cpu_s(pid: int) -> float:
    """Seconds of CPU the tree has used, with what its ended children used: user and system."""
    ticks = 0
    for member in tree(pid):
        try:
            fields = (PROC / str(member) / "stat").read_text().rpartition(")")[2].split()
        except FileNotFoundError:
            continue
        # proc(5): utime, stime, cutime and cstime are fields 14 to 17; the name in parentheses is cut off.
        ticks += sum(int(field) for field in fields[11:15])
    return ticks / TICKS_PER_S


def pss_mb(pid: int) -> float:
    """Proportional set size of the tree: shared pages are divided among those who share them."""
    kilobytes = 0
    for member in tree(pid):
        try:
            rollup = (PROC / str(member) / "smaps_rollup").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        kilobytes += sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return kilobytes / 1024

"""Entries of the audit log that nothing could store when they were made, in a file of the data folder."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from roost.clock import parse_timestamp, timestamp
from roost.domain.audit import Action, AuditEntry

log = logging.getLogger("roost.storage")

FILE = "audit.waiting"
AT_MOST_BYTES = 64 * 1024


def leave_entry(data_dir: Path, entry: AuditEntry) -> None:
    """On disk when this returns. Beyond some hundreds of entries it is logged alone."""
    line = json.dumps({**asdict(entry), "at": timestamp(entry.at)}, ensure_ascii=False)
    descriptor = os.open(data_dir / FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if os.fstat(descriptor).st_size > AT_MOST_BYTES:
            log.error("%s is full: %s by %s is not kept", FILE, entry.action, entry.actor)
            return
        # On a line of its own, whatever a kill has left of the one before.
        os.write(descriptor, f"\n{line}\n".encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def waiting_entries(data_dir: Path) -> Sequence[AuditEntry]:
    """In the order in which they were left. What a kill cut off is passed over."""
    try:
        lines = (data_dir / FILE).read_bytes().splitlines()
    except FileNotFoundError:
        return ()
    found = []
    for line in filter(None, lines):
        try:
            stored = json.loads(line)
            found.append(
                AuditEntry(
                    **{
                        **stored,
                        "at": parse_timestamp(stored["at"]),
                        "action": Action(stored["action"]),
                    }
                )
            )
        except (ValueError, KeyError, TypeError):
            log.error("A line of %s cannot be read", FILE)
    return found


def forget_entries(data_dir: Path) -> None:
    (data_dir / FILE).unlink(missing_ok=True)

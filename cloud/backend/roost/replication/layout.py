"""What is called what in the bucket."""

from __future__ import annotations

DATABASES = ("conversations", "bot_configs")
"""In the order in which they are restored and backed up."""

SHA256 = "sha256"
"""Metadata of every object Roost writes: the content's SHA-256, in hexadecimal."""

SCHEMA = "schema"
"""Metadata of a plain copy: the database's schema number."""

EPOCH = "epoch"
"""Metadata of a plain copy: the epoch in which it was made."""

LEASE = "v1/lease.json"
"""Who may write, changed by compare-and-set alone."""

WANT = "v1/want.json"
"""A newcomer asks for the handover. One name, for looking at one costs a twelfth of a listing."""

EPOCHS = "v1/epochs/"
LOG = "v1/log/"
SNAPSHOTS = "v1/snap/"
IMAGES = "images/"


def plain_copy(database: str) -> str:
    """A whole database file at the bucket's root, for people and for older versions."""
    return f"{database}.db"


def epoch_document(epoch: int) -> str:
    """Padded, so that names sort as numbers do."""
    return f"{EPOCHS}{epoch:08d}.json"


def epoch_log(epoch: int) -> str:
    """The folder of an epoch's segments."""
    return f"{LOG}{epoch:08d}/"


def segment(epoch: int, seq: int) -> str:
    return f"{epoch_log(epoch)}{seq:012d}.seg"


def snapshots(database: str) -> str:
    """The folder of a database's snapshots."""
    return f"{SNAPSHOTS}{database}/"


def snapshot(database: str, epoch: int, seq: int) -> str:
    """The database as it is after that segment; seq 0 is the state in which the epoch began."""
    return f"{snapshots(database)}{epoch:08d}-{seq:012d}.db.zst"


def is_base_snapshot(name: str) -> bool:
    """Whether a snapshot holds the state in which an epoch was to begin."""
    return name.startswith(SNAPSHOTS) and name.endswith("-000000000000.db.zst")


def image(name: str) -> str:
    """A picture, whose name is its content's SHA-256 and its ending."""
    return f"{IMAGES}{name}"

"""A person's word that a bucket may be used although it is not what this data folder last knew.

Left in the data folder, because it is needed exactly when the server answers nobody.
"""

from __future__ import annotations

from pathlib import Path

REQUEST = "adopt-bucket"


def request_adoption(data_dir: Path) -> None:
    """The next look at the bucket goes on with what is here; a server that waits for it looks every 15 s."""
    (data_dir / REQUEST).touch()


def adoption_requested(data_dir: Path) -> bool:
    return (data_dir / REQUEST).exists()


def adoption_done(data_dir: Path) -> None:
    (data_dir / REQUEST).unlink(missing_ok=True)

"""Pictures in the data folder: `images/<sha256>.<ending>`, never changed once they are there."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from roost.errors import Unavailable

FOLDER = "images"
PARTIAL = ".partial"


class ImageFiles:
    """Names come from `domain.images.name_of`. Thread-safe."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / FOLDER

    def read(self, name: str) -> bytes | None:
        """None where it is not here."""
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError:
            return None

    def names(self) -> Sequence[str]:
        """Of what is here, whole or not; files that are none of Roost's among them."""
        try:
            return sorted(path.name for path in self._folder.iterdir() if path.suffix != PARTIAL)
        except FileNotFoundError:
            return ()

    def write(self, name: str, content: bytes) -> None:
        """On disk when this returns, whole. Raises Unavailable when the disk is full."""
        path = self._folder / name
        # Two who bring the same picture at once must not write one file between them.
        partial = path.with_name(f"{name}.{os.getpid()}-{id(content)}{PARTIAL}")
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
            folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise Unavailable(
                f"The picture cannot be kept ({error.strerror}). Free some space on the disk of DATA_DIR.",
                code="disk_full",
                retry_after_s=10,
            ) from error

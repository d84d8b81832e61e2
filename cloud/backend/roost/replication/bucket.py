"""What a process with a bucket does, from its start to its end."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from pathlib import Path

from roost.clock import Clock
from roost.replication.directory_store import DirectoryStore
from roost.replication.gcs import GcsStore
from roost.replication.layout import DATABASES
from roost.replication.markers import marker_path
from roost.replication.object_store import ObjectStore
from roost.replication.plain_copies import PlainCopies, Written
from roost.replication.restore import Restore, Restored
from roost.settings import Settings

log = logging.getLogger("roost.replication")


def open_store(settings: Settings, clock: Clock) -> ObjectStore:
    """The bucket that the settings name; nothing is asked of it yet."""
    if settings.gcs_bucket_name is not None:
        return GcsStore(
            settings.gcs_bucket_name,
            settings.google_application_credentials,
            settings.storage_emulator_host,
        )
    if settings.bucket_dir is not None:
        return DirectoryStore(settings.bucket_dir, clock)
    raise ValueError("the settings name no bucket")


class Bucket:
    """Restores before anything opens the databases, then keeps the copies."""

    def __init__(
        self,
        settings: Settings,
        databases: Mapping[str, Written],
        clock: Clock,
        stopping: threading.Event,
    ) -> None:
        self._settings = settings
        self._store = open_store(settings, clock)
        self._restore = Restore(self._store, settings.data_dir, clock, stopping)
        self._restored: Restored | None = None
        self.copies = PlainCopies(self._store, settings.data_dir, databases, clock)

    def restore(self) -> None:
        """Raises Unavailable while Roost has to stand by."""
        if self._settings.bucket_dir is not None:
            if self._settings.secret_key is None:
                log.warning(
                    "SECRET_KEY is not set: losing DATA_DIR loses the bots' tokens, although the copies in "
                    "BUCKET_DIR remain. Set SECRET_KEY, and keep it somewhere else."
                )
            self._make_new_folder(self._settings.bucket_dir)
        self._restored = self._restore.run()

    def start(self) -> None:
        if self._restored is not None:
            self.copies.start(self._restored)

    def _make_new_folder(self, folder: Path) -> None:
        """Only what was never used before: a folder that has vanished may be a disk that is not mounted."""
        used = any(marker_path(self._settings.data_dir, database).exists() for database in DATABASES)
        if not used and folder.parent.is_dir():
            try:
                folder.mkdir(mode=0o700, exist_ok=True)
            except OSError as error:
                log.warning("%s cannot be made: %s", folder, error.strerror)

"""What a bucket can give back, without a server and without a data folder."""

from __future__ import annotations

import threading

from roost.clock import SystemClock
from roost.errors import SettingsError
from roost.replication.bucket import open_store
from roost.replication.history import BucketHistory
from roost.settings import Settings


def open_history(settings: Settings) -> BucketHistory:
    """Raises SettingsError when the settings name no bucket; nothing is asked of it yet."""
    if settings.gcs_bucket_name is None and settings.bucket_dir is None:
        raise SettingsError(
            "No bucket is configured. Set GCS_BUCKET_NAME or BUCKET_DIR to the one that has the copies.",
            field="GCS_BUCKET_NAME",
        )
    return BucketHistory(open_store(settings, SystemClock()), threading.Event())

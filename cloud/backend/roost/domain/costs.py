"""What the bucket costs a month, worked out from what was counted while it was used."""

from __future__ import annotations

from dataclasses import dataclass

MONTH_S = 30 * 86_400
GIB = 1 << 30
LEAST_WINDOW_S = 600.0
"""A shorter time says more about the start, which reads everything once, than about a month."""


@dataclass(frozen=True, slots=True)
class BucketPrices:
    """US dollars, before free tiers and taxes. Traffic between a service and its region's buckets is free."""

    stored_gib_month: float
    write: float
    read: float


STANDARD_US = BucketPrices(stored_gib_month=0.020, write=0.005 / 1000, read=0.0004 / 1000)
"""Standard storage in us-central1: uploads and listings are operations of class A, downloads and metadata of
class B, deletions are free. Source: https://cloud.google.com/storage/pricing"""


@dataclass(frozen=True, slots=True)
class BucketUse:
    """What was done with a bucket in the last `window_s` seconds, and what lies in it now.

    `writes` counts uploads and listings, `reads` downloads and metadata, each try as the bucket counts it.
    """

    window_s: float
    writes: int
    reads: int
    stored_bytes: int


def cost_per_month_usd(use: BucketUse, prices: BucketPrices = STANDARD_US) -> float | None:
    """What a month of such use costs: operations x (month / window) x price + GiB x price.

    None while less than LEAST_WINDOW_S has been seen. Rounded to a cent above ten cents, else to a hundredth
    of one.
    """
    if use.window_s < LEAST_WINDOW_S:
        return None
    months = use.window_s / MONTH_S
    operations = (use.writes * prices.write + use.reads * prices.read) / months
    total = operations + use.stored_bytes / GIB * prices.stored_gib_month
    return round(total, 2 if total >= 0.1 else 4)

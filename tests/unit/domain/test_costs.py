"""The estimate against what the documentation promises."""

from __future__ import annotations

import pytest

from roost.domain.costs import LEAST_WINDOW_S, MONTH_S, BucketUse, cost_per_month_usd

DAY_S = 86_400
MB = 1_000_000


def test_copies_at_a_daily_restart_stay_within_ten_cents() -> None:
    a_day = BucketUse(window_s=DAY_S, writes=2, reads=2, stored_bytes=10 * MB + 1000)
    cost = cost_per_month_usd(a_day)
    assert cost is not None
    assert 0 < cost <= 0.10


def test_shipping_every_second_with_a_write_costs_about_three_dollars() -> None:
    """An eighth of all seconds has a write, the lease is renewed every ten, segments are kept a week."""
    segments = DAY_S // 8
    a_day = BucketUse(
        window_s=DAY_S, writes=segments + DAY_S // 10, reads=24, stored_bytes=segments * 7 * 8_000 + 500 * MB
    )
    assert cost_per_month_usd(a_day) == pytest.approx(3.0, abs=0.25)


def test_a_thousand_uploads_and_a_gibibyte_cost_what_the_price_list_says() -> None:
    assert cost_per_month_usd(BucketUse(MONTH_S, 100_000, 0, 0)) == 0.50
    assert cost_per_month_usd(BucketUse(MONTH_S, 0, 1_000_000, 0)) == 0.40
    assert cost_per_month_usd(BucketUse(MONTH_S, 0, 0, 100 << 30)) == 2.00


def test_the_first_minutes_promise_nothing() -> None:
    assert cost_per_month_usd(BucketUse(LEAST_WINDOW_S - 1, 50, 50, 10 * MB)) is None

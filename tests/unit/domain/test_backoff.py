from __future__ import annotations

from roost.domain.backoff import Backoff


def test_waits_double_up_to_the_cap_and_half_of_each_is_chance() -> None:
    backoff = Backoff(first_s=0.5, cap_s=4.0)
    assert [backoff.delay_s(failures, chance=1.0) for failures in range(1, 6)] == [0.5, 1.0, 2.0, 4.0, 4.0]
    assert backoff.delay_s(3, chance=0.0) == 1.0


def test_endless_failures_stay_at_the_cap() -> None:
    assert Backoff(0.5, 4.0).delay_s(1_000_000, chance=1.0) == 4.0

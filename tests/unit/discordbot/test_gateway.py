"""How often a bot asks for a new session."""

from __future__ import annotations

from itertools import pairwise

from roost.discordbot.gateway import IdentifyPacing


def test_a_day_of_sessions_that_never_last_stays_far_below_discords_thousand() -> None:
    now_s = 0.0
    pacing = IdentifyPacing(5.0, lambda: now_s)
    times = []
    while now_s < 86_400:
        now_s += pacing.wait_s()
        pacing.identified()
        times.append(now_s)
        now_s += 0.01
    assert len(times) < 400
    assert times[:3] == sorted(times[:3])
    assert times[3] < 20
    assert all(later - earlier >= 4.9 for earlier, later in pairwise(times))


def test_a_bot_that_was_well_for_an_hour_begins_at_once() -> None:
    now_s = 0.0
    pacing = IdentifyPacing(5.0, lambda: now_s)
    for _ in range(10):
        now_s += pacing.wait_s()
        pacing.identified()
    assert pacing.wait_s() > 100
    now_s += 3_601
    assert pacing.wait_s() == 0

from __future__ import annotations

import pytest

from roost.domain.stopping import StopVerdict, judge_stop

ANNA, BEN = "discord:1", "discord:2"


@pytest.mark.parametrize(
    ("asker", "by", "unanswered", "moderator", "verdict"),
    [
        (ANNA, ANNA, True, False, StopVerdict.STOPPED),
        (ANNA, BEN, True, False, StopVerdict.NOT_YOURS),
        (ANNA, BEN, True, True, StopVerdict.STOPPED),
        (ANNA, ANNA, False, True, StopVerdict.FINISHED),
        (None, ANNA, False, True, StopVerdict.FINISHED),
        ("", BEN, True, False, StopVerdict.NOT_YOURS),
    ],
)
def test_whoever_asked_and_moderators_stop_what_is_not_answered(
    asker: str | None, by: str, verdict: StopVerdict, *, unanswered: bool, moderator: bool
) -> None:
    assert judge_stop(asker, by, unanswered=unanswered, moderator=moderator) is verdict

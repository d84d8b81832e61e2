"""The plan as it is composed: however much hangs, a stop ends within the time a platform gives it."""

from __future__ import annotations

from pathlib import Path

from roost.bootstrap import compose
from roost.lifecycle import DRAIN_BUDGET_S
from roost.services.readiness import Readiness
from roost.settings import Settings
from roost.web.server import STOP_WITHIN_S

CLOUD_RUN_KILLS_AFTER_S = 10.0
PROMISED_S = 8.0


def test_the_steps_of_a_stop_fit_into_its_limit_all_together(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    settings = Settings.from_env(
        {
            "DATA_DIR": str(tmp_path / "data"),
            "BUCKET_DIR": str(tmp_path / "bucket"),
            "ALERT_WEBHOOK_URL": "https://example.org/alerts",
        }
    )
    _, plan = compose(settings, Readiness(), "secret")
    side_by_side_s = max(DRAIN_BUDGET_S, *(step.budget_s for step in plan.at_once))
    after_each_other_s = sum(step.budget_s for step in plan.at_last)
    assert side_by_side_s + after_each_other_s <= STOP_WITHIN_S < PROMISED_S < CLOUD_RUN_KILLS_AFTER_S
    assert "the last backup" in [step.name for step in plan.at_last]

"""Probes of whoever runs the container. Without pydantic: they are asked while Roost starts."""

from __future__ import annotations

from typing import Any

from roost.web.calls import Call

HEALTHY: dict[str, Any] = {"status": "ok"}
STUCK: dict[str, Any] = {"status": "stuck", "reason": "The bots' loop does not move. Restart Roost."}


def health(call: Call) -> tuple[dict[str, Any], int]:
    """200 while the process and its loop are alive."""
    return (HEALTHY, 200) if call.services.loop_alive() else (STUCK, 503)


def readiness(call: Call) -> tuple[dict[str, Any], int]:
    """200 once Roost is ready."""
    standing = call.services.readiness.standing
    return {"state": standing.state, "reason": standing.reason}, 200 if standing.ready else 503

"""What the unit tests share: how long an invented example may take."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# A busy machine is no fault of what is tested.
settings.register_profile("roost", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("roost")

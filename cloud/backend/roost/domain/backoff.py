"""How long to wait before trying again."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Doubles from `first_s` up to `cap_s`; half of each wait is chance, so many do not return at once."""

    first_s: float
    cap_s: float

    def delay_s(self, failures: int, chance: float) -> float:
        """Seconds to wait after that many failures in a row (1 or more). `chance` is random in 0..1."""
        doublings = min(failures - 1, 32)
        full_s = min(self.cap_s, self.first_s * 2.0**doublings)
        return full_s * (0.5 + chance / 2)

"""What whoever runs an installation is told without looking."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

BOT, SOURCE, BACKUP, DISK = "bot", "source", "backup", "disk"


class AlertKind(StrEnum):
    TROUBLE = "trouble"
    WELL_AGAIN = "well_again"


@dataclass(frozen=True, slots=True)
class Alert:
    """`subject` names what it is about (`bot:<id>`, `source:<id>`, `backup`, `disk`); `text` says it in a
    sentence or two.
    """

    kind: AlertKind
    subject: str
    text: str
    at: datetime

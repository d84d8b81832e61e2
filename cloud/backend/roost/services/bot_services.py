"""What every bot works with, whatever its platform."""

from __future__ import annotations

from dataclasses import dataclass

from roost.services.bot_logs import BotLogs
from roost.services.bot_presence import BotPresence
from roost.services.chat_feedback import ChatFeedback
from roost.services.inbox import Inbox
from roost.services.ports import Answerer
from roost.services.privacy import Privacy
from roost.services.spending import Spending


@dataclass(frozen=True, slots=True)
class BotServices:
    """The use cases a platform's adapter calls. All are thread-safe; all but logs and presence may wait."""

    inbox: Inbox
    answerer: Answerer
    logs: BotLogs
    feedback: ChatFeedback
    privacy: Privacy
    spending: Spending
    presence: BotPresence

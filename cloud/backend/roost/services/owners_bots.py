"""The running bots of whoever runs the installation: by them Roost itself can speak."""

from __future__ import annotations

from roost.domain.bots import BotCredentials, Platform, Status
from roost.errors import DecryptionRefused, NotFound
from roost.services.supervisor import Supervisor
from roost.storage.bots import BotStore

BOTS_AT_MOST = 5


class OwnersBots:
    def __init__(self, bots: BotStore, supervisor: Supervisor) -> None:
        self._bots = bots
        self._supervisor = supervisor

    def running(self, platform: Platform) -> list[BotCredentials]:
        """Up to five, the oldest first."""
        found: list[BotCredentials] = []
        for bot_id in self._bots.wanted_ids_of_owners(platform):
            observed = self._supervisor.observed(bot_id)
            if observed is None or observed.status is not Status.RUNNING:
                continue
            try:
                found.append(self._bots.credentials(bot_id))
            except (NotFound, DecryptionRefused):
                # Deleted this moment, or a key that was exchanged: another bot can speak.
                continue
            if len(found) == BOTS_AT_MOST:
                break
        return found

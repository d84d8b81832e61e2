"""How the answers of a registered bot are made: its model, prompt and sources, read when they are needed."""

from __future__ import annotations

from roost.domain.accounts import Role
from roost.domain.answers import AnswerSettings
from roost.errors import NotFound
from roost.storage import people
from roost.storage.bots import BotStore


class RegisteredBots:
    """Implements ports.BotAnswers. A change of the bot counts from the next question on."""

    def __init__(self, bots: BotStore) -> None:
        self._bots = bots

    def answer_settings(self, bot_id: str, person_id: str) -> AnswerSettings:
        """See ports.BotAnswers. Raises DecryptionRefused when the bot's key cannot be read."""
        credentials = self._bots.credentials(bot_id)
        if credentials.bot.owner_id != person_id:
            with self._bots.database.read() as db:
                account = people.find_account(db, person_id)
            if account is None or account.person.role is not Role.OWNER:
                raise NotFound("There is no such bot.")
        return credentials.answers

"""What a bot does when somebody presses a button under one of its messages."""

from __future__ import annotations

from roost.discordbot import wording
from roost.discordbot.buttons import (
    Components,
    Thumb,
    read_confirmation,
    read_stop,
    read_thumb,
    thumb_buttons,
)
from roost.discordbot.client import InteractionExpired
from roost.discordbot.events import Press
from roost.discordbot.posts import Posts
from roost.discordbot.storage_calls import StorageCalls
from roost.domain import chat_wording
from roost.domain.stopping import StopVerdict
from roost.errors import Forbidden, NotFound, RemoteError
from roost.services.answer_stops import AnswerStops
from roost.services.bot_services import BotServices


class Presses:
    """Presses are acknowledged when they arrive; handling one again does no harm.

    `token` is the interaction's while it is accepted: without it the press counts all the same, but nobody
    can be told anything in private.
    """

    def __init__(
        self,
        bot_id: str,
        application_id: int,
        services: BotServices,
        storage: StorageCalls,
        posts: Posts,
        stops: AnswerStops,
    ) -> None:
        self._bot_id = bot_id
        self._application_id = application_id
        self._inbox = services.inbox
        self._feedback = services.feedback
        self._privacy = services.privacy
        self._storage = storage
        self._posts = posts
        self._stops = stops

    async def handle(self, press: Press, token: str | None) -> None:
        if thumb := read_thumb(press.custom_id):
            await self._judge(press, token, *thumb)
        elif (update_id := read_stop(press.custom_id)) is not None:
            verdict = await self._storage.run(
                self._stops.stop, update_id, press.person, moderates=press.moderates
            )
            if verdict is not StopVerdict.STOPPED:
                await self._tell(token, wording.STOPS[verdict])
        elif confirmed := read_confirmation(press.custom_id):
            forgetting, asked_id = confirmed
            if asked_id != press.person_id:
                await self._tell(token, chat_wording.NOT_YOURS)
            elif forgetting:
                await self._forget(press, token)
                return
            else:
                await self._change(press, token, chat_wording.KEPT, [])
        else:
            await self._tell(token, chat_wording.GONE)
        await self._storage.run(self._inbox.drop, self._bot_id, press.id, "a button")

    async def _judge(self, press: Press, token: str | None, thumb: Thumb, answer_id: str) -> None:
        try:
            await self._storage.run(self._feedback.judge, self._bot_id, press.person, answer_id, thumb)
        except NotFound:
            await self._tell(token, chat_wording.GONE)
        except Forbidden as error:
            await self._tell(token, error.message)
        else:
            await self._change(press, token, None, thumb_buttons(answer_id, thumb))

    async def _forget(self, press: Press, token: str | None) -> None:
        def forget() -> None:
            self._privacy.forget_person(press.person, bot_id=self._bot_id, asked_by_update=press.id)

        await self._storage.run(forget)
        await self._change(press, token, chat_wording.FORGOTTEN, [])
        await self._storage.run(self._privacy.forget_update, self._bot_id, press.id)

    async def _tell(self, token: str | None, sentence: str) -> None:
        """Says something to whoever pressed, and nobody else."""
        if token is None:
            return
        try:
            await self._posts.follow_up(self._application_id, token, sentence, ephemeral=True)
        except RemoteError:
            # Too late, or not to be reached: what the press asked for is done all the same.
            return

    async def _change(
        self, press: Press, token: str | None, content: str | None, components: Components
    ) -> None:
        """Shows on the message what was chosen: a courtesy, for it is done already."""
        try:
            if token is not None:
                try:
                    await self._posts.edit_original(self._application_id, token, content, components)
                    return
                except InteractionExpired:
                    pass
            await self._posts.edit(press.channel_id, press.message_id, content, components)
        except RemoteError:
            # The message is gone, or only its reader's, or Discord is not to be reached.
            return

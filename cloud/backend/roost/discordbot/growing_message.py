"""An answer shown while it is written: one message, edited now and then."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from roost.discordbot.buttons import stop_button
from roost.discordbot.delivery import Delivery, Place
from roost.discordbot.formatting import growing_part
from roost.domain.answers import Answer, Citation
from roost.errors import RemoteError
from roost.services.answer_stream import AnswerEvents, follow
from roost.services.chat_pacing import ChatPacing

FIRST_AFTER_S = 1.2
ENOUGH_TEXT = 200
ENOUGH_TEXT_AFTER_S = 0.6


class GrowingMessage:
    """Shows one answer in its place: a courtesy, for the finished answer is sent with all care.

    `began(message_id)` remembers the message: after a kill it is edited, not left behind.
    """

    def __init__(
        self,
        place: Place,
        delivery: Delivery,
        pacing: ChatPacing,
        began: Callable[[int], Awaitable[None]],
        monotonic_s: Callable[[], float],
    ) -> None:
        self._place = place
        self._delivery = delivery
        self._pacing = pacing
        self._began = began
        self._monotonic_s = monotonic_s
        self._began_s = monotonic_s()
        self._shown = ""
        self._content = ""
        self._gave_up = False

    async def follow(self, events: AnswerEvents) -> Answer:
        """Shows the text as it comes, and returns the finished answer, which is not shown yet."""
        return await follow(events, self._wait_s, self._show)

    def _wait_s(self, text: str) -> float | None:
        if self._gave_up or not text.strip() or text == self._shown:
            return None
        since_s = self._monotonic_s() - self._began_s
        enough = len(text) >= ENOUGH_TEXT
        first_s = 0.0 if self._shown else (ENOUGH_TEXT_AFTER_S if enough else FIRST_AFTER_S) - since_s
        return max(0.0, first_s, self._pacing.wait_s(self._place.channel_id))

    async def _show(self, text: str, citations: tuple[Citation, ...]) -> None:
        self._shown = text
        content = growing_part(text, citations)
        if content == self._content:
            return
        self._content = content
        self._pacing.wrote(self._place.channel_id)
        before = self._place.message_id
        try:
            await self._delivery.post(self._place, content, 0, stop_button(self._place.incoming.id))
        except RemoteError as error:
            if error.retry_after_s is not None:
                self._pacing.hold(self._place.channel_id, error.retry_after_s)
            else:
                self._gave_up = True
        if self._place.message_id is not None and self._place.message_id != before:
            await self._began(self._place.message_id)

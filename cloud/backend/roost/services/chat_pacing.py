"""A platform's limit on writing into one chat, kept by us so that it need not be enforced."""

from __future__ import annotations

from collections.abc import Callable

CHATS_REMEMBERED = 1_000


class ChatPacing:
    """When a chat may be written to: every `per_chat_s` seconds. Lives in the loop.

    `monotonic_s` is the clock's.
    """

    def __init__(self, per_chat_s: float, monotonic_s: Callable[[], float]) -> None:
        self._per_chat_s = per_chat_s
        self._monotonic_s = monotonic_s
        self._free_at: dict[int, float] = {}

    def wait_s(self, chat_id: int) -> float:
        """Seconds until the chat may be written to; 0 for now."""
        return max(0.0, self._free_at.get(chat_id, 0.0) - self._monotonic_s())

    def wrote(self, chat_id: int) -> None:
        self.hold(chat_id, self._per_chat_s)

    def hold(self, chat_id: int, seconds: float) -> None:
        """Nothing may be written for so long; the platform's own word (retry_after) counts as well."""
        now = self._monotonic_s()
        self._free_at[chat_id] = max(self._free_at.get(chat_id, 0.0), now + seconds)
        if len(self._free_at) > CHATS_REMEMBERED:
            self._free_at = {chat: at for chat, at in self._free_at.items() if at > now}

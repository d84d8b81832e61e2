from __future__ import annotations

from roost.telegrambot.pacing import CHATS_REMEMBERED, ChatPacing


class Seconds:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_chat_is_written_to_once_a_second_and_others_at_once() -> None:
    seconds = Seconds()
    pacing = ChatPacing(seconds)
    assert pacing.wait_s(1) == 0
    pacing.wrote(1)
    assert pacing.wait_s(1) == 1.0
    assert pacing.wait_s(2) == 0
    seconds.now += 1.0
    assert pacing.wait_s(1) == 0


def test_the_platforms_longer_wish_counts() -> None:
    pacing = ChatPacing(Seconds())
    pacing.hold(1, 30.0)
    pacing.wrote(1)
    assert pacing.wait_s(1) == 30.0


def test_chats_that_are_free_again_are_forgotten() -> None:
    seconds = Seconds()
    pacing = ChatPacing(seconds)
    for chat_id in range(CHATS_REMEMBERED):
        pacing.wrote(chat_id)
    seconds.now += 5.0
    pacing.wrote(-1)
    assert pacing.wait_s(-1) == 1.0
    assert len(pacing._free_at) == 1

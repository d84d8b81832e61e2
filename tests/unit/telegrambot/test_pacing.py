from __future__ import annotations

import asyncio

from roost.telegrambot.pacing import CHATS_REMEMBERED, GROUP_COURTESIES, GROUP_WINDOW_S, PER_GROUP, ChatPacing

GROUP = -100


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


def test_a_group_is_written_to_twenty_times_a_minute_and_a_private_chat_more_often() -> None:
    seconds = Seconds()
    pacing = ChatPacing(seconds)
    for _ in range(PER_GROUP):
        pacing.wrote(GROUP)
        pacing.wrote(1)
        seconds.now += 1.0
    assert pacing.wait_s(1) == 0
    assert pacing.wait_s(GROUP) == GROUP_WINDOW_S - PER_GROUP
    seconds.now += GROUP_WINDOW_S - PER_GROUP
    assert pacing.wait_s(GROUP) == 0


def test_what_need_not_be_written_leaves_room_for_the_answers_to_come() -> None:
    seconds = Seconds()
    pacing = ChatPacing(seconds)
    assert pacing.spare(GROUP, GROUP_COURTESIES)
    assert not pacing.spare(GROUP, GROUP_COURTESIES + 1)
    assert pacing.spare(1, 100)
    for _ in range(GROUP_COURTESIES):
        pacing.wrote(GROUP)
        seconds.now += 1.0
    assert not pacing.spare(GROUP, 1)
    seconds.now += GROUP_WINDOW_S
    assert pacing.spare(GROUP, 1)


def test_turns_in_a_chat_are_taken_one_after_another() -> None:
    async def take_turns() -> list[str]:
        pacing, order = ChatPacing(Seconds()), list[str]()

        async def write(name: str) -> None:
            async with pacing.turn(1):
                order.append(f"{name} begins")
                assert not pacing.spare(1, 0)
                await asyncio.sleep(0)
                order.append(f"{name} ends")

        await asyncio.gather(write("one"), write("two"))
        return order

    assert asyncio.run(take_turns()) == ["one begins", "one ends", "two begins", "two ends"]


def test_chats_that_are_quiet_are_forgotten() -> None:
    seconds = Seconds()
    pacing = ChatPacing(seconds)
    for chat_id in range(CHATS_REMEMBERED):
        pacing.wrote(chat_id)
    seconds.now += GROUP_WINDOW_S + 1
    pacing.wrote(-1)
    assert pacing.wait_s(-1) == 1.0
    assert pacing.remembered == 1

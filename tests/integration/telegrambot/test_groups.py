"""What people see in groups, through the real client."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from roost.domain.bots import BotChange, Status
from roost.telegrambot import wording
from tests.fakes.bot_house import OWNER, BotHouse, bot_house, token_of, wait_until
from tests.fakes.fake_telegram import FakeTelegram, Json
from tests.fakes.fixed_answerer import FixedAnswerer

TOKEN = token_of(1)
ME = {"id": 7_000_001, "is_bot": True, "first_name": "Bot", "username": "bot7000001_bot"}
NAME = "@bot7000001_bot"
GROUP = -1_000_000_000_041
ANNA, BORIS = 51, 52


@pytest.fixture
def answerer() -> FixedAnswerer:
    return FixedAnswerer()


@pytest.fixture
def house(tmp_path: Path, telegram: FakeTelegram, answerer: FixedAnswerer) -> Iterator[BotHouse]:
    telegram.add(TOKEN)
    with bot_house(tmp_path, telegram.url, answerer) as running:
        bot = running.add_bot(1)
        running.wait_for_status(bot.bot.id, Status.RUNNING)
        yield running


def bot_id(house: BotHouse) -> str:
    return house.registry.page(OWNER, None, 10).items[0].bot.id


def wait_for_sends(
    telegram: FakeTelegram, count: int, chat_id: int = GROUP, timeout_s: float = 15
) -> list[str]:
    wait_until(lambda: len(telegram.sends(TOKEN, chat_id)) >= count, timeout_s)
    return telegram.sends(TOKEN, chat_id)


def say(telegram: FakeTelegram, person: int, said: str, **more: object) -> None:
    telegram.text(TOKEN, GROUP, said, user_id=person, **more)


def log_of(house: BotHouse) -> list[str]:
    return [
        line.text
        for line in house.registry.logs(OWNER, bot_id(house), after=0, level="info", limit=200).lines
    ]


def test_a_mention_is_answered_as_a_reply_to_the_question(
    house: BotHouse, telegram: FakeTelegram, answerer: FixedAnswerer
) -> None:
    say(telegram, ANNA, f"{NAME.upper()}, how do I begin?")
    assert wait_for_sends(telegram, 1) == ["Answer to: how do I begin?"]
    sent = telegram.state(TOKEN)["sends"][0]["fields"]
    assert sent["reply_parameters"] == {"message_id": 1, "allow_sending_without_reply": True}
    assert answerer.questions[0].person == f"telegram:{ANNA}"


def test_what_is_not_for_the_bot_is_neither_answered_nor_kept(
    house: BotHouse, telegram: FakeTelegram
) -> None:
    for said in (
        "hello all",
        "/help",
        "/ask@another_bot how?",
        f"mail me: anna{NAME}",
        f"{NAME}ish is not me",
    ):
        say(telegram, ANNA, said)
    telegram.message(TOKEN, GROUP, {"sticker": {"file_id": "x"}}, user_id=ANNA)
    say(telegram, ANNA, f"{NAME} you?")
    assert wait_for_sends(telegram, 1) == ["Answer to: you?"]
    wait_until(lambda: house.inbox_statuses() == {"done": 1})
    with house.conversations.read() as db:
        assert "hello all" not in str(db.execute(text("SELECT payload FROM inbox")).all())


def test_bots_are_never_answered_nor_does_a_bot_answer_itself(
    house: BotHouse, telegram: FakeTelegram
) -> None:
    for _ in range(20):
        say(telegram, 99, f"{NAME} ping", is_bot=True)
    say(telegram, ME["id"], f"{NAME} am I?")  # type: ignore[arg-type]
    telegram.message(TOKEN, GROUP, {"text": f"{NAME} news", "is_automatic_forward": True}, user_id=777000)
    say(telegram, ANNA, f"{NAME} hm?")
    assert wait_for_sends(telegram, 1) == ["Answer to: hm?"]
    time.sleep(0.3)
    assert len(telegram.sends(TOKEN)) == 1


def test_an_anonymous_administrator_is_a_person(
    house: BotHouse, telegram: FakeTelegram, answerer: FixedAnswerer
) -> None:
    content = {"text": f"{NAME} how?", "sender_chat": {"id": GROUP, "type": "supergroup"}}
    telegram.message(TOKEN, GROUP, content, user_id=1087968824, is_bot=True)
    assert wait_for_sends(telegram, 1) == ["Answer to: how?"]
    assert answerer.questions[0].person == f"telegram:{GROUP}"


def test_commands_with_the_bots_name_are_answered(house: BotHouse, telegram: FakeTelegram) -> None:
    say(telegram, ANNA, f"/ask{NAME} why?")
    say(telegram, ANNA, f"/ask{NAME}")
    say(telegram, ANNA, f"{NAME} /help")
    assert wait_for_sends(telegram, 3)[0] == "Answer to: why?"
    assert telegram.sends(TOKEN)[1].startswith("Type your question after the command")
    assert "/forget" in telegram.sends(TOKEN)[2]


def test_a_reply_to_the_bot_goes_on_and_carries_an_answer_of_somebody_elses(
    house: BotHouse, telegram: FakeTelegram, answerer: FixedAnswerer
) -> None:
    say(telegram, ANNA, f"{NAME} what is a lease?")
    wait_for_sends(telegram, 1)
    answer = telegram.last_message(TOKEN, GROUP)["message_id"]
    say(telegram, ANNA, "and how long?", replies_to=answer)
    wait_for_sends(telegram, 2)
    say(telegram, BORIS, "even on Windows?", replies_to=answer)
    wait_for_sends(telegram, 3)
    said = [[turn.text for turn in question.context] for question in answerer.questions]
    assert said == [
        [],
        ["what is a lease?", "Answer to: what is a lease?"],
        ["Answer to: what is a lease?"],
    ]


def test_a_mention_under_somebodys_question_answers_that_question(
    house: BotHouse, telegram: FakeTelegram, answerer: FixedAnswerer
) -> None:
    say(telegram, ANNA, "does anybody know how leases end?")
    asked = telegram.last_message(TOKEN, GROUP)["message_id"]
    say(telegram, BORIS, NAME, replies_to=asked)
    assert wait_for_sends(telegram, 1) == ["Answer to: does anybody know how leases end?"]
    say(telegram, BORIS, f"{NAME} and begin?", replies_to=asked)
    wait_for_sends(telegram, 2)
    assert answerer.questions[1].context[0].text == "does anybody know how leases end?"
    say(telegram, BORIS, NAME)
    assert wait_for_sends(telegram, 3)[2] == wording.EMPTY_MENTION


def test_people_and_topics_have_conversations_of_their_own(
    house: BotHouse, telegram: FakeTelegram, answerer: FixedAnswerer
) -> None:
    def ask(person: int, said: str, topic: int | None = None) -> None:
        content: Json = {"text": f"{NAME} {said}"}
        if topic is not None:
            content |= {"message_thread_id": topic, "is_topic_message": True}
        before = len(telegram.sends(TOKEN))
        telegram.message(TOKEN, GROUP, content, user_id=person)
        wait_for_sends(telegram, before + 1)

    ask(ANNA, "one")
    ask(BORIS, "two")
    ask(ANNA, "three", topic=7)
    ask(ANNA, "four", topic=7)
    contexts = {question.text: [turn.text for turn in question.context] for question in answerer.questions}
    assert contexts["two"] == []
    assert contexts["three"] == []
    assert contexts["four"] == ["three", "Answer to: three"]
    topics = [send["fields"].get("message_thread_id") for send in telegram.state(TOKEN)["sends"]]
    assert topics == [None, None, "7", "7"]
    typed = [c["fields"] for c in telegram.state(TOKEN)["calls"] if c["method"] == "sendchataction"]
    assert {each.get("message_thread_id") for each in typed} == {None, "7"}


def test_a_group_that_becomes_a_supergroup_keeps_its_conversations_and_its_place_in_the_allow_list(
    house: BotHouse, telegram: FakeTelegram, answerer: FixedAnswerer
) -> None:
    old, new = -41, -1_000_000_000_099
    house.registry.update(OWNER, bot_id(house), BotChange(allowed_chats=(str(old),)))
    telegram.text(TOKEN, old, f"{NAME} what is a lease?", user_id=ANNA, chat_type="group")
    wait_for_sends(telegram, 1, old)
    telegram.control("migrate", token=TOKEN, chat_id=old, new_chat_id=new)
    telegram.text(TOKEN, new, f"{NAME} and how long?", user_id=ANNA)
    assert wait_for_sends(telegram, 1, new) == ["Answer to: and how long?"]
    assert [turn.text for turn in answerer.questions[1].context] == [
        "what is a lease?",
        "Answer to: what is a lease?",
    ]


def test_an_answer_on_its_way_follows_the_group_that_moved_and_so_after_a_restart(
    tmp_path: Path, telegram: FakeTelegram, answerer: FixedAnswerer
) -> None:
    old, new = -42, -1_000_000_000_098
    telegram.add(TOKEN)
    with bot_house(tmp_path, telegram.url, answerer) as house:
        house.wait_for_status(house.add_bot(1).bot.id, Status.RUNNING)
        answerer.hold()
        telegram.text(TOKEN, old, f"{NAME} here?", user_id=ANNA, chat_type="group")
        wait_until(lambda: len(answerer.questions) == 1)
        telegram.control("migrate", token=TOKEN, chat_id=old, new_chat_id=new, told=False)
        answerer.release()
        assert wait_for_sends(telegram, 1, new) == ["Answer to: here?"]
    sent = telegram.state(TOKEN)["sends"][-1]["fields"]
    assert "reply_parameters" not in sent
    with bot_house(tmp_path, telegram.url, answerer):
        telegram.text(TOKEN, new, f"{NAME} still?", user_id=ANNA)
        assert wait_for_sends(telegram, 2, new)[1] == "Answer to: still?"
        assert answerer.questions[1].context[0].text == "here?"


def test_a_burst_of_streams_in_one_group_never_meets_telegrams_limit(
    house: BotHouse, telegram: FakeTelegram, answerer: FixedAnswerer
) -> None:
    answerer.deltas = tuple(f"word{n} " for n in range(60))
    answerer.pause_s = 0.05
    for person in range(100, 120):
        say(telegram, person, f"{NAME} question {person}?")
    wait_for_sends(telegram, 20, timeout_s=40)
    wait_until(lambda: house.inbox_statuses() == {"done": 20})
    state = telegram.state(TOKEN)
    assert state["floods"] == 0
    assert sorted(telegram.sends(TOKEN)) == [f"Answer to: question {person}?" for person in range(100, 120)]
    times = [send["at"] for send in state["sends"]]
    # One in a second, however unevenly they arrive.
    assert len(times) <= times[-1] - times[0] + 2


def test_one_stream_in_a_quiet_group_grows_and_leaves_room_for_others(
    house: BotHouse, telegram: FakeTelegram, answerer: FixedAnswerer
) -> None:
    answerer.deltas = tuple(f"word{n} " for n in range(100))
    answerer.pause_s = 0.14
    say(telegram, ANNA, f"{NAME} write!")
    wait_until(lambda: house.inbox_statuses() == {"done": 1})
    state = telegram.state(TOKEN)
    assert len(state["sends"]) == 1
    assert 3 <= len(state["edits"]) <= 11
    assert state["edits"][-1]["text"] == "Answer to: write!"
    assert state["floods"] == 0


def test_a_group_the_bot_may_not_write_in_is_named_once_and_answered_again_when_it_may(
    house: BotHouse, telegram: FakeTelegram, answerer: FixedAnswerer
) -> None:
    telegram.control("rights", token=TOKEN, chat_id=GROUP, may_write=False, told=False)
    for number in range(3):
        say(telegram, ANNA, f"{NAME} anyone {number}?")
        wait_until(lambda wanted=number + 1: house.inbox_statuses() == {"dropped": wanted})  # type: ignore[misc]
    assert sum("cannot be written to" in line for line in log_of(house)) == 1
    assert len(answerer.questions) == 1
    telegram.control("rights", token=TOKEN, chat_id=GROUP, may_write=True)
    say(telegram, ANNA, f"{NAME} and now?")
    assert wait_for_sends(telegram, 1) == ["Answer to: and now?"]


def test_losing_the_right_to_write_is_learned_before_a_model_is_asked(
    house: BotHouse, telegram: FakeTelegram, answerer: FixedAnswerer
) -> None:
    telegram.control("rights", token=TOKEN, chat_id=GROUP, may_write=False)
    say(telegram, ANNA, f"{NAME} anyone?")
    wait_until(lambda: house.inbox_statuses() == {"dropped": 2})
    assert answerer.questions == []
    assert any("may not write there" in line for line in log_of(house))


def test_privacy_mode_is_shown_and_explained(house: BotHouse, telegram: FakeTelegram) -> None:
    wait_until(lambda: house.registry.get(OWNER, bot_id(house)).privacy_mode is True)
    wait_until(lambda: wording.privacy_mode(on=True) in log_of(house))
    telegram.control("sees_groups", token=TOKEN, on=True)
    house.registry.restart(OWNER, bot_id(house))
    wait_until(lambda: house.registry.get(OWNER, bot_id(house)).privacy_mode is False)
    wait_until(lambda: wording.privacy_mode(on=False) in log_of(house))


def test_a_chat_that_is_not_allowed_is_told_once_over_restarts(
    tmp_path: Path, telegram: FakeTelegram, answerer: FixedAnswerer
) -> None:
    telegram.add(TOKEN)
    with bot_house(tmp_path, telegram.url, answerer) as house:
        bot = house.add_bot(1).bot.id
        house.registry.update(OWNER, bot, BotChange(allowed_chats=("41",)))
        house.wait_for_status(bot, Status.RUNNING)
        say(telegram, ANNA, f"{NAME} may I?")
        assert wait_for_sends(telegram, 1)[0].endswith(str(GROUP))
        say(telegram, ANNA, f"{NAME} please?")
        telegram.text(TOKEN, 41, "me?")
        assert wait_for_sends(telegram, 1, 41) == ["Answer to: me?"]
        wait_until(lambda: house.inbox_statuses() == {"dropped": 1, "done": 2})
    with bot_house(tmp_path, telegram.url, answerer) as house:
        say(telegram, ANNA, f"{NAME} pretty please?")
        wait_until(lambda: house.inbox_statuses() == {"dropped": 2, "done": 2})
        assert len(telegram.sends(TOKEN, GROUP)) == 1
        house.registry.update(OWNER, bot, BotChange(allowed_chats=None))
        time.sleep(0.3)
        say(telegram, ANNA, f"{NAME} now?")
        assert wait_for_sends(telegram, 2)[1] == "Answer to: now?"
    assert [question.text for question in answerer.questions] == ["me?", "now?"]

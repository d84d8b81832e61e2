"""What people see in a private chat, through the real client."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from roost.domain.answers import Answer, Citation
from roost.domain.bots import UNSET, BotChange, Status
from roost.telegrambot import wording
from tests.fakes.bot_house import OWNER, BotHouse, bot_house, token_of, wait_until
from tests.fakes.fake_telegram import FakeTelegram
from tests.fakes.fixed_answerer import FixedAnswerer

TOKEN = token_of(1)
CHAT = 41


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


def wait_for_sends(telegram: FakeTelegram, count: int, chat_id: int = CHAT) -> list[str]:
    wait_until(lambda: len(telegram.sends(TOKEN, chat_id)) >= count)
    return telegram.sends(TOKEN, chat_id)


def test_a_question_is_answered_once_with_typing_and_recorded(
    house: BotHouse, telegram: FakeTelegram, answerer: FixedAnswerer
) -> None:
    telegram.text(TOKEN, CHAT, "How do I begin?", first_name="עֵדֶן 🦜")
    assert wait_for_sends(telegram, 1) == ["Answer to: How do I begin?"]
    wait_until(lambda: house.inbox_statuses() == {"done": 1})
    assert {"chat_id": CHAT, "action": "typing"} in telegram.state(TOKEN)["actions"]
    with house.conversations.read() as db:
        rows = db.execute(text("SELECT role, text, status FROM messages ORDER BY seq")).all()
    assert [tuple(row) for row in rows] == [
        ("user", "How do I begin?", "done"),
        ("assistant", "Answer to: How do I begin?", "done"),
    ]
    assert answerer.questions[0].person == f"telegram:{CHAT}"


def test_a_follow_up_carries_the_conversation_until_it_is_cleared(
    house: BotHouse, telegram: FakeTelegram, answerer: FixedAnswerer
) -> None:
    telegram.text(TOKEN, CHAT, "What is a lease?")
    telegram.text(TOKEN, CHAT, "and how long is it?")
    telegram.text(TOKEN, CHAT, "/clear")
    telegram.text(TOKEN, CHAT, "hello again")
    sends = wait_for_sends(telegram, 4)
    assert sends[2] == wording.CLEARED
    assert [turn.text for turn in answerer.questions[1].context] == [
        "What is a lease?",
        "Answer to: What is a lease?",
    ]
    assert answerer.questions[2].context == ()


def test_the_command_menu_is_set_and_every_command_answers(
    house: BotHouse, telegram: FakeTelegram, answerer: FixedAnswerer
) -> None:
    wait_until(lambda: bool(telegram.state(TOKEN)["commands"]))
    assert {each["command"] for each in telegram.state(TOKEN)["commands"]} == {
        "start",
        "help",
        "ask",
        "stop",
        "stats",
        "clear",
        "forget",
    }
    for chat_id, command in enumerate(
        ("/start", "/help", "/ask", "/stats", "/nonsense", "/ask@bot1_bot why?"), 100
    ):
        telegram.text(TOKEN, chat_id, command)
    wait_until(lambda: len(telegram.sends(TOKEN)) == 6)
    replies = {send["chat_id"]: send["text"] for send in telegram.state(TOKEN)["sends"]}
    assert replies[100].startswith("Hello, I am Bot 7000001.")
    assert "/clear" in replies[101]
    assert replies[102].startswith("Type your question after the command")
    assert replies[103].startswith("You have not asked anything yet")
    assert replies[104] == wording.UNKNOWN_COMMAND
    assert replies[105] == "Answer to: why?"


def test_statistics_count_the_chats_questions(house: BotHouse, telegram: FakeTelegram) -> None:
    telegram.text(TOKEN, CHAT, "one?")
    telegram.text(TOKEN, CHAT, "/stats")
    assert wait_for_sends(telegram, 2)[1].startswith("You have asked 1 question since")


def test_what_is_no_text_gets_one_friendly_sentence(house: BotHouse, telegram: FakeTelegram) -> None:
    telegram.message(TOKEN, CHAT, {"sticker": {"file_id": "x"}})
    telegram.message(TOKEN, CHAT, {"voice": {"file_id": "y"}})
    assert wait_for_sends(telegram, 2) == [wording.ONLY_TEXT] * 2


def test_edits_and_what_is_no_message_are_left_alone(house: BotHouse, telegram: FakeTelegram) -> None:
    telegram.message(TOKEN, CHAT, {"text": "edited"}, kind="edited_message")
    telegram.control(
        "raw",
        token=TOKEN,
        update={
            "update_id": 1,
            "message": {"odd": True},
        },
    )
    telegram.text(TOKEN, CHAT, "and now?")
    assert wait_for_sends(telegram, 1) == ["Answer to: and now?"]
    wait_until(lambda: house.inbox_statuses() == {"done": 1})


def test_an_update_that_no_library_can_read_does_not_stop_the_next(
    house: BotHouse, telegram: FakeTelegram
) -> None:
    telegram.control("raw", token=TOKEN, update={"update_id": 1, "message": {"chat": 7, "text": []}})
    telegram.text(TOKEN, CHAT, "still there?")
    assert wait_for_sends(telegram, 1) == ["Answer to: still there?"]


def test_the_same_update_again_is_handled_once(house: BotHouse, telegram: FakeTelegram) -> None:
    """Hostile case 83."""
    telegram.text(TOKEN, CHAT, "once?")
    wait_for_sends(telegram, 1)
    with house.conversations.read() as db:
        payload = json.loads(db.execute(text("SELECT payload FROM inbox")).scalar_one())
    telegram.control("redeliver", token=TOKEN, updates=[payload])
    telegram.text(TOKEN, CHAT, "twice?")
    assert wait_for_sends(telegram, 2) == ["Answer to: once?", "Answer to: twice?"]


def test_a_long_answer_arrives_whole_in_messages_that_fit(
    house: BotHouse, telegram: FakeTelegram, answerer: FixedAnswerer
) -> None:
    """Defect 13: nothing of a long answer is cut off."""
    body = "\n\n".join(f"Paragraph {n}: " + "words & <tags> 🦜 " * 20 for n in range(20))
    answerer.answer_made = lambda question: _answer(body)
    telegram.text(TOKEN, CHAT, "tell me all")
    wait_until(lambda: house.inbox_statuses() == {"done": 1})
    sends = telegram.sends(TOKEN, CHAT)
    assert len(sends) >= 2
    assert " ".join("\n\n".join(sends).split()) == " ".join(body.split())


def test_citations_are_numbered_links_with_a_list_of_sources(
    house: BotHouse, telegram: FakeTelegram, answerer: FixedAnswerer
) -> None:
    citation = Citation(1, "Leases & <locks>", "https://docs.example/leases#ttl", "passage")
    answerer.answer_made = lambda question: _answer(
        "**A lease** ends [1]. See [this](https://evil.example) and [x](javascript:alert(1)).", citation
    )
    telegram.text(TOKEN, CHAT, "lease?")
    wait_for_sends(telegram, 1)
    sent = telegram.state(TOKEN)["sends"][0]
    assert 'href="https://docs.example/leases#ttl"' in sent["fields"]["text"]
    assert "evil.example" not in sent["fields"]["text"]
    assert "javascript" not in sent["fields"]["text"]
    assert sent["text"].endswith("Sources\n[1] Leases & <locks>")
    assert sent["fields"]["link_preview_options"] == {"is_disabled": True}


def test_formatting_that_telegram_refuses_is_sent_plain(house: BotHouse, telegram: FakeTelegram) -> None:
    telegram.fault("entities", method="sendMessage")
    telegram.text(TOKEN, CHAT, "**hm**?")
    assert wait_for_sends(telegram, 1) == ["Answer to: hm?"]
    assert "parse_mode" not in telegram.state(TOKEN)["sends"][0]["fields"]


def test_telegrams_wish_to_wait_is_honoured(house: BotHouse, telegram: FakeTelegram) -> None:
    telegram.fault("429", method="sendMessage", retry_after=1)
    telegram.text(TOKEN, CHAT, "busy?")
    assert wait_for_sends(telegram, 1) == ["Answer to: busy?"]
    tries = [call["at"] for call in telegram.state(TOKEN)["calls"] if call["method"] == "sendmessage"]
    assert len(tries) == 2
    assert tries[1] - tries[0] >= 1.0
    assert house.inbox.ambiguous_sends_total == 0


def test_a_person_who_blocked_the_bot_is_not_written_to_again(
    house: BotHouse, telegram: FakeTelegram
) -> None:
    telegram.control("block", token=TOKEN, chat_id=CHAT)
    telegram.text(TOKEN, CHAT, "anyone?")
    wait_until(lambda: house.inbox_statuses() == {"dropped": 1})
    with house.conversations.read() as db:
        reason = db.execute(text("SELECT reason FROM inbox")).scalar_one()
    assert "blocked" in reason
    assert [c["method"] for c in telegram.state(TOKEN)["calls"]].count("sendmessage") == 1


def test_a_send_whose_answer_was_lost_is_repeated_and_counted(
    house: BotHouse, telegram: FakeTelegram
) -> None:
    telegram.fault("lost", method="sendMessage")
    telegram.text(TOKEN, CHAT, "there?")
    wait_for_sends(telegram, 2)
    wait_until(lambda: house.inbox_statuses() == {"done": 1})
    assert house.inbox.ambiguous_sends_total == 1


def test_one_chat_keeps_its_order_and_its_pace(house: BotHouse, telegram: FakeTelegram) -> None:
    for number in range(3):
        telegram.text(TOKEN, CHAT, f"question {number}")
    assert wait_for_sends(telegram, 3) == [f"Answer to: question {number}" for number in range(3)]
    times = [send["at"] for send in telegram.state(TOKEN)["sends"]]
    assert times[2] - times[0] >= 1.9


def test_a_fault_while_answering_is_tried_again(
    house: BotHouse, telegram: FakeTelegram, answerer: FixedAnswerer
) -> None:
    answerer.failures = 1
    telegram.text(TOKEN, CHAT, "flaky?")
    assert wait_for_sends(telegram, 1) == ["Answer to: flaky?"]


def test_a_question_that_always_fails_gets_an_apology(
    house: BotHouse, telegram: FakeTelegram, answerer: FixedAnswerer
) -> None:
    answerer.failures = 1_000
    telegram.text(TOKEN, CHAT, "poison?")
    wait_until(lambda: len(telegram.sends(TOKEN, CHAT)) >= 1, 40)
    assert telegram.sends(TOKEN, CHAT) == [wording.FAILED]


def test_a_running_bot_takes_a_new_prompt_and_model_without_a_restart(
    house: BotHouse, telegram: FakeTelegram, answerer: FixedAnswerer
) -> None:
    bot_id = house.registry.page(OWNER, None, 10).items[0].bot.id
    wait_until(lambda: bool(telegram.state(TOKEN)["commands"]))
    house.registry.update(OWNER, bot_id, BotChange(system_prompt="Be brief.", model="tiny", token=UNSET))
    wait_until(lambda: _asked_with(telegram, answerer) == ("Be brief.", "tiny"))
    polls = [call for call in telegram.state(TOKEN)["calls"] if call["method"] == "setmycommands"]
    assert len(polls) == 1


def test_a_written_answer_grows_in_one_message(
    house: BotHouse, telegram: FakeTelegram, answerer: FixedAnswerer
) -> None:
    answerer.deltas = tuple(f"word{n} " for n in range(60))
    answerer.pause_s = 0.06
    telegram.text(TOKEN, CHAT, "write!")
    wait_until(lambda: house.inbox_statuses() == {"done": 1})
    state = telegram.state(TOKEN)
    assert len(state["sends"]) == 1
    assert state["sends"][0]["text"].startswith("word0 word1")
    assert len(state["edits"]) >= 2
    assert state["edits"][-1]["text"] == "Answer to: write!"
    times = [send["at"] for send in (*state["sends"], *state["edits"])]
    # One in a second, however unevenly they arrive.
    assert len(times) <= times[-1] - times[0] + 2


def edits_tried(telegram: FakeTelegram) -> list[float]:
    """When they came, refused ones too."""
    calls = telegram.state(TOKEN)["calls"]
    return [call["at"] for call in calls if call["method"].lower() == "editmessagetext"]


def test_while_no_word_comes_nothing_is_edited(
    house: BotHouse, telegram: FakeTelegram, answerer: FixedAnswerer
) -> None:
    answerer.deltas, answerer.pause_s = ("The first words.", ""), 2.0
    telegram.text(TOKEN, CHAT, "write!")
    wait_until(lambda: house.inbox_statuses() == {"done": 1})
    assert telegram.state(TOKEN)["sends"][0]["text"] == "The first words. …"
    assert len(edits_tried(telegram)) == 1


def test_telegrams_wish_to_wait_is_honoured_while_an_answer_grows(
    house: BotHouse, telegram: FakeTelegram, answerer: FixedAnswerer
) -> None:
    answerer.deltas, answerer.pause_s = ("The first words. ", "", "The rest.", ""), 0.9
    telegram.fault("429", method="editMessageText", retry_after=3)
    telegram.text(TOKEN, CHAT, "write!")
    wait_until(lambda: house.inbox_statuses() == {"done": 1})
    refused, whole = edits_tried(telegram)
    assert whole - refused >= 3
    assert telegram.state(TOKEN)["edits"][-1]["text"] == "Answer to: write!"


def test_the_bots_log_tells_what_happened_without_the_token(house: BotHouse, telegram: FakeTelegram) -> None:
    telegram.text(TOKEN, CHAT, "log?")
    wait_for_sends(telegram, 1)
    bot_id = house.registry.page(OWNER, None, 10).items[0].bot.id
    lines = [line.text for line in house.registry.logs(OWNER, bot_id, after=0, level="info", limit=50).lines]
    assert "Running." in lines
    assert any(line.startswith(f"Answered in chat {CHAT}") for line in lines)
    assert TOKEN not in "".join(lines)
    assert threading.active_count() < 100


def _asked_with(telegram: FakeTelegram, answerer: FixedAnswerer) -> tuple[str, str | None]:
    telegram.text(TOKEN, 500 + len(answerer.questions), "hello?")
    before = len(answerer.questions)
    wait_until(lambda: len(answerer.questions) > before)
    settings = answerer.questions[-1].settings
    return settings.system_prompt, settings.model


def _answer(body: str, *citations: Citation) -> Answer:
    return Answer(
        text=body, citations=citations, nearest=(), refused=False, model=None, notice=None, tokens_used=0
    )

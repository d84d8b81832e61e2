"""What people see in Discord, privately and in a server's channels, through the real client."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from roost.discordbot import wording
from roost.domain import chat_wording
from roost.domain.answers import Answer, Citation, Question
from roost.domain.bots import UNSET, BotChange
from tests.fakes.bot_house import OWNER, wait_until
from tests.fakes.discord_house import DiscordHouse
from tests.fakes.fake_discord import FakeDiscord, mention_of, token_of
from tests.fakes.fixed_answerer import FixedAnswerer

TOKEN = token_of(1)
CHANNEL = 500_000_000_000_000_001
THREAD = 500_000_000_000_000_002
ANNA, BEN = 41, 42


def wait_for_sends(discord: FakeDiscord, count: int) -> list[str]:
    wait_until(lambda: len(discord.sends(TOKEN)) >= count)
    return discord.sends(TOKEN)


def the_bot(house: DiscordHouse) -> str:
    return house.registry.page(OWNER, None, 1).items[0].bot.id


def test_a_private_question_is_answered_once_with_typing_and_recorded(
    house: DiscordHouse, discord: FakeDiscord, answerer: FixedAnswerer
) -> None:
    answerer.hold()
    discord.private(TOKEN, ANNA, "How do I begin?", name="עֵדֶן 🦜")
    wait_until(lambda: bool(discord.state(TOKEN)["typing"]))
    answerer.release()
    assert wait_for_sends(discord, 1) == ["Answer to: How do I begin?"]
    wait_until(lambda: house.inbox_statuses() == {"done": 1})
    with house.conversations.read() as db:
        rows = db.execute(text("SELECT role, text, status FROM messages ORDER BY seq")).all()
    assert [tuple(row) for row in rows] == [
        ("user", "How do I begin?", "done"),
        ("assistant", "Answer to: How do I begin?", "done"),
    ]
    assert answerer.questions[0].person == f"discord:{ANNA}"
    body = discord.state(TOKEN)["sends"][0]["body"]
    assert body["enforce_nonce"] is True
    assert 0 < len(body["nonce"]) <= 25
    assert "message_reference" not in body


def test_a_mention_is_answered_with_a_reply_that_pings_nobody_else(
    house: DiscordHouse, discord: FakeDiscord, answerer: FixedAnswerer
) -> None:
    other = {"mentions": [{"id": "77", "username": "carla", "global_name": "Carla"}]}
    asked = discord.mention(TOKEN, CHANNEL, ANNA, "does <@77> or @everyone know?", more=other)
    assert wait_for_sends(discord, 1) == ["Answer to: does @Carla or @everyone know?"]
    body = discord.state(TOKEN)["sends"][0]["body"]
    assert body["message_reference"] == {"message_id": asked, "fail_if_not_exists": False}
    assert body["allowed_mentions"] == {"parse": [], "users": [], "replied_user": True}
    assert answerer.questions[0].text == "does @Carla or @everyone know?"


def test_what_is_not_meant_for_the_bot_gets_nothing(
    house: DiscordHouse, discord: FakeDiscord, answerer: FixedAnswerer
) -> None:
    discord.say(TOKEN, CHANNEL, ANNA, "just talking")
    discord.mention(TOKEN, CHANNEL, 99, "I am a bot, answer me", by_bot=True)
    discord.mention(TOKEN, CHANNEL, 98, "I mention myself", by_itself=True)
    discord.mention(TOKEN, CHANNEL, 97, "a webhook", more={"webhook_id": "5"})
    discord.mention(TOKEN, CHANNEL, 96, "pinned", more={"type": 6})
    discord.control("dispatch", token=TOKEN, event="MESSAGE_CREATE", data={"id": "x", "odd": [True]})
    discord.control("dispatch", token=TOKEN, event="MESSAGE_CREATE", data={"id": "5", "channel_id": "6"})
    discord.private(TOKEN, ANNA, "at last")
    assert wait_for_sends(discord, 1) == ["Answer to: at last"]
    assert [question.text for question in answerer.questions] == ["at last"]
    wait_until(lambda: house.inbox_statuses() == {"done": 1})


def test_a_reply_to_the_bot_is_answered_and_one_without_its_text_says_how(
    house: DiscordHouse, discord: FakeDiscord
) -> None:
    discord.mention(TOKEN, CHANNEL, ANNA, "first")
    wait_for_sends(discord, 1)
    answer_id = discord.state(TOKEN)["sends"][0]["message_id"]
    discord.say(TOKEN, CHANNEL, ANNA, "with a ping", reply_to=answer_id, mention=True)
    discord.say(TOKEN, CHANNEL, ANNA, "without one", reply_to=answer_id)
    assert wait_for_sends(discord, 3)[1:] == ["Answer to: with a ping", wording.HIDDEN]


def test_people_channels_and_threads_each_have_their_own_conversation(
    house: DiscordHouse, discord: FakeDiscord, answerer: FixedAnswerer
) -> None:
    discord.control("thread", token=TOKEN, thread_id=str(THREAD), parent_id=str(CHANNEL))
    for channel, who, words in (
        (CHANNEL, ANNA, "one"),
        (CHANNEL, BEN, "two"),
        (THREAD, ANNA, "three"),
        (CHANNEL, ANNA, "four"),
    ):
        before = len(discord.sends(TOKEN))
        discord.mention(TOKEN, channel, who, words)
        wait_for_sends(discord, before + 1)
    contexts = {question.text: [turn.text for turn in question.context] for question in answerer.questions}
    assert contexts == {"one": [], "two": [], "three": [], "four": ["one", "Answer to: one"]}
    assert discord.sends(TOKEN, THREAD) == ["Answer to: three"]


def test_a_conversation_is_carried_on_until_it_is_cleared(
    house: DiscordHouse, discord: FakeDiscord, answerer: FixedAnswerer
) -> None:
    for words in ("What is a lease?", "and how long is it?", "/clear", "hello again"):
        discord.private(TOKEN, ANNA, words)
    assert wait_for_sends(discord, 4)[2] == chat_wording.CLEARED
    assert [turn.text for turn in answerer.questions[1].context] == [
        "What is a lease?",
        "Answer to: What is a lease?",
    ]
    assert answerer.questions[2].context == ()


def test_what_holds_no_question_gets_one_friendly_sentence(house: DiscordHouse, discord: FakeDiscord) -> None:
    discord.private(TOKEN, ANNA, "", more={"sticker_items": [{"id": "1", "name": "s", "format_type": 1}]})
    discord.private(TOKEN, ANNA, "", more={"attachments": [{"id": "1", "filename": "a.png"}]})
    discord.mention(TOKEN, CHANNEL, ANNA, "")
    discord.private(TOKEN, ANNA, "/ask")
    discord.private(TOKEN, ANNA, "/nonsense")
    sends = wait_for_sends(discord, 5)
    assert sorted(sends) == sorted(
        [
            chat_wording.ONLY_TEXT,
            chat_wording.ONLY_TEXT,
            wording.EMPTY_MENTION,
            chat_wording.EMPTY_ASK,
            chat_wording.UNKNOWN_COMMAND,
        ]
    )


def test_edits_and_deletions_are_left_alone_and_a_deleted_question_is_answered_all_the_same(
    house: DiscordHouse, discord: FakeDiscord, answerer: FixedAnswerer
) -> None:
    answerer.hold()
    first = discord.mention(TOKEN, CHANNEL, ANNA, "soon gone")
    discord.control("edit", token=TOKEN, message_id=first, content=f"{mention_of(TOKEN)} changed")
    discord.control("delete", token=TOKEN, message_id=first)
    wait_until(lambda: len(answerer.questions) == 1)
    answerer.release()
    assert wait_for_sends(discord, 1) == ["Answer to: soon gone"]


def test_a_question_of_four_thousand_characters_and_odd_ones_arrive_whole(
    house: DiscordHouse, discord: FakeDiscord, answerer: FixedAnswerer
) -> None:
    long = "what 🦜 " * 571
    discord.private(TOKEN, ANNA, long)
    wait_until(lambda: len(answerer.questions) == 1)
    assert answerer.questions[0].text == long.strip()
    assert len(wait_for_sends(discord, 3)) >= 3
    assert "".join(discord.sends(TOKEN)).count("🦜") == 571


def test_a_long_answer_is_cut_within_the_limit_and_its_sources_lead_where_they_say(
    house: DiscordHouse, discord: FakeDiscord, answerer: FixedAnswerer
) -> None:
    cited = Citation(1, "Perches [and] nests", "https://docs.test/perch(1)#how", "")

    def long_answer(question: Question) -> Answer:
        body = "First [1], then [2] and [evil](https://evil.test). <@1>\n\n" + "A sentence of it. " * 300
        return Answer(body, (cited,), (), refused=False, model=None, notice=None, tokens_used=0)

    answerer.answer_made = long_answer
    discord.private(TOKEN, ANNA, "at length")
    wait_until(lambda: house.inbox_statuses() == {"done": 1})
    sends = discord.sends(TOKEN)
    assert len(sends) >= 3
    assert all(len(each) <= 2000 for each in sends)
    assert sends[0].startswith("First [[1]](<https://docs.test/perch(1)#how>), then [2] and evil.")
    assert "<@1>" not in sends[0]
    assert sends[-1].endswith("[Perches (and) nests](<https://docs.test/perch(1)#how>)")
    assert all(send["body"]["flags"] == 4 for send in discord.state(TOKEN)["sends"])


def test_a_written_answer_grows_in_one_message_and_no_edit_changes_nothing(
    house: DiscordHouse, discord: FakeDiscord, answerer: FixedAnswerer
) -> None:
    answerer.deltas, answerer.pause_s = tuple(f"word{n} " for n in range(60)), 0.1
    discord.private(TOKEN, ANNA, "write")
    wait_until(lambda: house.inbox_statuses() == {"done": 1})
    state = discord.state(TOKEN)
    assert [send["text"] for send in state["sends"]] == ["Answer to: write"]
    assert len(state["edits"]) >= 3
    assert not any(edit["unchanged"] for edit in state["edits"])
    growth = [edit["at"] for edit in state["edits"][:-1]]
    # One in a second and a half, however unevenly they arrive.
    assert len(growth) <= (growth[-1] - growth[0]) / 1.5 + 2
    assert all(edit["text"].endswith("…") for edit in state["edits"][:-1])


def test_what_grows_beyond_one_message_is_not_edited_in_vain(
    house: DiscordHouse, discord: FakeDiscord, answerer: FixedAnswerer
) -> None:
    answerer.deltas, answerer.pause_s = ("word " * 400, "more", "more", ""), 1.6
    discord.private(TOKEN, ANNA, "write")
    wait_until(lambda: house.inbox_statuses() == {"done": 1})
    assert [edit["text"] for edit in discord.state(TOKEN)["edits"]] == ["Answer to: write"]


def test_discords_wish_to_wait_is_honoured_while_an_answer_grows(
    house: DiscordHouse, discord: FakeDiscord, answerer: FixedAnswerer
) -> None:
    answerer.deltas, answerer.pause_s = tuple(f"Some words of part {n}. " for n in range(8)), 0.8
    discord.fault("banned", "editMessage", retry_after=60)
    discord.private(TOKEN, ANNA, "write")
    wait_until(lambda: house.inbox_statuses() == {"done": 1})
    assert [edit["text"] for edit in discord.state(TOKEN)["edits"]] == ["Answer to: write"]


def test_only_the_allowed_chats_are_answered_and_a_commands_asker_is_told(
    house: DiscordHouse, discord: FakeDiscord
) -> None:
    change = BotChange(allowed_chats=(str(CHANNEL),))
    assert change.token is UNSET
    house.registry.update(OWNER, the_bot(house), change)
    discord.private(TOKEN, ANNA, "not here")
    wait_until(lambda: house.inbox_statuses() == {"dropped": 1})
    discord.slash(TOKEN, "ask", ANNA, "nor here")
    wait_until(lambda: discord.state(TOKEN)["interactions"][0]["texts"] == [wording.not_here(ANNA)])
    assert discord.state(TOKEN)["interactions"][0]["ephemeral"]
    discord.mention(TOKEN, CHANNEL, ANNA, "here")
    assert wait_for_sends(discord, 1) == ["Answer to: here"]
    house.registry.update(OWNER, the_bot(house), BotChange(allowed_chats=(str(BEN),)))
    discord.private(TOKEN, BEN, "a person's number")
    assert wait_for_sends(discord, 2)[1] == "Answer to: a person's number"


@pytest.mark.parametrize("times", [3])
def test_a_channel_that_cannot_be_written_to_is_said_once_and_dropped(
    house: DiscordHouse, discord: FakeDiscord, times: int
) -> None:
    discord.control("close_channel", token=TOKEN, channel_id=str(CHANNEL))
    for number in range(times):
        discord.mention(TOKEN, CHANNEL, ANNA, f"question {number}")
    wait_until(lambda: house.inbox_statuses() == {"dropped": times})
    lines = [line for line in house.log_texts(the_bot(house)) if "cannot be written to" in line]
    assert len(lines) == 1
    assert "permissions" in lines[0]
    discord.private(TOKEN, ANNA, "and here?")
    assert wait_for_sends(discord, 1) == ["Answer to: and here?"]


def test_an_answer_that_storage_would_not_mark_is_neither_made_nor_shown_twice(
    house: DiscordHouse, discord: FakeDiscord, answerer: FixedAnswerer
) -> None:
    refuse = "CREATE TRIGGER refuse BEFORE UPDATE OF sent_at ON replies BEGIN SELECT RAISE(ABORT, 'no'); END"
    house.conversations.write(lambda db: db.execute(text(refuse)))
    discord.mention(TOKEN, CHANNEL, ANNA, "once?")
    wait_until(lambda: any("went wrong inside Roost" in line for line in house.log_texts(the_bot(house))))
    house.conversations.write(lambda db: db.execute(text("DROP TRIGGER refuse")))
    wait_until(lambda: house.inbox_statuses() == {"done": 1})
    assert discord.sends(TOKEN) == ["Answer to: once?"]
    assert len(answerer.questions) == 1
    with house.conversations.read() as db:
        assert db.execute(text("SELECT count(*) FROM messages")).scalar_one() == 2

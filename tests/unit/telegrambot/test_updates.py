from __future__ import annotations

import json
from typing import Any

import pytest

from roost.telegrambot.addressing import to_inbox
from roost.telegrambot.updates import IncomingMessage, Membership, Myself, Press, read_stored, read_update

ME = Myself(9, "docs_bot")
MESSAGE = {"message_id": 3, "chat": {"id": 5, "type": "private"}, "from": {"id": 6}, "text": "hi"}
GROUP = {"id": -5, "type": "supergroup"}


def in_group(text: str, **more: Any) -> dict[str, Any]:
    return {
        "update_id": 1,
        "message": {"message_id": 3, "chat": GROUP, "from": {"id": 6}, "text": text, **more},
    }


def test_a_message_is_read_back_from_what_is_stored() -> None:
    update = to_inbox({"update_id": 1, "message": MESSAGE}, ME)
    assert update is not None
    assert (update.update_id, update.chat_key, update.person) == (1, "5", "telegram:6")
    message = read_stored(update.payload)
    assert isinstance(message, IncomingMessage)
    assert (message.chat_id, message.private, message.sender_id, message.text) == (5, True, 6, "hi")


@pytest.mark.parametrize("update_id", [None, "1", 1.5, True, 2**63, -(2**63) - 1])
def test_an_update_without_a_usable_id_is_passed_over(update_id: object) -> None:
    assert to_inbox({"update_id": update_id, "message": MESSAGE}, ME) is None


@pytest.mark.parametrize(
    "update",
    [
        {},
        {"message": []},
        {"message": {"chat": 7}},
        {"message": {"chat": {"id": "x"}}},
        {"message": {"chat": {"id": 2**70}}},
        {"edited_message": MESSAGE},
        {"channel_post": MESSAGE},
        {"callback_query": {"id": 5}},
        {"callback_query": {"id": "5", "from": {"id": 6}, "inline_message_id": "x", "data": "up:1"}},
        {"my_chat_member": {"chat": []}},
    ],
)
def test_what_is_not_answered_is_not_kept(update: dict[str, Any]) -> None:
    assert read_update(update) is None
    assert to_inbox({"update_id": 1, **update}, ME) is None


def test_half_characters_and_nul_become_storable() -> None:
    message = read_stored(json.dumps({"message": {**MESSAGE, "text": "a\ud83d\0b"}}))
    assert isinstance(message, IncomingMessage)
    assert message.text == "a\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}b"


@pytest.mark.parametrize(
    ("update", "kept"),
    [
        (in_group("hello"), False),
        (in_group("hello @docs_bot"), True),
        (in_group("hello @DOCS_BOT!"), True),
        (in_group("mail@docs_bot"), False),
        (in_group("@docs_bot2"), False),
        (in_group("/ask how"), False),
        (in_group("/ask@docs_bot how"), True),
        (in_group("/ask@other_bot how @docs_bot"), False),
        (in_group("Docs?", entities=[{"type": "text_mention", "user": {"id": 9}}]), True),
        (in_group("Docs?", entities="odd"), False),
        (in_group("so?", reply_to_message={"from": {"id": 9}}), True),
        (in_group("so?", reply_to_message={"from": {"id": 8}}), False),
        (in_group("so?", reply_to_message={"from": {"id": 9}, "forum_topic_created": {}}), False),
        ({"update_id": 1, "message": {"chat": GROUP, "from": {"id": 6}, "caption": "@docs_bot?"}}, True),
    ],
)
def test_in_a_group_only_what_is_meant_for_the_bot_is_kept(update: dict[str, Any], *, kept: bool) -> None:
    assert (to_inbox(update, ME) is not None) is kept


def test_everybody_has_a_conversation_of_their_own_in_each_topic_of_a_group() -> None:
    plain = to_inbox(in_group("@docs_bot"), ME)
    topic = to_inbox(in_group("@docs_bot", message_thread_id=7, is_topic_message=True), ME)
    thread = to_inbox(in_group("@docs_bot", message_thread_id=7), ME)
    assert plain is not None
    assert topic is not None
    assert thread is not None
    assert [each.chat_key for each in (plain, topic, thread)] == ["-5/0/6", "-5/7/6", "-5/0/6"]


def test_a_press_is_kept_apart_from_the_questions() -> None:
    query = {"id": "77", "from": {"id": 6}, "message": {"message_id": 2, "chat": GROUP}, "data": "up:x"}
    update = to_inbox({"update_id": 1, "callback_query": query}, ME)
    assert update is not None
    assert (update.chat_key, update.person) == ("-5/press/6", "telegram:6")
    assert read_stored(update.payload) == Press("77", 6, -5, 2, "up:x")


@pytest.mark.parametrize(
    ("member", "present", "may_write"),
    [
        ({"status": "member"}, True, True),
        ({"status": "administrator"}, True, True),
        ({"status": "restricted", "can_send_messages": False}, True, False),
        ({"status": "restricted", "can_send_messages": True}, True, True),
        ({"status": "kicked"}, False, False),
        ({}, False, False),
    ],
)
def test_rights_are_read(member: dict[str, Any], *, present: bool, may_write: bool) -> None:
    read = read_update({"my_chat_member": {"chat": GROUP, "new_chat_member": member}})
    assert isinstance(read, Membership)
    assert (read.present, read.may_write) == (present, may_write)

"""What is read of what Discord delivers, and what is left alone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roost.discordbot.events import (
    Incoming,
    Press,
    last_messages,
    mark_of,
    moment_of,
    read_interaction,
    read_message,
    read_press,
    read_stored,
    snowflake,
    snowflake_at,
)
from roost.storage.gateway import ChannelMark

OWN = 1_100_000_000_000_000_001
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
FIELDS = (
    "id",
    "channel_id",
    "guild_id",
    "author",
    "content",
    "mentions",
    "type",
    "referenced_message",
    "data",
    "message",
    "member",
)


def message(**more: Any) -> dict[str, Any]:
    return {
        "id": "10",
        "channel_id": "20",
        "guild_id": "30",
        "type": 0,
        "author": {"id": "40", "username": "anna"},
        "content": f"<@{OWN}> how do I begin?",
        "mentions": [{"id": str(OWN), "username": "bot"}],
        **more,
    }


def test_a_mention_is_read_without_the_mention() -> None:
    assert read_message(message(), OWN) == Incoming(10, 20, 30, 40, "how do I begin?")


@pytest.mark.parametrize(
    "more",
    [
        {"author": {"id": "40", "bot": True}},
        {"author": {"id": str(OWN)}},
        {"webhook_id": "9"},
        {"type": 7},
        {"mentions": []},
        {"id": "not a number"},
        {"channel_id": 20},
        {"author": None},
    ],
)
def test_what_is_not_said_to_the_bot_by_a_person_is_left_alone(more: dict[str, Any]) -> None:
    assert read_message(message(**more), OWN) is None


def test_a_private_message_needs_no_mention_and_is_a_conversation_of_its_channel() -> None:
    private = message(mentions=[], content="hello")
    del private["guild_id"]
    read = read_message(private, OWN)
    assert read is not None
    assert (read.text, read.private, read.chat_key, read.person) == ("hello", True, "20", "discord:40")


def test_in_a_server_each_person_has_a_conversation_in_each_channel() -> None:
    one, other = read_message(message(), OWN), read_message(message(author={"id": "41"}), OWN)
    assert one is not None
    assert other is not None
    assert (one.chat_key, other.chat_key) == ("20:40", "20:41")


def test_a_reply_without_its_text_is_known_as_such() -> None:
    reply = message(type=19, mentions=[], content="", referenced_message={"author": {"id": str(OWN)}})
    read = read_message(reply, OWN)
    assert read is not None
    assert read.hidden


def test_what_was_read_comes_back_from_the_inbox_as_it_was() -> None:
    read = read_message(message(content=f"<@!{OWN}> שלום 🦜 \ud800", attachments=[{}]), OWN)
    assert read is not None
    assert Incoming.from_payload(read.to_update().payload) == read
    assert read.text.endswith("\N{REPLACEMENT CHARACTER}")
    assert read.attached


def test_a_slash_command_is_read_with_its_token_apart() -> None:
    read = read_interaction(
        {
            "id": "10",
            "type": 2,
            "token": "secret",
            "channel_id": "20",
            "guild_id": "30",
            "member": {"user": {"id": "40"}},
            "data": {"name": "ask", "options": [{"type": 3, "name": "question", "value": " why? "}]},
        }
    )
    assert read == (Incoming(10, 20, 30, 40, "why?", command="ask"), "secret")
    assert "secret" not in read[0].to_update().payload


def pressed(**more: Any) -> dict[str, Any]:
    return {
        "id": "10",
        "type": 3,
        "token": "secret",
        "channel_id": "20",
        "user": {"id": "40"},
        "message": {"id": "50"},
        "data": {"component_type": 2, "custom_id": "up:1"},
        **more,
    }


def test_a_press_is_read_with_its_token_apart_and_stored_whole() -> None:
    read = read_press(pressed())
    assert read == (Press(10, 20, 50, 40, "up:1"), "secret")
    update = read[0].to_update()
    assert "secret" not in update.payload
    assert (update.person, read_stored(update.payload)) == ("discord:40", read[0])


@pytest.mark.parametrize("more", [{"type": 2}, {"message": None}, {"user": {}}, {"token": 5}, {"id": "x"}])
def test_what_is_no_press_is_left_alone(more: dict[str, Any]) -> None:
    assert read_press(pressed(**more)) is None


@pytest.mark.parametrize("custom_id", [None, 5, "x" * 300, "\0\ud800"])
def test_a_forged_press_is_read_as_some_other_button(custom_id: object) -> None:
    read = read_press(pressed(data={"custom_id": custom_id}))
    assert read is not None
    assert len(read[0].custom_id) <= 100
    assert not {"\0", "\ud800"} & set(read[0].custom_id)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, JSON)))
def test_no_delivery_however_odd_makes_reading_fail(odd: dict[str, Any]) -> None:
    read_message(odd, OWN)
    read_interaction({**odd, "type": 2, "token": "x"})
    read_press({**odd, "type": 3, "token": "x"})
    mark_of(odd)
    last_messages({"channels": [odd], "threads": odd.get("data")})


def test_ids_tell_their_moment() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert moment_of(snowflake_at(moment)) == moment
    assert snowflake("9" * 19) is None
    assert snowflake("٣") is None


def test_the_last_messages_of_channels_and_threads_are_known() -> None:
    guild = {
        "channels": [{"id": "1", "last_message_id": "5"}, {"id": "2", "last_message_id": None}],
        "threads": [{"id": "3", "last_message_id": "6"}],
    }
    assert last_messages(guild) == {1: 5, 3: 6}
    assert mark_of({"id": "5", "channel_id": "1"}) == ChannelMark(1, None, 5)


@pytest.mark.parametrize(
    ("permissions", "moderates"),
    [
        ("8192", True),
        ("8", True),
        (str((1 << 50) - 1 - (1 << 13) - (1 << 3)), False),
        (8192, False),
        ("-1", False),
        ("x", False),
    ],
)
def test_a_moderator_is_who_may_manage_messages(permissions: object, *, moderates: bool) -> None:
    read = read_press(pressed(member={"user": {"id": "40"}, "permissions": permissions}))
    assert read is not None
    assert read[0].moderator is moderates
    assert read_stored(read[0].to_update().payload) == read[0]

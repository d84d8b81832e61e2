from __future__ import annotations

import json
from typing import Any

import pytest

from roost.telegrambot.updates import read_message, to_inbox

MESSAGE = {"chat": {"id": 5, "type": "private"}, "from": {"id": 6}, "text": "hi"}


def test_a_message_is_read_back_from_what_is_stored() -> None:
    update = to_inbox({"update_id": 1, "message": MESSAGE})
    assert update is not None
    assert (update.update_id, update.chat_key) == (1, "5")
    message = read_message(update.payload)
    assert message is not None
    assert (message.chat_id, message.private, message.sender_id, message.text) == (5, True, 6, "hi")


@pytest.mark.parametrize("update_id", [None, "1", 1.5, True, 2**63, -(2**63) - 1])
def test_an_update_without_a_usable_id_is_passed_over(update_id: object) -> None:
    assert to_inbox({"update_id": update_id, "message": MESSAGE}) is None


@pytest.mark.parametrize(
    "update",
    [
        {},
        {"message": []},
        {"message": {"chat": 7}},
        {"message": {"chat": {"id": "x"}}},
        {"edited_message": MESSAGE},
        {"my_chat_member": {"chat": {"id": 1}}},
    ],
)
def test_what_is_no_new_message_reads_as_none(update: dict[str, Any]) -> None:
    stored = to_inbox({"update_id": 1, **update})
    assert stored is not None
    assert read_message(stored.payload) is None


def test_half_characters_and_nul_become_storable() -> None:
    message = read_message(json.dumps({"message": {**MESSAGE, "text": "a\ud83d\0b"}}))
    assert message is not None
    assert message.text == "a\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}b"

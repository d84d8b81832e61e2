"""Every fault of the gateway and of REST, and what the person sees of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from roost.domain.bots import Desired, Status
from tests.fakes.bot_house import OWNER, wait_until
from tests.fakes.discord_house import DiscordHouse, discord_house
from tests.fakes.discord_world import FakeBot
from tests.fakes.fake_discord import FakeDiscord, token_of
from tests.fakes.fixed_answerer import FixedAnswerer

TOKEN, OTHER = token_of(1), token_of(2)
CHANNEL = 500_000_000_000_000_001
ANNA = 41


@pytest.fixture
def bot_id(house: DiscordHouse) -> str:
    return house.registry.page(OWNER, None, 1).items[0].bot.id


def reason(house: DiscordHouse, bot_id: str) -> str:
    observed = house.supervisor.observed(bot_id)
    return (observed.reason if observed else None) or ""


def still_answers(discord: FakeDiscord, token: str = TOKEN) -> None:
    before = len(discord.answers(token, ANNA))
    discord.private(token, ANNA, f"number {before}")
    wait_until(lambda: discord.answers(token, ANNA)[before:] == [f"Answer to: number {before}"])


def called(discord: FakeDiscord, operation: str) -> int:
    return sum(call["operation"] == operation for call in discord.state(TOKEN)["calls"])


def odd_session(discord: FakeDiscord) -> dict[str, Any]:
    return {"session_id": "odd", "resume_gateway_url": discord.gateway_url, "user": {}, "guilds": []}


@pytest.mark.parametrize("code", [4004, 4010, 4011, 4012, 4013, 4014])
def test_what_only_a_person_can_mend_stops_the_bot_and_says_how(
    house: DiscordHouse, discord: FakeDiscord, bot_id: str, code: int
) -> None:
    discord.gateway(TOKEN, "close", code=code)
    house.wait_for_status(bot_id, Status.CRASHED)
    said = reason(house, bot_id)
    assert said.endswith(".")
    if code == 4014:
        page = f"https://discord.com/developers/applications/{FakeBot(TOKEN).application_id}/bot"
        assert page in said
    elif code == 4004:
        assert "Reset Token" in said
    else:
        assert str(code) in said
    identified = len(discord.state(TOKEN)["identified_at"])
    time.sleep(1.0)
    assert len(discord.state(TOKEN)["identified_at"]) == identified
    house.registry.restart(OWNER, bot_id)
    house.wait_for_status(bot_id, Status.RUNNING)
    still_answers(discord)


def test_a_token_that_was_reset_stops_the_bot_at_its_next_send_or_start(
    house: DiscordHouse, discord: FakeDiscord, bot_id: str
) -> None:
    discord.fault("401", "sendMessage")
    discord.private(TOKEN, ANNA, "hello?")
    house.wait_for_status(bot_id, Status.CRASHED)
    assert "Reset Token" in reason(house, bot_id)
    discord.fault("401", "me")
    house.registry.restart(OWNER, bot_id)
    wait_until(lambda: called(discord, "me") >= 3)
    house.wait_for_status(bot_id, Status.CRASHED)
    house.registry.restart(OWNER, bot_id)
    wait_until(lambda: discord.answers(TOKEN, ANNA) == ["Answer to: hello?"])


def test_a_page_that_is_not_discords_says_nothing_about_the_token(
    house: DiscordHouse, discord: FakeDiscord, bot_id: str
) -> None:
    discord.fault("5xx", "me", code=401)
    discord.fault("5xx", "sendMessage", code=401)
    house.registry.restart(OWNER, bot_id)
    wait_until(lambda: called(discord, "me") >= 4)
    house.wait_for_status(bot_id, Status.RUNNING)
    still_answers(discord)
    assert house.status(bot_id) is Status.RUNNING


@pytest.mark.parametrize("code", [1000, 1001, 4000, 4001, 4008])
def test_an_ordinary_close_is_resumed_with_what_was_missed(
    house: DiscordHouse, discord: FakeDiscord, bot_id: str, code: int
) -> None:
    discord.gateway(TOKEN, "close", code=code)
    still_answers(discord)
    assert discord.state(TOKEN)["resumes"] == 1
    assert len(discord.state(TOKEN)["identified_at"]) == 1
    assert house.status(bot_id) is Status.RUNNING


@pytest.mark.parametrize("do", ["reconnect", "abort", "invalid"])
def test_op_7_a_reset_and_a_resumable_op_9_are_resumed(
    house: DiscordHouse, discord: FakeDiscord, do: str
) -> None:
    discord.gateway(TOKEN, do, resumable=True)
    still_answers(discord)
    assert discord.state(TOKEN)["resumes"] == 1


def test_a_session_that_is_lost_is_begun_anew_and_the_history_read(
    house: DiscordHouse, discord: FakeDiscord
) -> None:
    discord.mention(TOKEN, CHANNEL, ANNA, "before")
    wait_until(lambda: discord.sends(TOKEN, CHANNEL) == ["Answer to: before"])
    discord.gateway(TOKEN, "mute")
    discord.mention(TOKEN, CHANNEL, ANNA, "meanwhile")
    discord.mention(TOKEN, CHANNEL + 1, ANNA, "in a channel never seen")
    discord.gateway(TOKEN, "close", code=4009, forget=True)
    wait_until(lambda: len(discord.sends(TOKEN)) == 3)
    assert discord.sends(TOKEN, CHANNEL)[1:] == ["Answer to: meanwhile"]
    assert discord.sends(TOKEN, CHANNEL + 1) == ["Answer to: in a channel never seen"]
    assert len(discord.state(TOKEN)["identified_at"]) == 2


def test_an_op_9_for_good_begins_anew(house: DiscordHouse, discord: FakeDiscord) -> None:
    discord.gateway(TOKEN, "invalid", resumable=False, forget=True)
    wait_until(lambda: len(discord.state(TOKEN)["identified_at"]) == 2)
    still_answers(discord)


def test_sessions_refused_again_and_again_never_become_a_hot_loop(
    house: DiscordHouse, discord: FakeDiscord, bot_id: str
) -> None:
    discord.control("refuse_sessions", token=TOKEN, n=1_000)
    discord.gateway(TOKEN, "invalid", resumable=False, forget=True)
    house.wait_for_status(bot_id, Status.DEGRADED)
    time.sleep(3)
    tries = discord.state(TOKEN)["identified_at"]
    assert len(tries) <= 10
    discord.control("refuse_sessions", token=TOKEN, n=0)
    house.wait_for_status(bot_id, Status.RUNNING)


@pytest.mark.parametrize(
    ("event", "data"),
    [
        ("GUILD_CREATE", {"id": "odd"}),
        ("GUILD_DELETE", {"id": []}),
        ("CHANNEL_UPDATE", None),
        ("THREAD_CREATE", {"guild_id": {}}),
        ("MESSAGE_CREATE", [1]),
        ("INTERACTION_CREATE", "odd"),
    ],
)
def test_an_event_that_cannot_be_read_is_passed_over_and_said_once(
    house: DiscordHouse, discord: FakeDiscord, bot_id: str, event: str, data: Any
) -> None:
    for _ in range(8):
        discord.control("dispatch", token=TOKEN, event=event, data=data)
    still_answers(discord)
    state = discord.state(TOKEN)
    assert (len(state["identified_at"]), state["resumes"]) == (1, 0)
    [line] = [line for line in house.log_texts(bot_id) if "cannot be read" in line]
    assert event in line


def test_what_roost_has_no_use_for_is_not_even_read(
    house: DiscordHouse, discord: FakeDiscord, bot_id: str
) -> None:
    for event in ("MESSAGE_UPDATE", "MESSAGE_REACTION_ADD", "PRESENCE_UPDATE", "A_NEW_ONE", "__INIT__"):
        discord.control("dispatch", token=TOKEN, event=event, data={"odd": [True]})
    still_answers(discord)
    state = discord.state(TOKEN)
    assert (len(state["identified_at"]), state["resumes"]) == (1, 0)
    assert not any("cannot be read" in line for line in house.log_texts(bot_id))


@pytest.mark.parametrize("frame", ["{", "[]", "7", '{"op": 10, "d": null}', '{"op": 0, "t": "READY"}'])
def test_a_frame_that_cannot_be_read_is_skipped_by_resuming(
    house: DiscordHouse, discord: FakeDiscord, bot_id: str, frame: str
) -> None:
    discord.gateway(TOKEN, "raw", text=frame)
    still_answers(discord)
    state = discord.state(TOKEN)
    assert (len(state["identified_at"]), state["resumes"]) == (1, 1)
    assert house.status(bot_id) is Status.RUNNING


def test_a_session_that_cannot_be_read_restarts_one_bot_only(
    house: DiscordHouse, discord: FakeDiscord, bot_id: str
) -> None:
    discord.add(OTHER)
    other = house.add_bot(2)
    house.wait_for_status(other.bot.id, Status.RUNNING)
    discord.control("dispatch", token=TOKEN, event="READY", data=odd_session(discord))
    wait_until(lambda: len(discord.state(TOKEN)["identified_at"]) == 2)
    house.wait_for_status(bot_id, Status.RUNNING)
    still_answers(discord)
    still_answers(discord, OTHER)
    assert len(discord.state(OTHER)["identified_at"]) == 1
    assert any("cannot be read" in line for line in house.log_texts(bot_id))


def test_an_answer_that_is_made_while_the_bot_logs_in_anew_arrives_once_it_has(
    house: DiscordHouse, discord: FakeDiscord, bot_id: str, answerer: FixedAnswerer
) -> None:
    answerer.hold()
    discord.private(TOKEN, ANNA, "patience")
    wait_until(lambda: len(answerer.questions) == 1)
    discord.hold("me", accept=False)
    logins = called(discord, "me")
    discord.control("dispatch", token=TOKEN, event="READY", data=odd_session(discord))
    wait_until(lambda: called(discord, "me") > logins)
    answerer.release()
    wait_until(lambda: any("not connected" in line for line in house.log_texts(bot_id)))
    assert discord.answers(TOKEN, ANNA) == []
    discord.release()
    wait_until(lambda: house.inbox_statuses() == {"done": 1})
    assert discord.answers(TOKEN, ANNA) == ["Answer to: patience"]
    assert len(answerer.questions) == 1
    assert not any("went wrong inside Roost" in line for line in house.log_texts(bot_id))


def test_a_silent_gateway_is_noticed(tmp_path: Path, answerer: FixedAnswerer) -> None:
    class Impatient(DiscordHouse):
        heartbeat_timeout_s = 2.0

    with FakeDiscord(heartbeat_ms=500) as discord:
        discord.add(TOKEN)
        house = Impatient(tmp_path, discord.url, answerer)
        house.start()
        try:
            bot = house.add_bot(1)
            house.wait_for_status(bot.bot.id, Status.RUNNING)
            discord.gateway(TOKEN, "mute")
            discord.private(TOKEN, ANNA, "into the void")
            wait_until(lambda: discord.answers(TOKEN, ANNA) == ["Answer to: into the void"])
            assert discord.state(TOKEN)["resumes"] == 1
        finally:
            house.stop()


def test_an_outage_is_said_and_ends_by_itself(house: DiscordHouse, discord: FakeDiscord, bot_id: str) -> None:
    still_answers(discord)
    discord.control("down", down=True)
    house.wait_for_status(bot_id, Status.DEGRADED)
    assert "Discord" in reason(house, bot_id)
    discord.control("down", down=False)
    house.wait_for_status(bot_id, Status.RUNNING)
    still_answers(discord)


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("429", {"retry_after": 0.4}),
        ("global429", {"retry_after": 0.4}),
        ("banned", {"retry_after": 0.4}),
        ("5xx", {"code": 503}),
        ("5xx", {"code": 502}),
        ("reset", {}),
        ("lost", {}),
        ("badjson", {}),
    ],
)
def test_a_send_that_fails_is_repeated_and_arrives_once(
    house: DiscordHouse, discord: FakeDiscord, kind: str, more: dict[str, Any]
) -> None:
    discord.fault(kind, "sendMessage", **more)
    discord.private(TOKEN, ANNA, "through all this")
    wait_until(lambda: house.inbox_statuses() == {"done": 1})
    assert discord.answers(TOKEN, ANNA) == ["Answer to: through all this"]


def test_a_bot_stopped_by_its_owner_leaves_the_gateway_and_answers_what_was_asked_meanwhile(
    house: DiscordHouse, discord: FakeDiscord, bot_id: str
) -> None:
    still_answers(discord)
    house.registry.set_desired(OWNER, bot_id, Desired.STOPPED)
    wait_until(lambda: discord.connected() == 0)
    discord.private(TOKEN, ANNA, "while it is stopped")
    house.registry.set_desired(OWNER, bot_id, Desired.RUNNING)
    house.wait_for_status(bot_id, Status.RUNNING)
    wait_until(lambda: discord.answers(TOKEN, ANNA)[1:] == ["Answer to: while it is stopped"])
    still_answers(discord)


def test_restarts_amid_a_burst_lose_nothing_and_double_nothing(
    house: DiscordHouse, discord: FakeDiscord, bot_id: str
) -> None:
    people = 24
    for person in range(1, people + 1):
        discord.mention(TOKEN, CHANNEL + person % 3, person, f"of {person}")
        discord.slash(TOKEN, "ask", person, "how?", channel_id=str(CHANNEL))
        if person in (8, 16):
            house.registry.restart(OWNER, bot_id)
    wait_until(lambda: len(discord.sends(TOKEN)) >= people)
    taken = [each for each in discord.state(TOKEN)["interactions"] if each["deferred_after_s"] is not None]
    wait_until(lambda: house.inbox_statuses() == {"done": sum(house.inbox_statuses().values())})
    sent = discord.sends(TOKEN)
    assert sorted(each for each in sent if "how?" not in each) == sorted(
        f"Answer to: of {n}" for n in range(1, people + 1)
    )
    state = discord.state(TOKEN)["interactions"]
    # What a slow machine acknowledged too late is answered in the channel, once.
    late = [each for each in sent if "how?" in each]
    assert len(late) == len(set(late)) <= len(state) - len(taken)
    assert [each["texts"] for each in state if each["id"] in {one["id"] for one in taken}] == [
        ["Answer to: how?"]
    ] * len(taken)


def test_a_crowded_channel_is_answered_within_discords_limit(
    house: DiscordHouse, discord: FakeDiscord
) -> None:
    discord.control("limited", limited=True)
    for person in range(12):
        discord.mention(TOKEN, CHANNEL, person, f"of {person}")
    wait_until(lambda: house.inbox_statuses() == {"done": 12})
    assert sorted(discord.sends(TOKEN)) == sorted(f"Answer to: of {person}" for person in range(12))


@pytest.fixture
def crowd(tmp_path: Path, discord: FakeDiscord) -> Iterator[DiscordHouse]:
    tokens = [token_of(number) for number in range(50)]
    discord.add(*tokens)
    seeded = DiscordHouse(tmp_path, discord.url, FixedAnswerer())
    for number in range(50):
        seeded.seed_bot(number)
    seeded.stop()
    with discord_house(tmp_path, discord.url) as running:
        yield running


def test_fifty_bots_are_there_and_each_answers_its_own(crowd: DiscordHouse, discord: FakeDiscord) -> None:
    wait_until(lambda: discord.connected() == 50)
    for number in range(50):
        discord.private(token_of(number), ANNA, f"to {number}")
    wait_until(
        lambda: all(
            discord.answers(token_of(number), ANNA) == [f"Answer to: to {number}"] for number in range(50)
        )
    )

"""Registering, changing and deleting bots, and who may: the real client asks the platform who they are."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from roost.clock import SystemClock
from roost.domain.bots import BotChange, Desired, NewBot, Platform, Status
from roost.errors import Conflict, Forbidden, InvalidInput, NotFound, Unavailable
from roost.storage.idempotency import Once, Replayed, StoredReply
from tests.fakes.bot_house import GUEST, MEMBER, OWNER, STRANGER, BotHouse, token_of
from tests.fakes.fake_telegram import FakeTelegram
from tests.fakes.fixed_answerer import FixedAnswerer

TOKEN = token_of(1)


@pytest.fixture
def house(tmp_path: Path, telegram: FakeTelegram) -> Iterator[BotHouse]:
    telegram.add(token_of(1), token_of(2))
    unstarted = BotHouse(tmp_path, telegram.url, FixedAnswerer())
    yield unstarted
    unstarted.stop()


def new_bot(token: str = TOKEN, **more: object) -> NewBot:
    return NewBot(Platform.TELEGRAM, token, **more)  # type: ignore[arg-type]


def test_a_new_bot_is_named_by_the_platform_and_shows_only_the_end_of_its_token(house: BotHouse) -> None:
    view = house.registry.create(OWNER, new_bot(f"  {TOKEN}\n"))
    assert (view.bot.name, view.bot.handle) == ("Bot 7000001", "bot7000001_bot")
    assert view.bot.token_last4 == TOKEN[-4:]
    assert view.status is Status.STOPPED
    assert TOKEN not in repr(view)
    assert TOKEN not in repr(house.bots.credentials(view.bot.id))


def test_a_token_the_platform_refuses_is_said_with_its_words_and_not_echoed(house: BotHouse) -> None:
    """Hostile case 48."""
    unknown = token_of(9)
    with pytest.raises(InvalidInput, match="Unauthorized") as raised:
        house.registry.create(OWNER, new_bot(unknown))
    assert raised.value.field == "token"
    assert unknown not in raised.value.message
    assert house.registry.page(OWNER, None, 50).items == ()


@pytest.mark.parametrize(
    "token", ["", "123", "hello world", "123456:short", TOKEN + "\n" + TOKEN, "١٢٣٤٥٦٧:" + "x" * 35]
)
def test_what_is_no_token_is_said_without_asking_the_platform(
    house: BotHouse, telegram: FakeTelegram, token: str
) -> None:
    with pytest.raises(InvalidInput, match="not a Telegram bot token") as raised:
        house.registry.create(OWNER, new_bot(token))
    assert raised.value.field == "token"
    assert not token or token not in raised.value.message


def test_nothing_is_stored_while_the_platform_cannot_be_asked(
    house: BotHouse, telegram: FakeTelegram
) -> None:
    telegram.control("down", down=True)
    with pytest.raises(Unavailable) as raised:
        house.registry.create(OWNER, new_bot())
    assert raised.value.retryable
    assert house.bots.count() == 0


def test_a_platform_of_a_later_version_is_refused_plainly(house: BotHouse) -> None:
    with pytest.raises(InvalidInput, match="not available in this version") as raised:
        house.registry.create(OWNER, NewBot(Platform.DISCORD, "x" * 60))
    assert raised.value.field == "platform"


def test_one_bot_is_registered_once_also_by_another_token_of_it(
    house: BotHouse, telegram: FakeTelegram
) -> None:
    """Hostile case 51."""
    house.registry.create(MEMBER, new_bot())
    rotated = TOKEN.replace("AAtest", "BBtest")
    telegram.add(rotated)
    with pytest.raises(Conflict, match="change its token instead") as own:
        house.registry.create(MEMBER, new_bot(rotated))
    with pytest.raises(Conflict) as foreign:
        house.registry.create(STRANGER, new_bot())
    assert own.value.code == foreign.value.code == "bot_exists"
    assert MEMBER.name not in foreign.value.message
    assert str(MEMBER.email) not in foreign.value.message


def test_the_same_request_again_gives_the_first_answer_without_asking_the_platform(
    house: BotHouse, telegram: FakeTelegram
) -> None:
    once = Once(
        OWNER.id,
        "POST",
        "/api/bots",
        "key",
        "digest",
        SystemClock().now(),
        lambda view: StoredReply(201, getattr(view, "status")),  # noqa: B009 - the renderer sees an object
    )
    house.registry.create(OWNER, new_bot(), once)
    telegram.control("down", down=True)
    with pytest.raises(Replayed) as replayed:
        house.registry.create(OWNER, new_bot(), once)
    assert replayed.value.reply == StoredReply(201, "stopped")
    assert house.bots.count() == 1


def test_a_token_can_be_changed_for_another_of_the_same_bot_only(
    house: BotHouse, telegram: FakeTelegram
) -> None:
    first = house.registry.create(OWNER, new_bot()).bot.id
    rotated = TOKEN.replace("AAtest", "BBtest")
    telegram.add(rotated, token_of(3))
    with pytest.raises(InvalidInput, match="another bot, @bot7000003_bot"):
        house.registry.update(OWNER, first, BotChange(token=token_of(3)))
    house.registry.create(OWNER, new_bot(token_of(2)))
    with pytest.raises(Conflict):
        house.registry.update(OWNER, first, BotChange(token=token_of(2)))
    house.registry.update(OWNER, first, BotChange(token=rotated))
    assert house.bots.credentials(first).token == rotated


def test_a_change_sets_what_is_sent_and_leaves_the_rest(house: BotHouse) -> None:
    bot_id = house.registry.create(OWNER, new_bot(model="big", api_key="sk-secret-of-the-bot-1234")).bot.id
    changed = house.registry.update(OWNER, bot_id, BotChange(name="Helper", source_ids=("s1",))).bot
    assert (changed.name, changed.model, changed.source_ids) == ("Helper", "big", ("s1",))
    assert changed.has_api_key
    assert house.bots.credentials(bot_id).answers.api_key == "sk-secret-of-the-bot-1234"
    cleared = house.registry.update(OWNER, bot_id, BotChange(model=None, api_key=None, source_ids=None)).bot
    assert (cleared.model, cleared.has_api_key, cleared.source_ids) == (None, False, None)


def test_owners_see_stop_and_delete_every_bot_but_do_not_change_it(house: BotHouse) -> None:
    bot_id = house.registry.create(MEMBER, new_bot(start=True)).bot.id
    assert house.registry.get(OWNER, bot_id).bot.owner_id == MEMBER.id
    with pytest.raises(Forbidden):
        house.registry.update(OWNER, bot_id, BotChange(name="Mine"))
    with pytest.raises(Forbidden):
        house.registry.set_desired(OWNER, bot_id, Desired.RUNNING)
    assert house.registry.set_desired(OWNER, bot_id, Desired.STOPPED).bot.desired is Desired.STOPPED
    house.registry.delete(OWNER, bot_id)
    with pytest.raises(NotFound):
        house.registry.get(MEMBER, bot_id)


def test_somebody_elses_bot_does_not_exist(house: BotHouse) -> None:
    """Hostile case 42."""
    bot_id = house.registry.create(MEMBER, new_bot()).bot.id
    house.registry.create(STRANGER, new_bot(token_of(2)))
    for attempt in (
        lambda: house.registry.get(STRANGER, bot_id),
        lambda: house.registry.update(STRANGER, bot_id, BotChange(name="x")),
        lambda: house.registry.set_desired(STRANGER, bot_id, Desired.STOPPED),
        lambda: house.registry.restart(STRANGER, bot_id),
        lambda: house.registry.delete(STRANGER, bot_id),
        lambda: house.registry.logs(STRANGER, bot_id, after=0, level="info", limit=5),
    ):
        with pytest.raises(NotFound):
            attempt()
    assert [view.bot.owner_id for view in house.registry.page(STRANGER, None, 50).items] == [STRANGER.id]
    with pytest.raises(Forbidden):
        house.registry.create(GUEST, new_bot())


def test_pages_go_on_where_the_last_one_ended(house: BotHouse, telegram: FakeTelegram) -> None:
    numbers = range(10, 15)
    telegram.add(*(token_of(number) for number in numbers))
    ids = [house.seed_bot(number) for number in numbers]
    first = house.registry.page(OWNER, None, 2)
    second = house.registry.page(OWNER, first.next_cursor, 2)
    last = house.registry.page(OWNER, second.next_cursor, 2)
    assert [view.bot.id for page in (first, second, last) for view in page.items] == sorted(ids)
    assert last.next_cursor is None


def test_a_wish_is_stored_before_anything_is_done_about_it(house: BotHouse) -> None:
    bot_id = house.registry.create(OWNER, new_bot()).bot.id
    view = house.registry.set_desired(OWNER, bot_id, Desired.RUNNING)
    assert view.status is Status.STARTING
    assert house.bots.wanted_ids() == (bot_id,)
    since = view.since
    time.sleep(0.005)
    assert house.registry.set_desired(OWNER, bot_id, Desired.RUNNING).since == since

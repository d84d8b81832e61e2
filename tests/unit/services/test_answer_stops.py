from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from roost.clock import SystemClock, SystemIds
from roost.domain.stopping import StopVerdict
from roost.services.answer_stops import AnswerStops
from roost.services.inbox import Inbox
from roost.storage.database import Database
from roost.storage.inbox import Update

ANNA = "telegram:1"
FIRST, SECOND = Update(10, "1", "{}", ANNA), Update(11, "1", "{}", ANNA)
STOP = Update(12, "1/stop/1", "{}", ANNA)


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[Inbox]:
    database = Database(tmp_path / "conversations.db", "conversations")
    database.open()
    clock = SystemClock()
    yield Inbox(database, clock, SystemIds(clock))
    database.close()


def test_a_command_that_stopped_an_answer_is_not_taken_up_again_to_stop_the_next(inbox: Inbox) -> None:
    *_, asked_to_stop = inbox.receive("b", [FIRST, SECOND, STOP]).result()
    stops = AnswerStops("b", inbox)
    with stops.making(FIRST.update_id) as ending:
        assert stops.stop_latest(asked_to_stop, "1") is StopVerdict.STOPPED
        assert ending.is_set()
    left = [entry.update for entry in inbox.take_up("b")]
    assert left == [FIRST, SECOND]
    assert not inbox.stop_is_wanted("b", SECOND.update_id)


def test_a_command_with_nothing_to_stop_is_still_to_be_answered(inbox: Inbox) -> None:
    [asked_to_stop] = inbox.receive("b", [STOP]).result()
    assert AnswerStops("b", inbox).stop_latest(asked_to_stop, "1") is StopVerdict.FINISHED
    assert [entry.update for entry in inbox.take_up("b")] == [STOP]


def test_a_moderator_stops_answers_of_their_own_channel_only(inbox: Inbox) -> None:
    inbox.receive("b", [Update(20, "55:1", "{}", "discord:1")]).result()
    stops = AnswerStops("b", inbox)
    for elsewhere in ("5:", "555:", None):
        assert stops.stop(20, "discord:2", moderates=elsewhere) is StopVerdict.NOT_YOURS
    assert stops.stop(20, "discord:2", moderates="55:") is StopVerdict.STOPPED

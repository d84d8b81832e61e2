"""What is done while nothing can be written is in the audit log later, once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from roost.clock import SystemIds
from roost.domain.accounts import Person
from roost.domain.audit import Action
from roost.errors import Unavailable
from roost.services.audit import Audit
from roost.services.sign_in import SignIn
from roost.storage.database import Database
from roost.storage.waiting_audit import AT_MOST_BYTES, FILE
from tests.fakes.installation import SteppedClock


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "bot_configs.db", "bot_configs", "NORMAL")
    database.open()
    yield database
    database.close()


@pytest.fixture
def audit(database: Database, clock: SteppedClock) -> Audit:
    return Audit(database, clock, SystemIds(clock))


@pytest.fixture
def owner(database: Database, audit: Audit, clock: SteppedClock) -> Person:
    return SignIn(database, audit, clock, SystemIds(clock), lambda change: None).local_owner()


def test_an_entry_that_cannot_be_stored_waits_with_its_time_and_its_person(
    database: Database, audit: Audit, clock: SteppedClock, owner: Person, tmp_path: Path
) -> None:
    database.freeze("standing by")
    asked = clock.now()
    audit.record_at_last(Action.BUCKET_ADOPTED, owner, subject="gs://roost")
    assert not audit.page(None, 10)
    with pytest.raises(Unavailable):
        audit.write_waiting(owner)
    database.thaw()
    waiting = (tmp_path / FILE).read_bytes()
    clock.step(60)
    audit.write_waiting(owner)
    assert not (tmp_path / FILE).exists()
    # Killed between storing and forgetting, or cut off in the middle of a line.
    (tmp_path / FILE).write_bytes(waiting + waiting[:40])
    audit.write_waiting(owner)
    (entry,) = audit.page(None, 10)
    assert (entry.at, entry.action, entry.actor_id, entry.subject) == (
        asked,
        Action.BUCKET_ADOPTED,
        owner.id,
        "gs://roost",
    )


def test_an_entry_is_stored_at_once_where_it_can_be(audit: Audit, owner: Person, tmp_path: Path) -> None:
    audit.record_at_last(Action.BACKED_UP, owner, subject="gs://roost")
    assert [entry.action for entry in audit.page(None, 10)] == [Action.BACKED_UP]
    assert not (tmp_path / FILE).exists()


def test_no_more_entries_wait_than_there_is_room_for(
    database: Database, audit: Audit, owner: Person, tmp_path: Path
) -> None:
    database.freeze("standing by")
    for _ in range(600):
        audit.record_at_last(Action.BUCKET_ADOPTED, owner, subject="gs://roost")
    assert AT_MOST_BYTES < (tmp_path / FILE).stat().st_size < AT_MOST_BYTES + 1000
    database.thaw()
    audit.write_waiting(owner)
    assert len(audit.page(None, 1000)) > 100

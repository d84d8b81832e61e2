"""Sessions slide and end, links work once, secrets are kept as hashes only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from roost.clock import SystemIds
from roost.domain.accounts import Role
from roost.errors import Conflict, InvalidInput, LimitReached, NotFound
from roost.services.api_keys import KEYS_AT_MOST, ApiKeys
from roost.services.audit import Audit
from roost.services.sign_in import ATTEMPTS_AT_MOST, PEERS_REMEMBERED, AttemptLimit, SignIn
from roost.storage.database import Database
from tests.fakes.installation import SteppedClock

DAY_S = 86_400.0


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
def sign_in(database: Database, clock: SteppedClock) -> SignIn:
    ids = SystemIds(clock)
    return SignIn(database, Audit(database, clock, ids), clock, ids, lambda change: None)


@pytest.fixture
def api_keys(database: Database, clock: SteppedClock) -> ApiKeys:
    ids = SystemIds(clock)
    return ApiKeys(database, Audit(database, clock, ids), clock, ids, lambda change: None)


def dump(database: Database) -> str:
    with database.read() as db:
        tables = [row.name for row in db.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'"))]
        return "".join(str(db.execute(text(f"SELECT * FROM {name}")).all()) for name in tables)  # noqa: S608


def test_the_local_owner_is_one_person_for_ever(sign_in: SignIn) -> None:
    owner = sign_in.local_owner()
    assert owner.role is Role.OWNER
    assert sign_in.local_owner() == owner


def test_a_session_says_whose_it_is_until_it_ends(sign_in: SignIn) -> None:
    secret = sign_in.begin_session(sign_in.local_owner(), "Firefox")
    assert sign_in.person_of_session(secret) == sign_in.local_owner()
    assert sign_in.person_of_session(secret + "x") is None
    sign_in.end_session(secret)
    assert sign_in.person_of_session(secret) is None


def test_a_session_lives_thirty_days_from_its_last_use(sign_in: SignIn, clock: SteppedClock) -> None:
    secret = sign_in.begin_session(sign_in.local_owner(), "")
    for _ in range(5):
        clock.step(29 * DAY_S)
        assert sign_in.person_of_session(secret) is not None
    clock.step(30 * DAY_S)
    assert sign_in.person_of_session(secret) is None


def test_a_session_in_use_is_written_once_a_day_at_most(
    sign_in: SignIn, clock: SteppedClock, database: Database
) -> None:
    secret = sign_in.begin_session(sign_in.local_owner(), "")
    seen = set()
    for _ in range(48):
        clock.step(3_600)
        sign_in.person_of_session(secret)
        seen.add(dump(database))
    assert len(seen) == 2


def test_expired_sessions_are_forgotten(sign_in: SignIn, clock: SteppedClock, database: Database) -> None:
    owner = sign_in.local_owner()
    for _ in range(5):
        sign_in.begin_session(owner, "old")
    clock.step(31 * DAY_S)
    sign_in.begin_session(owner, "new")
    assert dump(database).count("old") == 0
    assert dump(database).count("new") == 1


def test_no_secret_is_stored(sign_in: SignIn, api_keys: ApiKeys, database: Database) -> None:
    owner = sign_in.local_owner()
    secrets = [
        sign_in.begin_session(owner, ""),
        sign_in.make_link_code(None),
        api_keys.create(owner, "script").secret,
    ]
    stored = dump(database)
    assert [secret for secret in secrets if secret in stored] == []


def test_a_link_signs_the_owner_in_once(sign_in: SignIn) -> None:
    code = sign_in.make_link_code(None)
    assert sign_in.redeem_link_code(code) == sign_in.local_owner()
    with pytest.raises(InvalidInput, match="used up or too old"):
        sign_in.redeem_link_code(code)


def test_a_link_is_good_for_fifteen_minutes(sign_in: SignIn, clock: SteppedClock) -> None:
    early, late = sign_in.make_link_code(None), sign_in.make_link_code(None)
    clock.step(14 * 60)
    assert sign_in.redeem_link_code(early).role is Role.OWNER
    clock.step(61)
    with pytest.raises(InvalidInput):
        sign_in.redeem_link_code(late)


def test_84_attempts_are_limited_by_address(clock: SteppedClock) -> None:
    limit = AttemptLimit(clock)
    for _ in range(ATTEMPTS_AT_MOST):
        limit.count("10.0.0.1")
        clock.step(1)
    with pytest.raises(LimitReached) as refused:
        limit.count("10.0.0.1")
    assert refused.value.retry_after_s == pytest.approx(60 - ATTEMPTS_AT_MOST)
    limit.count("10.0.0.2")
    clock.step(60 - ATTEMPTS_AT_MOST + 0.1)
    limit.count("10.0.0.1")


def test_84_the_limit_remembers_a_bounded_number_of_addresses(clock: SteppedClock) -> None:
    limit = AttemptLimit(clock)
    for number in range(5 * PEERS_REMEMBERED):
        limit.count(str(number))
    assert limit.remembered == PEERS_REMEMBERED


def test_a_key_is_recognised_until_it_is_revoked(sign_in: SignIn, api_keys: ApiKeys) -> None:
    owner = sign_in.local_owner()
    created = api_keys.create(owner, "script")
    assert created.secret.startswith("roost_")
    assert created.key.last4 == created.secret[-4:]
    assert created.secret not in repr(created)
    assert api_keys.person_of(created.secret) == owner
    assert api_keys.person_of("roost_other") is None
    assert api_keys.person_of("") is None
    api_keys.delete(owner, created.key.id)
    assert api_keys.person_of(created.secret) is None
    with pytest.raises(NotFound):
        api_keys.delete(owner, created.key.id)


def test_the_last_use_of_a_key_is_seen(sign_in: SignIn, api_keys: ApiKeys, clock: SteppedClock) -> None:
    owner = sign_in.local_owner()
    created = api_keys.create(owner, "script")
    assert api_keys.list(owner, None, 10)[0].last_used_at is None
    clock.step(5)
    api_keys.person_of(created.secret)
    assert api_keys.list(owner, None, 10)[0].last_used_at == clock.now()


def test_a_person_has_a_bounded_number_of_keys(sign_in: SignIn, api_keys: ApiKeys) -> None:
    owner = sign_in.local_owner()
    for number in range(KEYS_AT_MOST):
        api_keys.create(owner, str(number))
    with pytest.raises(Conflict, match="Revoke one"):
        api_keys.create(owner, "one too many")

"""A write that is sent again has one effect, and one answer."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from roost.domain.accounts import Role
from tests.fakes.installation import TOKEN, Browser, Installation

KEY = {"Idempotency-Key": "0193e4a1-0000-7000-8000-000000000001"}


def names(browser: Browser) -> list[str]:
    return [key["name"] for key in browser.get("/api/keys").json["items"]]


def test_the_same_request_again_gives_the_first_answer(owner: Browser) -> None:
    first = owner.post("/api/keys", {"name": "a"}, headers=KEY)
    again = owner.post("/api/keys", {"name": "a"}, headers=KEY)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json == first.json
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert names(owner) == ["a"]


def test_another_body_under_the_same_key_is_refused(owner: Browser) -> None:
    owner.post("/api/keys", {"name": "a"}, headers=KEY)
    other = owner.post("/api/keys", {"name": "b"}, headers=KEY)
    assert (other.status_code, other.json["error"]["code"]) == (422, "idempotency_mismatch")
    assert names(owner) == ["a"]
    assert owner.post("/api/keys", {"name": "a"}, headers=KEY).status_code == 201


def test_keys_of_two_people_or_addresses_are_two(owner: Browser, member: Browser) -> None:
    assert owner.post("/api/keys", {"name": "a"}, headers=KEY).status_code == 201
    theirs = member.post("/api/keys", {"name": "a"}, headers=KEY)
    assert theirs.status_code == 201
    assert "Idempotency-Replayed" not in theirs.headers
    assert owner.post("/api/threads", {}, headers=KEY).status_code == 201


@pytest.mark.parametrize("wait_days", [6.9, 7.1])
def test_keys_are_kept_for_seven_days(owner: Browser, house: Installation, wait_days: float) -> None:
    owner.post("/api/keys", {"name": "a"}, headers=KEY)
    house.clock.step(wait_days * 86_400)
    owner.post("/api/keys", {"name": "a"}, headers=KEY)
    assert len(names(owner)) == (1 if wait_days < 7 else 2)


def test_a_refusal_is_kept_too(owner: Browser, house: Installation) -> None:
    body = {"platform": "telegram", "token": TOKEN + "x"}
    first = owner.post("/api/bots", body, headers=KEY)
    house.platform.forgiving = True
    again = owner.post("/api/bots", body, headers=KEY)
    assert (first.status_code, again.status_code) == (422, 422)
    assert again.json == first.json
    assert again.headers["Idempotency-Replayed"] == "true"
    assert owner.post("/api/bots", body).status_code == 201


def test_what_may_pass_is_tried_again(owner: Browser, house: Installation) -> None:
    body = {"platform": "telegram", "token": TOKEN}
    house.platform.down = True
    first = owner.post("/api/bots", body, headers=KEY)
    assert first.status_code == 503
    assert int(first.headers["Retry-After"]) >= 1
    house.platform.down = False
    assert owner.post("/api/bots", body, headers=KEY).status_code == 201


def test_a_request_in_flight_is_not_begun_twice(owner: Browser, house: Installation) -> None:
    body = {"platform": "telegram", "token": TOKEN}
    house.platform.hold()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(owner.post, "/api/bots", body, headers=KEY)
        assert house.platform.asked.wait(5)
        second = house.browser_like(owner).post("/api/bots", body, headers=KEY)
        house.platform.release()
        assert first.result(10).status_code == 201
    assert (second.status_code, second.json["error"]["code"]) == (409, "in_flight")
    assert int(second.headers["Retry-After"]) >= 1
    third = owner.post("/api/bots", body, headers=KEY)
    assert third.status_code == 201
    assert third.json["id"] == first.result().json["id"]


@pytest.mark.parametrize("path", ["/api/sources/{source}/crawl", "/api/sources/{source}/cancel"])
def test_writes_that_may_be_repeated_keep_their_answer_as_well(owner: Browser, path: str) -> None:
    source = owner.post("/api/sources", {"kind": "website", "url": "https://docs.test/"}).json["id"]
    first = owner.post(path.format(source=source), headers=KEY)
    again = owner.post(path.format(source=source), headers=KEY)
    assert first.status_code == 200
    assert again.json == first.json
    assert again.headers["Idempotency-Replayed"] == "true"


def test_a_deletion_sent_again_stays_a_success(owner: Browser) -> None:
    made = owner.post("/api/keys", {"name": "a"}).json["id"]
    first = owner.delete(f"/api/keys/{made}", headers=KEY)
    again = owner.delete(f"/api/keys/{made}", headers=KEY)
    assert (first.status_code, again.status_code) == (204, 204)
    assert (first.data, again.data) == (b"", b"")
    assert owner.delete(f"/api/keys/{made}").status_code == 404


def test_many_at_once_have_one_effect(house: Installation) -> None:
    person = house.add_person(Role.OWNER)
    script = house.script(person)
    start = threading.Barrier(8)

    def send(_: int) -> int:
        start.wait(5)
        return house.browser_like(script).post("/api/threads", {}, headers=KEY).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(send, range(8)))
    assert set(statuses) <= {201, 409}
    assert 201 in statuses
    assert len(script.get("/api/threads").json["items"]) == 1


@pytest.mark.parametrize("key", ["", "x" * 201, "ключ"])
def test_odd_keys_are_refused(owner: Browser, key: str) -> None:
    assert owner.post("/api/keys", {"name": "a"}, headers={"Idempotency-Key": key}).status_code == 422
    assert names(owner) == []


def test_the_same_client_id_gives_the_existing_thread(
    owner: Browser, member: Browser, house: Installation
) -> None:
    thread_id = house.ids.new()
    assert owner.post("/api/threads", {"id": thread_id}).status_code == 201
    assert owner.post("/api/threads", {"id": thread_id}).status_code == 200
    taken = member.post("/api/threads", {"id": thread_id})
    assert (taken.status_code, taken.json["error"]["code"]) == (409, "id_taken")

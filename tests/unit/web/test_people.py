"""Invitations, roles, removal and the audit log, as three signed-in people meet them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from roost.domain.accounts import Person, Role
from roost.domain.answers import Answer as MadeAnswer
from roost.domain.answers import Question
from roost.domain.audit import Action
from roost.domain.people import Identity
from roost.errors import DecryptionRefused
from roost.services.audit import Audit
from roost.services.live_events import QUEUE_LIMIT, SourceChanged
from roost.services.sign_in import SESSION_LASTS
from tests.fakes.installation import TOKEN, Answer, Browser, Installation, installation

ISSUER = "https://accounts.example.org"
SETTINGS = {"OWNER_EMAILS": "boss@example.org", "ALLOWED_EMAILS": "allowed@example.org"}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Installation]:
    with installation(tmp_path, SETTINGS) as made:
        yield made


@pytest.fixture
def boss(house: Installation) -> Browser:
    return house.browser(enter(house, "boss"))


def enter(house: Installation, name: str, subject: str | None = None) -> Person:
    """Somebody signs in at the provider."""
    return house.people.enter(Identity(ISSUER, subject or name, f"{name}@example.org", name.capitalize()))


def telegram_bot(browser: Browser, number: int = 123456789, **more: Any) -> Any:
    body = {"platform": "telegram", "token": f"{number}{TOKEN[9:]}", "start": True, **more}
    answer = browser.post("/api/bots", body)
    assert answer.status_code == 201, answer.text
    return answer.json


def code_of(answer: Answer) -> tuple[int, str]:
    return answer.status_code, answer.json["error"]["code"]


def actions(browser: Browser) -> list[tuple[str, str | None, str | None]]:
    items = browser.get("/api/audit").json["items"]
    return [(each["action"], each["actor"], each["subject"]) for each in items]


def test_whoever_was_invited_is_a_member_from_the_first_sign_in(house: Installation, boss: Browser) -> None:
    invited = boss.post("/api/invitations", {"email": " Anna@Example.org "})
    assert (invited.status_code, invited.json["email"]) == (201, "anna@example.org")
    assert [each["email"] for each in boss.get("/api/invitations").json["items"]] == ["anna@example.org"]
    anna = enter(house, "anna")
    assert anna.role is Role.MEMBER
    assert boss.get("/api/invitations").json["items"] == []
    found = {each["email"]: each for each in boss.get("/api/people").json["items"]}
    assert (found["anna@example.org"]["role"], found["anna@example.org"]["grant"]) == ("member", "invitation")
    assert found["boss@example.org"]["grant"] == "settings"


def test_an_invitation_stays_with_the_person_and_not_with_the_address(
    house: Installation, boss: Browser
) -> None:
    boss.post("/api/invitations", {"email": "anna@example.org"})
    anna = enter(house, "anna", "sub-1")
    assert enter(house, "anna", "sub-2").role is Role.GUEST, "somebody who was given the address later"
    assert enter(house, "renamed", "sub-1") == Person(anna.id, "Renamed", "renamed@example.org", Role.MEMBER)


def test_an_invitation_that_was_withdrawn_is_worth_nothing(house: Installation, boss: Browser) -> None:
    invitation = boss.post("/api/invitations", {"email": "anna@example.org"}).json["id"]
    assert boss.delete(f"/api/invitations/{invitation}").status_code == 204
    assert boss.delete(f"/api/invitations/{invitation}").status_code == 404
    assert enter(house, "anna").role is Role.GUEST


@pytest.mark.parametrize(
    "email", ["anna", "a@b", "@b.c", "a b@c.de", "a@b..c", "x" * 300 + "@b.c", "a@b.c\u202e"]
)
def test_what_is_no_address_cannot_be_invited(boss: Browser, email: str) -> None:
    answer = boss.post("/api/invitations", {"email": email})
    assert (answer.status_code, answer.json["error"]["field"]) == (422, "email")


def test_nobody_is_invited_twice(house: Installation, boss: Browser) -> None:
    boss.post("/api/invitations", {"email": "anna@example.org"})
    assert code_of(boss.post("/api/invitations", {"email": "ANNA@example.org"})) == (409, "invited_already")
    enter(house, "guest")
    assert code_of(boss.post("/api/invitations", {"email": "guest@example.org"})) == (409, "here_already")
    again = {"Idempotency-Key": "k"}
    first = boss.post("/api/invitations", {"email": "b@example.org"}, headers=again)
    assert boss.post("/api/invitations", {"email": "b@example.org"}, headers=again).json == first.json


def test_a_guest_becomes_a_member_and_a_guest_again(house: Installation, boss: Browser) -> None:
    guest = enter(house, "guest")
    browser = house.browser(guest)
    assert browser.get("/api/bots").status_code == 403
    assert boss.patch(f"/api/people/{guest.id}", {"role": "member"}).status_code == 204
    bot = telegram_bot(browser)["id"]
    script = house.script(guest)
    assert enter(house, "guest").role is Role.MEMBER, "still so at the next sign-in"
    assert boss.patch(f"/api/people/{guest.id}", {"role": "guest"}).status_code == 204
    assert browser.get("/api/bots").status_code == 403
    assert script.get("/api/threads").status_code == 401, "the key is gone"
    assert boss.get(f"/api/bots/{bot}").json["owner_id"] == boss.get("/api/session").json["user"]["id"]
    assert enter(house, "guest").role is Role.GUEST


def test_roles_by_the_settings_are_changed_there_alone(house: Installation, boss: Browser) -> None:
    allowed = enter(house, "allowed")
    assert allowed.role is Role.MEMBER
    assert code_of(boss.patch(f"/api/people/{allowed.id}", {"role": "guest"})) == (409, "role_by_settings")
    local = house.services.sign_in.local_owner()
    assert code_of(boss.patch(f"/api/people/{local.id}", {"role": "guest"})) == (409, "role_by_settings")
    assert boss.patch(f"/api/people/{allowed.id}", {"role": "owner"}).status_code == 422
    assert boss.patch("/api/people/nobody", {"role": "guest"}).status_code == 404


def test_owners_cannot_be_removed_by_each_other_nor_by_themselves(house: Installation, boss: Browser) -> None:
    own = boss.get("/api/session").json["user"]["id"]
    assert code_of(boss.delete(f"/api/people/{own}")) == (409, "yourself")
    local = house.services.sign_in.local_owner()
    assert code_of(boss.delete(f"/api/people/{local.id}")) == (409, "role_by_settings")
    assert code_of(house.browser(local).delete(f"/api/people/{own}")) == (409, "role_by_settings")


def test_removal_ends_sessions_and_keys_and_passes_bots_on(house: Installation, boss: Browser) -> None:
    anna = enter(house, "allowed")
    browsers = [house.browser(anna), house.browser(anna)]
    script = house.script(anna)
    bot = telegram_bot(browsers[0], model="theirs", api_key="sk-of-theirs")
    assert boss.delete(f"/api/people/{anna.id}").status_code == 204
    for client in (*browsers, script):
        assert client.get("/api/threads").status_code == 401
    kept = boss.get(f"/api/bots/{bot['id']}").json
    assert kept["owner_id"] == boss.get("/api/session").json["user"]["id"]
    assert (kept["desired"], kept["has_api_key"], kept["model"]) == ("running", False, None)
    assert boss.patch(f"/api/bots/{bot['id']}", {"name": "Ours"}).status_code == 200
    assert anna.id not in {each["id"] for each in boss.get("/api/people").json["items"]}
    assert boss.delete(f"/api/people/{anna.id}").status_code == 404


def test_who_was_removed_stays_out_until_invited_again(house: Installation, boss: Browser) -> None:
    anna = enter(house, "allowed")
    browser = house.browser(anna)
    thread = browser.post("/api/threads", {}).json["id"]
    boss.delete(f"/api/people/{anna.id}")
    with pytest.raises(Exception, match="removed you"):
        enter(house, "allowed")
    boss.post("/api/invitations", {"email": "allowed@example.org"})
    back = enter(house, "allowed")
    assert (back.id, back.role) == (anna.id, Role.MEMBER)
    assert [each["id"] for each in house.browser(back).get("/api/threads").json["items"]] == [thread]


def test_open_streams_end_at_once_with_the_rights_behind_them(house: Installation, boss: Browser) -> None:
    anna, other = enter(house, "allowed"), house.add_person(Role.MEMBER)
    ended = threading.Event()
    stays = house.browser(other).get("/api/events")
    frames = house.browser(anna).get("/api/events").frames()
    assert next(frames).startswith(b":")

    def read() -> None:
        for _ in frames:
            pass
        ended.set()

    threading.Thread(target=read, daemon=True).start()
    began_s = time.monotonic()
    boss.delete(f"/api/people/{anna.id}")
    assert ended.wait(5)
    assert time.monotonic() - began_s < 2, "without waiting for a heartbeat"
    waiting = stays.frames()
    assert next(waiting).startswith(b":")
    telegram_bot(house.browser(other), 222222222)
    assert b"event: bot" in next(waiting)
    stays.close()


def test_a_session_of_ones_own_can_be_ended_and_its_stream_ends_with_it(house: Installation) -> None:
    person = house.add_person(Role.MEMBER)
    here, there = house.browser(person), house.browser(person)
    frames = there.get("/api/events").frames()
    next(frames)
    items = here.get("/api/account/sessions").json["items"]
    assert [each["user_agent"] for each in items] == ["tests", "tests"]
    other = next(each["id"] for each in items if not each["current"])
    assert here.delete(f"/api/account/sessions/{other}").status_code == 204
    assert list(frames) == []
    assert there.get("/api/threads").status_code == 401
    assert here.get("/api/threads").status_code == 200
    assert here.delete(f"/api/account/sessions/{other}").status_code == 404


def test_a_conversation_with_a_bot_that_passed_on_is_answered_without_that_bot(
    house: Installation, boss: Browser
) -> None:
    boss.post("/api/invitations", {"email": "anna@example.org"})
    anna = enter(house, "anna")
    browser = house.browser(anna)
    bot = telegram_bot(browser)["id"]
    thread = browser.post("/api/threads", {"bot_id": bot}).json["id"]
    asked: list[str | None] = []

    def make(question: Question) -> MadeAnswer:
        asked.append(question.settings.bot_id)
        return MadeAnswer("Yes.", (), (), False, None, None, 0)

    def ask() -> None:
        body = {"id": house.ids.new(), "text": "Ready?"}
        run = browser.post(f"/api/threads/{thread}/messages", body).json["run_id"]
        assert b"event: done" in b"".join(browser.get(f"/api/runs/{run}/events").frames())

    house.answerer.answer_made = make
    ask()
    boss.request("PATCH", f"/api/people/{anna.id}", json={"role": "guest"})
    ask()
    assert asked == [bot, None]


def test_a_stream_ends_with_its_key_without_waiting_for_a_heartbeat(house: Installation) -> None:
    browser = house.browser(house.add_person(Role.MEMBER))
    made = browser.post("/api/keys", {"name": "watcher"}).json
    bearer = {"Authorization": f"Bearer {made['key']}"}
    frames = house.browser().get("/api/events", headers=bearer).frames()
    next(frames)
    assert browser.delete(f"/api/keys/{made['id']}").status_code == 204
    began_s = time.monotonic()
    assert list(frames) == []
    assert time.monotonic() - began_s < 2


def test_a_slow_stream_that_missed_the_end_of_its_rights_ends_all_the_same(house: Installation) -> None:
    person = house.add_person(Role.MEMBER)
    here, there = house.browser(person), house.browser(person)
    frames = there.get("/api/events").frames()
    next(frames)
    for number in range(QUEUE_LIMIT + 1):
        house.live_events.publish(SourceChanged(f"source {number}", deleted=True))
    items = here.get("/api/account/sessions").json["items"]
    other = next(each["id"] for each in items if not each["current"])
    assert here.delete(f"/api/account/sessions/{other}").status_code == 204
    assert list(frames) == []


def test_a_stream_that_is_never_quiet_is_judged_too(house: Installation) -> None:
    browser = house.browser(house.add_person(Role.MEMBER))
    frames = browser.get("/api/events").frames()
    next(frames)
    house.live_events.publish(SourceChanged("before", deleted=True))
    assert b"before" in next(frames)
    house.clock.step(SESSION_LASTS.total_seconds() + 1)
    house.live_events.publish(SourceChanged("after", deleted=True))
    assert list(frames) == []


def test_settings_that_changed_change_roles_at_the_next_start(tmp_path: Path) -> None:
    with installation(tmp_path, SETTINGS) as house:
        person, invited = enter(house, "allowed"), house.add_person(Role.GUEST)
        cookie = house.services.sign_in.begin_session(person, "tests")
        assert invited.role is Role.GUEST
    with installation(tmp_path, {"OWNER_EMAILS": "boss@example.org"}) as house:
        house.people.follow_settings()
        found = house.services.sign_in.person_of_session(cookie)
        assert found is not None
        assert found.role is Role.GUEST


def test_the_audit_log_tells_who_did_what_and_no_secret(house: Installation, boss: Browser) -> None:
    """Hostile case 50: no token, key or code is in the log."""
    anna = enter(house, "allowed")
    browser = house.browser(anna)
    bot = telegram_bot(browser, name=TOKEN)
    path = f"/api/bots/{bot['id']}"
    for action in ("stop", "start", "restart"):
        browser.post(f"{path}/{action}")
    browser.patch(path, {"token": TOKEN})
    browser.patch(path, {"system_prompt": "docs"})
    key = browser.post("/api/keys", {"name": f"key {TOKEN}"}).json
    browser.delete(f"/api/keys/{key['id']}")
    source = browser.post("/api/sources", {"kind": "website", "url": "https://docs.test/"}).json["id"]
    browser.patch(f"/api/sources/{source}", {"paused": True})
    browser.delete(f"/api/sources/{source}")
    browser.delete(path)
    browser.post("/auth/logout")
    boss.post("/api/invitations", {"email": "new@example.org"})
    boss.delete(f"/api/people/{anna.id}")
    by_anna = [(action, subject) for action, actor, subject in actions(boss) if actor == anna.email]
    bot_name, site = "@bot123456789 on Telegram", "https://docs.test/"
    assert by_anna[::-1] == [
        ("bot_created", bot_name),
        ("bot_stopped", bot_name),
        ("bot_started", bot_name),
        ("bot_restarted", bot_name),
        ("bot_token_changed", bot_name),
        ("bot_changed", bot_name),
        ("key_created", "key [redacted]"),
        ("key_revoked", "key [redacted]"),
        ("source_added", site),
        ("source_changed", site),
        ("source_deleted", site),
        ("bot_deleted", bot_name),
        ("signed_out", None),
    ]
    assert actions(boss)[:2] == [
        ("person_removed", "boss@example.org", "allowed@example.org"),
        ("person_invited", "boss@example.org", "new@example.org"),
    ]
    whole = boss.get("/api/audit?limit=200").text
    assert TOKEN not in whole
    assert key["key"] not in whole
    first = boss.get("/api/audit?limit=1").json
    assert (
        boss.get(f"/api/audit?limit=1&cursor={first['next_cursor']}").json["items"][0]["id"]
        < first["items"][0]["id"]
    )


def test_a_refused_change_is_not_in_the_log(house: Installation, boss: Browser) -> None:
    before = actions(boss)
    assert boss.post("/api/bots", {"platform": "telegram", "token": f"{TOKEN[:-1]}x"}).status_code == 422
    assert boss.delete("/api/keys/none").status_code == 404
    assert actions(boss) == before


def test_46_a_ciphertext_copied_to_another_row_is_refused_and_audited(
    house: Installation, boss: Browser
) -> None:
    """Hostile case 46: a ciphertext copied to another row -> decryption refused, audited."""
    first, second = telegram_bot(boss, 111111111)["id"], telegram_bot(boss, 222222222)["id"]
    copy = (
        "UPDATE bot_configs SET token = (SELECT token FROM bot_configs WHERE bot_id = :a) WHERE bot_id = :b"
    )
    house.bot_configs.write(lambda db: db.execute(text(copy), {"a": first, "b": second}))
    with pytest.raises(DecryptionRefused):
        house.bot_store.credentials(second)
    for _ in range(2):
        house.services.audit.decryption_refused(second, "@bot222222222")
    refusals = [each for each in actions(boss) if each[0] == "decryption_refused"]
    assert refusals == [("decryption_refused", None, "@bot222222222")], "told once"


def test_the_log_forgets_what_is_older_than_400_days(house: Installation, boss: Browser) -> None:
    boss.post("/api/invitations", {"email": "old@example.org"})
    house.clock.step(401 * 86_400)
    house.people.invite(house.services.sign_in.local_owner(), "new@example.org")
    assert [entry.subject for entry in house.services.audit.page(None, 10)] == ["new@example.org"]


def test_keys_links_copies_and_archives_are_in_the_log(house: Installation, boss: Browser) -> None:
    boss.post("/api/sign-in-links")
    boss.post("/api/secret-key/rotate")
    boss.post("/api/backup")
    boss.post("/api/backup", {"adopt": True})
    boss.post("/api/backup/conflicts/nothing/dismiss")
    exported = boss.post("/api/export", {})
    archive = exported.data
    exported.close()
    member = house.browser(house.add_person(Role.MEMBER))
    taken = member.post("/api/import", data=archive, headers={"Content-Type": "application/zip"})
    assert taken.status_code == 200, taken.text
    assert [(action, actor) for action, actor, _ in actions(boss)][:7][::-1] == [
        ("sign_in_link_made", "boss@example.org"),
        ("secret_key_exchanged", "boss@example.org"),
        ("backed_up", "boss@example.org"),
        ("bucket_adopted", "boss@example.org"),
        ("conflict_dismissed", "boss@example.org"),
        ("workspace_exported", "boss@example.org"),
        ("workspace_imported", "Someone"),
    ]


def test_an_owner_sees_and_ends_the_session_that_a_link_began(house: Installation, boss: Browser) -> None:
    code = house.services.sign_in.make_link_code(None)
    somebody = house.browser()
    assert somebody.post("/auth/link", {"code": code}).status_code == 200
    assert somebody.get("/api/people").status_code == 200
    local = house.services.sign_in.local_owner()
    [session] = boss.get(f"/api/people/{local.id}/sessions").json["items"]
    assert not session["current"]
    assert boss.delete(f"/api/people/{local.id}/sessions/none").status_code == 404
    assert boss.delete(f"/api/people/none/sessions/{session['id']}").status_code == 404
    me = boss.get("/api/session").json["user"]["id"]
    assert boss.delete(f"/api/people/{me}/sessions/{session['id']}").status_code == 404
    assert boss.delete(f"/api/people/{local.id}/sessions/{session['id']}").status_code == 204
    assert somebody.get("/api/people").status_code == 401
    assert boss.get(f"/api/people/{local.id}/sessions").json["items"] == []
    entries = house.services.audit.page(None, 3)
    assert [(each.action.value, each.actor, each.detail or each.subject) for each in entries] == [
        ("session_ended", "boss@example.org", "of Owner"),
        ("signed_in", "Owner", "by a one-time link"),
        ("sign_in_link_made", None, None),
    ]


def test_failed_sign_ins_push_out_nothing_that_people_did(house: Installation) -> None:
    log = Audit(house.bot_configs, house.clock, house.ids, at_most=4, strangers_at_most=2)
    for number in range(6):
        log.record(Action.PERSON_INVITED, None, subject=f"person {number}")
    for number in range(9):
        log.record(Action.SIGN_IN_FAILED, None, subject=f"stranger {number}")
    kept = ["stranger 8", "stranger 7", "person 5", "person 4", "person 3", "person 2"]
    assert [each.subject for each in log.page(None, 20)] == kept
    log.record(Action.PERSON_INVITED, None, subject="person 6")
    kept = ["person 6", "stranger 8", "stranger 7", "person 5", "person 4", "person 3"]
    assert [each.subject for each in log.page(None, 20)] == kept

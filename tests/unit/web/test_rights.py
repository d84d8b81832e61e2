"""Who may do what: every address of the API, tried by an owner, two members, a guest and a stranger.

The table says what each may do with a thing of the first member's. A new address is missing from it, and the
first test fails until somebody has decided.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from roost.domain.accounts import Person, Role
from roost.web.routes import ROUTES, Access, Route
from tests.fakes.installation import TOKEN, Browser, Installation, with_settings

OK, NONE, OWNERS, CHAT_ONLY, SIGN_IN = "may", "sees none", "owners only", "chat only", "sign in"
WHO = ("owner", "member", "other", "guest", "stranger")


def rights(owner: str, member: str, other: str, guest: str) -> Mapping[str, str]:
    return dict(zip(WHO, (owner, member, other, guest, SIGN_IN), strict=True))


# `member` made what the address names; a guest has nothing but the chat.
ALL_SIGNED_IN = rights(OK, OK, OK, OK)
OWN_TALK = rights(NONE, OK, NONE, NONE)
OWN_KEY = rights(NONE, OK, NONE, CHAT_ONLY)
BUILDERS = rights(OK, OK, OK, CHAT_ONLY)
OWN_BOT_OR_OWNER = rights(OK, OK, NONE, CHAT_ONLY)
OWN_BOT = rights("not theirs", OK, NONE, CHAT_ONLY)
OWNERS_ONLY = rights(OK, OWNERS, OWNERS, OWNERS)
RIGHTS: dict[str, Mapping[str, str]] = {
    "listSessions": ALL_SIGNED_IN,
    "endSession": rights(NONE, OK, NONE, NONE),
    "listPeople": OWNERS_ONLY,
    "updatePerson": OWNERS_ONLY,
    "listSessionsOfPerson": OWNERS_ONLY,
    "endSessionOfPerson": OWNERS_ONLY,
    "removePerson": OWNERS_ONLY,
    "listInvitations": OWNERS_ONLY,
    "invite": OWNERS_ONLY,
    "withdrawInvitation": OWNERS_ONLY,
    "listAudit": OWNERS_ONLY,
    "listKeys": BUILDERS,
    "createKey": BUILDERS,
    "deleteKey": OWN_KEY,
    "makeSignInLink": OWNERS_ONLY,
    "rotateSecretKey": OWNERS_ONLY,
    "backUp": OWNERS_ONLY,
    "dismissConflict": OWNERS_ONLY,
    "listBots": BUILDERS,
    "createBot": BUILDERS,
    "getBot": OWN_BOT_OR_OWNER,
    "updateBot": OWN_BOT,
    "deleteBot": OWN_BOT_OR_OWNER,
    "startBot": OWN_BOT,
    "stopBot": OWN_BOT_OR_OWNER,
    "restartBot": OWN_BOT,
    "listBotLogs": OWN_BOT_OR_OWNER,
    "streamEvents": BUILDERS,
    "listThreads": ALL_SIGNED_IN,
    "createThread": ALL_SIGNED_IN,
    "getThread": OWN_TALK,
    "updateThread": OWN_TALK,
    "deleteThread": OWN_TALK,
    "listMessages": OWN_TALK,
    "createMessage": OWN_TALK,
    "exportThread": OWN_TALK,
    "streamRun": OWN_TALK,
    "stopRun": OWN_TALK,
    "giveFeedback": OWN_TALK,
    "listFollowUps": OWN_TALK,
    "ask": ALL_SIGNED_IN,
    "listPrompts": ALL_SIGNED_IN,
    "listSources": BUILDERS,
    "createSource": BUILDERS,
    "updateSource": BUILDERS,
    "deleteSource": BUILDERS,
    "crawlSource": BUILDERS,
    "updateAllSources": BUILDERS,
    "crawlAllSources": BUILDERS,
    "cancelAllCrawls": BUILDERS,
    "cancelCrawl": BUILDERS,
    "listPages": BUILDERS,
    "getKnowledge": BUILDERS,
    "searchKnowledge": BUILDERS,
    "listUnanswered": BUILDERS,
    "getInsights": BUILDERS,
    "exportInsights": BUILDERS,
    "listWidgets": BUILDERS,
    "createWidget": BUILDERS,
    "getWidget": OWN_BOT_OR_OWNER,
    "updateWidget": OWN_BOT,
    "revokeWidget": OWN_BOT_OR_OWNER,
    "getLogoOfWidget": OWN_BOT_OR_OWNER,
    "setWidgetLogo": OWN_BOT,
    "removeWidgetLogo": OWN_BOT,
    "getStatus": BUILDERS,
}
PICTURE = b"\x89PNG\r\n\x1a\n" + b"pixels"
# Tried where their own tests are: they take or give whole files.
ELSEWHERE = {"exportWorkspace", "importWorkspace"}
TRIED = [route for route in ROUTES if route.access in (Access.SIGNED_IN, Access.BUILD, Access.OWNER)]


@dataclass(frozen=True, slots=True)
class Things:
    """What the first member made, and what the addresses need to name it."""

    ids: Mapping[str, str]
    bodies: Mapping[str, Any]


def made_by_member(house: Installation, member: Browser, person: Person, owner: Person) -> Things:
    bot = member.post("/api/bots", {"platform": "telegram", "token": TOKEN}).json["id"]
    thread = member.post("/api/threads", {}).json["id"]
    accepted = member.post(
        f"/api/threads/{thread}/messages", {"id": house.ids.new(), "text": "How do I start?"}
    ).json
    run = accepted["run_id"]
    b"".join(member.get(f"/api/runs/{run}/events").frames())
    answer = member.get(f"/api/threads/{thread}/messages").json["items"][1]["id"]
    house.services.sign_in.begin_session(person, "another browser")
    guest = house.add_person(Role.GUEST)
    house.services.sign_in.begin_session(guest, "a guest's browser")
    [guests_session] = house.services.sign_in.sessions(guest, None, None, 2)
    sessions = member.get("/api/account/sessions").json["items"]
    spare = next(each["id"] for each in sessions if not each["current"])
    invitation = house.people.invite(owner, "invited@example.org").id
    widget = member.post(
        "/api/widgets", {"name": "Site", "origins": ["https://docs.test"], "bot_id": bot}
    ).json["id"]
    assert member.put(f"/api/widgets/{widget}/logo", PICTURE, "image/png").status_code == 200
    ids = {
        "/api/account/sessions/": spare,
        "/api/people/": guest.id,
        "session_id": guests_session.id,
        "/api/invitations/": invitation,
        "/api/keys/": member.post("/api/keys", {"name": "script"}).json["id"],
        "/api/bots/": bot,
        "/api/threads/": thread,
        "/api/runs/": run,
        "/api/messages/": answer,
        "/api/widgets/": widget,
        "/api/sources/": member.post("/api/sources", {"kind": "website", "url": "https://docs.test/"}).json[
            "id"
        ],
    }
    bodies = {
        "updatePerson": {"role": "member"},
        "invite": {"email": "new@example.org"},
        "createKey": {"name": "another"},
        "createBot": {"platform": "telegram", "token": "987654321" + TOKEN[9:]},
        "updateBot": {"name": "Renamed"},
        "createThread": {},
        "updateThread": {"title": "Renamed"},
        "createMessage": {"id": house.ids.new(), "text": "And then?"},
        "giveFeedback": {"thumb": "up"},
        "ask": {"question": "How do I start?"},
        "createSource": {"kind": "website", "url": "https://other.test/"},
        "updateSource": {"paused": True},
        "updateAllSources": {"paused": True},
        "createWidget": {"name": "Another", "origins": ["https://other.test"]},
        "updateWidget": {"name": "Renamed"},
        "setWidgetLogo": PICTURE,
    }
    return Things(ids, bodies)


def address(route: Route, things: Things) -> str:
    base = route.rule.partition("<")[0]
    path = re.sub(
        r"<(\w+)>", lambda found: things.ids.get(found[1], things.ids.get(base, "none")), route.rule
    )
    return path + {"searchKnowledge": "?q=start", "exportInsights": "?list=asked"}.get(route.name, "")


def test_every_address_stands_in_the_table() -> None:
    assert {route.name for route in TRIED} - ELSEWHERE == set(RIGHTS)


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("route", [each for each in TRIED if each.name in RIGHTS], ids=lambda each: each.name)
def test_rights(house: Installation, route: Route, who: str) -> None:
    """Hostile case 20. Hostile case 42. Hostile case 43: bots, conversations, exports, streams."""
    people = {
        "owner": house.services.sign_in.local_owner(),
        "member": house.add_person(Role.MEMBER),
        "other": house.add_person(Role.MEMBER),
        "guest": house.add_person(Role.GUEST),
    }
    member = house.browser(people["member"])
    things = made_by_member(house, member, people["member"], people["owner"])
    browser = house.browser(people.get(who))
    body = things.bodies.get(route.name)
    sent: dict[str, Any] = {} if body is None else {"json": body}
    if isinstance(body, bytes):
        sent = {"data": body, "content_type": "image/png"}
    answer = browser.request(route.method, address(route, things), **sent)
    status = answer.status_code
    answer.close()
    expected = RIGHTS[route.name][who]
    if expected == OK:
        assert 200 <= status < 300, answer.text
    else:
        code = answer.json["error"]["code"]
        assert {
            NONE: (404, "not_found"),
            OWNERS: (403, "owners_only"),
            "not theirs": (403, "forbidden"),
            CHAT_ONLY: (403, "guests_chat_only"),
            SIGN_IN: (401, "sign_in_required"),
        }[expected] == (status, code)


def test_lists_hold_what_is_ones_own(house: Installation) -> None:
    """Hostile case 45: lists show own rows only; of bots an owner sees all, of conversations never."""
    people = [
        house.services.sign_in.local_owner(),
        house.add_person(Role.MEMBER),
        house.add_person(Role.MEMBER),
    ]
    browsers = [house.browser(person) for person in people]
    made: list[dict[str, str]] = []
    for number, browser in enumerate(browsers):
        token = f"10000000{number}{TOKEN[9:]}"
        made.append(
            {
                "bots": browser.post("/api/bots", {"platform": "telegram", "token": token}).json["id"],
                "threads": browser.post("/api/threads", {}).json["id"],
                "keys": browser.post("/api/keys", {"name": "mine"}).json["id"],
            }
        )
    for number, browser in enumerate(browsers):
        for kind in ("bots", "threads", "keys"):
            seen = {each["id"] for each in browser.get(f"/api/{kind}").json["items"]}
            own = {made[number][kind]}
            everybodys = {each[kind] for each in made}
            assert seen == (everybodys if kind == "bots" and number == 0 else own)
        sessions = browser.get("/api/account/sessions").json["items"]
        assert [each["current"] for each in sessions] == [True]


@pytest.mark.parametrize("path", ["/metrics", "/api/openapi.json"])
def test_92_on_cloud_run_strangers_learn_nothing(house: Installation, path: str) -> None:
    """Hostile case 92: /metrics and the API description without sign-in on Cloud Run -> 401."""
    assert with_settings(house, k_service="roost").get(path).status_code == 401
    assert house.browser().get(path).status_code == 200

"""Who gets in: sign-in, roles, foreign names, foreign sites. Numbers are those of the hostile cases."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from roost.domain.accounts import Role
from roost.services.readiness import State
from roost.web.app import create_app
from roost.web.routes import ROUTES, Access, Route
from tests.fakes.installation import Browser, Installation, with_settings

SIGNED_IN_ONLY = [route for route in ROUTES if route.access in (Access.SIGNED_IN, Access.BUILD)]
BUILDERS_ONLY = [route for route in ROUTES if route.access is Access.BUILD]


def address(route: Route) -> str:
    return re.sub(r"<\w+>", "0193e4a1-0000-7000-8000-000000000000", route.rule)


@pytest.mark.parametrize("route", SIGNED_IN_ONLY, ids=lambda route: route.name)
def test_20_without_a_cookie_every_address_of_the_api_answers_401(house: Installation, route: Route) -> None:
    """Hostile case 20. Defect 10: nothing is reached without sign-in."""
    answer = house.browser().request(route.method, address(route))
    assert (answer.status_code, answer.json["error"]["code"]) == (401, "sign_in_required")


def test_20_unknown_addresses_of_the_api_tell_strangers_nothing(house: Installation) -> None:
    assert house.browser().get("/api/nothing/here").status_code == 401


def test_20_the_session_and_the_description_are_open(house: Installation) -> None:
    stranger = house.browser()
    assert stranger.get("/api/session").json["user"] is None
    assert stranger.get("/api/openapi.json").status_code == 200


@pytest.mark.parametrize("route", BUILDERS_ONLY, ids=lambda route: route.name)
def test_guests_have_the_chat_only(guest: Browser, route: Route) -> None:
    answer = guest.request(route.method, address(route))
    assert (answer.status_code, answer.json["error"]["code"]) == (403, "guests_chat_only")


def test_guests_may_ask(guest: Browser) -> None:
    assert guest.post("/api/ask", {"question": "How do I start?"}).status_code == 200


def test_30_a_cookie_set_before_sign_in_is_worth_nothing_after_it(house: Installation) -> None:
    """Hostile case 30."""
    browser = house.browser()
    browser.client.set_cookie("roost_session", "planted-by-somebody")
    signed_in = browser.post("/auth/local")
    assert signed_in.status_code == 200
    cookie = signed_in.headers["Set-Cookie"]
    assert "planted-by-somebody" not in cookie
    assert browser.get("/api/session").json["user"]["role"] == "owner"
    attacker = house.browser()
    attacker.client.set_cookie("roost_session", "planted-by-somebody")
    assert attacker.get("/api/session").json["user"] is None


def test_30_signing_in_again_ends_the_session_before(house: Installation) -> None:
    browser = house.browser()
    browser.post("/auth/local")
    before = browser.client.get_cookie("roost_session")
    assert before is not None
    browser.post("/auth/local")
    thief = house.browser()
    thief.client.set_cookie("roost_session", before.value)
    assert thief.get("/api/bots").status_code == 401


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(house: Installation) -> None:
    cookie = house.browser().post("/auth/local").headers["Set-Cookie"]
    assert cookie.startswith("roost_session=")
    assert {"HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
    assert "Secure" not in cookie


def test_31_the_cookie_is_dead_after_sign_out(house: Installation) -> None:
    """Hostile case 31."""
    browser = house.browser()
    browser.post("/auth/local")
    cookie = browser.client.get_cookie("roost_session")
    assert cookie is not None
    assert browser.post("/auth/logout").json["user"] is None
    assert browser.client.get_cookie("roost_session") is None
    browser.client.set_cookie("roost_session", cookie.value)
    assert browser.get("/api/bots").status_code == 401


@pytest.mark.parametrize(
    "host", ["evil.tld", "localhost.evil.tld", "localhost@evil.tld", "evil.run.app", "[::1", ""]
)
def test_34_a_foreign_host_is_refused(owner: Browser, host: str) -> None:
    """Hostile case 34."""
    for path in ("/api/session", "/api/bots", "/auth/link"):
        answer = owner.get(path, headers={"Host": host})
        assert (answer.status_code, answer.json["error"]["code"]) == (400, "unknown_host")


def test_34_a_foreign_forwarded_host_is_refused(owner: Browser) -> None:
    assert owner.get("/api/bots", headers={"X-Forwarded-Host": "evil.tld"}).status_code == 400
    assert owner.get("/api/bots", headers={"X-Forwarded-Host": "localhost"}).status_code == 200


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1:8000", "[::1]:8000", "LOCALHOST", "127.8.8.8"])
def test_34_this_machines_own_names_pass(owner: Browser, host: str) -> None:
    assert owner.get("/api/bots", headers={"Host": host}, base_url=f"http://{host}").status_code in (200, 401)
    assert owner.get("/api/session", headers={"Host": host}, base_url=f"http://{host}").status_code == 200


def test_34_the_public_address_passes_with_and_without_its_port(house: Installation) -> None:
    browser = with_settings(house, public_url="https://roost.example")
    for host in ("roost.example", "roost.example:443"):
        assert browser.get("/api/session", headers={"Host": host}).status_code == 200
    assert browser.get("/api/session", headers={"Host": "other.example"}).status_code == 400


def test_34_probes_answer_to_any_name(owner: Browser) -> None:
    assert owner.get("/healthz", headers={"Host": "10.0.0.7"}).status_code == 200
    assert owner.get("/readyz", headers={"Host": "10.0.0.7"}).status_code == 200


def test_35_local_sign_in_cannot_be_reached_by_rebinding(house: Installation) -> None:
    """Hostile case 35."""
    answer = house.browser().post("/auth/local", headers={"Host": "evil.tld", "Origin": "http://evil.tld"})
    assert answer.status_code == 400
    assert "Set-Cookie" not in answer.headers


def test_local_sign_in_needs_every_one_of_its_conditions(house: Installation) -> None:
    assert house.browser().post("/auth/local").status_code == 200
    refused = [
        house.browser().post("/auth/local", environ_overrides={"REMOTE_ADDR": "192.168.1.5"}),
        house.browser().post("/auth/local", headers={"X-Forwarded-For": "127.0.0.1"}),
        house.browser().post("/auth/local", headers={"Forwarded": "for=127.0.0.1"}),
        house.browser().post("/auth/local", headers={"X-Real-Ip": "127.0.0.1"}),
        with_settings(house, host="0.0.0.0").post("/auth/local"),
        with_settings(house, public_url="http://localhost:8000").post("/auth/local"),
        with_settings(house, k_service="roost").post("/auth/local"),
    ]
    assert [answer.status_code for answer in refused] == [403] * len(refused)
    assert all("Set-Cookie" not in answer.headers for answer in refused)


def test_the_session_says_which_ways_of_signing_in_would_work(house: Installation) -> None:
    assert house.browser().get("/api/session").json["sign_in"] == {
        "google": False,
        "local": True,
        "link": False,
    }
    outside = house.browser().get("/api/session", environ_overrides={"REMOTE_ADDR": "192.168.1.5"})
    assert outside.json["sign_in"] == {"google": False, "local": False, "link": True}


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Sec-Fetch-Site": "cross-site"}, id="36-cross-site"),
        pytest.param({"Sec-Fetch-Site": "same-site"}, id="37-same-site"),
        pytest.param({"Origin": "null"}, id="38-null-origin"),
        pytest.param({"Origin": "http://evil.tld"}, id="foreign-origin"),
        pytest.param({"Origin": "http://localhost:3000"}, id="another-port"),
        pytest.param({"Origin": "http://localhost:8000.evil.tld"}, id="a-longer-name"),
    ],
)
def test_requests_from_other_sites_are_refused(
    house: Installation, owner: Browser, headers: dict[str, str]
) -> None:
    """Hostile case 36. Hostile case 37. Hostile case 38."""
    answer = owner.post("/api/threads", {}, headers=headers)
    assert (answer.status_code, answer.json["error"]["code"]) == (403, "cross_site")
    assert owner.get("/api/threads").json["items"] == []
    assert house.browser().post("/auth/local", headers=headers).status_code == 403
    assert owner.get("/api/threads", headers=headers).status_code == 403


@pytest.mark.parametrize("headers", [{"Origin": "http://localhost:8000"}, {"Sec-Fetch-Site": "none"}])
def test_requests_from_our_own_page_pass(owner: Browser, headers: dict[str, str]) -> None:
    assert owner.post("/api/threads", {}, headers=headers).status_code == 201


def test_the_public_address_is_an_origin_of_ours(house: Installation) -> None:
    person = house.add_person(Role.OWNER)
    settings = replace(house.settings, public_url="https://roost.example")
    client = create_app(replace(house.services, settings=settings)).test_client()
    secret = house.services.sign_in.begin_session(person, "tests")
    client.set_cookie("__Host-roost", secret, domain="roost.example", secure=True)
    browser = Browser(client)
    sent = {"Origin": "https://roost.example"}
    assert browser.post("/api/threads", {}, base_url="https://roost.example", headers=sent).status_code == 201


def test_39_a_form_s_text_body_is_not_json(owner: Browser) -> None:
    """Hostile case 39."""
    answer = owner.post("/api/threads", data='{"bot_id": null}', content_type="text/plain")
    assert (answer.status_code, answer.json["error"]["code"]) == (415, "not_json")
    assert owner.post("/api/bots/x/stop", data="{}", content_type="text/plain").status_code == 415


@pytest.mark.parametrize("route", [route for route in ROUTES if route.writes], ids=lambda route: route.name)
def test_40_reading_never_changes_anything(owner: Browser, route: Route) -> None:
    """Hostile case 40."""
    others = {other.method for other in ROUTES if other.rule == route.rule}
    if "GET" not in others:
        answer = owner.get(address(route))
        assert answer.status_code == 405
        assert answer.json["error"]["code"] == "method_not_allowed"
        assert route.method in answer.headers["Allow"]


def test_41_a_preflight_from_another_site_is_given_nothing(owner: Browser) -> None:
    """Hostile case 41."""
    answer = owner.request(
        "OPTIONS",
        "/api/bots",
        headers={
            "Origin": "http://evil.tld",
            "Sec-Fetch-Site": "cross-site",
            "Access-Control-Request-Method": "POST",
        },
    )
    assert answer.status_code == 403
    assert not [name for name, _ in answer.headers if name.lower().startswith("access-control")]


def test_88_trace_is_not_answered(house: Installation) -> None:
    """Hostile case 88."""
    for path in ("/", "/api/session", "/nothing"):
        answer = house.browser().request("TRACE", path)
        assert answer.status_code == 405
        assert "TRACE" not in answer.headers["Allow"]


def test_an_api_key_needs_no_cookie_and_no_origin(house: Installation) -> None:
    script = house.script(house.add_person(Role.MEMBER))
    sent = {"Origin": "http://elsewhere.example", "Sec-Fetch-Site": "cross-site"}
    assert script.post("/api/threads", {}, headers=sent).status_code == 201


def test_an_api_key_has_its_owners_rights_only(house: Installation) -> None:
    script = house.script(house.add_person(Role.GUEST))
    assert script.get("/api/threads").status_code == 200
    assert script.get("/api/bots").status_code == 403


def test_a_cookie_does_not_make_up_for_a_wrong_key(owner: Browser) -> None:
    answer = owner.get("/api/bots", headers={"Authorization": "Bearer roost_madeup"})
    assert (answer.status_code, answer.json["error"]["message"]) == (
        401,
        "This API key is unknown or revoked. Use another.",
    )


def test_a_made_up_key_opens_no_door_for_other_sites(house: Installation) -> None:
    sent = {"Authorization": "Bearer x", "Sec-Fetch-Site": "cross-site"}
    assert house.browser().post("/auth/local", headers=sent).status_code == 403


@pytest.mark.parametrize("state", [State.RESTORING, State.STANDBY, State.HANDOVER])
def test_while_not_ready_the_api_says_so_before_it_asks_who_is_there(
    house: Installation, state: State
) -> None:
    house.readiness.set(state, "The databases are being restored.")
    stranger = house.browser()
    for answer in (stranger.get("/api/bots"), stranger.get("/api/nothing"), stranger.post("/auth/local")):
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) >= 1
        assert answer.json["error"] == {"code": state, "message": "The databases are being restored."}
    session = stranger.get("/api/session")
    assert (session.status_code, session.json["state"]) == (200, state)
    ready = stranger.get("/readyz")
    assert (ready.status_code, ready.json["state"]) == (503, state)
    assert stranger.get("/healthz").status_code == 200


def test_a_stuck_loop_shows_in_the_health(house: Installation) -> None:
    house.loop_alive = False
    answer = house.browser().get("/healthz")
    assert (answer.status_code, answer.json["status"]) == (503, "stuck")


def test_92_figures_and_description_are_closed_on_cloud_run(house: Installation) -> None:
    assert house.browser().get("/metrics").status_code == 200
    stranger = with_settings(house, k_service="roost")
    host = {"Host": "roost-abc.a.run.app"}
    assert stranger.get("/metrics", headers=host).status_code == 401
    assert stranger.get("/api/openapi.json", headers=host).status_code == 401


def test_figures_are_shown_to_this_machine_only(house: Installation, guest: Browser, member: Browser) -> None:
    far = {"environ_overrides": {"REMOTE_ADDR": "192.168.1.5"}}
    assert house.browser().get("/metrics", **far).status_code == 401
    assert house.browser().get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 401
    assert guest.get("/metrics", **far).status_code == 403
    assert member.get("/metrics", **far).status_code == 200

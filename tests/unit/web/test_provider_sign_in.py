"""Signing in at a provider, honest and lying. Numbers are those of the hostile cases."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from joserfc.jwk import RSAKey

from roost.domain.accounts import Role
from roost.domain.local_paths import local_path
from tests.fakes.fake_oidc import CLIENT_ID, CLIENT_SECRET, FakeOidc, fake_oidc
from tests.fakes.installation import Answer, Browser, Installation, SteppedClock, installation

OWNER = "owner@example.org"
MEMBER = "member@example.org"


@pytest.fixture
def provider() -> Iterator[FakeOidc]:
    with fake_oidc() as made:
        made.sign_in_as("10001", "guest@example.org")
        yield made


@pytest.fixture
def house(tmp_path: Path, provider: FakeOidc) -> Iterator[Installation]:
    environ = {
        "PUBLIC_URL": "http://localhost:8000",
        "GOOGLE_CLIENT_ID": CLIENT_ID,
        "GOOGLE_CLIENT_SECRET": CLIENT_SECRET,
        "OIDC_ISSUER": provider.issuer,
        "OWNER_EMAILS": f"{OWNER}, second@example.org",
        "ALLOWED_EMAILS": MEMBER,
    }
    with installation(tmp_path, environ) as made:
        yield made


def begin(browser: Browser, wanted: str | None = None) -> str:
    """The provider's address that the browser is sent to."""
    path = "/auth/google" if wanted is None else "/auth/google?" + urlencode({"next": wanted})
    answer = browser.get(path)
    assert answer.status_code == 302, answer.text
    return answer.headers["Location"]


def come_back(browser: Browser, address: str, **options: Any) -> Answer:
    parts = urlsplit(address)
    headers = {"Sec-Fetch-Site": "cross-site", **options.pop("headers", {})}
    return browser.get(f"{parts.path}?{parts.query}", headers=headers, **options)


def sign_in(browser: Browser, provider: FakeOidc, wanted: str | None = None) -> Answer:
    return come_back(browser, provider.authorize(begin(browser, wanted)))


def user(browser: Browser) -> Any:
    return browser.get("/api/session").json["user"]


def refused(answer: Answer, browser: Browser, code: str, status: int = 400) -> None:
    """A sentence, and nobody signed in."""
    assert (answer.status_code, answer.json["error"]["code"]) == (status, code), answer.text
    assert len(answer.json["error"]["message"]) > 20
    assert "roost_session" not in str(answer.headers.getlist("Set-Cookie"))
    assert user(browser) is None


def test_somebody_signs_in_and_is_a_guest(house: Installation, provider: FakeOidc) -> None:
    browser = house.browser()
    assert browser.get("/api/session").json["sign_in"] == {"google": True, "local": False, "link": False}
    answer = sign_in(browser, provider, "/ask")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/ask")
    assert user(browser) == {
        "id": user(browser)["id"],
        "name": "Somebody",
        "email": "guest@example.org",
        "role": "guest",
    }
    assert browser.get("/api/bots").status_code == 403


@pytest.mark.parametrize(
    ("email", "role"), [(OWNER, "owner"), ("Second@Example.org", "owner"), (MEMBER.upper(), "member")]
)
def test_the_settings_say_who_owns_and_who_belongs(
    house: Installation, provider: FakeOidc, email: str, role: str
) -> None:
    provider.sign_in_as("20002", email)
    browser = house.browser()
    sign_in(browser, provider)
    assert user(browser)["role"] == role


def test_the_same_subject_is_the_same_person_under_any_address(
    house: Installation, provider: FakeOidc
) -> None:
    browser = house.browser()
    sign_in(browser, provider)
    first = user(browser)["id"]
    provider.sign_in_as("10001", "new-name@example.org", name="Renamed")
    sign_in(browser, provider)
    assert (user(browser)["id"], user(browser)["name"]) == (first, "Renamed")


def test_the_request_to_the_provider_carries_pkce_state_nonce_and_the_configured_address(
    house: Installation, provider: FakeOidc
) -> None:
    asked = parse_qs(urlsplit(begin(house.browser())).query)
    assert asked["redirect_uri"] == ["http://localhost:8000/auth/callback"]
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["scope"] == ["openid email profile"]
    for name in ("state", "nonce", "code_challenge"):
        assert len(asked[name][0]) >= 43
    assert CLIENT_SECRET not in str(asked)


def test_the_description_and_the_keys_are_read_once(house: Installation, provider: FakeOidc) -> None:
    for _ in range(3):
        sign_in(house.browser(), provider)
    assert sorted(provider.reads) == ["/.well-known/openid-configuration", "/keys"]


def test_a_key_that_the_provider_exchanged_is_asked_for_again(
    house: Installation, provider: FakeOidc
) -> None:
    stranger = RSAKey.generate_key(2048, {"kid": "one"})
    sign_in(house.browser(), provider)
    provider.turn_key("two")
    # The keys were read a moment ago: what cannot be checked with them is refused, without asking on and on.
    provider.forge = lambda claims: provider.id_token(claims, stranger)
    browser = house.browser()
    refused(sign_in(browser, provider), browser, "wrong_token")


def test_21_an_altered_state_is_refused(house: Installation, provider: FakeOidc) -> None:
    """Hostile case 21: altered state -> 400, no session."""
    browser = house.browser()
    address = provider.authorize(begin(browser))
    state = parse_qs(urlsplit(address).query)["state"][0]
    refused(come_back(browser, address.replace(state, state[:-2] + "xx")), browser, "wrong_state")
    other = house.browser()
    begin(other)
    refused(come_back(other, address.replace(f"state={state}", "nothing=1")), other, "wrong_state")


def test_21_an_altered_cookie_is_refused(house: Installation, provider: FakeOidc) -> None:
    """Hostile case 21, from the other side: what the browser keeps is sealed."""
    browser = house.browser()
    address = provider.authorize(begin(browser))
    cookie = browser.client.get_cookie("roost_sign_in")
    assert cookie is not None
    state = parse_qs(urlsplit(address).query)["state"][0]
    assert state not in cookie.value
    browser.client.set_cookie("roost_sign_in", cookie.value[:-8] + "AAAAAAA=")
    refused(come_back(browser, address), browser, "wrong_state")


def test_22_a_callback_works_once(house: Installation, provider: FakeOidc) -> None:
    """Hostile case 22: callback replayed -> 400, even with the cookie of the first time."""
    browser = house.browser()
    address = provider.authorize(begin(browser))
    cookie = browser.client.get_cookie("roost_sign_in")
    assert cookie is not None
    assert come_back(browser, address).status_code == 302
    assert come_back(browser, address).json["error"]["code"] == "wrong_state"
    thief = house.browser()
    thief.client.set_cookie("roost_sign_in", cookie.value)
    refused(come_back(thief, address), thief, "replayed")


def test_22_a_code_works_once_at_the_provider_too(house: Installation, provider: FakeOidc) -> None:
    """Hostile case 22: another sign-in's code, with a state that is right."""
    first, second = house.browser(), house.browser()
    used = provider.authorize(begin(first))
    assert come_back(first, used).status_code == 302
    fresh = provider.authorize(begin(second))
    code, other = (parse_qs(urlsplit(each).query)["code"][0] for each in (fresh, used))
    refused(come_back(second, fresh.replace(code, other)), second, "code_refused")


def test_23_somebody_elses_callback_signs_nobody_in(house: Installation, provider: FakeOidc) -> None:
    """Hostile case 23: a victim opens the attacker's callback -> 400."""
    attacker, victim = house.browser(), house.browser()
    address = provider.authorize(begin(attacker))
    refused(come_back(victim, address), victim, "wrong_state")
    begin(victim)
    refused(come_back(victim, address), victim, "wrong_state")


def test_23_a_code_cannot_be_moved_to_another_sign_in(house: Installation, provider: FakeOidc) -> None:
    """Hostile case 23: the code of one browser under the state of another fails its PKCE verifier."""
    attacker, victim = house.browser(), house.browser()
    stolen = parse_qs(urlsplit(provider.authorize(begin(attacker))).query)["code"][0]
    own = provider.authorize(begin(victim))
    code = parse_qs(urlsplit(own).query)["code"][0]
    refused(come_back(victim, own.replace(code, stolen)), victim, "code_refused")


def unsigned(claims: dict[str, Any]) -> str:
    parts = ({"alg": "none", "typ": "JWT"}, claims)
    return (
        ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts)
        + "."
    )


def signed_with_the_secret(claims: dict[str, Any]) -> str:
    from joserfc import jwt
    from joserfc.jwk import OctKey

    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(CLIENT_SECRET * 3))


def without(name: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda claims: {key: value for key, value in claims.items() if key != name}


def having(**changes: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda claims: {**claims, **changes}


FORGERIES: dict[str, Callable[[dict[str, Any]], dict[str, Any] | str]] = {
    "24: a wrong nonce": having(nonce="another"),
    "24: no nonce": without("nonce"),
    "25: a wrong aud": having(aud="another-client"),
    "25: several aud, another azp": having(aud=[CLIENT_ID, "another"], azp="another"),
    "25: no aud": without("aud"),
    "26: a wrong iss": having(iss="https://accounts.evil.example"),
    "26: no iss": without("iss"),
    "27: expired": having(exp=1_700_000_000),
    "27: no exp": without("exp"),
    "28: alg=none": unsigned,
    "28: signed with the client's secret": signed_with_the_secret,
    "no token at all": lambda claims: "",
    "not a token": lambda claims: "a.b.c",
    "no sub": without("sub"),
    "sub is a list": having(sub=["10001"]),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_24_to_28_a_token_that_is_not_right_in_everything_is_refused(
    tmp_path: Path, provider: FakeOidc, name: str
) -> None:
    """Hostile case 24. Hostile case 25. Hostile case 26. Hostile case 27. Hostile case 28.

    A wrong nonce, aud, iss, an expired token, alg=none -> 400.
    """
    provider.forge = FORGERIES[name]
    environ = {
        "PUBLIC_URL": "http://localhost:8000",
        "GOOGLE_CLIENT_ID": CLIENT_ID,
        "GOOGLE_CLIENT_SECRET": CLIENT_SECRET,
        "OIDC_ISSUER": provider.issuer,
    }
    with installation(tmp_path, environ) as house:
        browser = house.browser()
        refused(sign_in(browser, provider), browser, "wrong_token")
        assert [
            each.person.name for each in house.people.page(house.services.sign_in.local_owner(), None, 9)
        ] == ["Owner"]


@pytest.mark.parametrize("verified", [False, None, "false", "true", 1])
def test_29_an_address_that_is_not_verified_links_no_account(
    house: Installation, provider: FakeOidc, verified: object
) -> None:
    """Hostile case 29: email_verified=false -> no account is linked."""
    provider.sign_in_as("30003", OWNER)
    provider.forge = having(email_verified=verified)
    browser = house.browser()
    refused(sign_in(browser, provider), browser, "email_not_verified")


def test_30_the_session_is_a_new_one(house: Installation, provider: FakeOidc) -> None:
    """Hostile case 30: a session cookie set before sign-in -> new id."""
    browser = house.browser()
    browser.client.set_cookie("roost_session", "planted-by-somebody")
    sign_in(browser, provider)
    cookie = browser.client.get_cookie("roost_session")
    assert cookie is not None
    assert cookie.value != "planted-by-somebody"
    first = cookie.value
    sign_in(browser, provider)
    thief = house.browser()
    thief.client.set_cookie("roost_session", first)
    assert user(thief) is None


def test_31_the_cookie_is_worth_nothing_after_signing_out(house: Installation, provider: FakeOidc) -> None:
    """Hostile case 31: cookie after sign-out -> 401."""
    browser = house.browser()
    sign_in(browser, provider)
    cookie = browser.client.get_cookie("roost_session")
    assert cookie is not None
    assert browser.get("/api/threads").status_code == 200
    browser.post("/auth/logout")
    browser.client.set_cookie("roost_session", cookie.value)
    assert browser.get("/api/threads").status_code == 401


ELSEWHERE = [
    "//evil.example", "/\\evil.example", "\\\\evil.example", "https:evil.example", "https://evil.example",
    "/\r\nSet-Cookie: a=b", "/\t/evil.example", "/\n/evil.example", "javascript:alert(1)", "evil",
    "", " /ask", "/ask evil", "/api/bots", "/auth/google", "/" + "a" * 600, "/\u202eevil",
]  # fmt: skip


@pytest.mark.parametrize("wanted", ELSEWHERE)
def test_32_nobody_is_sent_to_another_site(house: Installation, provider: FakeOidc, wanted: str) -> None:
    """Hostile case 32: next=//evil, /\\evil, https:evil, %0d%0a -> /"""
    answer = sign_in(house.browser(), provider, wanted)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")


@pytest.mark.parametrize("wanted", ["/", "/ask/0193e4a1", "/bots/1?tab=logs", "/status#top"])
def test_32_a_page_here_may_be_wanted(wanted: str) -> None:
    assert local_path(wanted) == wanted


def test_33_what_the_provider_says_is_shown_as_text(house: Installation, provider: FakeOidc) -> None:
    """Hostile case 33: provider error with markup -> escaped 400, as a page and as JSON."""
    said = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    for accept, media in (("text/html,*/*;q=0.8", "text/html"), ("*/*", "application/json")):
        browser = house.browser()
        state = parse_qs(urlsplit(begin(browser)).query)["state"][0]
        query = urlencode({"error": "invalid_scope", "error_description": said, "state": state})
        answer = browser.get(f"/auth/callback?{query}", headers={"Accept": accept})
        assert answer.status_code == 400
        assert answer.headers["Content-Type"].startswith(media)
        assert "<script>" not in answer.text
        assert "<img" not in answer.text
        assert "alert(1)" in answer.text
        assert user(browser) is None


def test_33_an_error_without_its_state_repeats_nothing(house: Installation) -> None:
    """Hostile case 33: a link that somebody made up says nothing in Roost's name."""
    browser = house.browser()
    answer = browser.get("/auth/callback?error=x&error_description=call+0800+evil")
    refused(answer, browser, "wrong_state")
    assert "0800" not in answer.text


@pytest.mark.parametrize("header", ["Host", "X-Forwarded-Host"])
def test_34_a_foreign_host_is_refused_and_decides_nothing(
    house: Installation, provider: FakeOidc, header: str
) -> None:
    """Hostile case 34: foreign Host or X-Forwarded-Host -> 400."""
    browser = house.browser()
    for path in ("/auth/google", "/auth/callback?code=1&state=2"):
        answer = browser.get(path, headers={header: "evil.example"})
        assert (answer.status_code, answer.json["error"]["code"]) == (400, "unknown_host")


def test_34_the_redirect_address_comes_from_the_settings(house: Installation, provider: FakeOidc) -> None:
    """Hostile case 34: another loopback name in Host changes nothing."""
    answer = house.browser().get("/auth/google", base_url="http://127.0.0.1:9999")
    asked = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert asked["redirect_uri"] == ["http://localhost:8000/auth/callback"]


@pytest.mark.parametrize("subject", ["owner", "local", "local owner"])
def test_94_a_subject_named_like_the_local_owner_is_somebody_else(
    house: Installation, provider: FakeOidc, subject: str
) -> None:
    """Hostile case 94: a provider "sub" equal to the local owner's name -> a separate account."""
    local = house.services.sign_in.local_owner()
    provider.sign_in_as(subject, "stranger@example.org")
    browser = house.browser()
    sign_in(browser, provider)
    assert user(browser)["id"] != local.id
    assert user(browser)["role"] == "guest"


def test_a_sign_in_that_took_too_long_is_refused(house: Installation, provider: FakeOidc) -> None:
    browser = house.browser()
    address = provider.authorize(begin(browser))
    assert isinstance(house.clock, SteppedClock)
    house.clock.step(601)
    refused(come_back(browser, address), browser, "wrong_state")


def test_a_provider_that_does_not_answer_is_told_of(house: Installation, provider: FakeOidc) -> None:
    provider.down = True
    browser = house.browser()
    refused(browser.get("/auth/google"), browser, "provider", status=503)
    provider.down = False
    assert sign_in(browser, provider).status_code == 302


def test_a_provider_that_names_another_one_is_not_used(house: Installation, provider: FakeOidc) -> None:
    issuer, provider.issuer = provider.issuer, "http://127.0.0.1:1"
    browser = house.browser()
    refused(browser.get("/auth/google"), browser, "provider", status=503)
    provider.issuer = issuer


def test_declining_is_no_error_of_anybody(house: Installation, provider: FakeOidc) -> None:
    browser = house.browser()
    state = parse_qs(urlsplit(begin(browser)).query)["state"][0]
    answer = browser.get(f"/auth/callback?error=access_denied&state={state}")
    refused(answer, browser, "provider_refused")


def test_84_attempts_are_counted(house: Installation) -> None:
    """Hostile case 84: 200 sign-ins a minute -> 429 with Retry-After."""
    answers = [house.browser().get("/auth/callback?state=1&code=2") for _ in range(40)]
    assert answers[0].status_code == 400
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["Retry-After"]) >= 1


def test_without_a_provider_there_is_no_way_to_it(tmp_path: Path) -> None:
    with installation(tmp_path) as house:
        for path in ("/auth/google", "/auth/callback?code=1&state=2"):
            assert house.browser().get(path).json["error"]["code"] == "no_provider"


def test_failed_and_good_sign_ins_are_audited(house: Installation, provider: FakeOidc) -> None:
    sign_in(house.browser(), provider)
    browser = house.browser()
    begin(browser)
    browser.get("/auth/callback?state=1&code=2")
    entries = house.services.audit.page(None, 10)
    assert [entry.action.value for entry in entries] == ["sign_in_failed", "signed_in"]
    assert entries[1].actor == "guest@example.org"
    assert "code=2" not in str(entries)


def test_the_cookie_of_an_unfinished_sign_in_is_bound_and_short(
    house: Installation, provider: FakeOidc
) -> None:
    answer = house.browser().get("/auth/google")
    cookie = answer.headers["Set-Cookie"]
    assert {"HttpOnly", "Path=/", "SameSite=Lax", "Max-Age=600"} <= set(cookie.split("; "))
    assert len(cookie) < 2000


def test_a_session_begun_by_role_is_stored_with_it(house: Installation, provider: FakeOidc) -> None:
    browser = house.browser()
    provider.sign_in_as("40004", OWNER)
    sign_in(browser, provider)
    people = browser.get("/api/people").json["items"]
    found = [each for each in people if each["email"] == OWNER]
    assert [(each["role"], each["grant"], each["sessions"]) for each in found] == [
        (Role.OWNER.value, "settings", 1)
    ]

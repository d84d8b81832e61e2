"""Three people sign in at a real OpenID provider, in real browsers: what each sees, how one leaves."""

from __future__ import annotations

import re
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from oidc_provider_mock import User, run_server_in_thread
from playwright.sync_api import Browser, BrowserContext, Page, expect

from roost.domain.accounts import Role
from tests.e2e.people import seed_keys
from tests.e2e.roost_process import RoostProcess
from tests.e2e.world import TOKEN, wait_for
from tests.fakes.fake_telegram import FakeTelegram

# The provider's own code, which is built on what Authlib has since replaced.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

EMAILS = {"owner": "boss@example.org", "member": "anna@example.org", "guest": "guest@example.org"}
PAGES = {
    "owner": {"Bots", "Ask", "Knowledge", "Insights", "Widgets", "Status", "People", "Settings"},
    "member": {"Bots", "Ask", "Knowledge", "Insights", "Widgets", "Status", "Settings"},
    "guest": {"Ask", "Settings"},
}


@dataclass(frozen=True, slots=True)
class House:
    roost: RoostProcess
    telegram: FakeTelegram
    issuer: str


def free_port() -> int:
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def settings_for(port: int, issuer: str) -> dict[str, str]:
    return {
        "PORT": str(port),
        "PUBLIC_URL": f"http://localhost:{port}",
        "GOOGLE_CLIENT_ID": "roost",
        "GOOGLE_CLIENT_SECRET": "made-up-for-tests",
        "OIDC_ISSUER": issuer,
        "OWNER_EMAILS": EMAILS["owner"],
    }


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    users = [
        User(sub=name, claims={"email": email, "email_verified": True, "name": name.capitalize()})
        for name, email in EMAILS.items()
    ]
    port = free_port()
    with run_server_in_thread(user_claims=users) as provider, FakeTelegram() as telegram:
        issuer = f"http://localhost:{provider.server_port}"
        environ = {**settings_for(port, issuer), "TELEGRAM_API_BASE_URL": telegram.url}
        with RoostProcess(tmp_path_factory.mktemp("data"), environ) as roost:
            yield House(roost.start(), telegram, issuer)


@contextmanager
def signed_in(browser: Browser, house: House, name: str, wanted: str = "/") -> Iterator[Page]:
    """Goes the whole way through the provider's own page."""
    context: BrowserContext = browser.new_context(base_url=house.roost.base_url)
    try:
        page = context.new_page()
        page.goto(wanted)
        page.get_by_role("link", name="Sign in with Google").click()
        page.get_by_role("button", name=name, exact=True).click()
        page.wait_for_url(re.compile(re.escape(house.roost.base_url)))
        yield page
    finally:
        context.close()


def pages_of(page: Page) -> set[str]:
    expect(page.get_by_role("navigation", name="Pages").first).to_be_visible()
    links = page.get_by_role("navigation", name="Pages").first.get_by_role("link")
    return {text.strip() for text in links.all_inner_texts()}


def status_of(page: Page, path: str) -> int:
    script = "async (path) => (await fetch(path)).status"
    return int(page.evaluate(script, path))


def test_three_people_see_what_is_theirs_and_one_is_removed(browser: Browser, house: House) -> None:
    """Hostile case 42. Hostile case 45: in the browser, too, each sees their own."""
    house.telegram.add(TOKEN)
    with signed_in(browser, house, "owner", "/people") as boss:
        expect(boss).to_have_url(f"{house.roost.base_url}/people")
        assert pages_of(boss) == PAGES["owner"]
        boss.get_by_role("textbox", name="E-mail address").fill(EMAILS["member"])
        boss.get_by_role("button", name="Invite").click()
        expect(boss.get_by_role("list", name="Open invitations")).to_contain_text(EMAILS["member"])

        with signed_in(browser, house, "member") as anna, signed_in(browser, house, "guest") as guest:
            assert pages_of(anna) == PAGES["member"]
            assert pages_of(guest) == PAGES["guest"]
            expect(guest).to_have_url(re.compile("/ask"))
            guest.goto("/people")
            expect(guest).to_have_url(re.compile("/ask"))
            assert [status_of(guest, path) for path in ("/api/bots", "/api/people")] == [403, 403]
            assert [status_of(anna, path) for path in ("/api/bots", "/api/people", "/api/audit")] == [
                200,
                403,
                403,
            ]
            added = anna.evaluate(
                "async (token) => (await (await fetch('/api/bots', {method: 'POST',"
                " headers: {'Content-Type': 'application/json'},"
                " body: JSON.stringify({platform: 'telegram', token, start: true})})).json()).id",
                TOKEN,
            )
            wait_for(lambda: house.telegram.polling() == 1, "the bot polls")
            assert status_of(guest, f"/api/bots/{added}") == 403
            assert status_of(boss, f"/api/bots/{added}") == 200

            boss.reload()
            people = boss.get_by_role("list", name="Who is here")
            expect(people).to_contain_text("Member by invitation")
            expect(people).to_contain_text("Guest may only ask")
            boss.get_by_role("button", name=f"Remove {EMAILS['member']}").click()
            boss.get_by_role("dialog").get_by_role("button", name="Remove").click()
            expect(people).not_to_contain_text(EMAILS["member"])
            # Her open page loses its stream, asks again, and is shown the way in.
            expect(anna.get_by_role("link", name="Sign in with Google")).to_be_visible()
            assert status_of(anna, "/api/threads") == 401
            assert house.telegram.polling() == 1, "her bot goes on, as the owner's"
            boss.goto("/")
            expect(boss.get_by_role("main")).to_contain_text("@")

        boss.goto("/people")
        log = boss.get_by_role("list", name="Log entries")
        for said in (
            f"{EMAILS['owner']} invited {EMAILS['member']}",
            f"{EMAILS['owner']} removed {EMAILS['member']} (1 bot(s) passed on)",
            f"{EMAILS['member']} added the bot",
            f"{EMAILS['guest']} signed in",
        ):
            expect(log).to_contain_text(said)
        assert TOKEN not in boss.content()

    context = browser.new_context(base_url=house.roost.base_url)
    again = context.new_page()
    again.goto("/auth/google")
    again.get_by_role("button", name="member", exact=True).click()
    expect(again.get_by_role("alert")).to_contain_text("removed you")
    context.close()


def test_a_browser_is_signed_out_from_another(browser: Browser, house: House) -> None:
    with signed_in(browser, house, "guest") as here, signed_in(browser, house, "guest") as there:
        here.goto("/settings")
        sessions = here.get_by_role("list", name="Where you are signed in")
        expect(sessions).to_contain_text("this browser")
        sessions.get_by_role("button", name="Sign out").first.click()
        wait_for(lambda: status_of(there, "/api/threads") == 401, "the other browser is signed out")
        assert status_of(here, "/api/threads") == 200
        expect(here.get_by_role("heading", name="API keys")).to_have_count(0)


def test_an_owner_signs_out_whoever_came_by_a_link(browser: Browser, house: House) -> None:
    with (
        signed_in(browser, house, "owner", "/people") as boss,
        httpx.Client(base_url=house.roost.base_url) as somebody,
    ):
        made = boss.evaluate(
            "async () => (await (await fetch('/api/sign-in-links', {method: 'POST',"
            " headers: {'Content-Type': 'application/json'}, body: '{}'})).json()).url"
        )
        assert somebody.post("/auth/link", json={"code": made.partition("#")[2]}).status_code == 200
        assert somebody.get("/api/people").status_code == 200
        boss.reload()
        boss.get_by_role("button", name="Sessions of Owner").click()
        sessions = boss.get_by_role("list", name="Where Owner is signed in")
        expect(sessions.get_by_role("listitem")).to_have_count(1)
        sessions.get_by_role("button", name="Sign out").click()
        expect(boss.get_by_role("dialog")).to_contain_text("Nowhere")
        assert somebody.get("/api/people").status_code == 401
        boss.get_by_role("dialog").get_by_role("button", name="Close").last.click()
        log = boss.get_by_role("list", name="Log entries")
        expect(log).to_contain_text(f"{EMAILS['owner']} made a sign-in link")
        expect(log).to_contain_text(f"{EMAILS['owner']} ended a session of Owner")


def test_21_22_23_34_against_the_running_server(house: House) -> None:
    """Hostile case 21. Hostile case 22. Hostile case 23. Hostile case 34: over sockets."""
    base = house.roost.base_url
    with httpx.Client(base_url=base) as mine, httpx.Client(base_url=base) as victim:
        address = mine.get("/auth/google").headers["Location"]
        asked = httpx.URL(address).params
        assert asked["redirect_uri"] == f"{base}/auth/callback"
        answer = httpx.post(address, data={"sub": "guest"})
        back = answer.headers["Location"]
        assert victim.get(back).status_code == 400
        assert mine.get(back.replace("state=", "state=x")).status_code == 400
        # What did not fit was not used up only where it was somebody else's: this browser starts again.
        address = mine.get("/auth/google").headers["Location"]
        back = httpx.post(address, data={"sub": "guest"}).headers["Location"]
        assert mine.get(back).status_code == 302
        assert mine.get("/api/threads").status_code == 200
        assert mine.get(back).status_code == 400
        for header in ("Host", "X-Forwarded-Host"):
            assert mine.get("/auth/google", headers={header: "evil.example"}).status_code == 400


def test_46_a_copied_ciphertext_crashes_its_bot_and_is_audited(tmp_path: Path) -> None:
    """Hostile case 46: a ciphertext copied to another row -> decryption refused, audited."""
    other = "700000002:" + "B" * 35
    [(_, key)] = seed_keys(tmp_path, [Role.OWNER])
    with FakeTelegram() as telegram, RoostProcess(tmp_path, {"TELEGRAM_API_BASE_URL": telegram.url}) as roost:
        roost.start()
        with httpx.Client(base_url=roost.base_url, headers={"Authorization": f"Bearer {key}"}) as owner:
            bots = []
            for token in (TOKEN, other):
                telegram.add(token)
                made = owner.post("/api/bots", json={"platform": "telegram", "token": token, "start": True})
                assert made.status_code == 201, made.text
                bots.append(made.json()["id"])
            wait_for(lambda: telegram.polling() == 2, "both bots poll")
            roost.terminate()
            with closing(sqlite3.connect(tmp_path / "bot_configs.db")) as db:
                db.execute(
                    "UPDATE bot_configs SET token = (SELECT token FROM bot_configs WHERE bot_id = ?)"
                    " WHERE bot_id = ?",
                    bots,
                )
                db.commit()
            roost.start()

            def crashed() -> bool:
                bot = owner.get(f"/api/bots/{bots[1]}").json()
                return bool(bot["status"] == "crashed" and "decrypted" in bot["reason"])

            wait_for(crashed, "the bot with the copied token has crashed")
            wait_for(lambda: telegram.polling() == 1, "the other one runs")
            refusals = [
                each
                for each in owner.get("/api/audit").json()["items"]
                if each["action"] == "decryption_refused"
            ]
            assert [each["subject_id"] for each in refusals] == [bots[1]]
            assert TOKEN not in roost.printed


def test_92_on_cloud_run_strangers_get_neither_figures_nor_description(tmp_path: Path) -> None:
    """Hostile case 92: /metrics and the API description without sign-in on Cloud Run -> 401."""
    environ = {"K_SERVICE": "roost", "HOST": "127.0.0.1", "OWNER_EMAILS": EMAILS["owner"]}
    with RoostProcess(tmp_path, environ) as roost:
        roost.start()
        for path in ("/metrics", "/api/openapi.json", "/api/audit"):
            assert httpx.get(roost.base_url + path).status_code == 401


def test_half_a_sign_in_refuses_to_start(tmp_path: Path) -> None:
    whole = settings_for(8123, "https://accounts.google.com")
    for missing in ("GOOGLE_CLIENT_SECRET", "PUBLIC_URL", "GOOGLE_CLIENT_ID"):
        environ = {name: value for name, value in whole.items() if name != missing}
        code, said = RoostProcess(tmp_path, environ).refuse_to_start()
        assert (code, missing in said) == (1, True)
        assert len(said.strip().splitlines()) == 1
    code, said = RoostProcess(tmp_path, {**whole, "OIDC_ISSUER": "http://idp.example.org"}).refuse_to_start()
    assert (code, "OIDC_ISSUER" in said) == (1, True)

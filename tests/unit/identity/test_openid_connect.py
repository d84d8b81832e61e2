"""What is asked of a provider, how often, and what is taken from it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from roost.errors import RemoteUnreachable
from roost.identity.openid_connect import CACHED_S, KEYS_AGAIN_AFTER_S, OpenIdProvider
from roost.services.ports import SignInRefused
from tests.fakes.fake_oidc import CLIENT_ID, CLIENT_SECRET, FakeOidc, fake_oidc
from tests.fakes.installation import SteppedClock

BACK = "http://localhost:8000/auth/callback"
NONCE, VERIFIER = "n" * 43, "v" * 64
DESCRIPTION, KEYS = "/.well-known/openid-configuration", "/keys"


@pytest.fixture
def provider() -> Iterator[FakeOidc]:
    with fake_oidc() as made:
        made.sign_in_as("1", "anna@example.org", name="Anna")
        yield made


@pytest.fixture
def clock() -> SteppedClock:
    """At the real time, which stands in the tokens."""
    clock = SteppedClock()
    clock.at = datetime.now(UTC)
    return clock


@pytest.fixture
def client(provider: FakeOidc, clock: SteppedClock) -> OpenIdProvider:
    return OpenIdProvider(provider.issuer, CLIENT_ID, CLIENT_SECRET, BACK, clock)


def code(client: OpenIdProvider, provider: FakeOidc) -> str:
    back = provider.authorize(client.address("state", NONCE, VERIFIER))
    return parse_qs(urlsplit(back).query)["code"][0]


def test_the_provider_says_who_somebody_is(client: OpenIdProvider, provider: FakeOidc) -> None:
    identity = client.identify(code(client, provider), NONCE, VERIFIER)
    assert (identity.issuer, identity.subject) == (provider.issuer, "1")
    assert (identity.email, identity.name) == ("anna@example.org", "Anna")
    assert identity.account == f"{provider.issuer} 1"


@pytest.mark.parametrize("setting", ["with the slash", "without"])
def test_a_provider_whose_name_ends_in_a_slash_is_taken_by_its_own_name(
    provider: FakeOidc, clock: SteppedClock, setting: str
) -> None:
    """As Auth0 and authentik do; OpenID Connect Discovery 1.0, section 4.1, for where it is described."""
    address = provider.issuer
    provider.issuer = f"{address}/"
    named = provider.issuer if setting == "with the slash" else address
    client = OpenIdProvider(named, CLIENT_ID, CLIENT_SECRET, BACK, clock)
    assert client.identify(code(client, provider), NONCE, VERIFIER).issuer == f"{address}/"
    assert provider.reads[0] == DESCRIPTION
    # A token must use that very name.
    provider.forge = lambda claims: {**claims, "iss": address}
    with pytest.raises(SignInRefused):
        client.identify(code(client, provider), NONCE, VERIFIER)


def test_keys_are_asked_for_again_when_the_provider_has_new_ones(
    client: OpenIdProvider, provider: FakeOidc, clock: SteppedClock
) -> None:
    client.identify(code(client, provider), NONCE, VERIFIER)
    provider.turn_key("two")
    with pytest.raises(SignInRefused):
        client.identify(code(client, provider), NONCE, VERIFIER)
    assert provider.reads.count(KEYS) == 1, "they were read a moment ago"
    clock.step(KEYS_AGAIN_AFTER_S)
    assert client.identify(code(client, provider), NONCE, VERIFIER).subject == "1"
    assert provider.reads.count(KEYS) == 2


def test_forged_tokens_do_not_make_roost_ask_on_and_on(
    client: OpenIdProvider, provider: FakeOidc, clock: SteppedClock
) -> None:
    other = FakeOidc().key
    provider.forge = lambda claims: provider.id_token(claims, other)
    for _ in range(5):
        clock.step(KEYS_AGAIN_AFTER_S / 10)
        with pytest.raises(SignInRefused):
            client.identify(code(client, provider), NONCE, VERIFIER)
    assert provider.reads.count(KEYS) == 1


def test_what_was_read_is_kept_for_an_hour(
    client: OpenIdProvider, provider: FakeOidc, clock: SteppedClock
) -> None:
    client.address("state", NONCE, VERIFIER)
    clock.step(CACHED_S - 1)
    client.address("state", NONCE, VERIFIER)
    assert provider.reads.count(DESCRIPTION) == 1
    clock.step(1)
    client.address("state", NONCE, VERIFIER)
    assert provider.reads.count(DESCRIPTION) == 2


def test_a_provider_that_cannot_be_reached_may_be_asked_again(clock: SteppedClock) -> None:
    dead = OpenIdProvider("http://127.0.0.1:9", CLIENT_ID, CLIENT_SECRET, BACK, clock)
    with pytest.raises(RemoteUnreachable) as caught:
        dead.address("state", NONCE, VERIFIER)
    assert caught.value.retryable
    assert CLIENT_SECRET not in str(caught.value)


def test_a_wrong_secret_signs_nobody_in(provider: FakeOidc, clock: SteppedClock) -> None:
    client = OpenIdProvider(provider.issuer, CLIENT_ID, "wrong", BACK, clock)
    with pytest.raises(SignInRefused) as caught:
        client.identify(code(client, provider), NONCE, VERIFIER)
    assert caught.value.code == "code_refused"


def test_google_may_name_itself_without_the_scheme_and_nobody_else(
    client: OpenIdProvider, provider: FakeOidc
) -> None:
    provider.forge = lambda claims: {**claims, "iss": provider.issuer.removeprefix("http://")}
    with pytest.raises(SignInRefused):
        client.identify(code(client, provider), NONCE, VERIFIER)

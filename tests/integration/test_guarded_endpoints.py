"""The model endpoint of a member's bot: never an address inside the network that Roost runs in."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from roost.clock import SystemClock
from roost.domain.accounts import Role
from roost.errors import RemoteRejected, RemoteUnreachable
from roost.knowledge.addresses import AddressPolicy, AllowedHost, IPAddress, SystemResolver
from roost.llm.openai_compatible import OpenAICompatible
from roost.llm.patience import Limits
from roost.services.ports import Endpoint, PromptMessage, WrittenText
from tests.fakes.fake_llm import FakeLlm
from tests.fakes.installation import TOKEN, Installation, installation

pytestmark = pytest.mark.integration

KEY = "sk-" + "made-up-key-of-a-test-0123456789"
LIMITS = Limits(connect_s=1, first_s=2, next_s=2, total_s=4)
MESSAGES = (PromptMessage("user", "How?"),)


class Leading:
    """Every name leads to one address."""

    def __init__(self, address: str) -> None:
        self.address = IPv4Address(address)
        self.asked: list[str] = []

    def resolve(self, host: str, timeout_s: float) -> tuple[IPAddress, ...]:
        self.asked.append(host)
        return (self.address,)


@pytest.fixture
def llm() -> Iterator[FakeLlm]:
    with FakeLlm() as fake:
        fake.say("Press start [1].")
        yield fake


def written(writer: OpenAICompatible, base_url: str, *, guarded: bool = True) -> str:
    try:
        steps = list(writer.write(Endpoint(base_url, KEY, "m", guarded), MESSAGES, lambda: False))
    finally:
        writer.close()
    return "".join(step.text for step in steps if isinstance(step, WrittenText))


def test_a_private_endpoint_is_not_dialled_unless_it_is_allowed_or_an_owners(llm: FakeLlm) -> None:
    for guard in (AddressPolicy(SystemResolver()), None):
        with pytest.raises(RemoteRejected) as refusal:
            written(OpenAICompatible(SystemClock(), LIMITS, guard), llm.base_url)
        assert refusal.value.code == "address_refused"
    assert llm.received == []
    allowed = AddressPolicy(SystemResolver(), [AllowedHost.parse(urlsplit(llm.base_url).netloc)])
    assert written(OpenAICompatible(SystemClock(), LIMITS, allowed), llm.base_url) == "Press start [1]."
    strict = AddressPolicy(SystemResolver())
    assert written(OpenAICompatible(SystemClock(), LIMITS, strict), llm.base_url, guarded=False)


def test_a_public_name_that_leads_inside_is_refused_when_it_is_dialled() -> None:
    with socket.create_server(("127.0.0.1", 0)) as inside:
        inside.settimeout(0.2)
        resolver = Leading("127.0.0.1")
        with pytest.raises(RemoteRejected) as refusal:
            written(
                OpenAICompatible(SystemClock(), LIMITS, AddressPolicy(resolver)), "http://llm.example.com/v1"
            )
        assert refusal.value.code == "address_refused"
        assert resolver.asked == ["llm.example.com"]
        with pytest.raises(TimeoutError):
            inside.accept()


def test_the_checked_address_is_dialled_and_the_name_is_not_asked_again(llm: FakeLlm) -> None:
    port = urlsplit(llm.base_url).port
    resolver = Leading("127.0.0.1")
    policy = AddressPolicy(resolver, [AllowedHost.parse(f"llm.nowhere.invalid:{port}")])
    writer = OpenAICompatible(SystemClock(), LIMITS, policy)
    assert written(writer, f"http://llm.nowhere.invalid:{port}/v1") == "Press start [1]."
    assert resolver.asked == ["llm.nowhere.invalid"]


def test_a_dead_guarded_endpoint_is_told_as_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    policy = AddressPolicy(SystemResolver(), [AllowedHost.parse(f"127.0.0.1:{port}")])
    with pytest.raises(RemoteUnreachable):
        written(OpenAICompatible(SystemClock(), LIMITS, policy), f"http://127.0.0.1:{port}/v1")


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Installation]:
    with installation(tmp_path) as running:
        yield running


REFUSED = [
    ("http://169.254.169.254/v1", "address_private"),
    ("http://127.1:80/v1", "address_private"),
    ("http://ollama:80/v1", "address_private"),
    ("http://user@llm.example.com/v1", "address_userinfo"),
    ("https://llm.example.com:6379/v1", "address_port"),
]


@pytest.mark.parametrize(("base_url", "code"), REFUSED)
def test_a_member_cannot_point_a_bot_inside_and_an_owner_can(
    made: Installation, base_url: str, code: str
) -> None:
    member, owner = made.sign_in(Role.MEMBER), made.sign_in(Role.OWNER)
    new = {"platform": "telegram", "token": TOKEN, "base_url": base_url}
    refused = member.post("/api/bots", new)
    assert (refused.status_code, refused.json["error"]["code"]) == (422, code)
    assert refused.json["error"]["field"] == "base_url"
    bot = member.post("/api/bots", {**new, "base_url": "https://llm.example.com/v1"})
    assert bot.status_code == 201
    changed = member.patch(f"/api/bots/{bot.json['id']}", {"base_url": base_url})
    assert (changed.status_code, changed.json["error"]["code"]) == (422, code)
    assert member.get(f"/api/bots/{bot.json['id']}").json["base_url"] == "https://llm.example.com/v1"
    if "@" not in base_url:
        other = owner.post("/api/bots", {**new, "token": "987654321:" + TOKEN.partition(":")[2]})
        assert other.status_code == 201


def test_the_bots_of_members_are_guarded_and_those_of_owners_are_not(made: Installation) -> None:
    member, owner = made.sign_in(Role.MEMBER), made.sign_in(Role.OWNER)
    guarded = []
    for number, each in ((123456781, member), (123456782, owner)):
        token = f"{number}:" + TOKEN.partition(":")[2]
        bot = each.post("/api/bots", {"platform": "telegram", "token": token})
        guarded.append(made.bot_store.credentials(bot.json["id"]).answers.guarded)
    assert guarded == [True, False]

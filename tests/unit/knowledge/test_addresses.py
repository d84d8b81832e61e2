"""The address policy, against every disguise of a private address."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

import pytest

from roost.errors import AddressRefused
from roost.knowledge.addresses import (
    AddressPolicy,
    AllowedHost,
    IPAddress,
    SystemResolver,
    is_plainly_public,
    parse_address,
)


class TableResolver:
    """Answers from a table, in turn when a name has several answers, and counts what it was asked."""

    def __init__(self, table: dict[str, list[list[str]]]) -> None:
        self._table = table
        self.asked: list[str] = []

    def resolve(self, host: str, timeout_s: float) -> Sequence[IPAddress]:
        self.asked.append(host)
        if host not in self._table:
            raise OSError("no such name")
        answers = self._table[host]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        return [ipaddress.ip_address(text) for text in answer]


PUBLIC = {"docs.example.com": [["93.184.216.34"]], "mixed.example.com": [["93.184.216.34", "10.0.0.7"]]}


def policy(*allowed: str, **names: list[list[str]]) -> AddressPolicy:
    table = {**PUBLIC, **names}
    return AddressPolicy(TableResolver(table), [AllowedHost.parse(entry) for entry in allowed])


def check(rules: AddressPolicy, url: str) -> tuple[IPAddress, ...]:
    address = rules.parse(url)
    return rules.resolve(address.host, address.port, 1.0)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://169.254.169.254", "address_private"),
        ("http://metadata.google.internal", "address_private"),
        ("http://metadata.google.internal./", "address_private"),
        ("http://2852039166", "address_private"),
        ("http://0xa9fea9fe", "address_private"),
        ("http://0177.0.0.1", "address_private"),
        ("http://127.1", "address_private"),
        ("http://0", "address_private"),
        ("http://①②⑦.⓪.⓪.①", "address_private"),
        ("http://127。0。0。1/", "address_private"),
        ("http://[::ffff:169.254.169.254]", "address_private"),
        ("http://[::ffff:8.8.8.8]", "address_private"),
        ("http://[64:ff9b::a9fe:a9fe]", "address_private"),
        ("http://[2002:a9fe:a9fe::1]", "address_private"),
        ("http://[fd20:ce::254]", "address_private"),
        ("http://[fe80::1%25eth0]/", "address_private"),
        ("http://[2606:4700::1%25eth0]/", "address_private"),
        ("http://[2001:db8::1]", "address_private"),
        ("http://[::]", "address_private"),
        ("http://[::1]", "address_private"),
        ("http://100.64.0.1", "address_private"),
        ("http://224.0.0.1", "address_private"),
        ("http://255.255.255.255", "address_private"),
        ("http://168.63.129.16", "address_private"),
        ("http://mixed.example.com", "address_private"),
        ("http://localhost", "address_private"),
        ("http://LOCALHOST/", "address_private"),
        ("http://intranet/", "address_private"),
        ("http://printer.local", "address_private"),
        ("file:///etc/passwd", "address_scheme"),
        ("gopher://docs.example.com/", "address_scheme"),
        ("data:text/html,hello", "address_scheme"),
        ("javascript:alert(1)", "address_scheme"),
        ("docs.example.com", "address_scheme"),
        ("http:docs.example.com", "address_scheme"),
        ("", "address_scheme"),
        ("http://a@127.0.0.1/", "address_userinfo"),
        ("http://a:b@docs.example.com/", "address_userinfo"),
        ("http://ok#@127.0.0.1", "address_userinfo"),
        ("http://docs.example.com:22/", "address_port"),
        ("http://docs.example.com:6379/", "address_port"),
        ("http://docs.example.com:0/", "address_port"),
        ("http://docs.example.com:99999/", "address_malformed"),
        ("http://docs.example.com:abc/", "address_malformed"),
        ("http:///docs", "address_malformed"),
        ("http://[::1/", "address_malformed"),
        ("http://1.2.3.4.5/", "address_malformed"),
        ("http://docs..example.com/", "address_malformed"),
        ("http://docs.example.com\\@127.0.0.1/", "address_malformed"),
        ("http://docs.example.com/\r\nHost: evil", "address_malformed"),
        ("http://docs.example.com/\x00", "address_malformed"),
        ("http://docs.example.com/" + "a" * 3000, "address_malformed"),
        ("http://nowhere.example.com/", "address_unresolvable"),
    ],
)
def test_a_refused_address_says_why_while_a_public_and_an_allowed_one_pass(url: str, code: str) -> None:
    rules = policy("wiki.corp:8080", **{"wiki.corp": [["10.1.2.3"]]})
    with pytest.raises(AddressRefused) as refusal:
        check(rules, url)
    assert refusal.value.code == code
    assert refusal.value.field == "url"
    assert refusal.value.message.count(". ") >= 1, "cause, then remedy"
    assert check(rules, "https://docs.example.com/guide") == (ipaddress.ip_address("93.184.216.34"),)
    assert check(rules, "http://wiki.corp:8080/") == (ipaddress.ip_address("10.1.2.3"),)


def test_a_refused_name_is_not_even_resolved() -> None:
    resolver = TableResolver({})
    rules = AddressPolicy(resolver)
    for url in (
        "http://metadata.google.internal",
        "http://127.1",
        "http://localhost",
        "http://a.example.com:22",
    ):
        with pytest.raises(AddressRefused):
            check(rules, url)
    assert resolver.asked == []


def test_an_allowed_host_stands_for_the_ports_of_the_web_and_an_entry_with_a_port_for_that_port_alone() -> (
    None
):
    names = {"wiki.corp": [["10.1.2.3"]], "git.corp": [["10.1.2.4"]]}
    rules = policy("wiki.corp", "GIT.corp:3000", "[::1]:8000", "127.0.0.1", **names)
    for url in ("http://wiki.corp/", "https://wiki.corp/", "http://git.corp:3000/", "http://[::1]:8000/"):
        assert check(rules, url)
    for url in ("http://wiki.corp:3000/", "http://git.corp/", "http://[::1]/", "http://127.1:8000/"):
        with pytest.raises(AddressRefused):
            check(rules, url)


def test_the_name_is_resolved_once_and_a_later_answer_plays_no_part() -> None:
    resolver = TableResolver({"rebind.example.com": [["93.184.216.34"], ["127.0.0.1"]]})
    rules = AddressPolicy(resolver)
    assert check(rules, "http://rebind.example.com/") == (ipaddress.ip_address("93.184.216.34"),)
    assert resolver.asked == ["rebind.example.com"]
    with pytest.raises(AddressRefused) as refusal:
        check(rules, "http://rebind.example.com/")
    assert refusal.value.code == "address_private"


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("HTTPS://Docs.Example.COM:443/a/../b/./c?x=1#frag", "https://docs.example.com/b/c?x=1"),
        ("http://docs.example.com", "http://docs.example.com/"),
        ("https://docs.example.com./x/..", "https://docs.example.com/"),
        ("https://bücher.example/größe", "https://xn--bcher-kva.example/gr%C3%B6%C3%9Fe"),
        ("http://docs.example.com:8080/../../etc", "http://docs.example.com:8080/etc"),
        ("https://docs.example.com/a%20b", "https://docs.example.com/a%20b"),
    ],
)
def test_addresses_have_one_normal_form(url: str, normal: str) -> None:
    assert parse_address(url).url == normal
    assert parse_address(normal).url == normal


@pytest.mark.parametrize("text", ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "2a00:1450:4001::1"])
def test_ordinary_hosts_are_public(text: str) -> None:
    assert is_plainly_public(ipaddress.ip_address(text))


def test_the_system_resolver_knows_this_machine() -> None:
    assert ipaddress.ip_address("127.0.0.1") in SystemResolver().resolve("localhost", 5.0)

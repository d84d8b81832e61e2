from __future__ import annotations

import pytest

from roost.domain.widgets import checked_accent, checked_origins, origin_of
from roost.errors import InvalidInput


@pytest.mark.parametrize(
    ("given", "origin"),
    [
        ("https://docs.example.com", "https://docs.example.com"),
        (" HTTPS://Docs.Example.COM/guide/?q#x ", "https://docs.example.com"),
        ("https://docs.example.com:443", "https://docs.example.com"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
    ],
)
def test_an_address_becomes_the_origin_browsers_send(given: str, origin: str) -> None:
    assert origin_of(given) == origin


@pytest.mark.parametrize(
    "given",
    [
        "",
        "docs.example.com",
        "*",
        "null",
        "https://*",
        "https://*.example.com",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "https://user@docs.example.com",
        "https://docs.example.com\\@evil.example",
        "https://docs example.com",
        "https://docs.example.com:99999",
        "https://",
        "https://" + "a" * 400 + ".example",
    ],
)
def test_what_is_no_site_is_refused(given: str) -> None:
    with pytest.raises(InvalidInput):
        origin_of(given)


def test_sites_stand_once_and_there_is_at_least_one() -> None:
    assert checked_origins(["https://a.example/", "https://A.example"]) == ("https://a.example",)
    for wrong in ([], [f"https://{n}.example" for n in range(21)]):
        with pytest.raises(InvalidInput):
            checked_origins(wrong)


def test_a_colour_is_six_digits() -> None:
    assert checked_accent("#0F5C56") == "#0f5c56"
    for wrong in ("red", "#fff", "#0f5c56;}", "url(x)"):
        with pytest.raises(InvalidInput):
            checked_accent(wrong)

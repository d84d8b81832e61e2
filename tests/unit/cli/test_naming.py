import pytest

from roost.cli.naming import find_one
from roost.errors import InvalidInput, NotFound

BOTS = [
    {"id": "0190-aaaa1111", "handle": "docs_bot", "name": "Docs"},
    {"id": "0190-bbbb2222", "handle": "help_bot", "name": "Docs"},
    {"id": "0190-cccc2222", "handle": "Docs", "name": "Third"},
]
FIELDS = ("id", "handle", "name")


def found(wanted: str) -> str:
    return str(find_one(BOTS, wanted, FIELDS, "bot", "roost bots list")["id"])


def test_a_thing_is_named_by_any_of_its_names_in_any_case() -> None:
    assert found("@docs_bot") == "0190-aaaa1111"
    assert found("HELP_BOT") == "0190-bbbb2222"
    assert found("third") == "0190-cccc2222"
    assert found("0190-bbbb2222") == "0190-bbbb2222"


def test_the_end_of_an_id_is_enough_when_it_is_one_thing_s() -> None:
    assert found("1111") == "0190-aaaa1111"
    with pytest.raises(InvalidInput, match="names 2 bots"):
        found("2222")
    with pytest.raises(NotFound):
        found("111")


def test_a_handle_counts_before_a_name() -> None:
    assert found("docs") == "0190-cccc2222"


def test_nothing_found_says_where_to_look() -> None:
    with pytest.raises(NotFound, match="roost bots list"):
        found("nobody")

import pytest

from scripts.checks import CHECKS, chosen


def test_without_names_every_check_runs() -> None:
    assert chosen([]) == (list(CHECKS), [])


def test_leading_names_choose_and_the_rest_goes_to_pytest() -> None:
    checks, arguments = chosen(["unit", "e2e", "-k", "telegram"])
    assert [check.name for check in checks] == ["unit", "e2e"]
    assert arguments == ["-k", "telegram"]


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SystemExit, match="There is no check 'untit'.*unit"):
        chosen(["untit"])

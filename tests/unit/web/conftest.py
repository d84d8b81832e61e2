"""An installation behind the web layer, and whoever uses it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from roost.domain.accounts import Role
from tests.fakes.installation import Browser, Installation, installation


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Installation]:
    with installation(tmp_path) as made:
        yield made


@pytest.fixture
def owner(house: Installation) -> Browser:
    return house.sign_in(Role.OWNER)


@pytest.fixture
def member(house: Installation) -> Browser:
    return house.sign_in(Role.MEMBER)


@pytest.fixture
def guest(house: Installation) -> Browser:
    return house.sign_in(Role.GUEST)

"""The secret by which commands on Roost's own machine speak for the local owner.

Made anew by every process, kept in memory and in one file of the data folder, worth nothing once the process
has ended.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable

from roost.domain.accounts import Person


def new_local_secret() -> str:
    return "roost_local_" + secrets.token_urlsafe(32)


class LocalKey:
    """`owner` is asked when the key is used: storage need not be open before. Its repr holds no secret."""

    def __init__(self, secret: str, owner: Callable[[], Person]) -> None:
        self._secret = secret
        self._owner = owner

    def is_secret(self, sent: str) -> bool:
        return hmac.compare_digest(sent.encode(), self._secret.encode())

    def person_of(self, sent: str) -> Person | None:
        """The local owner; None for any other secret."""
        return self._owner() if self.is_secret(sent) else None

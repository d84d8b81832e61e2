"""Exchanging SECRET_KEY: every stored secret is sealed under the new one, and at no moment is one lost."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from roost.domain.accounts import Person, Role
from roost.domain.audit import Action
from roost.errors import Conflict, Forbidden
from roost.services.audit import Audit
from roost.storage.database import Database
from roost.storage.sealed import Resealed, reseal
from roost.storage.secrets import Cipher, begin_key_exchange, finish_key_exchange


@dataclass(frozen=True, slots=True)
class KeyExchanged:
    """`resumed`: it had been begun before, and was cut off. `unreadable` secrets were lost before it."""

    resealed: int
    unreadable: int
    resumed: bool
    from_environment: bool


class KeyRotation:
    """`from_environment`: SECRET_KEY is a setting, so that only whoever sets it can make a new one.
    `has_previous`: SECRET_KEY_PREVIOUS is set too.
    """

    def __init__(
        self,
        bot_configs: Database,
        conversations: Database,
        cipher: Cipher,
        data_dir: Path,
        audit: Audit,
        *,
        from_environment: bool,
        has_previous: bool,
    ) -> None:
        self._databases = (bot_configs, conversations)
        self._cipher = cipher
        self._data_dir = data_dir
        self._audit = audit
        self._from_environment = from_environment
        self._has_previous = has_previous
        self._one_at_a_time = threading.Lock()

    def rotate(self, person: Person) -> KeyExchanged:
        """May be repeated, also after a kill: then it goes on where it was.

        Raises Forbidden for others than owners, Conflict (no_new_key) when the new key is not set.
        """
        if person.role is not Role.OWNER:
            raise Forbidden("Only an owner may exchange SECRET_KEY. Ask one.")
        with self._one_at_a_time:
            done = self._rotate()
        self._audit.record(
            Action.SECRET_KEY_EXCHANGED,
            person,
            detail=f"{done.resealed} secrets sealed anew, {done.unreadable} unreadable",
        )
        return done

    def _rotate(self) -> KeyExchanged:
        if self._from_environment and not self._has_previous:
            raise Conflict(
                "SECRET_KEY comes from the environment, where Roost cannot change it. Set "
                "SECRET_KEY_PREVIOUS to its present value and SECRET_KEY to a new one of 32 characters "
                "or more, restart Roost, then do this again.",
                code="no_new_key",
            )
        resumed = False
        if not self._from_environment:
            fresh, resumed = begin_key_exchange(self._data_dir)
            self._cipher.exchange(fresh)
        done = Resealed(0, 0)
        for database in self._databases:
            done += database.write(partial(reseal, database=database.name, cipher=self._cipher))
        if not self._from_environment:
            finish_key_exchange(self._data_dir)
        return KeyExchanged(done.resealed, done.unreadable, resumed, self._from_environment)

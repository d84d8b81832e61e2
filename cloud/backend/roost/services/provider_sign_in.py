"""Signing in at a provider: begun in one browser, finished in the same one, once, within ten minutes."""

from __future__ import annotations

import hmac
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from roost.clock import Clock, Ids, parse_timestamp, timestamp
from roost.domain.accounts import Person
from roost.domain.local_paths import local_path
from roost.errors import DecryptionRefused
from roost.services.people import People
from roost.services.ports import IdentityProvider, SignInRefused
from roost.storage.secrets import Cipher

SIGN_IN_LASTS = timedelta(minutes=10)
FINISHED_REMEMBERED = 10_000
TEXT_SHOWN = 200
_PLACE = "sign-in"
_VERIFIER_BYTES = 48


@dataclass(frozen=True, slots=True)
class Begun:
    """`address` is where the browser goes; `pending` it keeps, sealed, in a cookie."""

    address: str
    pending: str

    def __repr__(self) -> str:
        return "Begun(...)"


@dataclass(frozen=True, slots=True)
class Finished:
    """Who signed in, and the path of the page they wanted."""

    person: Person
    next_path: str


class ProviderSignIn:
    """What a sign-in must remember stands in its browser alone, sealed: so it outlives a restart, another
    browser cannot finish it, and nobody's visit writes to the database.
    """

    def __init__(
        self, provider: IdentityProvider, people: People, cipher: Cipher, clock: Clock, ids: Ids
    ) -> None:
        self._provider = provider
        self._people = people
        self._cipher = cipher
        self._clock = clock
        self._ids = ids
        self._lock = threading.Lock()
        self._finished: dict[str, None] = {}

    def begin(self, wanted_path: str | None) -> Begun:
        """Raises RemoteUnreachable when the provider cannot be asked."""
        state, nonce = self._ids.secret(), self._ids.secret()
        verifier = self._ids.secret(_VERIFIER_BYTES)
        address = self._provider.address(state, nonce, verifier)
        pending = {
            "state": state,
            "nonce": nonce,
            "verifier": verifier,
            "next": local_path(wanted_path),
            "until": timestamp(self._clock.now() + SIGN_IN_LASTS),
        }
        return Begun(address, self._cipher.seal(json.dumps(pending), _PLACE))

    def finish(self, pending: str | None, answered: Mapping[str, str]) -> Finished:
        """`answered` is what came back with the browser (RFC 6749, section 4.1.2).

        Raises SignInRefused, RemoteUnreachable, and Forbidden for somebody who was removed.
        """
        begun = self._opened(pending)
        state = answered.get("state", "")
        if begun is None or not hmac.compare_digest(state.encode(), begun["state"].encode()):
            raise SignInRefused(
                "This sign-in was not begun in this browser, or is too old. Start again.", code="wrong_state"
            )
        self._use_up(state)
        if "error" in answered:
            raise SignInRefused(_said_by_provider(answered), code="provider_refused")
        code = answered.get("code")
        if not code:
            raise SignInRefused("The provider sent no code. Start again.", code="no_code")
        identity = self._provider.identify(code, begun["nonce"], begun["verifier"])
        return Finished(self._people.enter(identity), local_path(begun["next"]))

    def _opened(self, pending: str | None) -> dict[str, str] | None:
        """What the browser kept; None when that is missing, altered or too old."""
        if not pending:
            return None
        try:
            begun: dict[str, str] = json.loads(self._cipher.open(pending, _PLACE))
        except DecryptionRefused:
            return None
        until: datetime = parse_timestamp(begun["until"])
        return begun if self._clock.now() < until else None

    def _use_up(self, state: str) -> None:
        """Raises SignInRefused the second time; the provider refuses a code's second use too."""
        with self._lock:
            used = state in self._finished
            self._finished[state] = None
            if len(self._finished) > FINISHED_REMEMBERED:
                self._finished.pop(next(iter(self._finished)))
        if used:
            raise SignInRefused("This sign-in was finished before. Start again.", code="replayed")


def _said_by_provider(answered: Mapping[str, str]) -> str:
    if answered["error"] == "access_denied":
        return "You did not let the provider tell who you are. Start again to sign in."
    said = answered.get("error_description") or answered["error"]
    shown = "".join(character for character in said if character.isprintable())[:TEXT_SHOWN]
    return f"The provider did not sign you in: {shown}. Start again."

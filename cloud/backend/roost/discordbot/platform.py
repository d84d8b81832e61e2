"""Asking Discord who is behind a token."""

from __future__ import annotations

import threading
from typing import Any

from roost import __version__
from roost.domain.bots import BotIdentity
from roost.errors import RemoteRejected, RemoteUnreachable

TIMEOUT_S = 8.0
USER_AGENT = f"DiscordBot (roost, {__version__})"
_importing = threading.Lock()


class DiscordPlatform:
    """`api_base_url` ends in the version, as in https://discord.com/api/v10. Thread-safe."""

    def __init__(self, api_base_url: str) -> None:
        self._api_base_url = api_base_url

    def identify(self, token: str) -> BotIdentity:
        """Asks who the bot is and which application it belongs to, whose id stands for it.

        Raises RemoteRejected with Discord's words for a wrong token, RemoteUnreachable otherwise.
        """
        with _importing:
            import httpx
        headers = {"Authorization": f"Bot {token}", "User-Agent": USER_AGENT}
        try:
            with httpx.Client(headers=headers, timeout=TIMEOUT_S, trust_env=False) as http:
                user = _read(http.get(f"{self._api_base_url}/users/@me"))
                application = _read(http.get(f"{self._api_base_url}/applications/@me"))
        except httpx.HTTPError as error:
            raise RemoteUnreachable("Discord cannot be reached.") from error
        application_id, username = application.get("id"), user.get("username")
        if not isinstance(application_id, str) or not application_id.isdecimal():
            raise RemoteUnreachable("Discord gave no usable answer.")
        handle = username if isinstance(username, str) else ""
        shown = user.get("global_name") or application.get("name") or handle
        return BotIdentity(application_id, str(shown), handle)


def _read(response: Any) -> dict[str, Any]:
    """The body of an httpx.Response."""
    try:
        body = response.json()
    except ValueError:
        body = None
    if response.status_code == 401:
        words = body.get("message") if isinstance(body, dict) else None
        raise RemoteRejected(str(words or "401: Unauthorized"))
    if response.status_code != 200 or not isinstance(body, dict):
        raise RemoteUnreachable(f"Discord answered {response.status_code} and nothing usable.")
    return body

"""Alerts as JSON to an address of the operator's choice; `text` makes Slack, Mattermost and Discord's
`/slack` addresses show them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from typing import Any

import httpcore

from roost import __version__
from roost.clock import timestamp
from roost.domain.alerts import Alert
from roost.errors import AddressRefused, RemoteRejected, RemoteUnreachable
from roost.services.ports import AddressGuard

TOTAL_S = 15.0
CONNECT_S = 4.0
STEP_S = 5.0


class Webhook:
    """Implements services.ports.AlertChannel. Dials only what the guard allows; follows no redirect.

    The address may hold a secret, so it stands in no error.
    """

    name = "the webhook"

    def __init__(self, url: str, guard: AddressGuard, total_s: float = TOTAL_S) -> None:
        self._url = url
        self._guard = guard
        self._total_s = total_s

    def deliver(self, alert: Alert) -> None:
        """See ports.AlertChannel."""
        body = json.dumps(
            {
                "kind": alert.kind.value,
                "subject": alert.subject,
                "text": f"Roost: {alert.text}",
                "at": timestamp(alert.at),
            },
            ensure_ascii=False,
        ).encode()
        headers: list[tuple[bytes | str, bytes | str]] = [
            ("Content-Type", "application/json"),
            ("User-Agent", f"Roost/{__version__} (alerts)"),
        ]
        timeouts = {"timeout": {"connect": CONNECT_S, "read": STEP_S, "write": STEP_S, "pool": STEP_S}}
        backend = _GuardedNetwork(self._guard, time.monotonic() + self._total_s)
        try:
            with (
                httpcore.ConnectionPool(network_backend=backend, max_connections=1) as pool,
                pool.stream(
                    "POST", self._url, headers=headers, content=body, extensions=timeouts
                ) as response,
            ):
                status = response.status
        except AddressRefused as error:
            if error.code == "address_unresolvable":
                raise RemoteUnreachable("The webhook's name cannot be resolved now.") from error
            raise
        except (
            httpcore.NetworkError,
            httpcore.TimeoutException,
            httpcore.ProtocolError,
            OSError,
        ) as error:
            raise RemoteUnreachable(f"The webhook does not answer ({type(error).__name__}).") from error
        if status in (408, 425, 429) or status >= 500:
            raise RemoteUnreachable(f"The webhook answers with HTTP {status}.")
        if not 200 <= status < 300:
            raise RemoteRejected(f"The webhook refuses with HTTP {status}. Check ALERT_WEBHOOK_URL.")


class _GuardedNetwork(httpcore.SyncBackend):
    """Opens connections to checked addresses, for as long as the delivery may take."""

    def __init__(self, guard: AddressGuard, ends_at_s: float) -> None:
        super().__init__()
        self._guard = guard
        self._ends_at_s = ends_at_s

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        failure: Exception | None = None
        for address in self._guard.resolve(host, port, CONNECT_S):
            try:
                opened = super().connect_tcp(str(address), port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return _EndingStream(opened, self._ends_at_s)
        raise httpcore.ConnectError("no address answers") from failure


class _EndingStream(httpcore.NetworkStream):
    """A stream whose every wait counts against the whole, so that drips end."""

    def __init__(self, stream: httpcore.NetworkStream, ends_at_s: float) -> None:
        self._stream = stream
        self._ends_at_s = ends_at_s

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._left_s(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._left_s(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        wrapped = self._stream.start_tls(ssl_context, server_hostname, self._left_s(timeout))
        return _EndingStream(wrapped, self._ends_at_s)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

    def _left_s(self, timeout: float | None) -> float:
        left_s = self._ends_at_s - time.monotonic()
        if left_s <= 0:
            raise httpcore.ReadTimeout("the total time is used up")
        return left_s if timeout is None else min(left_s, timeout)

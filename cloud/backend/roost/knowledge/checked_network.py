"""The only door to the network: resolves a name once, checks every address, and dials a checked one."""

from __future__ import annotations

import select
import socket
import ssl
from collections.abc import Callable, Iterable
from typing import Any

import httpcore

from roost.clock import Clock
from roost.knowledge.addresses import AddressPolicy
from roost.knowledge.fetcher import CANCEL_CHECK_S, CONNECT_TIMEOUT_S, Connect


class Cancelled(Exception):
    """The crawl was told to stop while it waited for the network."""


class Budget:
    """How long the fetch under way may still take, and whether anybody wants it any more."""

    def __init__(self, clock: Clock, cancelled: Callable[[], bool]) -> None:
        self._clock = clock
        self._cancelled = cancelled
        self._ends_at = 0.0

    def start(self, seconds: float) -> None:
        self._ends_at = self._clock.monotonic_s() + seconds

    def left_s(self) -> float:
        """Raises httpcore.ReadTimeout when nothing is left, Cancelled when nobody waits."""
        if self._cancelled():
            raise Cancelled
        left = self._ends_at - self._clock.monotonic_s()
        if left <= 0:
            raise httpcore.ReadTimeout("the total time is used up")
        return left


class BudgetedStream(httpcore.NetworkStream):
    """A socket whose every wait counts against the fetch's total, so that drips end."""

    def __init__(self, opened: socket.socket, budget: Budget) -> None:
        self._socket = opened
        self._budget = budget

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - the budget decides
        while True:
            self._socket.settimeout(min(self._budget.left_s(), CANCEL_CHECK_S))
            try:
                return self._socket.recv(max_bytes)
            except TimeoutError:
                continue
            except OSError as error:
                raise httpcore.ReadError(str(error)) from error

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 - the budget decides
        self._socket.settimeout(self._budget.left_s())
        try:
            self._socket.sendall(buffer)
        except TimeoutError as error:
            raise httpcore.WriteTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.WriteError(str(error)) from error

    def close(self) -> None:
        self._socket.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002 - the budget decides
    ) -> httpcore.NetworkStream:
        self._socket.settimeout(self._budget.left_s())
        try:
            wrapped = ssl_context.wrap_socket(self._socket, server_hostname=server_hostname)
        except TimeoutError as error:
            self._socket.close()
            raise httpcore.ConnectTimeout(str(error)) from error
        except OSError as error:
            self._socket.close()
            raise httpcore.ConnectError(str(error)) from error
        return BudgetedStream(wrapped, self._budget)

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":
            poll = select.poll()
            poll.register(self._socket, select.POLLIN)
            return bool(poll.poll(0))
        if info == "socket":
            return self._socket
        return None


class CheckedBackend(httpcore.NetworkBackend):
    """Opens connections for httpcore."""

    def __init__(self, policy: AddressPolicy, connect: Connect, budget: Budget) -> None:
        self._policy = policy
        self._connect = connect
        self._budget = budget

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the budget decides
        local_address: str | None = None,  # noqa: ARG002 - never set
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002 - never set
    ) -> httpcore.NetworkStream:
        failure: OSError | None = None
        for address in self._policy.resolve(host, port, self._budget.left_s()):
            try:
                opened = self._connect(address, port, min(self._budget.left_s(), CONNECT_TIMEOUT_S))
            except OSError as error:
                failure = error
            else:
                return BudgetedStream(opened, self._budget)
        if isinstance(failure, TimeoutError):
            raise httpcore.ConnectTimeout(str(failure)) from failure
        raise httpcore.ConnectError(str(failure)) from failure

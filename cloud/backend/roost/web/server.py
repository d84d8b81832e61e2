"""gunicorn, arranged so that a shutdown cannot cut off the last flush.

gunicorn's drain and its kill share one timeout, so work begun in `worker_exit` can be killed with exit code
0. The worker's SIGTERM handler is chained instead: the shutdown starts at once, in a thread of its own, and
`worker_exit` only waits for it.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, Protocol

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger
from gunicorn.workers import gthread
from gunicorn.workers.base import Worker

from roost.errors import SettingsError

log = logging.getLogger("roost.server")

THREADS = 512
CONNECTIONS = 1024
GRACEFUL_TIMEOUT_S = 9
# What a stop waits for open connections: for requests being answered, and for one that may be on its way over
# a connection that is idle.
DRAIN_S = 3
LINGER_S = 0.5
# From SIGTERM to the end, whatever hangs. Cloud Run kills after ten seconds.
STOP_WITHIN_S = 7.7
STOP_WAIT_S = STOP_WITHIN_S - DRAIN_S - LINGER_S


class Process(Protocol):
    """What runs in the one worker."""

    @property
    def wsgi(self) -> Callable[..., Any]: ...

    def start(self) -> None:
        """Begins starting in the background; requests are served meanwhile."""
        ...

    def begin_stop(self) -> None:
        """Called from a signal handler: returns at once, may be called again."""
        ...

    def drained(self) -> None:
        """No request is running any more."""
        ...

    def wait_stopped(self, timeout_s: float) -> bool: ...


class _Logger(Logger):
    """gunicorn's messages go where all others go."""

    def setup(self, cfg: Any) -> None:
        self.error_log.propagate = True
        self.access_log.propagate = False


class Server(BaseApplication):
    """One `gthread` worker: a second one would mean two pollers for one bot token.

    `make` builds the process in the worker, after the fork; `announce` is told the address people can open.
    """

    def __init__(
        self, host: str, port: int, make: Callable[[], Process], announce: Callable[[str], None]
    ) -> None:
        self._host = host
        self._port = port
        self._make = make
        self._announce = announce
        self._process: Process | None = None
        self._told_to_stop = False
        self._outlives_terminal = False
        super().__init__()

    def run(self) -> None:
        """Serves until it is stopped, then raises SystemExit. Raises SettingsError when the port is taken."""
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self._host, self._port))
            except OSError as error:
                # gunicorn would try for five seconds, and say it in eleven lines.
                raise SettingsError(
                    f"Port {self._port} of {self._host} cannot be used: {error.strerror}. "
                    "Stop what uses it, or set PORT to another one.",
                    field="PORT",
                ) from error
        # As under nohup.
        self._outlives_terminal = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        super().run()

    def load_config(self) -> None:
        host = f"[{self._host}]" if ":" in self._host else self._host
        chosen = {
            "bind": f"{host}:{self._port}",
            "workers": 1,
            "worker_class": "gthread",
            "threads": THREADS,
            "worker_connections": CONNECTIONS,
            "timeout": 0,
            "graceful_timeout": GRACEFUL_TIMEOUT_S,
            "control_socket_disable": True,
            "logger_class": _Logger,
            "limit_request_line": 8190,
            "when_ready": self._when_ready,
            "post_fork": _die_with_parent,
            "post_worker_init": self._post_worker_init,
            "worker_exit": self._worker_exit,
        }
        for name, value in chosen.items():
            self.cfg.set(name, value)

    def load(self) -> Callable[..., Any]:
        self._process = self._make()
        return self._process.wsgi

    def _when_ready(self, server: Arbiter) -> None:
        host, port = server.LISTENERS[0].sock.getsockname()[:2]
        shown = "localhost" if host in ("127.0.0.1", "::1", "0.0.0.0", "::") else host  # noqa: S104 - compared, not bound
        self._announce(f"http://{shown}:{port}")

        def interrupt(signum: int, frame: FrameType | None) -> None:
            # gunicorn's own answer to Ctrl+C is a kill without a drain.
            server.signal(signal.SIGTERM, frame)

        signal.signal(signal.SIGINT, interrupt)
        # gunicorn begins a new worker beside the old one, or one more, at these.
        signal.signal(signal.SIGHUP, signal.SIG_IGN if self._outlives_terminal else interrupt)
        _ignore(signal.SIGTTIN, signal.SIGTTOU, signal.SIGUSR2, signal.SIGWINCH)

    def _post_worker_init(self, worker: Worker) -> None:
        process = self._process
        if process is None:
            raise RuntimeError("the worker has no process to run")
        drain = worker.handle_exit

        def stop(signum: int, frame: FrameType | None) -> None:
            self._told_to_stop = True
            process.begin_stop()
            drain(signum, frame)

        # The server kills this worker after GRACEFUL_TIMEOUT_S; the worker itself gives up on its connections
        # earlier.
        worker.cfg.set("graceful_timeout", DRAIN_S)
        gthread.STOP_KEEPALIVE_LINGER = LINGER_S  # type: ignore[attr-defined]  # the stubs leave it out
        process.start()
        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        # A terminal that closes tells every process: the server passes it on as SIGTERM.
        _ignore(signal.SIGHUP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGUSR2, signal.SIGWINCH)

    def _worker_exit(self, server: Arbiter, worker: Worker) -> None:
        process = self._process
        if process is None:
            return
        process.begin_stop()
        process.drained()
        if not process.wait_stopped(STOP_WAIT_S):
            log.error(
                "The shutdown did not finish in %.0f s; what was acknowledged is in the databases.",
                STOP_WAIT_S,
            )
        if self._told_to_stop:
            # An ordinary exit joins the threads that read from clients, and a client that never ends its
            # request would hold the process until it is killed.
            logging.shutdown()
            sys.stdout.flush()
            os._exit(0)


def _ignore(*signals: signal.Signals) -> None:
    for each in signals:
        signal.signal(each, signal.SIG_IGN)


def _die_with_parent(server: Arbiter, worker: Worker) -> None:
    """A kill -9 of the server takes its worker with it at once, so that the next start finds the data
    folder free.

    prctl(2), PR_SET_PDEATHSIG. Elsewhere than on Linux gunicorn's own check notices within a second.
    """
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)

"""The server as a process: refusals before anything is started, then gunicorn with one worker.

Imports little: what `bootstrap` imports is the larger part of a start, and is left to the worker's starting
thread.
"""

from __future__ import annotations

import logging
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any

from roost.clock import SystemClock
from roost.errors import RoostError, SettingsError
from roost.lifecycle import Lifecycle, Plan
from roost.log import configure
from roost.services.local_key import new_local_secret
from roost.services.readiness import Readiness, State
from roost.settings import Settings, read_environment
from roost.storage.data_folder import YIELDED, DataFolder
from roost.storage.server_file import ServerAddress, remove_server_file, write_server_file
from roost.web.front import Front
from roost.web.server import Server
from roost.web.static_pages import StaticPages
from roost.web.tracing import CloudProject, Traced

log = logging.getLogger("roost")


def serve() -> int:
    """Runs the server until it is stopped: the exit code. A refusal is one sentence on stderr and exit code
    1.
    """
    try:
        settings = Settings.from_env(read_environment())
        configure(settings.log_level, as_json=settings.on_cloud_run)
        folder = DataFolder(settings.data_dir)
        folder.take()
        folder.inspect()
        # Whoever starts a server wants this one to run, whatever became of the one before.
        (settings.data_dir / YIELDED).unlink(missing_ok=True)
    except RoostError as error:
        sys.stderr.write(f"roost: {error.message}\n")
        return 1

    _raise_open_files_limit()

    addresses: list[str] = []

    def announce(address: str) -> None:
        # Before the fork: the worker finds its own address here.
        addresses.append(address)
        sys.stdout.write(f"Roost is at {address}\n")
        sys.stdout.flush()

    try:
        Server(settings.host, settings.port, lambda: WebProcess(settings, addresses[-1]), announce).run()
    except SettingsError as error:
        sys.stderr.write(f"roost: {error.message}\n")
        return 1
    except SystemExit as ended:
        # gunicorn ends by raising; 0 when it was asked to stop.
        return ended.code if isinstance(ended.code, int) else 1
    return 0


class WebProcess:
    """What runs in gunicorn's one worker (`web.server.Process`)."""

    def __init__(self, settings: Settings, address: str) -> None:
        self._settings = settings
        self._address = ServerAddress(address, new_local_secret())
        self._readiness = Readiness()
        self._stopping = threading.Event()
        self._front = Front(StaticPages(settings.frontend_dir), settings, self._readiness)
        self._lifecycle = Lifecycle(
            self._build,
            SystemClock(),
            self._stopping,
            ready=lambda: self._readiness.set(State.READY),
            not_ready=lambda reason: self._readiness.set(State.RESTORING, reason),
        )

    @property
    def wsgi(self) -> Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]:
        if not self._settings.on_cloud_run:
            return self._front
        project = CloudProject(self._settings.google_cloud_project)
        project.find()
        return Traced(self._front, lambda: project.id)

    def start(self) -> None:
        try:
            write_server_file(self._settings.data_dir, self._address)
        except OSError as error:
            log.warning("Commands on this machine will not find the server: %s", error.strerror)
        self._lifecycle.start()

    def begin_stop(self) -> None:
        self._lifecycle.begin_stop()

    def drained(self) -> None:
        remove_server_file(self._settings.data_dir)
        self._lifecycle.drained()

    def wait_stopped(self, timeout_s: float) -> bool:
        return self._lifecycle.wait_stopped(timeout_s)

    def _build(self) -> Plan:
        from roost.bootstrap import compose

        application, plan = compose(
            self._settings, self._readiness, self._address.secret, self._stopping, restart_worker
        )
        self._front.attach(application)
        return plan


def restart_worker() -> None:
    """Ends this worker as a stop would; the server then begins another one on the same port and folder."""
    os.kill(os.getpid(), signal.SIGTERM)


def _raise_open_files_limit() -> None:
    """A bot needs up to three descriptors, an open stream one: the usual soft limit of 1,024 is soon
    reached.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))

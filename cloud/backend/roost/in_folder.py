"""Roost without a server: the same application on the same data folder, for one command.

No bot is started, no source is crawled unless asked for, and nobody else gets in: requests are made inside
this process.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any

from roost.bootstrap import compose
from roost.lifecycle import Step
from roost.services.local_key import new_local_secret
from roost.services.readiness import Readiness, State
from roost.settings import Settings
from roost.storage.data_folder import DataFolder

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class OpenFolder:
    """`folder` has been taken already; leaving the block closes the files and gives it back."""

    def __init__(self, settings: Settings, folder: DataFolder) -> None:
        self._folder = folder
        self._readiness = Readiness()
        self.secret = new_local_secret()
        self._application, self._plan = compose(settings, self._readiness, self.secret)
        self._crawls = False

    @property
    def application(self) -> Application:
        return self._application

    def begin_crawling(self) -> None:
        """From now on crawls that are asked for are made, in the background."""
        if not self._crawls:
            self._crawls = True
            _take(self._plan.for_crawling)

    def __enter__(self) -> OpenFolder:
        """Raises what opening the files raises."""
        try:
            self._folder.inspect()
            _take(step for step in self._plan.before_ready if step.offline)
        except BaseException:  # cleaned up and raised on - whatever it was
            self._close()
            raise
        self._readiness.set(State.READY)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        stops = [threading.Thread(target=step.run, daemon=True) for step in self._plan.at_once]
        for thread in stops:
            thread.start()
        for thread, step in zip(stops, self._plan.at_once, strict=True):
            thread.join(step.budget_s)
        _take(self._plan.at_last)
        self._folder.release()


def _take(steps: Iterable[Step]) -> None:
    for step in steps:
        step.run()

"""The one loop of all bots."""

import asyncio

from roost.clock import SystemClock
from roost.loop_thread import LoopThread


def test_starting_again_gives_the_loop_that_runs() -> None:
    """The step that starts the bots is tried again when storage could not tell which are wanted."""
    thread = LoopThread(SystemClock())
    assert thread.silence_s() == 0.0
    loop = thread.start()
    assert thread.start() is loop
    assert thread.submit(asyncio.sleep(0, "alive")).result(5) == "alive"
    thread.stop(5)
    assert loop.is_closed()


def test_stopping_before_the_start_is_harmless() -> None:
    LoopThread(SystemClock()).stop(1)

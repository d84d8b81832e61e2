"""kill -9 with questions in flight: who is answered after the restart, and who twice."""

from __future__ import annotations

import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from scripts.benchmarks.table import Figure, show
from tests.e2e.world import QUESTION, TOKEN, World, wait_for, world

IN_FLIGHT = range(101, 111)
WHILE_DOWN = range(201, 206)
EVERYBODY = {*IN_FLIGHT, *WHILE_DOWN}
INSTANTS = 20


def run() -> str:
    figures = [
        _figure("10 in flight, the model holds its answers; 5 more while down", _model_holds, written=True),
        _figure("the same, Telegram holding sendMessage", _telegram_holds),
        _figure("the same, killed before the answers are stored", _model_writes, written=True),
    ]
    unanswered, doubled, stray, opened = _amid_the_sends()
    figures.append(
        Figure(
            f"killed at {INSTANTS} seeded instants across the sends, replies withheld",
            f"{unanswered} unanswered; {doubled} doubled, {stray} of them not among {opened} open sends",
            "0 unanswered; doubles only among the open sends",
            "-",
            unanswered == 0 and stray == 0,
        )
    )
    how = (
        "The real process, its real Telegram client and a Bot API on loopback; answers counted by chat there."
    )
    return show("kill -9", how, figures)


def _figure(what: str, stage: Callable[[World], None], *, written: bool = False) -> Figure:
    counted = _scene(stage, written)
    answered, doubled = len(counted), sum(times - 1 for times in counted.values())
    measured = f"{answered} of {len(EVERYBODY)} answered, {doubled} twice"
    held = answered == len(EVERYBODY) and doubled == 0
    return Figure(what, measured, "15 answered, none twice", "5 of 15 and 5 of 15", held)


def _scene(stage: Callable[[World], None], written: bool) -> Counter[int]:
    """Ten ask, `stage` brings them to the kill, five ask while the server is down; the answers by chat."""
    with tempfile.TemporaryDirectory() as folder, world(Path(folder), written=written) as here:
        here.start_with_bot()
        stage(here)
        here.roost.kill()
        _ask(here, WHILE_DOWN)
        here.llm.pause_s = 0.0
        here.llm.release()
        here.telegram.release()
        here.roost.start()
        wait_for(lambda: set(_counted(here)) >= EVERYBODY, "everybody is answered", within_s=90)
        time.sleep(3)
        return _counted(here)


def _model_holds(here: World) -> None:
    here.llm.hold()
    _ask(here, IN_FLIGHT)
    wait_for(lambda: len(here.llm.received) >= len(IN_FLIGHT), "the model was asked for all")


def _telegram_holds(here: World) -> None:
    here.telegram.hold("sendMessage", accept=False)
    _ask(here, IN_FLIGHT)
    time.sleep(2)


def _model_writes(here: World) -> None:
    here.llm.pause_s = 0.2
    _ask(here, IN_FLIGHT)
    wait_for(lambda: len(here.llm.received) >= len(IN_FLIGHT), "the model was asked for all")


def _amid_the_sends() -> tuple[int, int, int, int]:
    """Unanswered chats, doubled ones, doubled ones whose send was not open at the kill, and open sends."""
    unanswered = doubled = stray = opened = 0
    for seed in range(INSTANTS):
        with tempfile.TemporaryDirectory() as folder, world(Path(folder)) as here:
            here.start_with_bot()
            here.telegram.hold("sendMessage", accept=True)
            began_s = time.monotonic()
            _ask(here, IN_FLIGHT)
            time.sleep(max(0.0, began_s + random.Random(seed).uniform(0.05, 0.6) - time.monotonic()))
            here.roost.kill()
            open_chats = set(_counted(here))
            here.telegram.release()
            here.roost.start()
            try:
                wait_for(lambda here=here: set(_counted(here)) >= set(IN_FLIGHT), "all are answered", 60)  # type: ignore[misc]
            except AssertionError:
                unanswered += len(set(IN_FLIGHT) - set(_counted(here)))
            time.sleep(2)
            twice = {chat_id for chat_id, times in _counted(here).items() if times > 1}
            doubled += len(twice)
            stray += len(twice - open_chats)
            opened += len(open_chats)
    return unanswered, doubled, stray, opened


def _ask(here: World, chats: range) -> None:
    for chat_id in chats:
        here.telegram.text(TOKEN, chat_id, QUESTION)


def _counted(here: World) -> Counter[int]:
    return Counter(send["chat_id"] for send in here.telegram.state(TOKEN)["sends"])

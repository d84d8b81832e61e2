"""An answer made in a thread, followed from the bots' loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable

from roost.domain.answers import (
    Answer,
    AnswerEvent,
    Citation,
    Finished,
    Question,
    SourcesFound,
    TextAdded,
    TextReplaced,
)
from roost.services.ports import Answerer

AnswerEvents = asyncio.Queue[AnswerEvent | Exception]


def begin_answering(
    answerer: Answerer, question: Question, closed: threading.Event, stop: threading.Event, name: str
) -> AnswerEvents:
    """Makes the answer in a thread of its own: a daemon, so that a silent endpoint cannot hold up the exit.

    Once `closed` nothing is told any more; at `stop` the answer ends with the text so far. What the answering
    raises comes as the last event.
    """
    events: AnswerEvents = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def tell(event: AnswerEvent | Exception) -> None:
        if not closed.is_set():
            loop.call_soon_threadsafe(events.put_nowait, event)

    def answer() -> None:
        try:
            for event in answerer.answer(question, lambda: closed.is_set() or stop.is_set()):
                tell(event)
        except Exception as error:  # noqa: BLE001 - the thread's edge - the chat's task gets it
            tell(error)

    threading.Thread(target=answer, name=name, daemon=True).start()
    return events


async def follow(
    events: AnswerEvents,
    wait_s: Callable[[str], float | None],
    show: Callable[[str, tuple[Citation, ...]], Awaitable[None]],
) -> Answer:
    """Returns the finished answer. Raises what the answering raised.

    `wait_s(text)` says in how many seconds the text so far is to be shown; None: not before more of it comes.
    """
    text, citations = "", tuple[Citation, ...]()
    while True:
        try:
            event = await asyncio.wait_for(events.get(), wait_s(text))
        except TimeoutError:
            await show(text, citations)
            continue
        match event:
            case Exception():
                raise event
            case SourcesFound():
                citations = event.citations
            case TextAdded():
                text += event.text
            case TextReplaced():
                text = event.text
            case Finished():
                return event.answer
        if events.empty() and wait_s(text) == 0:
            await show(text, citations)

"""An answerer whose steps a test decides, one by one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

from roost.domain.answers import (
    Answer,
    AnswerEvent,
    Citation,
    Evidence,
    Finished,
    Question,
    SourcesFound,
    TextAdded,
    TextReplaced,
)
from roost.errors import Unavailable

SOURCES = (
    Citation(1, "Start", "https://docs.example/start", "Press."),
    Citation(2, "Stop", "https://docs.example/stop", "Hold."),
)


class ScriptedAnswerer:
    """Says its pieces; `hold` makes it wait before the piece of that number until `release`."""

    def __init__(self, *pieces: AnswerEvent) -> None:
        self.pieces = pieces or (TextAdded("Press "), TextAdded("start [1]."))
        self.hold_before: int | None = None
        self.released = threading.Event()
        self.reached = threading.Semaphore(0)
        self.questions: list[Question] = []
        self.refuses = False
        self.fails = False

    def answer(self, question: Question, stopped: Callable[[], bool]) -> Iterator[AnswerEvent]:
        self.questions.append(question)
        if self.fails:
            raise (
                Unavailable("The index cannot be read.")
                if self.refuses
                else ZeroDivisionError("a fault of ours")
            )
        yield SourcesFound(SOURCES)
        said = ""
        for place, piece in enumerate(self.pieces):
            if place == self.hold_before:
                self.reached.release()
                while not self.released.wait(0.01):
                    if stopped():
                        break
            if stopped():
                break
            if isinstance(piece, TextAdded):
                said += piece.text
            elif isinstance(piece, TextReplaced):
                said = piece.text
            yield piece
        evidence = Evidence(1, question.text, (("c1", 0.9),))
        yield Finished(
            Answer(
                said,
                SOURCES[:1],
                (),
                refused=self.refuses,
                model="test",
                notice=None,
                tokens_used=1,
                evidence=evidence,
                stopped=stopped(),
            )
        )

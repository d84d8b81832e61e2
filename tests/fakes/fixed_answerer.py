"""An Answerer that says what it is told to, for tests in which the answer itself does not matter."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from roost.domain.answers import Answer, AnswerEvent, Finished, Question, SourcesFound, TextAdded


class FixedAnswerer:
    """Answers `Answer to: <question>`. While held it waits; `deltas` come with `pause_s` between them;
    those that came are the answer when it is stopped among them.
    """

    def __init__(self) -> None:
        self.questions: list[Question] = []
        self.deltas: tuple[str, ...] = ()
        self.pause_s = 0.0
        self.failures = 0
        self.answer_made: Callable[[Question], Answer] = plain_answer
        self._free = threading.Event()
        self._free.set()

    def hold(self) -> None:
        self._free.clear()

    def release(self) -> None:
        self._free.set()

    def answer(self, question: Question, stopped: Callable[[], bool]) -> Iterator[AnswerEvent]:
        self.questions.append(question)
        if self.failures:
            self.failures -= 1
            raise RuntimeError("told to fail")
        while not self._free.wait(0.02):
            if stopped():
                break
        answer = self.answer_made(question)
        yield SourcesFound(answer.citations)
        deltas = self.deltas
        for place, delta in enumerate(deltas):
            if stopped():
                answer = replace(answer, text="".join(deltas[:place]), stopped=True)
                break
            yield TextAdded(delta)
            time.sleep(self.pause_s)
        yield Finished(answer)


def plain_answer(question: Question) -> Answer:
    return Answer(
        text=f"Answer to: {question.text}",
        citations=(),
        nearest=(),
        refused=False,
        model=None,
        notice=None,
        tokens_used=0,
    )

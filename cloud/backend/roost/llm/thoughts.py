"""What a model thinks aloud before its answer: endpoints that do not tell it apart send it as text."""

from __future__ import annotations

from collections.abc import Iterator

from roost.services.ports import WritingEnded, WrittenText

OPENING, CLOSING = "<think>", "</think>"


def without_thoughts(steps: Iterator[WrittenText | WritingEnded]) -> Iterator[WrittenText | WritingEnded]:
    """The steps without a `<think>…</think>` that the text begins with. A step of a thought stays, empty: it
    is a sign of life.
    """
    held, thinking, answering = "", False, False
    for step in steps:
        if answering:
            yield step
            continue
        if isinstance(step, WrittenText):
            held += step.text
            start = held.lstrip()
            if not thinking and start.startswith(OPENING):
                thinking = True
            if thinking and CLOSING in held:
                held, answering = held.partition(CLOSING)[2].lstrip(), True
            elif thinking:
                # Only so much as could be the beginning of its end.
                held = held[-len(CLOSING) :]
            elif not OPENING.startswith(start):
                answering = True
            yield WrittenText(held if answering else "")
        else:
            if held and not thinking:
                yield WrittenText(held)
            yield step

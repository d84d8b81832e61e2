"""Who may stop an answer that is being written in a chat."""

from __future__ import annotations

from enum import StrEnum


class StopVerdict(StrEnum):
    STOPPED = "stopped"
    FINISHED = "finished"
    NOT_YOURS = "not_yours"


def judge_stop(asker: str | None, by: str, *, unanswered: bool, moderator: bool) -> StopVerdict:
    """Whoever asked may stop the answer, and a moderator of the place may.

    `asker` and `by` are people, as platform:id; None: the question is not kept any more.
    """
    if asker is None or not unanswered:
        return StopVerdict.FINISHED
    return StopVerdict.STOPPED if moderator or by == asker else StopVerdict.NOT_YOURS

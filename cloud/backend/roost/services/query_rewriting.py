"""Follow-ups made into questions that stand on their own, by the model that writes the answers."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from roost.clock import Clock
from roost.domain.answers import Question
from roost.domain.rewriting import QUERY_CHARS, RULES, transcript, usable_query
from roost.errors import RemoteError
from roost.services.ports import AnswerWriter, Endpoint, PromptMessage, WritingEnded

WITHIN_S = 3.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RewrittenQuestion:
    """`query` is None when nothing of use came in time; `tokens_used` counts all the same."""

    query: str | None
    tokens_used: int


class QueryRewriting:
    """Never raises for an endpoint, and never takes longer than `within_s`: the answer waits for it."""

    def __init__(self, writer: AnswerWriter, clock: Clock, within_s: float = WITHIN_S) -> None:
        self._writer = writer
        self._clock = clock
        self._within_s = within_s

    def rewrite(
        self, endpoint: Endpoint, question: Question, stopped: Callable[[], bool]
    ) -> RewrittenQuestion:
        messages = (
            PromptMessage("system", RULES),
            PromptMessage("user", transcript(question.text, question.context)),
        )
        ends_s = self._clock.monotonic_s() + self._within_s
        written, ended = "", None

        def over() -> bool:
            return stopped() or self._clock.monotonic_s() >= ends_s

        try:
            for step in self._writer.write(endpoint, messages, over):
                if isinstance(step, WritingEnded):
                    ended = step
                    break
                written += step.text
                if len(written) > 2 * QUERY_CHARS:
                    break
        except RemoteError as error:
            _log.info(
                "A follow-up is searched for as it was asked",
                extra={"code": error.code, "bot_id": question.settings.bot_id},
            )
        query = usable_query(written, question.text, question.context) if ended else None
        return RewrittenQuestion(query, _tokens(ended, messages, written))


def _tokens(ended: WritingEnded | None, messages: tuple[PromptMessage, ...], written: str) -> int:
    """What the endpoint says it used; else, where it wrote, about four characters a token."""
    if ended is not None and ended.tokens_used is not None:
        return ended.tokens_used
    return (sum(len(message.text) for message in messages) + len(written)) // 4 if written else 0

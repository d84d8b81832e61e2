"""Asking in one call, and the prompts that come with Roost."""

from __future__ import annotations

from roost.domain.prompt_templates import TEMPLATES
from roost.services.chat import Asked
from roost.web.calls import Call
from roost.web.payloads_chat import AskedAnswer, NewQuestion, Prompt, PromptList
from roost.web.threads import shown_citations


def ask(call: Call, body: NewQuestion) -> AskedAnswer:
    """Ask and wait for the whole answer, for scripts."""
    asked = call.services.chat.ask(
        call.person,
        body.question,
        thread_id=body.thread_id,
        bot_id=body.bot_id,
        once=call.once(_shown),
    )
    return _shown(asked)


def prompts(_call: Call) -> PromptList:
    """The system prompts that come with Roost."""
    items = [Prompt(key=each.key, name=each.name, text=each.text) for each in TEMPLATES]
    return PromptList(items=items, next_cursor=None)


def _shown(asked: Asked) -> AskedAnswer:
    return AskedAnswer(
        answer=asked.answer.text,
        citations=shown_citations(asked.answer.citations),
        nearest=shown_citations(asked.answer.nearest),
        refused=asked.answer.refused,
        model=asked.answer.model,
        notice=asked.answer.notice,
        thread_id=asked.thread_id,
    )

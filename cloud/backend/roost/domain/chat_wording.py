"""What a bot says on any platform that is not an answer."""

from __future__ import annotations

import re

from roost.domain.chat import ChatStats, DayUse

ONLY_TEXT = "I can only read text. Please type your question."
EMPTY_ASK = "Type your question after the command, for example: `/ask How do I begin?`"
CLEARED = "Conversation cleared. Your history is kept; I start fresh."
UNKNOWN_COMMAND = "I do not know this command. Type /help to see what I can do, or just ask."
FAILED = "Sorry, something went wrong while I looked for the answer. Please ask again in a moment."
FORGET_YES = "Delete it"
FORGET_NO = "Keep it"
FORGOTTEN = "Deleted. I know nothing of you any more."
KEPT = "Nothing was deleted."
NOT_YOURS = "Only the person who was asked can decide this."
STOP = "Stop"
STOPPING = "Stopping: the text so far stays."
ALREADY_FINISHED = "This answer is finished already."
NOTHING_TO_STOP = "No answer to you is being written here."
STOPPED_UNWRITTEN = "Stopped before anything was written."
NO_ANSWER = "There is no answer to this."
GONE = "This answer is not kept any more."
THUMB_UP = "\N{THUMBS UP SIGN}"
THUMB_DOWN = "\N{THUMBS DOWN SIGN}"


def forget(platform: str) -> str:
    return (
        "Shall I delete everything I have kept of you: your questions, my answers, your thumbs and counters?"
        f" This cannot be undone. Messages that {platform} shows here stay until you delete them yourself."
    )


def welcome(bot_name: str) -> str:
    return (
        f"Hello, I am {plain_name(bot_name)}. Ask me anything about our documentation: just type your"
        " question, and I answer with links to the pages it comes from.\n\nType /help to see what else I can"
        " do."
    )


def stats_text(stats: ChatStats) -> str:
    if not stats.questions or stats.first_at is None:
        return "You have not asked anything yet. Type a question to begin."
    asked = "1 question" if stats.questions == 1 else f"{stats.questions} questions"
    unanswered = (
        "The documentation answered all of them."
        if not stats.refused
        else f"The documentation could not answer {stats.refused} of them."
    )
    return f"You have asked {asked} since {stats.first_at:%d %B %Y}. {unanswered}"


def use_text(use: DayUse) -> str:
    """What is left for today."""
    used = f"Written answers today: {use.questions:,}"
    if use.questions_limit is not None:
        used += f" of {use.questions_limit:,}"
    tokens = f"tokens this bot used today: {use.tokens:,}"
    if use.tokens_limit is not None:
        tokens += f" of {use.tokens_limit:,}"
    return f"{used}; {tokens}."


def plain_name(name: str) -> str:
    """A name that markdown does not read as formatting."""
    return re.sub(r"([\\`*_\[\]()#>~])", r"\\\1", name)

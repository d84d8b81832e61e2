"""What a Discord bot says that is not an answer, and the commands it offers."""

from __future__ import annotations

from typing import Any

from roost.domain import chat_wording
from roost.domain.chat import ChatStats, DayUse
from roost.domain.stopping import StopVerdict

SLASH_COMMAND, TEXT_OPTION = 1, 3
SERVERS, PRIVATE_WITH_BOT = 0, 1
QUESTION_LIMIT = 4_000

EMPTY_MENTION = "Type your question after my name, and I answer from the documentation."
HIDDEN = (
    "Discord does not show me what you wrote, because your reply does not mention me. Reply with the @ on, or"
    " mention me in your message."
)
NOTED = "Noted"
STOPS = {
    StopVerdict.FINISHED: chat_wording.ALREADY_FINISHED,
    StopVerdict.NOT_YOURS: "Only the person who asked, or a moderator, can stop this answer.",
}


def commands() -> list[dict[str, Any]]:
    """As Discord takes them: https://discord.com/developers/docs/interactions/application-commands"""
    question = {
        "type": TEXT_OPTION,
        "name": "question",
        "description": "What you want to know",
        "required": True,
        "max_length": QUESTION_LIMIT,
    }
    return [
        _command("ask", "Ask a question", [question]),
        _command("clear", "Start a fresh conversation; your history is kept", []),
        _command("stats", "What you have asked so far, and today's limit", []),
        _command("forget", "Delete everything I have kept of you", []),
        _command("help", "What I can do", []),
    ]


def help_text(bot_name: str) -> str:
    return (
        f"I am {chat_wording.plain_name(bot_name)}. Mention me with your question, reply to me, write to me"
        " privately, or use /ask: I answer from the documentation, with numbered sources. I remember what we"
        " talked about for half an hour, so you can ask follow-up questions.\n\n"
        "/ask question: ask a question\n"
        "/clear: start a fresh conversation; what was said stays in your history\n"
        "/stats: what you have asked so far, and today's limit\n"
        "/forget: delete everything I have kept of you\n"
        "/help: this text"
    )


def stats_text(stats: ChatStats, use: DayUse, number: int) -> str:
    """What was asked here, what is left for today, and the number that stands for this place in the bot's
    allowed chats.
    """
    return (
        f"{chat_wording.stats_text(stats)}\n\n{chat_wording.use_text(use)}\nThis place's number: `{number}`"
    )


def not_here(number: int) -> str:
    return (
        "I am not set up to answer here. Ask whoever runs me to add this place's number to my allowed chats:"
        f" `{number}`"
    )


def _command(name: str, description: str, options: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "type": SLASH_COMMAND,
        "name": name,
        "description": description,
        "options": options,
        "contexts": [SERVERS, PRIVATE_WITH_BOT],
    }

"""What a bot says on Telegram that is not an answer."""

from __future__ import annotations

from roost.domain.chat import ChatStats, DayUse
from roost.domain.chat_wording import (
    ALREADY_FINISHED,
    CLEARED,
    EMPTY_ASK,
    FAILED,
    NOTHING_TO_STOP,
    ONLY_TEXT,
    STOPPING,
    UNKNOWN_COMMAND,
    plain_name,
    stats_text,
    use_text,
    welcome,
)
from roost.domain.stopping import StopVerdict

__all__ = ["CLEARED", "EMPTY_ASK", "FAILED", "NOTHING_TO_STOP", "ONLY_TEXT", "UNKNOWN_COMMAND", "welcome"]

COMMANDS = (
    ("ask", "Ask a question"),
    ("help", "What I can do"),
    ("stop", "Stop the answer that is being written"),
    ("clear", "Start a fresh conversation"),
    ("stats", "What you have asked so far"),
    ("forget", "Delete what I know of you"),
    ("start", "Say hello"),
)
EMPTY_MENTION = "Ask me something: write your question beside my name, or reply with my name to a question."
CHOSEN = "\N{BULLET}"
STOPS = {
    StopVerdict.STOPPED: STOPPING,
    StopVerdict.FINISHED: ALREADY_FINISHED,
    StopVerdict.NOT_YOURS: "Only the person who asked can stop this answer.",
}
THANKS = {
    "up": "Thank you: noted as helpful. You may change it.",
    "down": "Thank you: noted as not helpful. You may change it.",
}


def help_text(bot_name: str) -> str:
    return (
        f"I am {plain_name(bot_name)}. Type a question and I answer from the documentation, with numbered"
        " sources. I remember what we talked about for half an hour, so you can ask follow-up questions. In a"
        " group, mention me or reply to me; everybody has a conversation of their own there.\n\n"
        "/ask question: ask a question\n"
        "/stop: end the answer that is being written, and keep the text so far\n"
        "/clear: start a fresh conversation; what was said stays in your history\n"
        "/stats: what you have asked so far\n"
        "/forget: delete everything I have kept of you\n"
        "/help: this text"
    )


def stats(asked: ChatStats, use: DayUse, chat_id: int) -> str:
    """What was asked here, what is left for today, and the chat's number for whoever sets the bot up."""
    return f"{stats_text(asked)}\n\n{use_text(use)}\nThis chat's number: `{chat_id}`"


def not_allowed(chat_id: int) -> str:
    return (
        "I am not set up for this chat. Ask whoever runs me to add its number to my allowed chats:"
        f" `{chat_id}`"
    )


def privacy_mode(*, on: bool) -> str:
    """For the bot's log."""
    if on:
        return (
            "Privacy mode is on: in groups Telegram shows this bot only mentions, replies to it and commands,"
            " which is all it answers. To change that, send /setprivacy to @BotFather, then remove the bot"
            " from the group and add it again."
        )
    return (
        "Privacy mode is off: in groups Telegram shows this bot every message. It answers, and keeps, only"
        " mentions, replies to it and commands with its name. To have Telegram show it nothing else, send"
        " /setprivacy to @BotFather and choose Enable, then remove the bot from the group and add it again."
    )

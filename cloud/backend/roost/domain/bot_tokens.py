"""What bot tokens look like on each platform, and what to say when one is of no use."""

from __future__ import annotations

import re
from dataclasses import dataclass

from roost.domain.bots import Platform


@dataclass(frozen=True, slots=True)
class TokenWords:
    """`name` is the platform's; `shape` says what its tokens look like, `remedy` what to do about a refused
    one.
    """

    name: str
    pattern: re.Pattern[str]
    shape: str
    remedy: str

    def is_whole(self, token: str) -> bool:
        return self.pattern.fullmatch(token) is not None

    def refused(self, answer: str) -> str:
        """`answer` is what the platform said."""
        return f"{self.name} refuses this token: {answer}. {self.remedy}"


TOKEN_WORDS = {
    Platform.TELEGRAM: TokenWords(
        name="Telegram",
        pattern=re.compile(r"[0-9]{6,12}:[A-Za-z0-9_-]{30,64}"),
        shape=(
            "This is not a Telegram bot token. Copy the whole token from @BotFather: digits, a colon,"
            " and about 35 letters and digits."
        ),
        remedy="Copy it again from @BotFather, or make a new one there with /token.",
    ),
    Platform.DISCORD: TokenWords(
        name="Discord",
        pattern=re.compile(r"[A-Za-z0-9_-]{20,40}\.[A-Za-z0-9_-]{5,10}\.[A-Za-z0-9_-]{25,100}"),
        shape=(
            "This is not a Discord bot token. Open your application in Discord's developer portal, choose"
            " Bot, then Reset Token, and copy the whole token: three parts with dots between them. The client"
            " secret and the public key are something else."
        ),
        remedy=(
            "Open your application in Discord's developer portal, choose Bot, then Reset Token, and copy the"
            " new one."
        ),
    ),
}


def bare_token(pasted: str) -> str:
    """The token without blanks around it, and without the word that precedes it in requests to Discord."""
    return pasted.strip().removeprefix("Bot ").strip()

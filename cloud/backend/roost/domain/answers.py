"""Questions, and answers with the passages they rest on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a conversation's context. `role` is user or assistant."""

    role: str
    text: str


@dataclass(frozen=True, slots=True)
class AnswerSettings:
    """How answers are made for one bot: None falls back to the installation's own. `system_prompt` is a
    template's key or text. `guarded`: `base_url` was given by somebody who is no owner of the installation.
    """

    bot_id: str | None = None
    system_prompt: str = "default"
    model: str | None = None
    base_url: str | None = None
    api_key: str | None = None
    source_ids: tuple[str, ...] | None = None
    guarded: bool = False

    def __repr__(self) -> str:
        return f"AnswerSettings(bot_id={self.bot_id!r}, model={self.model!r})"


@dataclass(frozen=True, slots=True)
class Question:
    """`context` holds the turns before this one, oldest first. `person` is whom daily limits count, for
    example `telegram:42`.
    """

    text: str
    person: str
    platform: str
    settings: AnswerSettings
    context: tuple[Turn, ...] = ()


@dataclass(frozen=True, slots=True)
class Citation:
    """`n` is the number in the text; `url` carries the heading's anchor; `text` is the passage."""

    n: int
    title: str
    url: str
    text: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What an answer rests on, to judge it later: `chunks` are (chunk id, score), best first."""

    index_version: int
    query: str
    chunks: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """`model` is None when the answer is quoted passages; `notice` says why a written answer was not to be
    had.

    `text` is whole and markdown: it holds the notice, and a refusal's links to the `nearest` pages. No other
    link or image is in it: pages are reached through `citations`. A refusal has no citations. `stopped` says
    that the person ended it early.
    """

    text: str
    citations: tuple[Citation, ...]
    nearest: tuple[Citation, ...]
    refused: bool
    model: str | None
    notice: str | None
    tokens_used: int
    evidence: Evidence | None = None
    stopped: bool = False

    @property
    def shows_gap(self) -> bool:
        """The documents were searched, and do not say: something for the operator's list."""
        return self.refused and self.evidence is not None


@dataclass(frozen=True, slots=True)
class SourcesFound:
    """The numbered passages an answer may cite: comes first.

    Comes again when the numbers change (the text names them in another order, or a refusal takes them back);
    a TextReplaced with the text so far follows then.
    """

    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True)
class TextAdded:
    text: str


@dataclass(frozen=True, slots=True)
class TextReplaced:
    """What was streamed so far is void (the endpoint died, or numbers changed): this is the text."""

    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    answer: Answer


AnswerEvent = SourcesFound | TextAdded | TextReplaced | Finished

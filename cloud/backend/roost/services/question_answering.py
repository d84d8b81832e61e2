"""Questions answered from the knowledge base: written by a model where there is a key, quoted where
there is none.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from roost.domain.answers import (
    Answer,
    AnswerEvent,
    AnswerSettings,
    Citation,
    Evidence,
    Finished,
    Question,
    SourcesFound,
    TextAdded,
    TextReplaced,
)
from roost.domain.citations import CitedText, Sources, markdown_link, nearest_pages, plain_label, storable
from roost.domain.documents import Confidence, Retrieval
from roost.domain.prompting import NOT_IN_DOCS, conversation, system_message
from roost.domain.quoting import quoted_answer
from roost.domain.rewriting import is_same
from roost.domain.topics import is_small_talk
from roost.errors import LimitReached, RemoteError, RemoteUnreachable
from roost.services.ports import AnswerWriter, Endpoint, PromptMessage, Retriever, WritingEnded
from roost.services.query_rewriting import QueryRewriting
from roost.services.spending import Reservation, Spending

_log = logging.getLogger(__name__)

SOURCES_LIMIT = 8
GREETING = "Hello! Ask me a question, and I look for the answer in the docs."
NOT_READY = "The knowledge base is being built. Ask again in a minute."
NOT_SAID = "The docs don't say."
QUOTED = "From the docs, quoted:"
QUOTED_UNSURE = "I'm not sure the docs answer this. The closest passages, quoted:"
UNSURE = "I'm not sure the docs cover this. "
CUT = "The answer was cut at the model's limit of length."
UNMARKED = "The model named no source for this; it was given the pages below."


@dataclass(frozen=True, slots=True)
class WritingDefaults:
    """The installation's own endpoint. Without a key answers are quoted passages, unless a bot brings
    its own.
    """

    base_url: str
    api_key: str | None
    model: str

    def __repr__(self) -> str:
        return f"WritingDefaults(base_url={self.base_url!r}, model={self.model!r})"

    def endpoint(self, settings: AnswerSettings) -> Endpoint | None:
        """A bot's own values come first. The installation's key never goes to an address that a bot
        brought.
        """
        own_address = settings.base_url is not None and settings.base_url != self.base_url
        key = settings.api_key or (None if own_address else self.api_key)
        if key is None:
            return None
        return Endpoint(
            settings.base_url or self.base_url,
            key,
            settings.model or self.model,
            guarded=own_address and settings.guarded,
        )


def _for_nothing(_: Callable[[], bool]) -> bool:
    """Where no pages are being read."""
    return False


class QuestionAnswering:
    """Implements ports.Answerer. Each answer is made in the calling thread.

    `wait_for_pages` is called where nothing is found, with what tells that nobody wants the answer any more:
    whether it has waited for pages that were being read, so that it is worth searching again.
    """

    def __init__(
        self,
        retriever: Retriever,
        writer: AnswerWriter,
        rewriting: QueryRewriting,
        defaults: WritingDefaults,
        spending: Spending,
        wait_for_pages: Callable[[Callable[[], bool]], bool] = _for_nothing,
    ) -> None:
        self._retriever = retriever
        self._writer = writer
        self._rewriting = rewriting
        self._defaults = defaults
        self._spending = spending
        self._wait_for_pages = wait_for_pages

    def answer(self, question: Question, stopped: Callable[[], bool]) -> Iterator[AnswerEvent]:
        """See ports.Answerer. Raises what retrieval and storage raise; never what an endpoint does."""
        if is_small_talk(question.text):
            yield from _told(Answer(GREETING, (), (), refused=False, model=None, notice=None, tokens_used=0))
            return
        endpoint = self._defaults.endpoint(question.settings)
        previous = next((turn.text for turn in reversed(question.context) if turn.role == "user"), None)
        place: Reservation | None = None
        limit: str | None = None
        if endpoint is not None and previous is not None:
            place, limit = self._reserved(question)
        try:
            found = self._search(question, previous, endpoint if place else None, place, stopped)
            if _is_nothing(found) and self._wait_for_pages(stopped):
                found = self._search(question, previous, None, None, stopped)
        except BaseException:  # given back and raised on - whatever it was
            self._give_back(place)
            raise
        if _is_nothing(found):
            self._give_back(place)
            yield from _told(_refusal(question, found) if found.ready else _not_ready())
            return
        sources = Sources.of(found.passages)
        yield SourcesFound(sources.citations)
        if endpoint is not None and place is None and limit is None:
            place, limit = self._reserved(question)
        if endpoint is None or place is None:
            yield from _added(_quoted(question, found, sources, limit))
            return
        yield from self._written(question, found, sources, endpoint, place, stopped)

    def _search(
        self,
        question: Question,
        previous: str | None,
        endpoint: Endpoint | None,
        place: Reservation | None,
        stopped: Callable[[], bool],
    ) -> Retrieval:
        """A follow-up is searched for in the model's words where there is a model; where these find nothing,
        in the person's own and with the turn before.
        """
        source_ids = question.settings.source_ids
        if endpoint is not None and place is not None:
            rewritten = self._rewriting.rewrite(endpoint, question, stopped)
            self._spending.settle(place, rewritten.tokens_used)
            if rewritten.query is not None:
                found = self._retriever.retrieve(rewritten.query, source_ids=source_ids, limit=SOURCES_LIMIT)
                if found.confidence is not Confidence.REFUSE:
                    return found
        return self._retriever.retrieve(
            question.text, previous=previous, source_ids=source_ids, limit=SOURCES_LIMIT
        )

    def _reserved(self, question: Question) -> tuple[Reservation | None, str | None]:
        """A place among today's written answers, or the sentence why there is none."""
        try:
            return self._spending.reserve(question), None
        except LimitReached as limit:
            return None, limit.message

    def _give_back(self, place: Reservation | None) -> None:
        if place is not None:
            self._spending.release(place)

    def _written(
        self,
        question: Question,
        found: Retrieval,
        sources: Sources,
        endpoint: Endpoint,
        place: Reservation,
        stopped: Callable[[], bool],
    ) -> Iterator[AnswerEvent]:
        draft = _Draft(sources, UNSURE if found.confidence is Confidence.HEDGE else "")
        messages = _messages(question, sources)
        ended: WritingEnded | None = None
        failure: RemoteError | None = None
        try:
            for step in self._writer.write(endpoint, messages, stopped):
                if isinstance(step, WritingEnded):
                    ended = step
                    break
                yield from draft.add(step.text)
        except RemoteError as error:
            failure = error
        if failure is None:
            yield from draft.finish()
            if ended is not None and not draft.text and not draft.declined:
                failure = RemoteUnreachable("The model wrote nothing that can be shown.", code="empty")
        if failure is not None:
            _log.warning(
                "The endpoint failed: quoted passages instead",
                extra={"code": failure.code, "reason": failure.message, "bot_id": question.settings.bot_id},
            )
            self._spending.release(place)
            notice = f"{failure.message} Here is what the docs say."
            yield from _instead(_quoted(question, found, sources, notice), draft)
            return
        tokens = _tokens(ended, messages, draft.text)
        self._spending.settle(place, tokens)
        if draft.declined:
            yield SourcesFound(())
            refusal = _refusal(question, found, endpoint.model, tokens)
            yield TextReplaced(refusal.text)
            yield Finished(refusal)
            return
        yield from self._finished(question, draft, found, endpoint, ended, tokens)

    def _finished(
        self,
        question: Question,
        draft: _Draft,
        found: Retrieval,
        endpoint: Endpoint,
        ended: WritingEnded | None,
        tokens: int,
    ) -> Iterator[AnswerEvent]:
        notice = CUT if ended is not None and ended.cut else None
        citations = draft.citations
        if not citations and ended is not None:
            citations, notice = draft.sources.citations[:3], notice or UNMARKED
        text = draft.text
        if notice:
            text = f"{text}\n\n*{notice}*"
        if ended is not None:
            text += _searched(question, found)
        if text != draft.text:
            yield TextAdded(text[len(draft.text) :])
        yield Finished(
            Answer(
                text,
                citations,
                (),
                refused=False,
                model=endpoint.model,
                notice=notice,
                tokens_used=tokens,
                evidence=_evidence(found),
                stopped=ended is None,
            )
        )


class _Draft:
    """The text as it is being written: checked, numbered, and held until it cannot be a refusal any more."""

    def __init__(self, sources: Sources, opening: str) -> None:
        self.sources = sources
        self.text = ""
        self.declined = False
        self._opening = opening
        self._first = ""
        self._cited = CitedText(sources)
        self._announced = sources.citations

    @property
    def citations(self) -> tuple[Citation, ...]:
        """What the text cites, numbered as in it."""
        return self.sources.numbered(self._cited.order)

    def add(self, written: str) -> Iterator[AnswerEvent]:
        if not self._opened():
            self._first += written
            start = self._first.lstrip(" \n`*\"'")
            if NOT_IN_DOCS.startswith(start[: len(NOT_IN_DOCS)]):
                return
            written = self._opening + self._first.lstrip()
            self._first = written
        yield from self._show(self._cited.push(written))

    def finish(self) -> Iterator[AnswerEvent]:
        if not self._opened():
            start = self._first.lstrip(" \n`*\"'")
            if start.startswith(NOT_IN_DOCS):
                self.declined = True
                return
            if start:
                yield from self._show(self._cited.push(self._opening + self._first.lstrip()))
        yield from self._show(self._cited.finish())
        self.text = self.text.rstrip()

    def _opened(self) -> bool:
        return self.text != "" or self._cited.started

    def _show(self, settled: str) -> Iterator[AnswerEvent]:
        if not settled:
            return
        self.text += settled
        announced = self.sources.announced(self._cited.order)
        if announced != self._announced:
            self._announced = announced
            yield SourcesFound(announced)
            yield TextReplaced(self.text)
        else:
            yield TextAdded(settled)


def _messages(question: Question, sources: Sources) -> tuple[PromptMessage, ...]:
    return (
        PromptMessage("system", system_message(question.settings.system_prompt, sources.citations)),
        *(PromptMessage(turn.role, turn.text) for turn in conversation(question.context)),
        PromptMessage("user", question.text),
    )


def _is_nothing(found: Retrieval) -> bool:
    return not found.ready or found.confidence is Confidence.REFUSE or not found.passages


def _not_ready() -> Answer:
    return Answer(NOT_READY, (), (), refused=True, model=None, notice=None, tokens_used=0)


def _refusal(question: Question, found: Retrieval, model: str | None = None, tokens_used: int = 0) -> Answer:
    """Says that the docs don't, with the nearest pages."""
    nearest = nearest_pages(found.passages)
    pages = "\n".join(f"- {markdown_link(page)}" for page in nearest)
    text = f"{NOT_SAID} Closest pages:\n\n{pages}" if nearest else NOT_SAID
    return Answer(
        text + _searched(question, found),
        (),
        nearest,
        refused=True,
        model=model,
        notice=None,
        tokens_used=tokens_used,
        evidence=_evidence(found),
    )


def _quoted(question: Question, found: Retrieval, sources: Sources, notice: str | None) -> Answer:
    introduction = QUOTED_UNSURE if found.confidence is Confidence.HEDGE else QUOTED
    text, citations = quoted_answer(
        found.query, sources, f"{notice}\n\n{introduction}" if notice else introduction
    )
    return Answer(
        text + _searched(question, found),
        citations,
        (),
        refused=False,
        model=None,
        notice=notice,
        tokens_used=0,
        evidence=_evidence(found),
    )


def _searched(question: Question, found: Retrieval) -> str:
    """The query that was used, where it is not what the person wrote."""
    if is_same(found.query, storable(question.text)):
        return ""
    return f"\n\n*Searched for: {plain_label(found.query)}*"


def _told(answer: Answer) -> Iterator[AnswerEvent]:
    yield SourcesFound(())
    yield from _added(answer)


def _added(answer: Answer) -> Iterator[AnswerEvent]:
    yield TextAdded(answer.text)
    yield Finished(answer)


def _instead(answer: Answer, draft: _Draft) -> Iterator[AnswerEvent]:
    """The quoted passages take the place of a draft that died; the numbers are the retrieval's again."""
    if not draft.text:
        yield from _added(answer)
        return
    yield SourcesFound(draft.sources.citations)
    yield TextReplaced(answer.text)
    yield Finished(answer)


def _evidence(found: Retrieval) -> Evidence:
    return Evidence(
        found.index_version,
        found.query,
        tuple((passage.chunk_id, passage.score) for passage in found.passages),
    )


def _tokens(ended: WritingEnded | None, messages: tuple[PromptMessage, ...], text: str) -> int:
    """What the endpoint says it used; where it says nothing, about four characters a token."""
    if ended is not None and ended.tokens_used is not None:
        return ended.tokens_used
    return (sum(len(message.text) for message in messages) + len(text)) // 4

"""What can be asked after an answer: questions from headings near it that the documents answer now."""

from __future__ import annotations

from collections import Counter

from roost.domain.accounts import Person
from roost.domain.answers import AnswerSettings
from roost.domain.chat import Message, MessageStatus
from roost.domain.documents import Confidence, Passage
from roost.domain.suggestions import question_about
from roost.errors import NotFound
from roost.services.ports import BotAnswers, Retriever
from roost.storage import chat
from roost.storage.database import Database

SHOWN = 3
TRIED = 6
NEAR = 12
FOUND_AMONG = 3
LOOKED_BACK = 20  # messages whose places are not suggested again


class FollowUps:
    """Made when they are asked for, from the index as it is then: none leads to a page that is gone."""

    def __init__(self, conversations: Database, retriever: Retriever, bots: BotAnswers) -> None:
        self._conversations = conversations
        self._retriever = retriever
        self._bots = bots

    def suggest(self, person: Person, message_id: str) -> tuple[str, ...]:
        """Up to three questions; none after a refusal. Raises NotFound for what is no message of theirs."""
        with self._conversations.read() as db:
            message = chat.own_message(db, person.id, message_id)
            if not _rests_on_documents(message):
                return ()
            bot_id = chat.own_thread(db, person.id, message.thread_id).bot_id
            earlier = chat.list_messages(
                db, message.thread_id, after_seq=max(0, message.seq - LOOKED_BACK), limit=LOOKED_BACK
            )
            said = [
                turn.text
                for turn in chat.turns_before(db, message.thread_id, message.seq)
                if turn.role == "user"
            ]
        if not said:
            return ()
        question, previous = said[-1], said[-2] if len(said) > 1 else None
        sources = self._settings(bot_id, person.id).source_ids
        near = self._retriever.retrieve(question, previous=previous, source_ids=sources, limit=NEAR).passages
        cited = {citation.url for each in earlier for citation in each.citations}
        asked = {text.casefold() for text in said}
        suggested: dict[str, None] = {}
        tried = 0
        pages_with = Counter(
            heading.casefold() for heading, _ in {(each.heading, each.title) for each in near}
        )
        for passage in near:
            shared = pages_with[passage.heading.casefold()] > 1
            made = question_about(passage.heading, passage.title if shared else None)
            if made is None or passage.url in cited or made.casefold() in asked or made in suggested:
                continue
            tried += 1
            if self._is_answered(made, passage, question, sources):
                suggested[made] = None
            if len(suggested) == SHOWN or tried == TRIED:
                break
        return tuple(suggested)

    def _is_answered(
        self, made: str, passage: Passage, question: str, sources: tuple[str, ...] | None
    ) -> bool:
        """Whether asking it next would find this very place, without doubt."""
        found = self._retriever.retrieve(made, previous=question, source_ids=sources, limit=FOUND_AMONG)
        return found.confidence is Confidence.ANSWER and passage.url in {each.url for each in found.passages}

    def _settings(self, bot_id: str | None, person_id: str) -> AnswerSettings:
        if bot_id is None:
            return AnswerSettings()
        try:
            return self._bots.answer_settings(bot_id, person_id)
        except NotFound:
            # The bot is gone since; the conversation goes on without it.
            return AnswerSettings()


def _rests_on_documents(message: Message) -> bool:
    finished = message.status in (MessageStatus.DONE, MessageStatus.STOPPED)
    return message.role == "assistant" and finished and not message.refused and bool(message.citations)

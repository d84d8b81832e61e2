"""What the use cases need from the outside world. Adapters implement these; tests bring real servers or
small fakes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from roost.domain.alerts import Alert
from roost.domain.answers import AnswerEvent, AnswerSettings, Question
from roost.domain.bots import BotCredentials, BotIdentity
from roost.domain.documents import (
    CrawlProgress,
    EmbeddingProgress,
    ExtractedPage,
    PageRecord,
    Retrieval,
    Source,
)
from roost.domain.people import Identity
from roost.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class PageRead:
    """A page that was read and is new or may have changed. `listed_at` is what the site's list says of it."""

    page: ExtractedPage
    etag: str | None
    last_modified: str | None
    listed_at: str | None = None


@dataclass(frozen=True, slots=True)
class PageUnchanged:
    """A page that is as it was: the site said so when `asked`, else its list does."""

    url: str
    listed_at: str | None = None
    asked: bool = True


@dataclass(frozen=True, slots=True)
class PageFailed:
    """`gone` says the site declares the page removed (404, 410, a soft 404)."""

    url: str
    reason: str
    gone: bool


@dataclass(frozen=True, slots=True)
class CrawlNote:
    """A bound was met: `message` says which. Pages that this crawl did not see may exist all the same."""

    message: str


CrawlEvent = PageRead | PageUnchanged | PageFailed | CrawlNote


class Crawler(Protocol):
    """Reads one source. Polite, bounded, and only ever dials addresses the policy allows."""

    def check_address(self, url: str) -> str:
        """The address in its normal form. Raises AddressRefused when the policy, or where its name leads,
        forbids it.
        """
        ...

    def crawl(
        self,
        source: Source,
        known: Mapping[str, PageRecord],
        report: Callable[[CrawlProgress], None],
        cancelled: Callable[[], bool],
    ) -> Iterator[CrawlEvent]:
        """Yields an event a page, as it is read. Ends early once `cancelled()`; raises RemoteError or
        AddressRefused when nothing could be read. A page without `listed_at` in `known` is always asked for.
        """
        ...


class PageIndex(Protocol):
    """Turns pages into searchable chunks. Lexical search sees a change when the call returns; vectors
    follow.
    """

    def replace(self, source_id: str, changed: Sequence[ExtractedPage], removed_urls: Sequence[str]) -> None:
        """Re-chunks the changed pages and drops the removed ones, in one transaction."""
        ...

    def remove_source(self, source_id: str) -> None: ...

    def crawl_ended(self) -> None:
        """A crawl has made its last change: what follows from it is to be told once it is done."""
        ...

    def embedding(self) -> Mapping[str, EmbeddingProgress]:
        """The sources whose passages wait for their vectors. Quick; asks no database."""
        ...


class Retriever(Protocol):
    def retrieve(
        self,
        question: str,
        *,
        previous: str | None = None,
        source_ids: Sequence[str] | None = None,
        limit: int = 8,
    ) -> Retrieval:
        """The passages that answer `question`, best first. `previous` is the user turn before, for follow-
        ups that name nothing.
        """
        ...


class Answerer(Protocol):
    def answer(self, question: Question, stopped: Callable[[], bool]) -> Iterator[AnswerEvent]:
        """Makes an answer: SourcesFound, then text, then exactly one Finished, also when the endpoint fails
        or `stopped()` turns true.
        """
        ...


class ChatPlatform(Protocol):
    """One platform's registry of bots: who is behind a token."""

    def identify(self, token: str) -> BotIdentity:
        """Asks the platform. Raises RemoteRejected with the platform's answer for a wrong token,
        RemoteUnreachable otherwise.
        """
        ...


class BotAnswers(Protocol):
    """How the answers of a registered bot are made."""

    def answer_settings(self, bot_id: str, person_id: str) -> AnswerSettings:
        """Raises NotFound when there is no such bot, or this person may not see it now."""
        ...


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An OpenAI-compatible endpoint. Its repr holds no key. `guarded`: only what the AddressGuard allows may
    be dialled, for its address comes from somebody who does not run the installation.
    """

    base_url: str
    api_key: str
    model: str
    guarded: bool = False

    def __repr__(self) -> str:
        return f"Endpoint(base_url={self.base_url!r}, model={self.model!r})"


@dataclass(frozen=True, slots=True)
class PromptMessage:
    """`role` is system, user or assistant."""

    role: str
    text: str


@dataclass(frozen=True, slots=True)
class WrittenText:
    text: str


@dataclass(frozen=True, slots=True)
class WritingEnded:
    """The endpoint said that it is done. `cut` when it stopped at its own limit of length.

    `tokens_used` is None where it did not say.
    """

    tokens_used: int | None
    cut: bool


class AddressGuard(Protocol):
    """Says where Roost may connect to for somebody who does not run the installation."""

    def check(self, url: str, timeout_s: float) -> None:
        """Raises AddressRefused when the policy, or where the name leads now, forbids this address."""
        ...

    def resolve(self, host: str, port: int, timeout_s: float) -> Sequence[object]:
        """The IP addresses to dial for this name, and no others. Raises AddressRefused."""
        ...


class AnswerWriter(Protocol):
    """Writes answers by a language model."""

    def write(
        self, endpoint: Endpoint, messages: Sequence[PromptMessage], stopped: Callable[[], bool]
    ) -> Iterator[WrittenText | WritingEnded]:
        """Streams the text, then one WritingEnded; only text that came is lost when it fails.

        Ends without WritingEnded once `stopped()`. Raises RemoteRejected (wrong key, unknown model, no such
        address) or RemoteUnreachable (dead, slow, too long, cut off, not an answer), with a sentence for
        people.
        """
        ...


class AlertChannel(Protocol):
    """A way to tell whoever runs the installation."""

    @property
    def name(self) -> str:
        """For the log; holds no secret."""
        ...

    def deliver(self, alert: Alert) -> None:
        """Returns once it is delivered, within half a minute. Raises RemoteRejected, RemoteUnreachable,
        AddressRefused.
        """
        ...


POLLED_ELSEWHERE = "polled_elsewhere"


@dataclass(frozen=True, slots=True)
class Delivery:
    """What somebody brought to a bot's webhook. `header(name)` is None where it came without.

    `body()` reads it when it is first asked for. Raises TooLarge.
    """

    body: Callable[[], bytes]
    header: Callable[[str], str | None]


class WebhookReceiver(Protocol):
    """What takes deliveries for one bot."""

    def vouches_for(self, delivery: Delivery) -> bool:
        """Whether the platform itself sent this, and now. Does not wait; may be called from any thread."""
        ...

    async def receive(self, body: bytes) -> Mapping[str, object]:
        """Stores what was vouched for, once however often it comes, and returns what to answer. Lives in the
        bots' loop.

        Raises InvalidInput for what is not an update, Unavailable when it cannot be stored now.
        """
        ...

    async def unset(self) -> None:
        """Tells the platform to bring nothing any more, and to keep what waits. A courtesy: never raises for
        a platform that cannot be reached.
        """
        ...


class BotConnection(Protocol):
    """One bot on its platform. Lives in the loop of all bots; the supervisor calls `poll` again and again."""

    @property
    def receiver(self) -> WebhookReceiver | None:
        """None unless the platform is to bring this bot's updates."""
        ...

    async def open(self) -> None:
        """Takes up what earlier starts left undone. Raises Unavailable when storage cannot answer."""
        ...

    async def poll(self, wait_s: float) -> str | None:
        """Fetches what people sent, waiting up to `wait_s` for it, and stores it before the platform is told.
        Returns what people should know although it works; None: nothing.

        Raises RemoteRejected when the token is refused, RemoteError with code `polled_elsewhere` when
        somebody else polls, RemoteUnreachable otherwise, Unavailable when storage cannot take it.
        """
        ...

    def reconfigure(self, credentials: BotCredentials) -> None:
        """From the next question on these settings hold; the token is the same."""
        ...

    async def close(self) -> None:
        """Ends within two seconds; what is not done is taken up at the next start."""
        ...


class BotConnector(Protocol):
    async def connect(self, credentials: BotCredentials) -> BotConnection:
        """A connection that has not been opened; no network yet."""
        ...


class SignInRefused(InvalidInput):
    """A sign-in at a provider that cannot be trusted, or was not meant; nobody is signed in."""

    default_code = "sign_in_refused"


class IdentityProvider(Protocol):
    """Says who somebody is, when their browser comes back from it with a code."""

    def address(self, state: str, nonce: str, verifier: str) -> str:
        """Where the browser goes to sign in. `verifier` is PKCE's, 43 to 128 characters.

        Raises RemoteUnreachable.
        """
        ...

    def identify(self, code: str, nonce: str, verifier: str) -> Identity:
        """Whom the provider vouches for, with a verified e-mail address. A code works once.

        Raises SignInRefused, RemoteUnreachable.
        """
        ...

"""Writes answers through any OpenAI-compatible endpoint, streaming, in the calling thread.

The `openai` client is imported at the first written answer. Its retries are off: a person is waiting, and the
quoted passages are there at once.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from roost.clock import Clock
from roost.errors import AddressRefused, RemoteError, RemoteRejected, RemoteUnreachable
from roost.llm.patience import Limits, Over, Patience
from roost.llm.thoughts import without_thoughts
from roost.services.ports import AddressGuard, Endpoint, PromptMessage, WritingEnded, WrittenText

if TYPE_CHECKING:
    from openai import OpenAI

CLIENTS_KEPT = 16
# How long a finished answer waits for its count of tokens and the end of the response.
END_S = 1.0
OVER_LIMIT = "over_limit"
# An endpoint that asks for more may be well again sooner; trying once a minute does no harm.
REST_AT_MOST_S = 60.0

_WAITED = {
    Over.SLOW: "The model endpoint did not begin to answer in time.",
    Over.STALLED: "The model endpoint stopped in the middle of its answer.",
    Over.TOO_LONG: "The model endpoint took too long.",
    Over.TOO_MUCH: "The model endpoint sent too much.",
}
_NO_ANSWER = "The model endpoint sent something that is no answer."


class OpenAICompatible:
    """Implements ports.AnswerWriter. Clients are kept for each address and key, the last used ones.

    `guard` says what guarded endpoints may be; without one they are refused.
    """

    def __init__(self, clock: Clock, limits: Limits | None = None, guard: AddressGuard | None = None) -> None:
        self._clock = clock
        self._limits = limits or Limits()
        self._guard = guard
        self._gate = threading.Lock()
        self._clients: OrderedDict[tuple[str, str, bool], _KeptClient] = OrderedDict()

    def write(
        self, endpoint: Endpoint, messages: Sequence[PromptMessage], stopped: Callable[[], bool]
    ) -> Iterator[WrittenText | WritingEnded]:
        """See ports.AnswerWriter."""
        if endpoint.guarded and self._guard is None:
            raise _forbidden()
        # Before the clock runs: the first use imports the library.
        kept = self._borrow(endpoint)
        try:
            rest_s = kept.rests_until_s.get(endpoint.model, 0.0) - self._clock.monotonic_s()
            if rest_s > 0:
                raise _over_limit(rest_s)
            yield from self._write(kept.client, endpoint.model, messages, stopped)
        except RemoteUnreachable as error:
            if error.retry_after_s is not None and error.code == OVER_LIMIT:
                ends_s = self._clock.monotonic_s() + min(error.retry_after_s, REST_AT_MOST_S)
                kept.rests_until_s[endpoint.model] = ends_s
            raise
        finally:
            self._give_back(kept)

    def _write(
        self, client: OpenAI, model: str, messages: Sequence[PromptMessage], stopped: Callable[[], bool]
    ) -> Iterator[WrittenText | WritingEnded]:
        patience = Patience(self._limits, self._clock, stopped)
        failure: RemoteError | None = None
        size_chars = 0
        try:
            for step in without_thoughts(self._stream(client, model, messages, patience)):
                patience.progress()
                if isinstance(step, WrittenText):
                    size_chars += len(step.text)
                    if size_chars > self._limits.answer_chars:
                        raise RemoteUnreachable("The model endpoint did not come to an end.", code="endless")
                    if not step.text:
                        continue
                elif size_chars == 0:
                    raise RemoteUnreachable("The model endpoint sent an empty answer.", code="empty")
                yield step
                if isinstance(step, WritingEnded):
                    return
            if size_chars == 0:
                failure = RemoteUnreachable(_NO_ANSWER, code="no_answer")
            else:
                failure = RemoteUnreachable("The model endpoint broke off its answer.", code="cut_off")
        except RemoteError as error:
            failure = error
        over = patience.over()
        if over is Over.STOPPED:
            return
        if over is not None and failure.code == "unreachable":
            failure = RemoteUnreachable(_WAITED[over], code=over.value.replace(" ", "_"))
        raise failure

    def close(self) -> None:
        """Closes kept connections. May be called twice."""
        with self._gate:
            kept, self._clients = list(self._clients.values()), OrderedDict()
        for each in kept:
            each.client.close()

    def _stream(
        self, client: OpenAI, model: str, messages: Sequence[PromptMessage], patience: Patience
    ) -> Iterator[WrittenText | WritingEnded]:
        """All that the endpoint sends. Every error of the libraries leaves here as one of ours.

        None of them is chained: their words repeat what the endpoint said, and that may hold the key.
        """
        import httpcore2
        import httpx2
        import openai

        from roost.llm.patient_transport import waiting_with

        try:
            with waiting_with(patience):
                yield from _steps(_request(client, model, messages), patience)
        except openai.APIStatusError as error:
            raise _refused(error.status_code, error.response.headers.get("retry-after")) from None
        except AddressRefused as refusal:
            if refusal.code != "address_unresolvable":
                raise _forbidden() from None
            raise RemoteUnreachable("The model endpoint cannot be reached.", code="unreachable") from None
        except (openai.APIConnectionError, httpcore2.ConnectError, httpcore2.ConnectTimeout):
            raise RemoteUnreachable("The model endpoint cannot be reached.", code="unreachable") from None
        except (
            httpx2.HTTPError,
            httpcore2.TimeoutException,
            httpcore2.NetworkError,
            httpcore2.ProtocolError,
        ):
            raise RemoteUnreachable("The model endpoint broke off its answer.", code="unreachable") from None
        except openai.APIError:
            raise RemoteUnreachable("The model endpoint reported an error.", code="endpoint_error") from None
        except (ValueError, TypeError, AttributeError, LookupError, RecursionError):
            raise RemoteUnreachable(_NO_ANSWER, code="no_answer") from None

    def _borrow(self, endpoint: Endpoint) -> _KeptClient:
        place = (endpoint.base_url, endpoint.api_key, endpoint.guarded)
        guard = self._guard if endpoint.guarded else None
        with self._gate:
            kept = self._clients.pop(place, None) or _KeptClient(_new_client(endpoint, self._limits, guard))
            self._clients[place] = kept
            kept.users += 1
            if len(self._clients) > CLIENTS_KEPT:
                _, oldest = self._clients.popitem(last=False)
                oldest.dropped = True
                if oldest.users == 0:
                    oldest.client.close()
            return kept

    def _give_back(self, kept: _KeptClient) -> None:
        with self._gate:
            kept.users -= 1
            if kept.dropped and kept.users == 0:
                kept.client.close()


@dataclass(slots=True)
class _KeptClient:
    """A client that was dropped is closed when its last answer has been read."""

    client: OpenAI
    users: int = 0
    dropped: bool = False
    rests_until_s: dict[str, float] = field(default_factory=dict)
    """By model: until when the endpoint wishes not to be asked."""


def _new_client(endpoint: Endpoint, limits: Limits, guard: AddressGuard | None) -> OpenAI:
    # The client looks for httpx among the loaded modules and takes it as it finds it, half loaded by another
    # thread too; this waits until it is whole.
    import httpx  # noqa: F401
    import httpx2
    from openai import OpenAI

    from roost.llm.patient_transport import PatientTransport

    timeout = httpx2.Timeout(limits.total_s, connect=limits.connect_s, pool=limits.connect_s)
    client = OpenAI(
        api_key=endpoint.api_key,
        base_url=endpoint.base_url,
        max_retries=0,
        timeout=timeout,
        http_client=httpx2.Client(
            transport=PatientTransport(guard), timeout=timeout, trust_env=False, follow_redirects=False
        ),
    )
    # The library takes them from the environment, and would send them to every endpoint.
    client.organization = None
    client.project = None
    return client


def _request(client: OpenAI, model: str, messages: Sequence[PromptMessage]) -> Any:
    """The raw response. An endpoint that does not know `stream_options` is asked again without."""
    import openai

    create: Any = client.chat.completions.with_raw_response.create
    wanted = {
        "model": model,
        "messages": [{"role": message.role, "content": message.text} for message in messages],
        "stream": True,
    }
    try:
        return create(**wanted, stream_options={"include_usage": True})
    except (openai.BadRequestError, openai.UnprocessableEntityError) as refusal:
        if "stream_options" not in str(refusal):
            raise
    return create(**wanted)


def _steps(raw: Any, patience: Patience) -> Iterator[WrittenText | WritingEnded]:
    """What the response says, whether it is a stream or, from endpoints that do not stream, one JSON
    document.
    """
    kind = raw.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        yield from _whole(raw.http_response)
        return
    try:
        if kind not in ("text/event-stream", "", "text/plain", "application/x-ndjson"):
            raise ValueError(kind)
        yield from _streamed(raw.http_response.iter_lines(), patience)
    finally:
        raw.http_response.close()


def _streamed(lines: Iterator[str], patience: Patience) -> Iterator[WrittenText | WritingEnded]:
    """Server-sent events, read here: the client's own models cost three times the time of all else together.

    Reads on to the end of the response, so that its connection serves the next answer; yet a finished answer
    does not wait long for that.
    """
    import httpcore2

    ended: WritingEnded | None = None
    try:
        for line in lines:
            data = line[5:].strip() if line.startswith("data:") else ""
            if data in ("", "[DONE]"):
                continue
            chunk = json.loads(data)
            if chunk.get("error"):
                raise RemoteUnreachable("The model endpoint reported an error.", code="endpoint_error")
            for choice in (chunk.get("choices") or ())[:1]:
                yield WrittenText(_text_of((choice.get("delta") or {}).get("content")))
                if choice.get("finish_reason"):
                    ended = WritingEnded(None, cut=choice["finish_reason"] == "length")
                    patience.end_within(END_S)
            usage = chunk.get("usage")
            if usage and ended:
                ended = WritingEnded(int(usage["total_tokens"]), ended.cut)
    except (httpcore2.TimeoutException, httpcore2.NetworkError, httpcore2.ProtocolError):
        if ended is None:
            raise
    if ended is not None:
        yield ended


def _whole(response: Any) -> Iterator[WrittenText | WritingEnded]:
    document = json.loads(response.read())
    choice = document["choices"][0]
    yield WrittenText(_text_of(choice["message"]["content"]))
    usage = document.get("usage") or {}
    tokens = usage.get("total_tokens")
    yield WritingEnded(tokens if isinstance(tokens, int) else None, choice.get("finish_reason") == "length")


def _text_of(content: object) -> str:
    """What a message says: its content is text, none, or parts of which some are text."""
    if isinstance(content, list):
        return "".join(_text_of(part.get("text")) for part in content if part.get("type") == "text")
    return content if isinstance(content, str) else ""


def _forbidden() -> RemoteRejected:
    return RemoteRejected(
        "The address of this bot's model endpoint is not one that Roost may use.", code="address_refused"
    )


def _over_limit(wait_s: float | None) -> RemoteUnreachable:
    return RemoteUnreachable(
        "The model endpoint is over its limit (429).", code=OVER_LIMIT, retry_after_s=wait_s
    )


def _refused(status: int, retry_after: str | None) -> RemoteError:
    if status == 401:
        return RemoteRejected("The model endpoint refused its key (401).", code="key_refused")
    if status == 403:
        return RemoteRejected("The model endpoint does not allow this (403).", code="not_allowed")
    if status == 404:
        return RemoteRejected(
            "The model endpoint does not know this address or model (404).", code="unknown_model"
        )
    if status == 429:
        wait_s = (
            float(retry_after) if retry_after and retry_after.isascii() and retry_after.isdigit() else None
        )
        return _over_limit(wait_s)
    if status >= 500 or status == 408:
        return RemoteUnreachable(f"The model endpoint failed ({status}).", code="endpoint_failed")
    return RemoteRejected(f"The model endpoint refused the request ({status}).", code="refused")

"""The real client against a loopback endpoint that fails in every way we know."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import roost
from roost.clock import SystemClock
from roost.errors import RemoteError, RemoteRejected, RemoteUnreachable
from roost.llm.openai_compatible import OpenAICompatible
from roost.llm.patience import Limits
from roost.llm.patient_transport import CONNECTIONS, KEPT_ALIVE
from roost.services.ports import Endpoint, PromptMessage, WritingEnded, WrittenText
from tests.fakes.fake_llm import FakeLlm
from tests.fakes.installation import SteppedClock

pytestmark = pytest.mark.integration

SOURCE_ROOT = Path(roost.__file__).parents[1]
KEY = "sk-" + "made-up-key-of-a-test-0123456789"
QUICK = Limits(connect_s=5, first_s=1.5, next_s=1.5, total_s=6, size_bytes=1_000_000, answer_chars=2_000)
MESSAGES = (PromptMessage("system", "Be brief."), PromptMessage("user", "How?"))


@pytest.fixture
def llm() -> Iterator[FakeLlm]:
    with FakeLlm() as fake:
        yield fake


@pytest.fixture
def writer() -> Iterator[OpenAICompatible]:
    writer = OpenAICompatible(SystemClock(), QUICK)
    yield writer
    writer.close()


@pytest.fixture
def patient() -> Iterator[OpenAICompatible]:
    writer = OpenAICompatible(SystemClock(), Limits())
    yield writer
    writer.close()


def written(
    writer: OpenAICompatible, llm: FakeLlm, stopped: Callable[[], bool] = lambda: False
) -> tuple[str, WritingEnded | None]:
    text, ended = "", None
    for step in writer.write(Endpoint(llm.base_url, KEY, "test-model"), MESSAGES, stopped):
        if isinstance(step, WrittenText):
            text += step.text
        else:
            ended = step
    return text, ended


@pytest.mark.parametrize("streams", [True, False])
def test_an_answer_is_written_with_its_tokens(writer: OpenAICompatible, llm: FakeLlm, streams: bool) -> None:
    llm.streams = streams
    llm.say("Größe: \n\ndata: x [1].")
    assert written(writer, llm) == ("Größe: \n\ndata: x [1].", WritingEnded(42, cut=False))
    [sent] = llm.received
    assert sent.path == "/v1/chat/completions"
    assert sent.authorization == f"Bearer {KEY}"
    assert sent.body["model"] == "test-model"
    assert sent.body["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "How?"},
    ]


@pytest.mark.parametrize("piece_chars", [1, 4, 1_000])
@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        ("<think>\nThey ask <b>how</b>.\n</think>\n\nPress [1].", "Press [1]."),
        ("\n<think></think>Press [1].", "Press [1]."),
        ("A <think>tag</think> stays.", "A <think>tag</think> stays."),
        ("<thin", "<thin"),
    ],
)
def test_what_a_model_thinks_aloud_first_is_no_part_of_its_answer(
    writer: OpenAICompatible, llm: FakeLlm, sent: str, answer: str, piece_chars: int
) -> None:
    llm.piece_chars = piece_chars
    llm.say(sent)
    assert written(writer, llm)[0].strip() == answer


def test_a_model_that_only_thinks_wrote_nothing(writer: OpenAICompatible, llm: FakeLlm) -> None:
    llm.say("<think>On and on")
    with pytest.raises(RemoteUnreachable, match="empty answer"):
        written(writer, llm)


@pytest.mark.parametrize("streams", [True, False])
def test_of_content_in_parts_the_text_is_the_answer(
    writer: OpenAICompatible, llm: FakeLlm, streams: bool
) -> None:
    llm.streams, llm.in_parts = streams, True
    assert written(writer, llm)[0] == "Press start [1]."


def test_an_answer_cut_at_the_models_limit_says_so(writer: OpenAICompatible, llm: FakeLlm) -> None:
    llm.finish_reason, llm.usage_tokens = "length", None
    assert written(writer, llm) == ("Press start [1].", WritingEnded(None, cut=True))


def test_an_endpoint_without_stream_options_is_asked_again_without(
    writer: OpenAICompatible, llm: FakeLlm
) -> None:
    llm.fault = "no_stream_options"
    assert written(writer, llm)[0] == "Press start [1]."
    assert len(llm.received) == 2


@pytest.mark.parametrize(
    ("fault", "family", "code"),
    [
        ("refuse", RemoteUnreachable, "unreachable"),
        ("401", RemoteRejected, "key_refused"),
        ("404", RemoteRejected, "unknown_model"),
        ("429", RemoteUnreachable, "over_limit"),
        ("500", RemoteUnreachable, "endpoint_failed"),
        ("slow_first_byte", RemoteUnreachable, "slow"),
        ("slow_first_token", RemoteUnreachable, "slow"),
        ("stall", RemoteUnreachable, "stalled"),
        ("endless", RemoteUnreachable, "endless"),
        ("empty", RemoteUnreachable, "empty"),
        ("silent", RemoteUnreachable, "no_answer"),
        ("html", RemoteUnreachable, "no_answer"),
        ("cut", RemoteUnreachable, "unreachable"),
        ("error_event", RemoteUnreachable, "endpoint_error"),
        ("tool_calls", RemoteUnreachable, "empty"),
        ("huge_line", RemoteUnreachable, "too_much"),
    ],
)
def test_every_failure_is_told_in_a_sentence_in_time_and_without_the_key(
    writer: OpenAICompatible, llm: FakeLlm, fault: str, family: type[RemoteError], code: str
) -> None:
    llm.fault = fault
    begun = time.monotonic()
    with pytest.raises(family) as caught:
        written(writer, llm)
    assert time.monotonic() - begun < QUICK.total_s + 1
    assert caught.value.code == code
    assert caught.value.__cause__ is None
    assert KEY not in repr(caught.value)
    assert caught.value.message.startswith("The model endpoint ")
    assert len(llm.received) == 1


def test_nobody_listening_is_told_at_once(writer: OpenAICompatible) -> None:
    with FakeLlm() as llm:
        pass
    with pytest.raises(RemoteUnreachable, match="cannot be reached"):
        written(writer, llm)


def test_an_endpoint_over_its_limit_is_left_alone_as_long_as_it_asks_for(llm: FakeLlm) -> None:
    clock = SteppedClock()
    writer = OpenAICompatible(clock, QUICK)
    llm.fault = "429"
    for _ in range(3):
        with pytest.raises(RemoteUnreachable) as caught:
            written(writer, llm)
        assert (caught.value.code, caught.value.retry_after_s) == ("over_limit", 7)
    assert len(llm.received) == 1
    llm.fault = None
    other = Endpoint(llm.base_url, KEY, "other-model")
    assert isinstance(list(writer.write(other, MESSAGES, lambda: False))[-1], WritingEnded)
    clock.step(7)
    assert written(writer, llm)[0] == "Press start [1]."
    writer.close()


def test_a_stop_is_heard_while_the_endpoint_holds_its_answer(llm: FakeLlm) -> None:
    writer = OpenAICompatible(SystemClock(), Limits())
    llm.hold()
    begun = time.monotonic()
    assert written(writer, llm, lambda: bool(llm.received)) == ("", None)
    assert time.monotonic() - begun < 5
    writer.close()


def test_nothing_of_the_environment_is_used(
    writer: OpenAICompatible, llm: FakeLlm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-of-the-environment")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "project-of-the-environment")
    assert written(writer, llm)[0] == "Press start [1]."
    assert "of-the-environment" not in repr(llm.received[0].headers)
    assert not {"openai-organization", "openai-project"} & {name.lower() for name in llm.received[0].headers}


def test_clients_are_kept_and_bounded(llm: FakeLlm, writer: OpenAICompatible) -> None:
    for number in range(20):
        endpoint = Endpoint(llm.base_url, f"{KEY}{number}", "m")
        assert list(writer.write(endpoint, MESSAGES, lambda: False))
    assert len(writer._clients) == 16


def test_no_repr_holds_the_key() -> None:
    assert KEY not in repr(Endpoint("http://x", KEY, "m"))


def test_a_connection_serves_many_answers(writer: OpenAICompatible, llm: FakeLlm) -> None:
    for _ in range(5):
        assert written(writer, llm)[0] == "Press start [1]."
    assert llm.connections == 1


def test_a_connection_that_the_endpoint_has_closed_is_not_used_again(
    patient: OpenAICompatible, llm: FakeLlm
) -> None:
    llm.fault = "hang_up_at_end"
    for _ in range(3):
        assert written(patient, llm)[0] == "Press start [1]."
        assert llm.hung_up.acquire(timeout=20)
    assert (llm.connections, len(llm.received)) == (3, 3)


def test_what_fails_leaves_room_for_more_answers_than_there_may_be_connections(
    patient: OpenAICompatible, llm: FakeLlm
) -> None:
    for fault in ("refuse", "cut", "500", "html", "error_event", "tool_calls"):
        llm.fault = fault
        for _ in range(CONNECTIONS // 5):
            with pytest.raises(RemoteError):
                written(patient, llm)
    llm.fault = None
    assert written(patient, llm)[0] == "Press start [1]."


def test_answers_at_once_have_connections_of_their_own_and_few_are_kept(
    patient: OpenAICompatible, llm: FakeLlm
) -> None:
    crowd = KEPT_ALIVE + 5
    for connections in (crowd, crowd + 5):
        llm.hold()
        with ThreadPoolExecutor(crowd) as people:
            answers = [people.submit(written, patient, llm) for _ in range(crowd)]
            for _ in range(crowd):
                assert llm.arrived.acquire(timeout=20)
            llm.release()
            assert {answer.result()[0] for answer in answers} == {"Press start [1]."}
        assert llm.connections == connections


def test_a_whole_answer_counts_though_the_endpoint_never_closes(
    writer: OpenAICompatible, llm: FakeLlm
) -> None:
    llm.fault = "hang_at_end"
    assert written(writer, llm) == ("Press start [1].", WritingEnded(None, cut=False))


HALF_LOADED = """
import sys, threading
from roost.clock import SystemClock
from roost.llm.openai_compatible import OpenAICompatible
from roost.services.ports import Endpoint
writer = OpenAICompatible(SystemClock())
writer._borrow(Endpoint("http://127.0.0.1:9/v1", "made-up-key", "m"))
for name in [name for name in sys.modules if name.partition(".")[0] == "httpx"]:
    del sys.modules[name]
begun, made = threading.Event(), threading.Event()
class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == "httpx._api":
            begun.set()
            made.wait(2)
sys.meta_path.insert(0, Slow())
threading.Thread(target=lambda: __import__("httpx")).start()
begun.wait()
writer._borrow(Endpoint("http://127.0.0.1:9/v1", "another-key", "m"))
made.set()
print("made")
"""


def test_a_client_is_made_while_another_thread_loads_the_http_library() -> None:
    made = subprocess.run(
        [sys.executable, "-c", HALF_LOADED],
        capture_output=True,
        text=True,
        cwd=SOURCE_ROOT,
        timeout=50,
        check=False,
    )
    assert (made.stdout, made.returncode) == ("made\n", 0), made.stderr[-300:]

"""Input that means harm. Numbers are those of the hostile cases."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roost.errors import InvalidInput
from roost.web.requests import Unreadable, parse_object
from tests.fakes.installation import TOKEN, Browser, Installation

JSON = "application/json"
MIB = 1024 * 1024

NAUGHTY = (
    "",
    " ",
    "\t\n",
    "undefined",
    "null",
    "0",
    "-1",
    "1e309",
    "NaN",
    "true",
    "../../etc/passwd",
    "'; DROP TABLE threads; --",
    '" OR 1=1 --',
    "%s%n%x",
    "{{7*7}}",
    "${jndi:ldap://x}",
    "<script>alert(1)</script>",
    "[x](javascript:alert(1))",
    "![](https://evil/?q=)",
    "\u202etxt.exe",
    "\ufeffmark",
    "\u0001\u007f\u0085",
    "Z̷̢͘a̵̧̛l̸̨͝g̷̢͠o̸",
    "👩‍👩‍👧‍👦🏴󠁧󠁢󠁥󠁮󠁧󠁿",
    "田中さんにあげて下さい",
    "الكل في المجمو عة",
    "\ud800",
    "a\u0000b",
    "\r\nSet-Cookie: x=1",
    "\n\ndata: forged\n\n",
    "x" * 16_000,
    "x" * 16_001,
    "\U0001d518" * 200,
)


def sent(owner: Browser, body: bytes, path: str = "/api/threads") -> tuple[int, str]:
    answer = owner.post(path, data=body, content_type=JSON)
    return answer.status_code, answer.json["error"]["code"]


def test_62_deep_nesting_is_refused(owner: Browser) -> None:
    """Hostile case 62."""
    assert sent(owner, b"[" * 100_000) == (400, "unreadable")
    assert sent(owner, b'{"bot_id":' + b"[" * 100 + b"]" * 100 + b"}") == (400, "unreadable")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_63_what_is_no_finite_number_is_refused(owner: Browser, number: str) -> None:
    """Hostile case 63."""
    assert sent(owner, b'{"every_s": %s}' % number.encode(), "/api/sources")[0] == 422


@pytest.mark.parametrize("escape", [r"\ud800", r"\udc00 later", r"\ud83d!", r"\u0000", r"a\u0000b"])
def test_64_65_text_that_cannot_be_stored_is_refused(owner: Browser, escape: str) -> None:
    """Hostile case 64. Hostile case 65."""
    status, _ = sent(owner, b'{"name": "%s"}' % escape.encode(), "/api/keys")
    assert status == 422
    status, _ = sent(owner, b'{"%s": 1}' % escape.encode(), "/api/keys")
    assert status == 422


def test_64_65_also_in_an_address(owner: Browser) -> None:
    assert owner.get("/api/threads?q=a%00b").status_code == 422
    assert owner.get("/api/threads?q=%ed%a0%80").status_code in (200, 422)
    assert owner.get("/api/threads/a%00b").status_code == 404


def test_66_an_integer_of_5_000_digits_is_refused(owner: Browser) -> None:
    """Hostile case 66."""
    assert sent(owner, b'{"every_s": ' + b"9" * 5_000 + b"}", "/api/sources") == (400, "unreadable")


def test_67_the_same_key_twice_is_refused(owner: Browser) -> None:
    """Hostile case 67."""
    assert sent(owner, b'{"name": "a", "name": "b"}', "/api/keys") == (400, "duplicate_key")
    assert sent(owner, b'{"id": null, "x": {"a": 1, "a": 1}}') == (400, "duplicate_key")


def test_68_a_body_over_the_cap_is_refused(owner: Browser) -> None:
    """Hostile case 68."""
    body = b'{"name": "%s"}' % (b"x" * MIB)
    assert sent(owner, body, "/api/keys") == (413, "too_large")
    chunked = owner.post(
        "/api/keys",
        input_stream=io.BytesIO(body),
        content_type=JSON,
        environ_overrides={"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"},
    )
    assert chunked.status_code == 413


@pytest.mark.parametrize(
    "body", [b"{", b"not json", b"\xff\xfe{}", b"\xef\xbb\xbf{}", b'{"a": 1}x', b"{'a': 1}"]
)
def test_what_is_no_json_is_refused(owner: Browser, body: bytes) -> None:
    assert sent(owner, body) == (400, "unreadable")


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"1", b"null", b"true"])
def test_json_that_is_no_object_is_refused(owner: Browser, body: bytes) -> None:
    assert sent(owner, body)[0] == 422


# By number: a report cannot print them all.
@pytest.mark.parametrize("number", range(len(NAUGHTY)))
def test_69_every_naughty_text_comes_back_or_is_refused(owner: Browser, number: int) -> None:
    """Hostile case 69."""
    text = NAUGHTY[number]
    body = json.dumps({"name": text}).encode()
    made = owner.post("/api/keys", data=body, content_type=JSON)
    assert made.status_code in (201, 422)
    if made.status_code == 201:
        assert made.json["name"] == text
        assert text in [key["name"] for key in owner.get("/api/keys?limit=200").json["items"]]


@pytest.mark.parametrize("number", range(len(NAUGHTY)))
def test_69_every_naughty_message_comes_back_or_is_refused(
    owner: Browser, house: Installation, number: int
) -> None:
    """Hostile case 69."""
    text = NAUGHTY[number]
    thread = owner.post("/api/threads", {}).json["id"]
    body = json.dumps({"id": house.ids.new(), "text": text}).encode()
    posted = owner.post(f"/api/threads/{thread}/messages", data=body, content_type=JSON)
    assert posted.status_code in (201, 422)
    messages = owner.get(f"/api/threads/{thread}/messages").json["items"]
    assert [each["text"] for each in messages if each["role"] == "user"] == [text] * (
        posted.status_code == 201
    )
    if text.isprintable():
        assert owner.get("/api/threads", query_string={"q": text}).status_code in (200, 422)


@pytest.mark.parametrize(
    "odd_id", ["../../x", "%2e%2e%2f", "..%2f..%2fetc", "%00", "x" * 3000, "'; --", "🙂"]
)
def test_70_an_id_that_is_a_path_is_not_found(owner: Browser, odd_id: str) -> None:
    """Hostile case 70."""
    for path in ("bots", "threads", "sources"):
        title = {"title": "x"} if path == "threads" else {}
        for method, change in (("GET", None), ("DELETE", None), ("PATCH", title)):
            answer = owner.request(method, f"/api/{path}/{odd_id}", json=change)
            assert answer.status_code in (404, 405), (method, path, answer.data)
            assert "error" in answer.json


def test_70_the_manual_stays_in_its_folder(house: Installation) -> None:
    stranger = house.browser()
    assert stranger.get("/manual/welcome").status_code == 200
    for name in ("..%2f..%2fsettings", "%2e%2e", "welcome.md", "WELCOME", "-", "%00"):
        assert stranger.get(f"/manual/{name}").status_code == 404


@pytest.mark.parametrize(
    "words", ["' OR 1=1 --", "%", "_", '"', "a*", "NEAR(a b)", "x' UNION SELECT token FROM bot_configs"]
)
def test_76_sql_in_a_search_is_words(owner: Browser, words: str) -> None:
    """Hostile case 76."""
    owner.post("/api/ask", {"question": "How do I press the button?"})
    found = owner.get("/api/threads", query_string={"q": words})
    assert (found.status_code, found.json["items"]) == (200, [])
    assert owner.get("/api/knowledge/search", query_string={"q": words}).status_code == 200


@pytest.mark.parametrize(
    "query",
    ["sort=title;drop", "order=desc", "where=1", "owner_id=x", "k[$gt]=1", "limit[$ne]=1", "limit=1&limit=2"],
)
def test_76_77_there_is_nothing_to_inject_into(owner: Browser, query: str) -> None:
    """Hostile case 76. Hostile case 77."""
    for path in ("/api/threads", "/api/bots", "/api/keys"):
        answer = owner.get(f"{path}?{query}")
        assert (answer.status_code, "error" in answer.json) == (422, True)


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "limit=x", "limit=-1", "limit=1.5", "limit=", "cursor=%F0%9F"]
)
def test_limits_and_cursors_are_checked(owner: Browser, query: str) -> None:
    for path in ("/api/threads", "/api/bots", "/api/keys", "/api/sources", "/api/questions/unanswered"):
        assert owner.get(f"{path}?{query}").status_code == 422, path


@pytest.mark.parametrize("cursor", ["x", "bm90IG91cnM", "YWZ0ZXI6", "%00", "[]", "eyJhIjoxfQ", "W1tdLDFd"])
def test_made_up_cursors_are_refused(owner: Browser, cursor: str) -> None:
    thread = owner.post("/api/threads", {}).json["id"]
    lists = ("/api/threads", "/api/bots", "/api/keys", "/api/sources", f"/api/threads/{thread}/messages")
    for path in (*lists, "/api/questions/unanswered"):
        assert owner.get(f"{path}?cursor={cursor}").status_code == 422, path


def test_44_a_field_nobody_asked_for_is_refused(owner: Browser) -> None:
    """Hostile case 44."""
    answer = owner.post("/api/threads", {"user_id": "somebody"})
    assert answer.status_code == 422
    assert answer.json["error"]["field"] == "user_id"
    assert owner.post("/api/bots/x/start", {"owner_id": "somebody"}).status_code == 422


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "platform"),
        ({"platform": "telegram"}, "token"),
        ({"platform": "irc", "token": TOKEN}, "platform"),
        ({"platform": "telegram", "token": 5}, "token"),
        ({"platform": "telegram", "token": TOKEN, "start": "yes"}, "start"),
        ({"platform": "telegram", "token": TOKEN, "name": "x" * 101}, "name"),
        ({"platform": "telegram", "token": TOKEN, "name": "   "}, "name"),
        ({"platform": "telegram", "token": TOKEN, "source_ids": ["x"] * 101}, "source_ids"),
        ({"platform": "telegram", "token": TOKEN, "source_ids": "x"}, "source_ids"),
        ({"platform": "telegram", "token": TOKEN, "system_prompt": None}, "system_prompt"),
    ],
)
def test_48_a_refusal_names_the_field_and_never_repeats_what_was_sent(
    owner: Browser, body: dict[str, object], field: str
) -> None:
    answer = owner.post("/api/bots", body)
    assert (answer.status_code, answer.json["error"]["field"]) == (422, field)
    assert TOKEN not in answer.text


def test_48_a_token_the_platform_refuses_is_not_repeated(owner: Browser) -> None:
    """Hostile case 48."""
    answer = owner.post("/api/bots", {"platform": "telegram", "token": TOKEN + "x"})
    assert answer.status_code == 422
    assert "rejected this token" in answer.json["error"]["message"]
    assert TOKEN not in answer.text


def test_48_nor_is_a_token_that_stands_where_a_field_s_name_belongs(owner: Browser) -> None:
    answer = owner.post("/api/bots", {TOKEN: 1, "platform": "telegram", "token": TOKEN})
    assert answer.status_code == 422
    assert TOKEN not in answer.text


def test_47_a_bot_shows_the_last_four_characters_of_its_token(owner: Browser) -> None:
    """Hostile case 47."""
    made = owner.post("/api/bots", {"platform": "telegram", "token": TOKEN, "api_key": "sk-only-made-up-key"})
    assert made.status_code == 201
    assert made.json["token_last4"] == TOKEN[-4:]
    for answer in (made, owner.get("/api/bots"), owner.get(f"/api/bots/{made.json['id']}")):
        assert TOKEN not in answer.text
        assert TOKEN[10:-4] not in answer.text
        assert "sk-only-made-up-key" not in answer.text


def test_50_tokens_and_keys_are_in_no_file_as_they_are(owner: Browser, house: Installation) -> None:
    """Hostile case 50. Defect 10."""
    once = {"Idempotency-Key": "k1"}
    bot = {"platform": "telegram", "token": TOKEN, "api_key": "sk-only-made-up-key"}
    assert owner.post("/api/bots", bot, headers=once).status_code == 201
    key = owner.post("/api/keys", {"name": "script"}, headers=once).json["key"]
    assert owner.post("/api/keys", {"name": "script"}, headers=once).json["key"] == key
    files = [file for file in house.folder.iterdir() if file.is_file()]
    assert {"bot_configs.db", "bot_configs.db-wal", "conversations.db"} <= {file.name for file in files}
    for secret in (TOKEN, key, "sk-only-made-up-key"):
        assert [file.name for file in files if secret.encode() in file.read_bytes()] == []


@given(
    st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists, max_leaves=20)
)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_reading_json_gives_an_object_or_a_refusal(value: object) -> None:
    try:
        read = parse_object(json.dumps({"a": value}).encode())
    except (InvalidInput, Unreadable):
        return
    assert read == {"a": value}


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_reading_any_bytes_gives_an_object_or_a_refusal(sent_bytes: bytes) -> None:
    try:
        assert isinstance(parse_object(sent_bytes), dict)
    except InvalidInput:
        return

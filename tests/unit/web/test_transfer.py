"""A workspace as a file over HTTP: who may, how large, and what the secret of the machine itself opens."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from roost.domain.accounts import Role
from roost.web.requests import UPLOAD_LIMIT_BYTES
from tests.fakes.installation import TOKEN, Answer, Browser, Installation, installation

ZIP = "application/zip"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Installation]:
    with installation(tmp_path) as made:
        yield made


def upload(browser: Browser, body: bytes, media: str = ZIP) -> tuple[int, str]:
    answer = browser.post("/api/import", data=body, headers={"Content-Type": media})
    return answer.status_code, "" if answer.status_code == 200 else answer.json["error"]["code"]


def parts(answer: Answer) -> dict[str, bytes]:
    """What an export holds, part by part."""
    assert answer.status_code == 200, answer.text
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        found = {name: archive.read(name) for name in archive.namelist()}
    answer.close()
    return found


def bomb() -> bytes:
    """Some 400 KB that state, and are, 320 MB."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", "{}")
        archive.writestr("sources.jsonl", "")
        archive.writestr("bots.jsonl", "")
        with archive.open("conversations.jsonl", "w", force_zip64=True) as part:
            for _ in range(320):
                part.write(bytes(1024 * 1024))
    return file.getvalue()


def test_members_take_their_own_out_and_in_and_others_do_not(house: Installation) -> None:
    member, other = house.sign_in(Role.MEMBER), house.sign_in(Role.MEMBER)
    member.post("/api/bots", {"platform": "telegram", "token": TOKEN})
    member.post("/api/ask", {"question": "How do I start?"})
    answer = member.post("/api/export", {})
    assert answer.headers["Content-Type"] == ZIP
    assert b"How do I start?" in parts(answer)["conversations.jsonl"]
    theirs = parts(other.post("/api/export", {}))
    assert theirs["conversations.jsonl"] == theirs["bots.jsonl"] == b""
    assert upload(member, answer.data) == (200, "")
    assert (
        other.post("/api/import", data=answer.data, headers={"Content-Type": ZIP}).json["bots"]["added"] == 0
    )
    assert TOKEN.encode() not in answer.data


def test_guests_and_strangers_do_neither(house: Installation) -> None:
    guest = house.sign_in(Role.GUEST)
    assert guest.post("/api/export", {}).status_code == 403
    assert upload(guest, b"x")[0] == 403
    assert house.browser().post("/api/export", {}).status_code == 401
    assert upload(house.browser(), b"x")[0] == 401


def test_tokens_go_to_the_machine_s_own_secret_alone(house: Installation) -> None:
    local = Browser(house.app.test_client(), {"Authorization": "Bearer roost_local_tests"})
    assert local.post("/api/bots", {"platform": "telegram", "token": TOKEN}).status_code == 201
    assert TOKEN.encode() in parts(local.post("/api/export", {"tokens": True}))["bots.jsonl"]
    owner = house.services.sign_in.local_owner()
    for client in (house.browser(owner), house.script(owner)):
        refused = client.post("/api/export", {"tokens": True})
        assert (refused.status_code, refused.json["error"]["code"]) == (403, "tokens_stay")
    nearly = Browser(house.app.test_client(), {"Authorization": "Bearer roost_local_testz"})
    assert nearly.get("/api/bots").status_code == 401


def test_73_a_bomb_is_413_and_74_a_foreign_entry_422(house: Installation) -> None:
    owner = house.sign_in()
    assert upload(owner, bomb()) == (413, "too_large")
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("../../etc/passwd", "x")
    assert upload(owner, file.getvalue()) == (422, "foreign_entry")
    assert upload(owner, b"") == (422, "not_an_export")
    assert upload(owner, b"{}", "application/json") == (415, "not_json")


def test_an_upload_is_bounded_by_what_it_states(house: Installation) -> None:
    answer = house.sign_in().post(
        "/api/import",
        data=b"x",
        headers={"Content-Type": ZIP},
        environ_overrides={"CONTENT_LENGTH": str(UPLOAD_LIMIT_BYTES + 1)},
    )
    assert (answer.status_code, answer.json["error"]["code"]) == (413, "too_large")


def test_nothing_of_a_file_is_left_in_the_data_folder(house: Installation) -> None:
    owner = house.sign_in()
    assert upload(owner, b"no zip at all")[0] == 422
    parts(owner.post("/api/export", {}))
    names = {path.name.removesuffix("-wal").removesuffix("-shm") for path in house.folder.iterdir()}
    assert names == {"bot_configs.db", "conversations.db", "knowledge.db"}

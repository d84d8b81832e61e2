"""A workspace taken out of one installation and into another, by its rightful owner and by others."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from roost.domain.accounts import Person, Role
from roost.domain.bots import BotChange, Desired, NewBot, Platform
from roost.domain.documents import SourceKind
from roost.errors import Conflict, DecryptionRefused, Forbidden, InvalidInput, NotFound
from roost.services.workspace_archive import MANIFEST, PARTS
from roost.storage.bots import BotStore
from tests.fakes.installation import TOKEN, Installation, installation

OTHER_TOKEN = TOKEN.replace("123456789", "223456789")


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Installation]:
    (tmp_path / "old").mkdir()
    with installation(tmp_path / "old") as made:
        yield made


@pytest.fixture
def new(tmp_path: Path) -> Iterator[Installation]:
    (tmp_path / "new").mkdir()
    with installation(tmp_path / "new") as made:
        yield made


@pytest.fixture
def me(old: Installation) -> Person:
    """Somebody with a bot, a source and a conversation."""
    person = old.add_person(Role.MEMBER, "Me")
    source = old.services.sources.create(SourceKind.WEBSITE, "https://docs.test/", person.id)
    wanted = NewBot(Platform.TELEGRAM, TOKEN, name="Birds", api_key="sk-of-the-bot", source_ids=(source.id,))
    old.services.bots.create(person, wanted)
    old.services.chat.ask(person, "What is a perch?")
    return person


def exported(house: Installation, person: Person, *, tokens: bool = False) -> io.BytesIO:
    file = io.BytesIO()
    house.services.transfer.export(person, file, tokens=tokens)
    return file


def changed(file: io.BytesIO, name: str, change: Callable[[dict[str, Any]], None]) -> io.BytesIO:
    """The same export with every record of one part changed, and a manifest that fits."""
    contents: dict[str, bytes] = {}
    with zipfile.ZipFile(file) as archive:
        for part in PARTS:
            records = [json.loads(line) for line in archive.read(part).splitlines()]
            if part == name:
                for record in records:
                    change(record)
            contents[part] = b"".join(json.dumps(record).encode() + b"\n" for record in records)
        manifest = json.loads(archive.read(MANIFEST))
    for part, body in contents.items():
        manifest["parts"][part]["sha256"] = hashlib.sha256(body).hexdigest()
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for part, body in contents.items():
            archive.writestr(part, body)
        archive.writestr(MANIFEST, json.dumps(manifest))
    return made


def conversations(house: Installation, person: Person) -> list[list[str]]:
    chat = house.services.chat
    return [
        [message.text for message in chat.list_messages(person, thread.id).items]
        for thread in chat.list_threads(person).items
    ]


def test_75_whoever_imports_owns_everything_whatever_the_file_names(
    old: Installation, new: Installation, me: Person
) -> None:
    victim, thief = new.add_person(Role.OWNER, "Victim"), new.add_person(Role.MEMBER, "Thief")

    def name_foreign_owners(record: dict[str, Any]) -> None:
        for part in (record, record.get("thread", {}), record.get("message", {})):
            part["owner_id"] = victim.id

    file = exported(old, me)
    for part in PARTS:
        file = changed(file, part, name_foreign_owners)
    done = new.services.transfer.import_(thief, file)
    assert (done.bots.added, done.sources.added, done.conversations.added, done.messages.added) == (
        1,
        1,
        1,
        2,
    )
    (bot,) = new.services.bots.page(thief, None, 10).items
    assert bot.bot.owner_id == thief.id
    assert {state.source.owner_id for state in new.services.sources.list()} == {thief.id}
    assert conversations(new, thief) == conversations(old, me)
    assert conversations(new, victim) == []


def test_it_is_the_same_workspace_again(old: Installation, new: Installation, me: Person) -> None:
    owner = new.add_person(Role.OWNER)
    new.services.transfer.import_(owner, exported(old, me, tokens=True))
    (source,) = new.services.sources.list()
    assert (source.source.url, source.source.kind) == ("https://docs.test/", SourceKind.WEBSITE)
    (view,) = new.services.bots.page(owner, None, 10).items
    assert (view.bot.name, view.bot.desired, view.bot.source_ids) == (
        "Birds",
        Desired.STOPPED,
        (source.source.id,),
    )
    credentials = BotStore(new.bot_configs, new.cipher).credentials(view.bot.id)
    assert (credentials.token, credentials.answers.api_key) == (TOKEN, "sk-of-the-bot")
    assert conversations(new, owner) == conversations(old, me)


def test_without_tokens_no_secret_is_in_the_file_and_the_bot_waits_for_one(
    old: Installation, new: Installation, me: Person
) -> None:
    owner = new.add_person(Role.OWNER)
    file = exported(old, me)
    with zipfile.ZipFile(file) as archive:
        whole = b"".join(archive.read(name) for name in archive.namelist())
    assert TOKEN.encode() not in whole
    assert b"sk-of-the-bot" not in whole
    assert new.services.transfer.import_(owner, file).tokens_missing == 1
    (view,) = new.services.bots.page(owner, None, 10).items
    with pytest.raises(Conflict, match="imported without its token"):
        new.services.bots.set_desired(owner, view.bot.id, Desired.RUNNING)
    with pytest.raises(Conflict, match="imported without its token"):
        new.services.bots.restart(owner, view.bot.id)


def test_importing_again_changes_nothing(old: Installation, new: Installation, me: Person) -> None:
    owner = new.add_person(Role.OWNER)
    file = exported(old, me)
    new.services.transfer.import_(owner, file)
    (thread,) = new.services.chat.list_threads(owner).items
    new.services.chat.rename_thread(owner, thread.id, "Mine now")
    again = new.services.transfer.import_(owner, file)
    assert (again.bots.added, again.sources.added, again.conversations.added, again.messages.added) == (
        0,
        0,
        0,
        0,
    )
    assert (again.bots.known, again.sources.known, again.conversations.known, again.messages.known) == (
        1,
        1,
        1,
        2,
    )
    assert new.services.chat.get_thread(owner, thread.id).title == "Mine now"


def test_ids_that_are_somebody_else_s_are_exchanged_always_for_the_same(
    old: Installation, me: Person
) -> None:
    """The same export taken over by another person of the same installation."""
    file, other = exported(old, me), old.add_person(Role.MEMBER, "Other")
    before = conversations(old, me)
    done = old.services.transfer.import_(other, file)
    assert (done.conversations.added, done.messages.added, done.sources.known) == (1, 2, 1)
    assert done.refused == ["the bot @bot123456789: it is registered already, by somebody else."]
    assert conversations(old, other) == conversations(old, me) == before
    again = old.services.transfer.import_(other, file)
    assert (again.conversations.added, again.messages.added, again.messages.known) == (0, 0, 2)
    (thread,) = old.services.chat.list_threads(other).items
    with pytest.raises(NotFound):
        old.services.chat.get_thread(me, thread.id)


def test_an_address_the_policy_forbids_is_left_out_and_said(
    old: Installation, new: Installation, me: Person
) -> None:
    owner = new.add_person(Role.OWNER)

    def point_inside(record: dict[str, Any]) -> None:
        record["url"] = "http://private.test/"

    done = new.services.transfer.import_(owner, changed(exported(old, me), "sources.jsonl", point_inside))
    assert done.sources.added == 0
    assert "This address is private" in done.refused[0]
    assert new.services.sources.list() == []


def _set(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda record: record.update(values)


def _set_inside(name: str, **values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda record: record[name].update(values) if name in record else None


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("bots.jsonl", _set(platform="irc")),
        ("bots.jsonl", _set(platform_bot_id="12; DROP TABLE")),
        ("bots.jsonl", _set(id="../../x")),
        ("bots.jsonl", _set(token=OTHER_TOKEN)),
        ("bots.jsonl", _set(name="")),
        ("bots.jsonl", _set(name="x\x00")),
        ("bots.jsonl", _set(base_url="javascript:alert(1)")),
        ("bots.jsonl", _set(source_ids=[1])),
        ("bots.jsonl", _set(created_at="yesterday")),
        ("sources.jsonl", _set(kind="feed")),
        ("sources.jsonl", _set(every_s=1)),
        ("sources.jsonl", _set(every_s=True)),
        ("sources.jsonl", _set(url=None)),
        ("sources.jsonl", _set(paused="no")),
        ("conversations.jsonl", _set_inside("thread", title="x" * 201)),
        ("conversations.jsonl", _set_inside("message", thread_id="01890000-0000-7000-8000-000000000000")),
        ("conversations.jsonl", _set_inside("message", role="system")),
        ("conversations.jsonl", _set_inside("message", status="pending")),
        ("conversations.jsonl", _set_inside("message", feedback="sideways")),
        (
            "conversations.jsonl",
            _set_inside(
                "message", citations=[{"n": 1, "title": "x", "url": "javascript:alert(1)", "text": "x"}]
            ),
        ),
        ("conversations.jsonl", _set_inside("message", citations=["x"])),
        ("conversations.jsonl", lambda record: record.clear()),
    ],
)
def test_a_record_that_cannot_be_is_named_and_nothing_is_written(
    old: Installation, new: Installation, me: Person, part: str, change: Callable[[dict[str, Any]], None]
) -> None:
    owner = new.add_person(Role.OWNER)
    with pytest.raises(InvalidInput, match=f"{part}, line 1|{part}, line 2"):
        new.services.transfer.import_(owner, changed(exported(old, me), part, change))
    assert new.services.sources.list() == []
    assert new.services.bots.page(owner, None, 10).items == ()
    assert conversations(new, owner) == []


def test_guests_take_nothing_out_and_bring_nothing_in(old: Installation, me: Person) -> None:
    guest = old.add_person(Role.GUEST)
    with pytest.raises(Forbidden):
        old.services.transfer.export(guest, io.BytesIO(), tokens=False)
    with pytest.raises(Forbidden):
        old.services.transfer.import_(guest, exported(old, me))


def test_tokens_that_cannot_be_opened_are_no_export(old: Installation, me: Person) -> None:
    old.cipher.exchange("z" * 40)
    old.cipher._ring = type(old.cipher._ring)(old.cipher._ring.current, {})
    with pytest.raises(DecryptionRefused):
        exported(old, me, tokens=True)
    exported(old, me)


@pytest.mark.parametrize("tokens", [True, False])
def test_an_imported_bot_yields_to_whoever_shows_its_token(
    old: Installation, new: Installation, me: Person, tokens: bool
) -> None:
    """Anybody can write a file that names somebody else's bot, with a token that looks like one."""
    squatter, rightful = new.add_person(Role.MEMBER, "Squatter"), new.add_person(Role.MEMBER, "Rightful")

    def make_up(record: dict[str, Any]) -> None:
        if tokens:
            record["token"] = "123456789:" + "made-up" * 5

    file = changed(exported(old, me), "bots.jsonl", make_up)
    new.services.transfer.import_(squatter, file)
    again = new.services.transfer.import_(rightful, file)
    assert "add it by its token" in again.refused[0]
    view = new.services.bots.create(rightful, NewBot(Platform.TELEGRAM, TOKEN, start=True))
    assert new.services.bots.page(squatter, None, 10).items == ()
    (entry,) = [each for each in new.services.audit.page(None, 20) if each.action.value == "bot_deleted"]
    assert (entry.actor, entry.detail) == ("Rightful", "imported without proof; here is its token")
    again = new.services.transfer.import_(squatter, file)
    assert again.refused == ["the bot @bot123456789: it is registered already, by somebody else."]
    (kept,) = new.services.bots.page(rightful, None, 10).items
    assert kept.bot.id == view.bot.id


def test_an_imported_bot_is_its_importer_s_once_the_platform_knows_its_token(
    old: Installation, new: Installation, me: Person
) -> None:
    importer, other = new.add_person(Role.MEMBER, "Importer"), new.add_person(Role.MEMBER, "Other")
    new.services.transfer.import_(importer, exported(old, me, tokens=True))
    (view,) = new.services.bots.page(importer, None, 10).items
    assert not view.bot.proven
    started = new.services.bots.set_desired(importer, view.bot.id, Desired.RUNNING)
    assert started.bot.proven
    with pytest.raises(Conflict, match="by somebody else"):
        new.services.bots.create(other, NewBot(Platform.TELEGRAM, TOKEN))


def test_an_imported_bot_whose_token_the_platform_refuses_does_not_start(
    old: Installation, new: Installation, me: Person
) -> None:
    importer = new.add_person(Role.MEMBER)
    refused_token = TOKEN[:-1] + "x"
    file = changed(exported(old, me, tokens=True), "bots.jsonl", _set(token=refused_token))
    new.services.transfer.import_(importer, file)
    (view,) = new.services.bots.page(importer, None, 10).items
    with pytest.raises(InvalidInput, match="rejected this token"):
        new.services.bots.set_desired(importer, view.bot.id, Desired.RUNNING)
    (view,) = new.services.bots.page(importer, None, 10).items
    assert (view.bot.proven, view.bot.desired) == (False, Desired.STOPPED)
    new.services.bots.update(importer, view.bot.id, BotChange(token=TOKEN))
    (view,) = new.services.bots.page(importer, None, 10).items
    assert view.bot.proven

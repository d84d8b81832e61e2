"""The `roost` command as a process: beside a running server, without one, killed at the worst moment."""

from __future__ import annotations

import json
import os
import random
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from roost.clock import SystemClock, SystemIds, timestamp
from roost.storage.database import Database
from roost.storage.sealed import Resealed, count_unreadable
from roost.storage.secrets import Cipher, load_or_create_secret_key, load_previous_secret_key
from roost.storage.statements import text
from tests.e2e.roost_process import BACKEND, RoostProcess
from tests.e2e.world import QUESTION, TOKEN, wait_for, world

pytestmark = pytest.mark.timeout(180)

BOTS = 3_000
KILLS = 8


def roost(
    data_dir: Path, *arguments: str, environ: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "roost", *arguments],
        cwd=BACKEND,
        env=surroundings(data_dir, environ),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def surroundings(data_dir: Path, environ: dict[str, str] | None = None) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "DATA_DIR": str(data_dir), **(environ or {})}


def test_help_names_the_commands() -> None:
    done = roost(Path("/nowhere"), "--help")
    assert done.returncode == 0
    assert "rotate-key" in done.stdout


def test_a_server_leaves_its_address_and_takes_it_away(tmp_path: Path) -> None:
    note = tmp_path / "server.json"
    with RoostProcess(tmp_path).start() as server:
        assert stat.S_IMODE(note.stat().st_mode) == 0o600
        stored = json.loads(note.read_text())
        assert stored["url"] == server.base_url
        done = roost(tmp_path, "status", "--json")
        assert json.loads(done.stdout)["served"] is True, done
        assert stored["secret"] not in server.printed + done.stdout + done.stderr
        assert server.terminate() == 0
        assert not note.exists()


def test_a_killed_server_s_address_is_not_believed(tmp_path: Path) -> None:
    with RoostProcess(tmp_path).start() as server:
        server.kill()
    assert (tmp_path / "server.json").exists()
    done = roost(tmp_path, "status", "--json")
    assert json.loads(done.stdout)["served"] is False, done
    assert not (tmp_path / "server.json").exists()


def test_the_secret_of_an_earlier_server_opens_nothing(tmp_path: Path) -> None:
    with RoostProcess(tmp_path).start() as server:
        earlier = json.loads((tmp_path / "server.json").read_text())["secret"]
        server.terminate()
        server.start()
        environ = {"ROOST_SERVER": server.base_url, "ROOST_API_KEY": earlier}
        done = roost(tmp_path, "bots", "list", environ=environ)
        assert done.returncode == 1
        assert "unknown or revoked" in done.stderr


def test_a_server_waits_for_a_command_that_uses_its_folder(tmp_path: Path) -> None:
    command = subprocess.Popen(
        [sys.executable, "-m", "roost", "status"],
        cwd=BACKEND,
        env=surroundings(tmp_path),
        stdout=subprocess.DEVNULL,
    )
    with RoostProcess(tmp_path).start():
        assert command.wait(30) == 0


def test_output_that_nobody_reads_is_no_trouble(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            "/bin/sh",
            "-c",
            f"{sys.executable} -m roost doctor --offline | head -1; echo ${{PIPESTATUS:-none}}",
        ],
        cwd=BACKEND,
        env=surroundings(tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.startswith("SETTING")
    assert done.stderr == ""


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("command", ["--version", "status", "bots list", "backup list"])
def test_streams_that_are_closed_are_no_trouble(tmp_path: Path, command: str, closed: str) -> None:
    done = subprocess.run(
        ["sh", "-c", f'exec "$PYTHON" -m roost {command} {closed}'],
        cwd=BACKEND,
        env=surroundings(
            tmp_path / "data", {"PYTHON": sys.executable, "BUCKET_DIR": str(tmp_path / "bucket")}
        ),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    # There is no backup yet, which is said; nothing else is.
    assert done.returncode == (1 if command == "backup list" else 0), done.stderr
    assert "Traceback" not in done.stderr
    assert "Error" not in done.stderr


def test_a_server_without_standard_streams_writes_into_no_file_of_its_own(tmp_path: Path) -> None:
    environ = surroundings(tmp_path, {"PYTHON": sys.executable, "PORT": "0", "HOST": "127.0.0.1"})
    server = subprocess.Popen(["sh", "-c", 'exec "$PYTHON" api.py <&- >&- 2>&-'], cwd=BACKEND, env=environ)
    try:
        wait_for((tmp_path / "server.json").exists, "it is at work")
        led_to = {str(Path(f"/proc/{server.pid}/fd/{number}").readlink()) for number in range(3)}
        assert led_to == {os.devnull}
    finally:
        server.terminate()
        assert server.wait(20) == 0


def test_ctrl_c_ends_without_a_traceback(tmp_path: Path) -> None:
    with RoostProcess(tmp_path).start():
        asking = subprocess.Popen(
            [sys.executable, "-m", "roost", "bots", "add"],
            cwd=BACKEND,
            env=surroundings(tmp_path),
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        time.sleep(1)
        asking.send_signal(signal.SIGINT)
        _, errors = asking.communicate(timeout=20)
        assert asking.returncode == 130
        assert "Traceback" not in errors


@pytest.mark.parametrize("as_json", [True, False])
def test_logs_are_followed_over_a_restart_of_the_server(tmp_path: Path, as_json: bool) -> None:
    with world(tmp_path) as here:
        here.start_with_bot()
        with here.roost.client() as client:
            handle = client.get("/api/bots").json()["items"][0]["handle"]
        following = subprocess.Popen(
            [sys.executable, "-m", "roost", "bots", "logs", "-f", handle, *(["--json"] if as_json else [])],
            cwd=BACKEND,
            env=surroundings(tmp_path),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert following.stdout is not None
        lines: list[str] = []
        reader = threading.Thread(target=lines.extend, args=(following.stdout,), daemon=True)
        reader.start()

        def seen(chat_id: int) -> bool:
            return any(f"chat {chat_id}" in line for line in lines)

        here.telegram.text(TOKEN, 71, QUESTION)
        wait_for(lambda: seen(71), "a line is shown as it comes")
        assert here.roost.terminate() == 0
        here.roost.start()
        wait_for(lambda: here.telegram.polling() == 1, "the bot polls again")
        here.telegram.text(TOKEN, 72, QUESTION)
        wait_for(lambda: seen(72), "so is one of the next life")
        following.send_signal(signal.SIGINT)
        _, errors = following.communicate(timeout=20)
        assert following.returncode == 130
        assert "Traceback" not in errors
        if as_json:
            assert {json.loads(line)["level"] for line in lines} <= {"debug", "info", "warning", "error"}


def test_doctor_finds_nothing_wrong_and_then_everything(tmp_path: Path) -> None:
    page = tmp_path / "page"
    page.mkdir()
    (page / "index.html").write_text("<!doctype html>")
    data = tmp_path / "data"
    healthy = {"PORT": "0", "FRONTEND_DIR": str(page), "OPENAI_API_KEY": "sk-very-secret-key-of-mine"}
    done = roost(data, "doctor", "--offline", "--json", environ=healthy)
    found = json.loads(done.stdout)
    assert (done.returncode, found["ok"]) == (0, True), found["checks"]
    assert not data.exists()
    settings = {each["name"]: each for each in found["settings"]}
    assert settings["PORT"]["origin"] == "environment"
    assert settings["LOG_LEVEL"] | {"meaning": ""} == {
        "name": "LOG_LEVEL",
        "value": "INFO",
        "origin": "default",
        "meaning": "",
    }
    assert "sk-very" not in done.stdout

    data.mkdir()
    (data / "conversations.db").write_text("this is no database at all, however long it is" * 20)
    (data / "bot_configs.db").write_bytes(b"")
    ill = roost(data, "doctor", "--offline", "--json", environ={"FRONTEND_DIR": str(tmp_path), "PORT": "0"})
    bad = {check["name"] for check in json.loads(ill.stdout)["checks"] if check["level"] == "bad"}
    assert ill.returncode == 1
    assert {"conversations.db", "SECRET_KEY", "page"} <= bad
    wrong = roost(data, "doctor", environ={"PORT": "many"})
    assert wrong.returncode == 1
    assert "PORT cannot be used" in wrong.stdout


def test_doctor_sees_a_running_server_and_a_token_no_key_opens(tmp_path: Path) -> None:
    fill(tmp_path, 3)
    (tmp_path / "secret.key").write_text("another key that is long enough for Roost\n")
    with RoostProcess(tmp_path).start() as server:
        done = roost(tmp_path, "doctor", "--offline", "--json")
        checks = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
        assert done.returncode == 1
        assert server.base_url in checks["server"]["message"]
        assert checks["server"]["level"] == "good"
        assert "not 3" in checks["SECRET_KEY"]["message"]


def test_a_key_in_the_environment_is_exchanged_by_whoever_sets_it(tmp_path: Path) -> None:
    old, new = "old-" + "k" * 40, "new-" + "k" * 40
    fill(tmp_path, 5, old)
    refused = roost(tmp_path, "rotate-key", environ={"SECRET_KEY": old})
    assert refused.returncode == 1
    assert "SECRET_KEY_PREVIOUS" in refused.stderr
    both = {"SECRET_KEY": new, "SECRET_KEY_PREVIOUS": old}
    done = roost(tmp_path, "rotate-key", "--json", environ=both)
    assert json.loads(done.stdout) == {
        "resealed": 5,
        "unreadable": 0,
        "resumed": False,
        "from_environment": True,
    }
    assert counted(tmp_path, Cipher(new)) == Resealed(5, 0)
    assert not (tmp_path / "secret.key").exists()


def test_an_exchange_killed_at_any_moment_loses_no_secret_and_is_finished_later(tmp_path: Path) -> None:
    fill(tmp_path, BOTS)
    first = load_or_create_secret_key(tmp_path)
    chance = random.Random(20_261_121)
    began_s = time.monotonic()
    assert roost(tmp_path, "rotate-key").returncode == 0
    whole_s = time.monotonic() - began_s
    unfinished = 0
    for _ in range(KILLS):
        command = subprocess.Popen(
            [sys.executable, "-m", "roost", "rotate-key"],
            cwd=BACKEND,
            env=surroundings(tmp_path),
            stdout=subprocess.DEVNULL,
        )
        # Most of a run is loading; what matters comes at its end.
        wait_for_exchange(tmp_path, command, whole_s * 3)
        time.sleep(chance.uniform(0, 0.15))
        command.kill()
        command.wait(10)
        previous = load_previous_secret_key(tmp_path)
        unfinished += previous is not None
        assert counted(tmp_path, Cipher(load_or_create_secret_key(tmp_path), previous)) == Resealed(BOTS, 0)
    done = roost(tmp_path, "rotate-key", "--json")
    assert json.loads(done.stdout)["unreadable"] == 0
    assert load_previous_secret_key(tmp_path) is None
    last = load_or_create_secret_key(tmp_path)
    assert last != first
    assert counted(tmp_path, Cipher(last)) == Resealed(BOTS, 0)
    assert unfinished >= 1, "no kill came before the end: the test has shown nothing"


def wait_for_exchange(data_dir: Path, command: subprocess.Popen[bytes], within_s: float) -> None:
    """Until the exchange has begun: the command holds the folder and has touched the keys."""
    before = (data_dir / "secret.key").stat().st_mtime_ns
    pending = (data_dir / "secret.key.previous").exists()
    ends_at_s = time.monotonic() + within_s
    while time.monotonic() < ends_at_s and command.poll() is None:
        if not pending and (data_dir / "secret.key").stat().st_mtime_ns != before:
            return
        if pending and (data_dir / "bot_configs.db-wal").exists():
            return
        time.sleep(0.001)


def fill(data_dir: Path, bots: int, secret_key: str | None = None) -> None:
    """Stopped bots with sealed tokens, put there through storage."""
    cipher = Cipher(secret_key or load_or_create_secret_key(data_dir))
    clock = SystemClock()
    ids, now = SystemIds(clock), timestamp(clock.now())
    database = Database(data_dir / "bot_configs.db", "bot_configs")
    database.open()
    owner = ids.new()

    def write(db: object) -> None:
        db.execute(  # type: ignore[attr-defined]
            text(
                "INSERT INTO users (id, kind, subject, name, role, created_at)"
                " VALUES (:id, 'local', 'owner', 'Owner', 'owner', :now)"
            ),
            {"id": owner, "now": now},
        )
        for number in range(bots):
            bot_id = ids.new()
            db.execute(  # type: ignore[attr-defined]
                text(
                    "INSERT INTO bot_configs (bot_id, owner_id, platform, platform_bot_id, name, handle,"
                    " token, token_last4, status_since, created_at, updated_at)"
                    " VALUES (:id, :owner, 'telegram', :number, 'Bot', 'bot', :token, 'last',"
                    " :now, :now, :now)"
                ),
                {
                    "id": bot_id,
                    "owner": owner,
                    "number": str(number),
                    "token": cipher.seal(f"{number}:secret", f"bot_configs/{bot_id}/token"),
                    "now": now,
                },
            )

    database.write(write)
    database.close()


def counted(data_dir: Path, cipher: Cipher) -> Resealed:
    database = Database(data_dir / "bot_configs.db", "bot_configs")
    database.open()
    try:
        with database.read() as db:
            return count_unreadable(db, "bot_configs", cipher)
    finally:
        database.close()

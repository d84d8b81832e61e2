"""What can be typed, and what comes of it before any Roost is reached."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from roost.cli.main import Entry, parser, run
from roost.cli.status import uptime
from roost.cli.terminal import Streams

BACKEND = Path(__file__).parents[3] / "cloud" / "backend"
HEAVY = ("httpx", "flask", "sqlalchemy", "sqlite3", "pydantic", "asyncio", "numpy", "dotenv", "cryptography")


def no_server() -> int:
    raise AssertionError("the server is not wanted here")


def no_folder(*_: Any) -> Any:
    raise AssertionError("no folder is wanted here")


def no_history(*_: Any) -> Any:
    raise AssertionError("no bucket is wanted here")


def tried(*arguments: str, environ: Mapping[str, str] | None = None, stdin: str = "") -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    code = run(
        arguments,
        Entry(no_server, no_folder, no_history),
        lambda: environ or {},
        Streams(io.StringIO(stdin), out, err),
    )
    return code, out.getvalue(), err.getvalue()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["bots"],
        ["bots", "add", "123:token"],
        ["bots", "add", "--token", "123:token"],
        ["bots", "start"],
        ["bots", "logs", "x", "--lines", "0"],
        ["bots", "logs", "x", "--lines", "many"],
        ["ask"],
        ["sources", "add", "https://a", "--kind", "feed"],
        ["export"],
        ["--jso", "status"],
    ],
)
def test_misuse_ends_with_2_and_says_how_it_is_used(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert tried(*arguments)[0] == 2
    assert "usage: roost" in capsys.readouterr().err


def test_serve_hands_over_to_the_server() -> None:
    assert run(["serve"], Entry(lambda: 7, no_folder, no_history)) == 7


def test_json_may_stand_before_and_after_the_command() -> None:
    assert parser().parse_args(["--json", "status"]).json
    assert parser().parse_args(["status", "--json"]).json
    assert parser().parse_args(["bots", "list", "--json"]).json
    assert not hasattr(parser().parse_args(["status"]), "json")


def test_another_roost_needs_its_api_key_and_an_address() -> None:
    code, _, err = tried("status", "--server", "https://roost.example.com")
    assert code == 1
    assert "ROOST_API_KEY" in err
    code, _, err = tried("status", environ={"ROOST_SERVER": "roost.example.com", "ROOST_API_KEY": "k"})
    assert code == 1
    assert "http://" in err


def test_a_roost_that_does_not_answer_is_said_in_one_line() -> None:
    code, out, err = tried(
        "status",
        "--json",
        "--server",
        "http://127.0.0.1:9",
        environ={"ROOST_API_KEY": "roost_abcdefghijklmnop"},
    )
    assert (code, out) == (1, "")
    assert json.loads(err)["error"]["code"] == "remote_unreachable"
    assert "roost_abc" not in err


def test_a_setting_that_cannot_be_used_is_a_refusal_without_a_traceback(tmp_path: Path) -> None:
    code, _, err = tried("status", environ={"DATA_DIR": str(tmp_path), "PORT": "many"})
    assert code == 1
    assert err.startswith("roost: PORT cannot be used")
    assert len(err.splitlines()) == 1


def test_an_error_nobody_expected_is_a_sentence_too(tmp_path: Path) -> None:
    code, _, err = tried("status", environ={"DATA_DIR": str(tmp_path)})
    assert code == 1
    assert "Something went wrong inside Roost (AssertionError)" in err
    assert "Traceback" not in err


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    code, _, err = tried("import", str(tmp_path / "none.zip"))
    assert code == 1
    assert "none.zip" in err
    assert "No such file" in err


def test_an_export_replaces_no_file_unasked(tmp_path: Path) -> None:
    there = tmp_path / "mine.zip"
    there.write_text("precious")
    code, _, err = tried("export", str(there))
    assert code == 1
    assert "--force" in err
    assert there.read_text() == "precious"


def test_help_loads_nothing_heavy() -> None:
    script = (
        "import sys\nfrom roost.cli.main import parser\nparser()\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=BACKEND, capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59, "59 s"), (61, "1 min 1 s"), (3600, "1 h"), (90_061, "1 d 1 h"), (86_460, "1 d 1 min")],
)
def test_uptime_shows_its_two_largest_units(seconds: int, words: str) -> None:
    assert uptime(seconds) == words

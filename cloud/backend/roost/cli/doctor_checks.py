"""What can be wrong on a machine, each with the remedy. Nothing is changed, and no data folder is made."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal

from roost.errors import DecryptionRefused, RoostError
from roost.settings import Settings
from roost.storage.data_folder import REPLICATED, DataFolder
from roost.storage.inspection import count_sealed, sqlite_version
from roost.storage.migrations import inspect_file
from roost.storage.secrets import PREVIOUS_KEY_FILE, SECRET_KEY_FILE
from roost.storage.server_file import read_server_file

PYTHON_AT_LEAST = (3, 11)
# RETURNING and STRICT tables came with this; the WAL-reset bug is worked around in the writer.
SQLITE_AT_LEAST = (3, 37, 0)
FREE_WARNING_BYTES = 1024**3
FREE_BAD_BYTES = 100 * 1024**2
NETWORK_TIMEOUT_S = 4.0
CLOCK_OFF_WARNING_S = 30.0
CLOCK_OFF_BAD_S = 300.0
BUILT_AFTER = datetime(2025, 1, 1, tzinfo=UTC)
MODEL_FILES = ("encoder_int8.onnx", "tokenizer.json")

Level = Literal["good", "note", "warning", "bad"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`bad` needs the person; `warning` may; `note` is worth knowing."""

    name: str
    level: Level
    message: str


def good(name: str, message: str) -> Finding:
    return Finding(name, "good", message)


def bad(name: str, message: str) -> Finding:
    return Finding(name, "bad", message)


Check = Callable[[Settings], Iterator[Finding]]


def examine(settings: Settings, *, offline: bool, report: Callable[[str], None]) -> Sequence[Finding]:
    """All findings, in the order of a start. Every look at the network ends within a few seconds."""
    checks: list[tuple[str, Check]] = [
        ("Python", python),
        ("SQLite", sqlite),
        ("settings", lambda _: iter([good("settings", "every value can be used")])),
        ("data folder", data_folder),
        ("databases", databases),
        ("SECRET_KEY", secret_key),
        ("server", server),
        ("model", model),
        ("page", page),
        ("clock", clock),
    ]
    if not offline:
        checks += [("Telegram", telegram), ("endpoint", endpoint)]
    found: list[Finding] = []
    for name, check in checks:
        report(name)
        found.extend(check(settings))
    return found


def python(_settings: Settings) -> Iterator[Finding]:
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info < PYTHON_AT_LEAST:
        yield bad("Python", f"{version} is too old. Install Python 3.11 or newer.")
    else:
        yield good("Python", version)


def sqlite(_settings: Settings) -> Iterator[Finding]:
    version = sqlite_version()
    if tuple(int(part) for part in version.split(".")) < SQLITE_AT_LEAST:
        yield bad("SQLite", f"{version} is too old. Use a Python that was built with SQLite 3.37 or newer.")
    else:
        yield good("SQLite", version)


def data_folder(settings: Settings) -> Iterator[Finding]:
    name, path = "data folder", settings.data_dir
    existing = path
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    if path.exists() and not path.is_dir():
        yield bad(name, f"{path} is a file. Point DATA_DIR to a folder.")
        return
    if not os.access(existing, os.W_OK | os.X_OK):
        yield bad(
            name, f"{existing} cannot be written to. Give it to Roost's user, or set DATA_DIR to another."
        )
        return
    free = shutil.disk_usage(existing).free
    size = f"{free / 1024**3:.1f} GiB free"
    if free < FREE_BAD_BYTES:
        yield bad(name, f"{path}: {size}. Free some space: a full disk stops every write.")
    elif free < FREE_WARNING_BYTES:
        yield Finding(name, "warning", f"{path}: {size}. Free some space soon.")
    else:
        yield good(name, f"{path}, {size}" + ("" if path.exists() else "; made at the first start"))


def databases(settings: Settings) -> Iterator[Finding]:
    if not settings.data_dir.is_dir():
        return
    for name in REPLICATED:
        path = settings.data_dir / f"{name}.db"
        if not path.exists():
            yield Finding(f"{name}.db", "note", "not there yet; made at the first start")
            continue
        try:
            inspect_file(str(path), name)
        except RoostError as error:
            yield bad(f"{name}.db", error.message)
        else:
            yield good(f"{name}.db", f"readable, {path.stat().st_size / 1024**2:.1f} MiB")


def secret_key(settings: Settings) -> Iterator[Finding]:
    name, key_file = "SECRET_KEY", settings.data_dir / SECRET_KEY_FILE
    database = settings.data_dir / "bot_configs.db"
    if settings.secret_key is None and not key_file.exists():
        if database.exists():
            yield bad(
                name, f"{key_file} is missing, but there are stored bots. Put it back, or set SECRET_KEY."
            )
        else:
            yield Finding(name, "note", f"made at the first start, in {key_file}")
        return
    if settings.secret_key is None and key_file.stat().st_mode & 0o077:
        yield Finding(name, "warning", f"{key_file} can be read by other users. Run: chmod 600 {key_file}")
    if (settings.data_dir / PREVIOUS_KEY_FILE).exists():
        yield Finding(
            name, "warning", "an exchange of the key was cut off. Finish it with `roost rotate-key`."
        )
    if not database.exists():
        yield good(name, "set" if settings.secret_key else f"in {key_file}")
        return
    try:
        counted = count_sealed(settings.data_dir, settings.secret_key, settings.secret_key_previous)
    except DecryptionRefused as error:
        yield bad(name, error.message)
    except RoostError as error:
        yield Finding(name, "warning", f"the stored tokens could not be looked at: {error.message}")
    else:
        if counted.unreadable:
            yield bad(
                name,
                f"opens {counted.resealed} of the stored secrets, but not {counted.unreadable}. Restore the "
                "SECRET_KEY they were saved under, or enter those bots' tokens again.",
            )
        else:
            yield good(name, f"opens all {counted.resealed} stored secrets")


def server(settings: Settings) -> Iterator[Finding]:
    """Whether a server uses the folder and answers; else whether one could listen."""
    name = "server"
    if DataFolder(settings.data_dir).in_use():
        yield _readiness(settings)
        return
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((settings.host, settings.port))
        except OSError as error:
            yield bad(
                name,
                f"port {settings.port} of {settings.host} cannot be used: {error.strerror}. "
                "End what uses it, or set PORT to another.",
            )
        else:
            yield good(name, f"not running; port {settings.port} of {settings.host} is free")


def _readiness(settings: Settings) -> Finding:
    import httpx

    name = "server"
    try:
        address = read_server_file(settings.data_dir)
    except RoostError as error:
        return Finding(name, "warning", error.message)
    if address is None:
        return Finding(
            name, "warning", "the data folder is in use, by a command or a server that is starting"
        )
    try:
        reply = httpx.get(
            f"{address.url}/readyz", headers={"Host": "localhost"}, timeout=NETWORK_TIMEOUT_S, trust_env=False
        )
        state = reply.json()
    except (httpx.TransportError, ValueError):
        return bad(
            name, f"it uses the data folder, but {address.url} does not answer. Look at its log; restart it."
        )
    if reply.status_code == 200:
        return good(name, f"running and ready at {address.url}")
    return bad(name, f"running at {address.url}, but not ready: {state.get('reason')}")


def model(settings: Settings) -> Iterator[Finding]:
    missing = [name for name in MODEL_FILES if not (settings.model_dir / name).is_file()]
    if missing:
        yield Finding(
            "model",
            "warning",
            f"{settings.model_dir} lacks {' and '.join(missing)}, so search goes by words alone. "
            "Run scripts/run once, or set MODEL_DIR.",
        )
    else:
        yield good("model", f"in {settings.model_dir}")


def page(settings: Settings) -> Iterator[Finding]:
    if (settings.frontend_dir / "index.html").is_file():
        yield good("page", f"built, in {settings.frontend_dir}")
    else:
        yield bad("page", f"not built in {settings.frontend_dir}. Run scripts/run once, or set FRONTEND_DIR.")


def clock(_settings: Settings) -> Iterator[Finding]:
    now = datetime.now(UTC)
    if now < BUILT_AFTER:
        yield bad(
            "clock", f"it says {now:%Y-%m-%d}, which is long past. Set it: sign-in depends on the time."
        )
    else:
        yield good("clock", f"{now:%Y-%m-%d %H:%M} UTC")


def telegram(settings: Settings) -> Iterator[Finding]:
    name, url = "Telegram", settings.telegram_api_base_url
    date = yield from _ask(name, url, {}, f"{url} is reached", severe=False)
    if date is not None:
        yield from compare_clocks(date, datetime.now(UTC))


def compare_clocks(theirs: datetime, ours: datetime) -> Iterator[Finding]:
    """This machine's clock against that of a server on the network."""
    off_s = abs((ours - theirs).total_seconds())
    if off_s > CLOCK_OFF_BAD_S:
        yield bad(
            "clock", f"it is {off_s:.0f} s off. Set it, and let NTP keep it: sign-in depends on the time."
        )
    elif off_s > CLOCK_OFF_WARNING_S:
        yield Finding("clock", "warning", f"it is {off_s:.0f} s off. Let NTP keep it.")


def endpoint(settings: Settings) -> Iterator[Finding]:
    name, url = "endpoint", settings.openai_base_url
    if settings.openai_api_key is None:
        yield Finding(name, "note", "no OPENAI_API_KEY: answers are quoted passages")
        return
    headers = {"Authorization": f"Bearer {settings.openai_api_key}"}
    yield from _ask(name, f"{url}/models", headers, f"{url} takes the key", severe=True)


def _ask(
    name: str, url: str, headers: dict[str, str], success: str, *, severe: bool
) -> Generator[Finding, None, datetime | None]:
    """One request; the time of its answer by their clock. A refused key needs the person."""
    import httpx

    try:
        reply = httpx.get(url, headers=headers, timeout=NETWORK_TIMEOUT_S)
    except (httpx.TransportError, httpx.InvalidURL) as error:
        yield Finding(
            name,
            "warning",
            f"{url} is not reached ({type(error).__name__}). Check the network, the address, and the proxy.",
        )
        return None
    if severe and reply.status_code in (401, 403):
        yield bad(name, f"{url} refuses the key ({reply.status_code}). Set OPENAI_API_KEY to a valid one.")
    elif severe and reply.status_code >= 400:
        yield Finding(name, "warning", f"{url} answers {reply.status_code}. Check OPENAI_BASE_URL.")
    else:
        yield good(name, success)
    return _date_of(reply.headers.get("Date"))


def _date_of(header: str | None) -> datetime | None:
    try:
        found = parsedate_to_datetime(header or "")
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)

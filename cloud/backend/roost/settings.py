"""Every setting, in one table: default, parser, and one sentence. The only reader of the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from roost import __version__
from roost.errors import SettingsError

REPOSITORY = Path(__file__).resolve().parents[3]


def _text(value: str) -> str:
    return value


def _list(value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _port(value: str) -> int:
    port = int(value)
    if not 0 <= port <= 65535:
        raise ValueError("a port is 0 to 65535")
    return port


def _path(value: str) -> Path:
    return Path(value).expanduser().resolve()


def _bucket(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]", value):
        raise ValueError("a bucket's bare name is needed, without gs:// and without a path")
    return value


def _positive(value: str) -> int:
    number = int(value)
    if number <= 0:
        raise ValueError("a whole number above 0 is needed")
    return number


def _lease_seconds(value: str) -> int:
    seconds = int(value)
    if not 3 <= seconds <= 600:
        raise ValueError("3 to 600 seconds are possible")
    return seconds


def _interval(value: str) -> float:
    seconds = float(value)
    if not 0.05 <= seconds <= 60:
        raise ValueError("0.05 to 60 seconds are possible")
    return seconds


def _url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("an address starting with http:// or https:// is needed")
    return value.rstrip("/")


def _websocket_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("ws", "wss") or not parts.hostname or parts.query:
        raise ValueError("an address starting with ws:// or wss://, without a query, is needed")
    return value.rstrip("/")


def _origin(value: str) -> str:
    """An address without path, query or sign-in: what browsers send as Origin (RFC 6454)."""
    parts = urlsplit(_url(value))
    if parts.path or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("only the scheme and the name are needed, such as https://roost.example.org")
    return f"{parts.scheme}://{parts.netloc.lower()}"


def _issuer(value: str) -> str:
    parts = urlsplit(_url(value))
    if parts.scheme != "https" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise ValueError("an address starting with https:// is needed")
    return value.rstrip("/")


def _ascii_url(value: str) -> str:
    if not value.isascii() or any(character.isspace() for character in value):
        raise ValueError("only ASCII characters are needed: write others with %")
    return _url(value)


def _secret_key(value: str) -> str:
    if len(value) < 32:
        raise ValueError("32 characters or more are needed")
    return value


def _chat(value: str) -> str:
    if not re.fullmatch(r"-?[0-9]{1,16}|@[A-Za-z][A-Za-z0-9_]{3,31}", value):
        raise ValueError("a chat's number or @channel is needed; the bot tells the number with /stats")
    return value


def _level(value: str) -> str:
    if value.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise ValueError("DEBUG, INFO, WARNING or ERROR is needed")
    return value.upper()


def _sources(value: str) -> tuple[tuple[str, str], ...]:
    pairs = []
    for part in _list(value):
        kind, _, url = part.partition("=")
        if kind not in ("gitbook", "website", "blog") or not url:
            raise ValueError("kind=URL pairs are needed, where kind is gitbook, website or blog")
        pairs.append((kind, url))
    return tuple(pairs)


@dataclass(frozen=True, slots=True)
class Key:
    """One setting. `default` is None where it is worked out from the others, or is simply absent."""

    name: str
    parse: Callable[[str], Any]
    default: Any
    sentence: str
    secret: bool = False


KEYS = (
    Key("PORT", _port, 8000, "The port Roost listens on."),
    Key("HOST", _text, None, "The address Roost listens on: 127.0.0.1, or 0.0.0.0 on Cloud Run."),
    Key("DATA_DIR", Path, REPOSITORY / "data", "The folder that holds everything Roost must not forget."),
    Key("GCS_BUCKET_NAME", _bucket, None, "The Cloud Storage bucket that keeps copies of the databases."),
    Key(
        "GOOGLE_APPLICATION_CREDENTIALS",
        _path,
        None,
        "The key file of the service account for the bucket; else the machine's own credentials.",
    ),
    Key("STORAGE_EMULATOR_HOST", _url, None, "Another address for Cloud Storage, for tests."),
    Key("BUCKET_DIR", _path, None, "A folder in the bucket's place, for a machine without a bucket."),
    Key(
        "LEASE_TTL_S",
        _lease_seconds,
        30,
        "Seconds after which a silent Roost is replaced by another one on the same bucket.",
    ),
    Key("SHIP_INTERVAL_S", _interval, 1.0, "Seconds between two shipments of new writes to the bucket."),
    Key("MODEL_DIR", Path, REPOSITORY / "build" / "minilm", "The folder of the embedding model."),
    Key("FRONTEND_DIR", Path, REPOSITORY / "frontend" / "dist", "The folder of the built web page."),
    Key(
        "SECRET_KEY",
        _secret_key,
        None,
        "Encrypts tokens; made and kept in DATA_DIR when not set.",
        secret=True,
    ),
    Key(
        "SECRET_KEY_PREVIOUS",
        _secret_key,
        None,
        "The key before the last exchange; still opens old tokens.",
        secret=True,
    ),
    Key(
        "PUBLIC_URL",
        _origin,
        None,
        "The address people use to reach Roost, when it is not this machine's own.",
    ),
    Key("GOOGLE_CLIENT_ID", _text, None, "The OAuth client of sign-in with Google."),
    Key("GOOGLE_CLIENT_SECRET", _text, None, "Its secret.", secret=True),
    Key("OIDC_ISSUER", _issuer, "https://accounts.google.com", "Another OpenID provider in Google's place."),
    Key("OWNER_EMAILS", _list, (), "Who owns this installation."),
    Key("ALLOWED_EMAILS", _list, (), "Who is a member without an invitation; all others only use the chat."),
    Key(
        "DAILY_QUESTIONS_PER_PERSON",
        _positive,
        200,
        "Written answers a person may get a day; then quoted passages.",
    ),
    Key(
        "DAILY_TOKENS_PER_BOT",
        _positive,
        None,
        "Tokens of written answers a bot may use a day; then quoted passages.",
    ),
    Key(
        "RETENTION_DAYS",
        _positive,
        None,
        "Days after which what people asked and were answered is deleted; kept until deleted when not set.",
    ),
    Key(
        "ALERT_WEBHOOK_URL",
        _ascii_url,
        None,
        "Told once when a bot crashes, a crawl fails twice or backups fail, and once when it is well again.",
        secret=True,
    ),
    Key("ALERT_TELEGRAM_CHAT", _chat, None, "The Telegram chat told the same: a number, or @channel."),
    Key("OPENAI_API_KEY", _text, None, "The key of the endpoint that writes answers.", secret=True),
    Key("OPENAI_BASE_URL", _url, "https://api.openai.com/v1", "Any OpenAI-compatible endpoint."),
    Key("OPENAI_MODEL", _text, "gpt-4o", "The model that writes answers."),
    Key(
        "KNOWLEDGE_SOURCES",
        _sources,
        (),
        "Sources added at the first start: gitbook=URL,website=URL,blog=URL.",
    ),
    Key("SCRAPE_INTERVAL_S", _positive, 600, "Seconds between two crawls of a website."),
    Key("ALLOW_PRIVATE_SOURCES", _list, (), "Private hosts that may be crawled: host, or host:port."),
    Key("STREAMS_PER_PERSON", _positive, 32, "Open streams a person may have."),
    Key(
        "TELEGRAM_API_BASE_URL",
        _url,
        "https://api.telegram.org",
        "A self-hosted Bot API server, without /bot.",
    ),
    Key("DISCORD_API_BASE_URL", _url, "https://discord.com/api/v10", "A proxy of Discord's REST API."),
    Key("DISCORD_GATEWAY_URL", _websocket_url, "wss://gateway.discord.gg", "A proxy of Discord's gateway."),
    Key("K_SERVICE", _text, None, "Set by Cloud Run: the service's name."),
    Key("K_REVISION", _text, None, "Set by Cloud Run: the revision's name."),
    Key(
        "GOOGLE_CLOUD_PROJECT",
        _text,
        None,
        "The project whose traces log lines join on Cloud Run; asked of the machine when not set.",
    ),
    Key("LOG_LEVEL", _level, "INFO", "DEBUG, INFO, WARNING or ERROR."),
)

# For the command line alone: which Roost it speaks to when that is on another machine.
CLIENT_KEYS = (
    Key("ROOST_SERVER", _url, None, "The address of the Roost that commands speak to."),
    Key("ROOST_API_KEY", _text, None, "The API key by which commands speak to it.", secret=True),
)

# What this version cannot honour must not be passed over in silence: somebody relies on it.
NOT_YET = ("DATABASE_TIERS", "CHROMA_HOST")


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one process. Field names are the keys in lower case."""

    port: int
    host: str
    data_dir: Path
    gcs_bucket_name: str | None
    google_application_credentials: Path | None
    storage_emulator_host: str | None
    bucket_dir: Path | None
    lease_ttl_s: int
    ship_interval_s: float
    model_dir: Path
    frontend_dir: Path
    secret_key: str | None
    secret_key_previous: str | None
    public_url: str | None
    google_client_id: str | None
    google_client_secret: str | None
    oidc_issuer: str
    owner_emails: tuple[str, ...]
    allowed_emails: tuple[str, ...]
    daily_questions_per_person: int
    daily_tokens_per_bot: int | None
    retention_days: int | None
    alert_webhook_url: str | None
    alert_telegram_chat: str | None
    openai_api_key: str | None
    openai_base_url: str
    openai_model: str
    knowledge_sources: tuple[tuple[str, str], ...]
    scrape_interval_s: int
    allow_private_sources: tuple[str, ...]
    streams_per_person: int
    telegram_api_base_url: str
    discord_api_base_url: str
    discord_gateway_url: str
    k_service: str | None
    k_revision: str | None
    google_cloud_project: str | None
    log_level: str

    @property
    def on_cloud_run(self) -> bool:
        return self.k_service is not None

    @property
    def revision(self) -> str:
        """What tells a newer deployment from a second container of the same."""
        return self.k_revision or __version__

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """Raises SettingsError, naming the key and the remedy, for a value that cannot be used. An empty
        value counts as not set.
        """
        for name in NOT_YET:
            if environ.get(name):
                raise SettingsError(
                    f"{name} is set, but this version of Roost cannot use it. Unset it to start.", field=name
                )
        values = {key.name.lower(): _value(key, environ) for key in KEYS}
        values["host"] = values["host"] or ("0.0.0.0" if values["k_service"] else "127.0.0.1")  # noqa: S104 - a container is reached from outside
        values["data_dir"] = values["data_dir"].expanduser().resolve()
        settings = cls(**values)
        settings._refuse_unsafe_bucket()
        if settings.on_cloud_run and not settings.owner_emails:
            raise SettingsError(
                "OWNER_EMAILS is not set. Set it to your e-mail address: "
                "on Cloud Run nobody else can own Roost."
            )
        settings._refuse_half_a_sign_in()
        return settings

    def _refuse_half_a_sign_in(self) -> None:
        """Raises SettingsError where Google sign-in is set up in part: nobody would get in."""
        if self.google_client_id is None and self.google_client_secret is None:
            return
        for name in ("GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET", "PUBLIC_URL"):
            if getattr(self, name.lower()) is None:
                raise SettingsError(
                    f"{name} is not set, and sign-in with Google needs it. Set GOOGLE_CLIENT_ID, "
                    "GOOGLE_CLIENT_SECRET and PUBLIC_URL, or none of the first two.",
                    field=name,
                )

    def _refuse_unsafe_bucket(self) -> None:
        if self.gcs_bucket_name and self.bucket_dir:
            raise SettingsError(
                "GCS_BUCKET_NAME and BUCKET_DIR are both set. Unset one: the copies are kept in one place.",
                field="BUCKET_DIR",
            )
        if self.gcs_bucket_name and not self.secret_key:
            raise SettingsError(
                "GCS_BUCKET_NAME is set, but SECRET_KEY is not. Set SECRET_KEY to 32 random characters or "
                "more and keep it: without it the bots' tokens in the bucket cannot be opened after this "
                "machine is lost.",
                field="SECRET_KEY",
            )
        if self.bucket_dir and (
            self.bucket_dir.is_relative_to(self.data_dir) or self.data_dir.is_relative_to(self.bucket_dir)
        ):
            raise SettingsError(
                "BUCKET_DIR and DATA_DIR lie inside each other. Give the copies a folder of their own, best "
                "on another disk.",
                field="BUCKET_DIR",
            )


def read_environment() -> dict[str, str]:
    """The process's environment over a `.env` file beside api.py or at the repository's root."""
    return {name: value for _, values in environment_layers() for name, value in values.items()}


def environment_layers() -> list[tuple[str, Mapping[str, str]]]:
    """Where settings come from, with the values there; a later layer wins."""
    layers: list[tuple[str, Mapping[str, str]]] = []
    for folder in (REPOSITORY, REPOSITORY / "cloud" / "backend"):
        path = folder / ".env"
        if path.is_file():
            from dotenv import dotenv_values

            values = {name: value for name, value in dotenv_values(path).items() if value is not None}
            layers.append((str(path), values))
    layers.append(("environment", dict(os.environ)))
    return layers


def _value(key: Key, environ: Mapping[str, str]) -> Any:
    raw = environ.get(key.name, "").strip()
    if not raw:
        return key.default
    try:
        return key.parse(raw)
    except ValueError as error:
        shown = "its value" if key.secret else repr(raw)
        raise SettingsError(
            f"{key.name} cannot be used: {shown}, {error}. {key.sentence}", field=key.name
        ) from error

"""Every setting: defaults, parsing, and refusals that name the key and the remedy."""

import ast
from pathlib import Path

import pytest

from roost import settings as settings_module
from roost.errors import SettingsError
from roost.settings import KEYS, Settings

PACKAGE = Path(settings_module.__file__).parent


def test_nothing_needs_to_be_set() -> None:
    settings = Settings.from_env({})
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert settings.data_dir.name == "data"
    assert settings.openai_api_key is None
    assert settings.scrape_interval_s == 600


def test_on_cloud_run_it_listens_to_the_outside_and_needs_an_owner() -> None:
    with pytest.raises(SettingsError, match="OWNER_EMAILS"):
        Settings.from_env({"K_SERVICE": "roost"})
    settings = Settings.from_env({"K_SERVICE": "roost", "OWNER_EMAILS": "a@example.org, b@example.org"})
    assert settings.host == "0.0.0.0"
    assert settings.owner_emails == ("a@example.org", "b@example.org")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("PORT", "eight"),
        ("PORT", "70000"),
        ("SCRAPE_INTERVAL_S", "0"),
        ("SCRAPE_INTERVAL_S", "-5"),
        ("OPENAI_BASE_URL", "localhost:11434"),
        ("PUBLIC_URL", "ftp://example.org"),
        ("SECRET_KEY", "short"),
        ("LOG_LEVEL", "LOUD"),
        ("KNOWLEDGE_SOURCES", "https://example.org"),
        ("STREAMS_PER_PERSON", "many"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_by_name(key: str, value: str) -> None:
    with pytest.raises(SettingsError, match=key) as refusal:
        Settings.from_env({key: value})
    assert refusal.value.field == key


def test_a_refused_secret_is_not_shown() -> None:
    with pytest.raises(SettingsError) as refusal:
        Settings.from_env({"SECRET_KEY": "hunter2-hunter2"})
    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize("key", ["DATABASE_TIERS", "CHROMA_HOST"])
def test_what_cannot_be_honoured_is_not_passed_over(key: str) -> None:
    with pytest.raises(SettingsError, match=key):
        Settings.from_env({key: "something"})


def test_an_empty_value_counts_as_not_set() -> None:
    assert Settings.from_env({"PORT": "", "OPENAI_API_KEY": " "}).openai_api_key is None


def test_the_table_and_the_dataclass_name_the_same_settings() -> None:
    assert {key.name.lower() for key in KEYS} == set(Settings.__dataclass_fields__)


def test_only_settings_reads_the_environment() -> None:
    readers = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv", "environb")
        if isinstance(node.value, ast.Name) and node.value.id == "os"
    }
    assert readers == {"settings.py"}


def test_two_buckets_at_once_are_refused() -> None:
    with pytest.raises(SettingsError, match="GCS_BUCKET_NAME and BUCKET_DIR"):
        Settings.from_env({"GCS_BUCKET_NAME": "roost", "BUCKET_DIR": "/backup", "SECRET_KEY": "k" * 32})


def test_a_bucket_without_a_key_of_its_own_is_refused_with_the_reason() -> None:
    with pytest.raises(SettingsError, match="tokens") as refusal:
        Settings.from_env({"GCS_BUCKET_NAME": "roost"})
    assert refusal.value.field == "SECRET_KEY"
    assert Settings.from_env({"BUCKET_DIR": "/backup"}).bucket_dir == Path("/backup")


@pytest.mark.parametrize("name", ["gs://roost", "roost/backup", "Roost", "a"])
def test_a_bucket_is_given_by_its_bare_name(name: str) -> None:
    with pytest.raises(SettingsError, match="GCS_BUCKET_NAME"):
        Settings.from_env({"GCS_BUCKET_NAME": name, "SECRET_KEY": "k" * 32})


@pytest.mark.parametrize("folder", ["/srv/roost", "/srv/roost/backup", "/srv"])
def test_copies_beside_or_around_the_originals_are_refused(folder: str) -> None:
    with pytest.raises(SettingsError, match="BUCKET_DIR"):
        Settings.from_env({"DATA_DIR": "/srv/roost", "BUCKET_DIR": folder})

"""Secrets at rest."""

import base64
import stat
from pathlib import Path

import pytest

from roost.errors import DecryptionRefused, SettingsError, Unavailable
from roost.storage.secrets import Cipher, load_or_create_secret_key

TOKEN = "123456789:" + "A" * 35
PLACE = "bot_configs/one/token"


def test_what_was_sealed_for_a_row_opens_for_that_row_alone() -> None:
    cipher = Cipher("k" * 32)
    sealed = cipher.seal(TOKEN, PLACE)
    assert TOKEN not in sealed
    assert base64.urlsafe_b64encode(TOKEN.encode()).decode()[:20] not in sealed
    assert cipher.open(sealed, PLACE) == TOKEN
    with pytest.raises(DecryptionRefused):
        cipher.open(sealed, "bot_configs/two/token")


def test_sealing_twice_gives_two_ciphertexts() -> None:
    cipher = Cipher("k" * 32)
    assert cipher.seal(TOKEN, PLACE) != cipher.seal(TOKEN, PLACE)


def test_another_key_is_refused_and_the_previous_one_still_opens() -> None:
    sealed = Cipher("old" * 12).seal(TOKEN, PLACE)
    with pytest.raises(DecryptionRefused, match="SECRET_KEY"):
        Cipher("new" * 12).open(sealed, PLACE)
    assert Cipher("new" * 12, previous="old" * 12).open(sealed, PLACE) == TOKEN


@pytest.mark.parametrize(
    "garbage", ["", "AA==", "not base64 at all!", base64.urlsafe_b64encode(b"\x01" * 60).decode()]
)
def test_garbage_is_refused(garbage: str) -> None:
    with pytest.raises(DecryptionRefused):
        Cipher("k" * 32).open(garbage, PLACE)


@pytest.mark.parametrize("position", [0, 1, 5, 17, 40, -1])
def test_a_flipped_bit_is_refused(position: int) -> None:
    cipher = Cipher("k" * 32)
    raw = bytearray(base64.urlsafe_b64decode(cipher.seal(TOKEN, PLACE)))
    raw[position] ^= 1
    with pytest.raises(DecryptionRefused):
        cipher.open(base64.urlsafe_b64encode(bytes(raw)).decode(), PLACE)


def test_the_key_file_is_made_once_and_is_private(tmp_path: Path) -> None:
    first = load_or_create_secret_key(tmp_path)
    assert len(first) >= 32
    assert load_or_create_secret_key(tmp_path) == first
    assert stat.S_IMODE((tmp_path / "secret.key").stat().st_mode) == 0o600


@pytest.mark.parametrize("kept", range(1, 40, 3))
def test_a_ciphertext_cut_short_is_refused(kept: int) -> None:
    cipher = Cipher("k" * 32)
    raw = base64.urlsafe_b64decode(cipher.seal(TOKEN, PLACE))[:kept]
    with pytest.raises(DecryptionRefused):
        cipher.open(base64.urlsafe_b64encode(raw).decode(), PLACE)


@pytest.mark.parametrize("content", [b"", b"\n", b"short", b"\xff\xfe" * 40])
def test_a_damaged_key_file_is_told_and_kept(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "secret.key"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match="holds no key"):
        load_or_create_secret_key(tmp_path)
    assert path.read_bytes() == content


def test_a_key_file_that_cannot_be_made_is_tried_again(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be read or written"):
        load_or_create_secret_key(tmp_path / "absent")
    (tmp_path / "secret.key").mkdir()
    with pytest.raises(Unavailable, match="cannot be read or written"):
        load_or_create_secret_key(tmp_path)

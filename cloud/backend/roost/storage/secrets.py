"""Secrets at rest: AES-256-GCM under a key stretched from SECRET_KEY, bound to the row they belong to."""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from roost.errors import DecryptionRefused, SettingsError, Unavailable

FORMAT = b"\x01"
NONCE_BYTES = 12
KEY_ID_BYTES = 4
SECRET_KEY_FILE = "secret.key"  # noqa: S105 - a file name
PREVIOUS_KEY_FILE = "secret.key.previous"
SECRET_KEY_AT_LEAST = 32


@dataclass(frozen=True, slots=True)
class _Ring:
    """The key that seals, and all that open, by their ids. Exchanged whole, so that no thread sees a half."""

    current: bytes
    keys: Mapping[bytes, bytes]

    def opening_also(self, *others: bytes) -> _Ring:
        return _Ring(self.current, {_key_id(key): key for key in (*others, self.current)})


class Cipher:
    """Seals text for one row of one table. A ciphertext copied to another row, or sealed under another key,
    is refused.

    `previous` opens what was sealed before the key was exchanged; sealing always uses the current key.
    """

    def __init__(self, current: str, previous: str | None = None) -> None:
        known = _stretch(current)
        self._ring = _Ring(known, {_key_id(known): known})
        if previous:
            self._ring = self._ring.opening_also(_stretch(previous))

    def exchange(self, current: str) -> None:
        """From now on seals under `current`; what was sealed before still opens. Thread-safe."""
        self._ring = _Ring(_stretch(current), {}).opening_also(*self._ring.keys.values())

    def is_current(self, ciphertext: str) -> bool:
        """Whether this was sealed under the current key; False for what is no ciphertext."""
        try:
            sealed = base64.urlsafe_b64decode(ciphertext.encode())
        except ValueError:
            return False
        return sealed.startswith(FORMAT + _key_id(self._ring.current))

    def seal(self, plaintext: str, place: str) -> str:
        """`place` names the row, for example `bot_configs/<bot_id>/token`; the same is needed to open."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = secrets.token_bytes(NONCE_BYTES)
        current = self._ring.current
        sealed = AESGCM(current).encrypt(nonce, plaintext.encode(), place.encode())
        return base64.urlsafe_b64encode(FORMAT + _key_id(current) + nonce + sealed).decode()

    def open(self, ciphertext: str, place: str) -> str:
        """The inverse of `seal`. Raises DecryptionRefused."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        refusal = DecryptionRefused(
            "A stored secret cannot be decrypted. "
            "Restore the SECRET_KEY it was saved under, or enter it again."
        )
        try:
            sealed = base64.urlsafe_b64decode(ciphertext.encode())
        except ValueError as error:
            raise refusal from error
        start = len(FORMAT) + KEY_ID_BYTES
        key = self._ring.keys.get(sealed[len(FORMAT) : start])
        if sealed[: len(FORMAT)] != FORMAT or key is None:
            raise refusal
        nonce, body = sealed[start : start + NONCE_BYTES], sealed[start + NONCE_BYTES :]
        try:
            return AESGCM(key).decrypt(nonce, body, place.encode()).decode()
        except (InvalidTag, ValueError) as error:
            raise refusal from error


def load_or_create_secret_key(data_dir: Path) -> str:
    """The installation's own key, made at the first start: readable by its owner only, whole or absent.

    Raises SettingsError for a key file that holds no key, Unavailable when it cannot be read or written.
    """
    path = data_dir / SECRET_KEY_FILE
    known = _read_key(path)
    if known is not None:
        return known
    fresh = secrets.token_urlsafe(48)
    _write_key(path, fresh)
    return fresh


def load_previous_secret_key(data_dir: Path) -> str | None:
    """The key before the last exchange, while that is not finished. Raises as `load_or_create_secret_key`."""
    return _read_key(data_dir / PREVIOUS_KEY_FILE)


def begin_key_exchange(data_dir: Path) -> tuple[str, bool]:
    """The key to seal everything under, and whether its exchange had been begun before.

    The old key is kept beside it until `finish_key_exchange`: at every moment the two files open everything.
    Raises as `load_or_create_secret_key`.
    """
    current, previous = load_or_create_secret_key(data_dir), load_previous_secret_key(data_dir)
    if previous is not None and previous != current:
        return current, True
    fresh = secrets.token_urlsafe(48)
    _write_key(data_dir / PREVIOUS_KEY_FILE, current)
    _write_key(data_dir / SECRET_KEY_FILE, fresh)
    return fresh, False


def finish_key_exchange(data_dir: Path) -> None:
    """Everything is sealed under the new key: the old one goes. Raises Unavailable."""
    path = data_dir / PREVIOUS_KEY_FILE
    try:
        path.unlink(missing_ok=True)
        _sync_folder(data_dir)
    except OSError as error:
        raise _inaccessible(path, error) from error


def _read_key(path: Path) -> str | None:
    try:
        kept = path.read_text("utf-8").strip()
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        kept = ""
    except OSError as error:
        raise _inaccessible(path, error) from error
    if len(kept) < SECRET_KEY_AT_LEAST:
        raise SettingsError(
            f"{path} is damaged: it holds no key. Put a good copy in its place, or move it away and enter "
            "every bot's token again."
        )
    return kept


def _write_key(path: Path, key: str) -> None:
    """Whole or absent, and on the disk when it returns."""
    partial = path.with_name(path.name + ".partial")
    try:
        partial.unlink(missing_ok=True)
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(key + "\n")
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise _inaccessible(path, error) from error


def _sync_folder(path: Path) -> None:
    """A renamed file has its new name for good only once its folder is on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _inaccessible(path: Path, error: OSError) -> Unavailable:
    return Unavailable(
        f"{path} cannot be read or written: {error.strerror}. Give Roost's user a folder with free space "
        "that it may write to.",
        code="secret_key_file",
        retry_after_s=10,
    )


def _stretch(secret_key: str) -> bytes:
    """RFC 5869 HKDF-SHA256. No salt: SECRET_KEY is random or long, and every container must derive the same
    key.
    """
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), length=32, salt=None, info=b"roost secrets at rest v1").derive(secret_key.encode())


def _key_id(key: bytes) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256, Hash

    digest = Hash(SHA256())
    digest.update(b"roost key id" + key)
    return digest.finalize()[:KEY_ID_BYTES]

"""Google Cloud Storage through its own client library, which is imported at the first call."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from roost.errors import (
    BucketForbidden,
    BucketMissing,
    BucketUnreachable,
    ObjectMissing,
    PreconditionFailed,
    RemoteError,
    RemoteRejected,
)
from roost.replication.object_store import ListPage, ObjectStat

if TYPE_CHECKING:
    from google.cloud.storage import Blob, Client

TIMEOUT_S = (2, 3)
"""Connecting, and every pause in an answer. The library's own default is a minute."""

RETRY_WITHIN_S = 3.0
"""A failed attempt is repeated with a back-off until then. The library's own default is two minutes."""

UPLOAD_PART_BYTES = 8 * 1024 * 1024
"""A multiple of 256 KiB, as resumable uploads require."""


CONNECTIONS = 40
"""Kept open, for as many threads. The library's default is ten; beyond it each request begins anew."""


class GcsStore:
    """`ObjectStore` in a bucket.

    `credentials_file` is a service account's key, else the machine's own credentials are used. `endpoint`
    replaces the service's address, for emulators; without `credentials_file` it is then asked anonymously.
    """

    def __init__(self, bucket: str, credentials_file: Path | None, endpoint: str | None) -> None:
        self._bucket_name = bucket
        self._credentials_file = credentials_file
        self._endpoint = endpoint
        self._lock = threading.Lock()
        self._made: Client | None = None

    @property
    def place(self) -> str:
        return f"gs://{self._bucket_name}"

    def stat(self, name: str) -> ObjectStat:
        with self._translated(name):
            blob = self._blob(name)
            blob.reload(timeout=TIMEOUT_S, retry=self._retry())
            return _stat(blob)

    def get(
        self, name: str, *, generation: int | None = None, start: int = 0, end: int | None = None
    ) -> bytes:
        if end is not None and end <= start:
            return b""
        with self._translated(name):
            from google.api_core.exceptions import RequestRangeNotSatisfiable

            try:
                content: bytes = self._blob(name, generation).download_as_bytes(
                    # With a range, even one that has all, the library does not verify the checksum.
                    start=start or None,
                    end=None if end is None else end - 1,
                    raw_download=True,
                    timeout=TIMEOUT_S,
                    retry=self._retry(),
                    single_shot_download=True,
                )
            except RequestRangeNotSatisfiable:
                return b""
            return content

    def put(
        self,
        name: str,
        content: bytes | BinaryIO,
        *,
        if_generation_match: int | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> ObjectStat:
        source = BytesIO(content) if isinstance(content, bytes) else content
        size_bytes = source.seek(0, 2)
        source.seek(0)
        with self._translated(name):
            blob = self._blob(name)
            blob.chunk_size = UPLOAD_PART_BYTES
            blob.metadata = dict(metadata or {})
            blob.upload_from_file(
                source,
                size=size_bytes,
                content_type="application/octet-stream",
                if_generation_match=if_generation_match,
                timeout=TIMEOUT_S,
                checksum="crc32c",
                retry=self._retry(),
            )
            return _stat(blob)

    def list(
        self,
        prefix: str = "",
        *,
        start_offset: str = "",
        page_token: str | None = None,
        limit: int = 1000,
    ) -> ListPage:
        with self._translated(None):
            found = self._client().list_blobs(
                self._bucket_name,
                prefix=prefix or None,
                start_offset=start_offset or None,
                page_token=page_token,
                page_size=limit,
                timeout=TIMEOUT_S,
                retry=self._retry(),
            )
            page = next(found.pages, ())
            return ListPage([_stat(blob) for blob in page], found.next_page_token or None)

    def delete(self, name: str, *, if_generation_match: int | None = None) -> None:
        with self._translated(name):
            self._blob(name).delete(
                if_generation_match=if_generation_match, timeout=TIMEOUT_S, retry=self._retry()
            )

    def close(self) -> None:
        """Ends the connections; the next call makes new ones."""
        with self._lock:
            if self._made is not None:
                self._made.close()
                self._made = None

    def _blob(self, name: str, generation: int | None = None) -> Blob:
        return self._client().bucket(self._bucket_name).blob(name, generation=generation)

    @staticmethod
    def _retry() -> Any:
        from google.cloud.storage.retry import DEFAULT_RETRY

        return DEFAULT_RETRY.with_timeout(RETRY_WITHIN_S)

    def _client(self) -> Client:
        with self._lock:
            if self._made is None:
                self._made = self._make_client()
            return self._made

    def _make_client(self) -> Client:
        import google.auth
        from google.auth.credentials import AnonymousCredentials
        from google.cloud.storage import Client

        scopes = ["https://www.googleapis.com/auth/devstorage.read_write"]
        if self._credentials_file is not None:
            credentials, _ = google.auth.load_credentials_from_file(  # type: ignore[no-untyped-call]
                str(self._credentials_file), scopes=scopes
            )
        elif self._endpoint is not None:
            credentials = AnonymousCredentials()  # type: ignore[no-untyped-call]
        else:
            credentials, _ = google.auth.default(scopes=scopes)
        return Client(
            # Objects are reached by their bucket alone; the library only wants the name not to be empty.
            project=self._bucket_name,
            credentials=credentials,
            _http=self._session(credentials),
            client_options={"api_endpoint": self._endpoint} if self._endpoint else None,
        )

    def _session(self, credentials: Any) -> Any:
        from google.auth.transport.requests import AuthorizedSession
        from requests.adapters import HTTPAdapter

        session = AuthorizedSession(  # type: ignore[no-untyped-call]
            credentials, refresh_timeout=TIMEOUT_S[1]
        )
        adapter = HTTPAdapter(pool_maxsize=CONNECTIONS)
        session.mount("https://", adapter)
        session.mount("http://", adapter)
        # Proxies and certificates that the environment names are looked up once, not for each request.
        address = self._endpoint or "https://storage.googleapis.com"
        found = session.merge_environment_settings(address, {}, None, None, None)
        session.proxies, session.verify, session.trust_env = found["proxies"], found["verify"], False
        return session

    @contextmanager
    def _translated(self, name: str | None) -> Iterator[None]:
        """The library's errors as ours. `name` is the object asked for, None when it is the bucket itself."""
        import requests
        from google.api_core.exceptions import GoogleAPICallError, RetryError
        from google.auth.exceptions import GoogleAuthError
        from google.cloud.storage.exceptions import DataCorruption, InvalidResponse

        try:
            yield
        except RemoteError:
            raise
        except (
            GoogleAPICallError,
            GoogleAuthError,
            RetryError,
            InvalidResponse,
            DataCorruption,
            requests.RequestException,
            OSError,
            ValueError,
        ) as error:
            raise self._translate(name, error) from error

    def _translate(self, name: str | None, error: BaseException) -> RemoteError:
        from google.api_core.exceptions import GoogleAPICallError, RetryError
        from google.auth.exceptions import GoogleAuthError, TransportError
        from google.cloud.storage.exceptions import InvalidResponse

        if isinstance(error, RetryError) and error.cause is not None:
            return self._translate(name, error.cause)
        if isinstance(error, InvalidResponse):
            return self._refusal(name, int(error.response.status_code), "")
        if isinstance(error, GoogleAPICallError):
            return self._refusal(name, int(error.code or 0), _said(error))
        if isinstance(error, TransportError):
            return BucketUnreachable(f"{self.place} cannot be reached: no credentials could be fetched.")
        if isinstance(error, GoogleAuthError | ValueError):
            return BucketForbidden(
                f"The credentials for {self.place} cannot be used. Check GOOGLE_APPLICATION_CREDENTIALS, "
                "or the service account of this machine."
            )
        if isinstance(error, OSError) and self._credentials_file and not self._credentials_file.is_file():
            return BucketForbidden(
                f"GOOGLE_APPLICATION_CREDENTIALS names {self._credentials_file}, which cannot be read."
            )
        return BucketUnreachable(f"{self.place} cannot be reached ({type(error).__name__}).")

    def _refusal(self, name: str | None, status: int, said: str) -> RemoteError:
        if status == 412:
            return PreconditionFailed(f"{name} in {self.place} is not at the expected generation.")
        if status == 404:
            if name is None or "bucket does not exist" in said:
                return BucketMissing(
                    f"There is no bucket {self.place}. Create it, or correct GCS_BUCKET_NAME."
                )
            return ObjectMissing(f"{self.place} holds no {name}.")
        if status in (401, 403):
            return BucketForbidden(
                f"{self.place} may not be used ({said or status}). Give Roost's service account the role "
                "Storage Object Admin on this bucket."
            )
        if status in (408, 429) or status >= 500 or status == 200:
            return BucketUnreachable(f"{self.place} does not answer as it should (HTTP {status}).")
        return RemoteRejected(f"{self.place} refused a request (HTTP {status}{': ' + said if said else ''}).")


def _said(error: Any) -> str:
    """The service's own words. The exception's message would hold the whole address of the request."""
    text = getattr(error.response, "text", "") or ""
    try:
        return str(json.loads(text)["error"]["message"])[:200]
    except (ValueError, KeyError, TypeError):
        return "" if text.startswith(("{", "<")) else text[:200]


def _stat(blob: Blob) -> ObjectStat:
    return ObjectStat(
        name=str(blob.name),
        generation=int(blob.generation),
        size_bytes=int(blob.size or 0),
        metadata=dict(blob.metadata or {}),
        crc32c=int.from_bytes(base64.b64decode(blob.crc32c), "big") if blob.crc32c else None,
    )

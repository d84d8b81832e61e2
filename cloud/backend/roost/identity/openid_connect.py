"""Sign-in at an OpenID provider: OpenID Connect Core 1.0, code flow (section 3.1), with PKCE (RFC 7636)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from roost.clock import Clock
from roost.domain.people import Identity
from roost.errors import RemoteUnreachable
from roost.services.ports import SignInRefused

SCOPE = "openid email profile"
TIMEOUT_S = 5.0
CACHED_S = 3600.0
KEYS_AGAIN_AFTER_S = 10.0
DOCUMENT_LIMIT_BYTES = 256 * 1024
LEEWAY_S = 60
SUBJECT_LENGTH_AT_MOST = 255
# Signatures by the provider's private key alone: neither `none` nor one made with a key that we know too.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
# Google's tokens may name it without the scheme (Google Identity, "Validating an ID token").
_ALSO_CALLED = {"https://accounts.google.com": ("accounts.google.com",)}
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


@dataclass(frozen=True, slots=True)
class _Read:
    """A document of the provider's, and when it was read."""

    document: Mapping[str, Any]
    at_s: float


class OpenIdProvider:
    """`issuer` is a setting, and so is `redirect_uri`: nothing in a request decides where a code goes.
    Whether the issuer ends in a slash, which matters in tokens, is for the provider's own description to say.

    The provider's own description and keys are read when first needed and kept for an hour. Thread-safe.
    """

    def __init__(
        self, issuer: str, client_id: str, client_secret: str, redirect_uri: str, clock: Clock
    ) -> None:
        self._issuer = issuer.rstrip("/")
        self._client_id = client_id
        self._client_secret = client_secret
        self._redirect_uri = redirect_uri
        self._clock = clock
        self._lock = threading.Lock()
        self._metadata: _Read | None = None
        self._keys: _Read | None = None

    def address(self, state: str, nonce: str, verifier: str) -> str:
        """Where the browser goes to sign in. Raises RemoteUnreachable."""
        metadata = self._described()
        with self._client(metadata) as client:
            url, _ = client.create_authorization_url(
                metadata["authorization_endpoint"], state=state, nonce=nonce, code_verifier=verifier
            )
        return str(url)

    def identify(self, code: str, nonce: str, verifier: str) -> Identity:
        """Exchanges a code for the provider's word. Raises SignInRefused, RemoteUnreachable."""
        metadata = self._described()
        token = self._exchange(metadata, code, verifier)
        claims = self._verified(metadata, token, nonce)
        subject, email, name = claims.get("sub"), claims.get("email"), claims.get("name")
        if not isinstance(subject, str) or not 0 < len(subject) <= SUBJECT_LENGTH_AT_MOST:
            raise SignInRefused("The provider does not say who you are. Try again.", code="wrong_token")
        if not isinstance(email, str) or not email.strip() or claims.get("email_verified") is not True:
            raise SignInRefused(
                "Your e-mail address is not verified. Verify it with the provider, then sign in again.",
                code="email_not_verified",
            )
        return Identity(str(metadata["issuer"]), subject, email, name if isinstance(name, str) else "")

    def _exchange(self, metadata: Mapping[str, Any], code: str, verifier: str) -> Mapping[str, Any]:
        import httpx2
        from authlib.common.errors import AuthlibBaseError

        try:
            with self._client(metadata) as client:
                token = client.fetch_token(metadata["token_endpoint"], code=code, code_verifier=verifier)
        except httpx2.HTTPError as error:
            raise _unreachable(self._issuer) from error
        except (AuthlibBaseError, ValueError, TypeError, KeyError) as error:
            raise SignInRefused(
                "The provider does not accept this sign-in, or no longer does. Start again.",
                code="code_refused",
            ) from error
        return dict(token)

    def _verified(
        self, metadata: Mapping[str, Any], token: Mapping[str, Any], nonce: str
    ) -> Mapping[str, Any]:
        """The claims of the ID token (OpenID Connect Core, section 3.1.3.7)."""
        from authlib.oidc.core import CodeIDToken
        from joserfc.errors import JoseError

        issuers = [metadata["issuer"], *_ALSO_CALLED.get(self._issuer, ())]
        options: Any = {
            "iss": {"essential": True, "values": issuers},
            "aud": {"essential": True, "value": self._client_id},
            "nonce": {"essential": True, "value": nonce},
        }
        params = {
            "nonce": nonce,
            "client_id": self._client_id,
            "access_token": token.get("access_token"),
        }
        try:
            decoded = self._decoded(metadata, str(token.get("id_token", "")))
            claims = CodeIDToken(decoded.claims, decoded.header, options, params)
            claims.validate(now=int(self._clock.now().timestamp()), leeway=LEEWAY_S)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise SignInRefused(
                "The provider's word about you cannot be trusted: it is not signed by it, not meant for this "
                "Roost, not for this sign-in, or too old. Start again.",
                code="wrong_token",
            ) from error
        return dict(claims)

    def _decoded(self, metadata: Mapping[str, Any], id_token: str) -> Any:
        """Raises JoseError. Keys that are not known yet are asked for once: providers exchange them."""
        from joserfc import jwt
        from joserfc.errors import BadSignatureError, InvalidKeyIdError
        from joserfc.jwk import KeySet
        from joserfc.jws import JWSRegistry

        registry = JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False)

        def decode(oldest_s: float) -> Any:
            keys: Any = self._jwks(metadata, oldest_s)
            return jwt.decode(id_token, KeySet.import_key_set(keys), registry=registry)

        try:
            return decode(CACHED_S)
        except (InvalidKeyIdError, BadSignatureError):
            return decode(KEYS_AGAIN_AFTER_S)

    def _described(self) -> Mapping[str, Any]:
        """The provider's description (OpenID Connect Discovery 1.0, section 4)."""
        with self._lock:
            known = self._metadata
        if known is not None and self._clock.monotonic_s() - known.at_s < CACHED_S:
            return known.document
        document = self._read(f"{self._issuer}/.well-known/openid-configuration")
        if str(document.get("issuer")).removesuffix("/") != self._issuer:
            raise RemoteUnreachable(
                f"{self._issuer} describes itself as another provider. Check OIDC_ISSUER.", code="provider"
            )
        for name in _ENDPOINTS:
            # Else an https provider could have the secret sent in the clear.
            if urlsplit(str(document.get(name, ""))).scheme not in ("https", urlsplit(self._issuer).scheme):
                raise RemoteUnreachable(
                    f"{self._issuer} names no usable {name}. Check OIDC_ISSUER.", code="provider"
                )
        with self._lock:
            self._metadata = _Read(document, self._clock.monotonic_s())
        return document

    def _jwks(self, metadata: Mapping[str, Any], oldest_s: float) -> Mapping[str, Any]:
        """The provider's keys, not older than this."""
        with self._lock:
            known = self._keys
        if known is not None and self._clock.monotonic_s() - known.at_s < oldest_s:
            return known.document
        document = self._read(str(metadata["jwks_uri"]))
        with self._lock:
            self._keys = _Read(document, self._clock.monotonic_s())
        return document

    def _read(self, url: str) -> Mapping[str, Any]:
        import httpx2

        try:
            with httpx2.Client(timeout=TIMEOUT_S) as client, client.stream("GET", url) as answer:
                answer.raise_for_status()
                body = _bounded(answer.iter_bytes())
        except httpx2.HTTPError as error:
            raise _unreachable(self._issuer) from error
        return _object(body, self._issuer)

    def _client(self, metadata: Mapping[str, Any]) -> Any:
        from authlib.integrations.httpx_client import OAuth2Client

        # RFC 8414, section 2: client_secret_basic unless the provider says otherwise.
        methods = metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        make: Callable[..., Any] = OAuth2Client
        return make(
            client_id=self._client_id,
            client_secret=self._client_secret,
            token_endpoint_auth_method=(
                "client_secret_basic" if "client_secret_basic" in methods else "client_secret_post"
            ),
            scope=SCOPE,
            redirect_uri=self._redirect_uri,
            code_challenge_method="S256",
            timeout=TIMEOUT_S,
        )


def _bounded(parts: Any) -> bytes:
    body = b""
    for part in parts:
        body += part
        if len(body) > DOCUMENT_LIMIT_BYTES:
            return b""
    return body


def _object(body: bytes, issuer: str) -> Mapping[str, Any]:
    import json

    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _unreachable(issuer) from error
    if not isinstance(document, dict):
        raise _unreachable(issuer)
    return document


def _unreachable(issuer: str) -> RemoteUnreachable:
    host = urlsplit(issuer).hostname
    return RemoteUnreachable(
        f"{host} does not answer as it should, so nobody can sign in there now. Try again in a moment.",
        code="provider",
    )

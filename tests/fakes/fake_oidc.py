"""An OpenID provider on loopback that a test can make lie: wrong claims, wrong signatures, no answer.

It keeps what honest providers keep: a code works once, for the client, the address and the PKCE verifier it
was made for. `forge` changes the next ID tokens.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT_ID = "roost-tests"
CLIENT_SECRET = "made-up-for-tests"


@dataclass
class Grant:
    """What a code was given out for."""

    redirect_uri: str
    nonce: str
    challenge: str
    claims: dict[str, Any]


@dataclass
class FakeOidc:
    """`user` is who signs in next. `forge` gets the claims and returns them, or a whole token as text."""

    issuer: str = ""
    user: dict[str, Any] = field(default_factory=dict)
    forge: Callable[[dict[str, Any]], dict[str, Any] | str] | None = None
    down: bool = False
    reads: list[str] = field(default_factory=list)
    grants: dict[str, Grant] = field(default_factory=dict)
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}))

    def sign_in_as(self, subject: str, email: str, *, verified: bool = True, name: str = "Somebody") -> None:
        self.user = {"sub": subject, "email": email, "email_verified": verified, "name": name}

    def turn_key(self, kid: str) -> None:
        """Signs with another key from now on, as providers do every few days."""
        self.key = RSAKey.generate_key(2048, {"kid": kid})

    def authorize(self, address: str) -> str:
        """What the browser is sent back to after the person agreed at `address`."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert asked["client_id"] == CLIENT_ID
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self.grants[code] = Grant(
            asked["redirect_uri"], asked["nonce"], asked["code_challenge"], dict(self.user)
        )
        return (
            f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state'], 'scope': 'openid'})}"
        )

    def id_token(self, claims: dict[str, Any], key: RSAKey | None = None) -> str:
        signing = key or self.key
        return jwt.encode({"alg": "RS256", "kid": signing.kid}, claims, signing)

    def redeem(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        """RFC 6749, section 4.1.3; RFC 7636, section 4.6."""
        expected = "Basic " + base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if authorization != expected:
            return 401, {"error": "invalid_client"}
        grant = self.grants.pop(form.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(
            hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        ).rstrip(b"=")
        if (
            grant is None
            or grant.redirect_uri != form.get("redirect_uri")
            or grant.challenge.encode() != challenge
        ):
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 600,
            "nonce": grant.nonce,
            **grant.claims,
        }
        forged = claims if self.forge is None else self.forge(claims)
        token = forged if isinstance(forged, str) else self.id_token(forged)
        return 200, {
            "access_token": secrets.token_urlsafe(8),
            "token_type": "Bearer",
            "expires_in": 60,
            "id_token": token,
        }

    def document(self, path: str) -> dict[str, Any] | None:
        if path == "/.well-known/openid-configuration":
            address = self.issuer.rstrip("/")
            return {
                "issuer": self.issuer,
                "authorization_endpoint": f"{address}/authorize",
                "token_endpoint": f"{address}/token",
                "jwks_uri": f"{address}/keys",
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        return {"keys": [self.key.as_dict(is_private=False)]} if path == "/keys" else None


@contextmanager
def fake_oidc() -> Iterator[FakeOidc]:
    provider = FakeOidc()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            provider.reads.append(path)
            if path == "/authorize":
                self.send_response(302)
                self.send_header("Location", provider.authorize(self.path))
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            document = provider.document(path)
            if provider.down:
                self._answer(503, {"error": "down"})
            else:
                self._answer(200 if document else 404, document or {"error": "not_found"})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            self._answer(*provider.redeem(form, self.headers.get("Authorization", "")))

        def _answer(self, status: int, document: dict[str, Any]) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.issuer = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()

"""A small identity provider that checks its client, and can be told to say anything.

It signs everybody in at once as `person`. A code is good once, for the client, address and PKCE challenge
that it was asked for (RFC 6749 §4.1.3, RFC 7636 §4.6).
"""

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
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from joserfc import jwt

from tests.support.claims import with_times
from tests.support.issuer import Key, rsa_key

CLIENT, SECRET = "loopin", "provider-secret-not-real"
DISCOVERY, KEYS, AUTHORIZE, TOKEN, USERINFO = (
    "/.well-known/openid-configuration",
    "/keys",
    "/authorize",
    "/token",
    "/userinfo",
)
_Change = Callable[[dict[str, Any]], dict[str, Any]]
_Answer = tuple[int, bytes]


def new_person(subject: str = "", **changes: Any) -> dict[str, Any]:
    """The claims of somebody whom the provider knows; None leaves one out."""
    subject = subject or secrets.token_hex(6)
    claims = {
        "sub": subject,
        "email": f"{subject}@acme.example",
        "email_verified": True,
        "given_name": "Nora",
        "family_name": "Berg",
    } | changes
    return {name: value for name, value in claims.items() if value is not None}


@dataclass(slots=True)
class Provider:
    """What it says, what it was asked, and how it was told to misbehave.

    `token_claims` and `token_answer` change what is sent; `answers` replaces whole answers per path; `held`
    paths answer only after `hold`.
    """

    url: str
    person: dict[str, Any] = field(default_factory=new_person)
    key: Key = field(default_factory=lambda: rsa_key(0))
    header: dict[str, Any] = field(default_factory=dict)
    document: dict[str, Any] = field(default_factory=dict)
    token_claims: _Change = lambda claims: claims
    token_answer: _Change = lambda answer: answer
    callback_extra: dict[str, str] = field(default_factory=dict)
    in_userinfo: tuple[str, ...] = ()
    userinfo: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, _Answer] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)
    hold: threading.Event = field(default_factory=threading.Event)
    asked: list[str] = field(default_factory=list)
    requests: list[dict[str, str]] = field(default_factory=list)
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def discovery(self) -> dict[str, Any]:
        """Its description of itself; None leaves an entry out."""
        usual = {
            "issuer": self.url,
            "authorization_endpoint": self.url + AUTHORIZE,
            "token_endpoint": self.url + TOKEN,
            "userinfo_endpoint": self.url + USERINFO,
            "jwks_uri": self.url + KEYS,
        } | self.document
        return {name: value for name, value in usual.items() if value is not None}

    def authorize(self, query: dict[str, str]) -> str:
        """Sign the person in; return where the browser goes next."""
        self.requests.append(query)
        assert query["response_type"] == "code"
        assert query["client_id"] == CLIENT
        assert query["code_challenge_method"] == "S256"
        assert {"openid", "email"} <= set(query["scope"].split())
        assert len(query["nonce"]) >= 32
        code = secrets.token_urlsafe(16)
        self._codes[code] = query
        answer = {"code": code, "state": query["state"]} | self.callback_extra
        return f"{query['redirect_uri']}?{urlencode(answer)}"

    def redeem(self, form: dict[str, str], authorization: str) -> _Answer:
        """The token endpoint."""
        wanted = "Basic " + base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        posted = (form.get("client_id"), form.get("client_secret")) == (CLIENT, SECRET)
        if authorization != wanted and not posted:
            return 401, b'{"error": "invalid_client"}'
        asked = self._codes.pop(form.get("code", ""), None)
        proof = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(proof).rstrip(b"=").decode()
        if asked is None or (asked["redirect_uri"], asked["code_challenge"]) != (
            form.get("redirect_uri"),
            challenge,
        ):
            return 400, b'{"error": "invalid_grant"}'
        answer = {"access_token": "access-not-real", "token_type": "Bearer", "id_token": self._token(asked)}
        return 200, json.dumps(self.token_answer(answer)).encode()

    def told(self) -> dict[str, Any]:
        """What the userinfo endpoint says."""
        return self.person | self.userinfo

    def _token(self, asked: dict[str, str]) -> str:
        now = int(time.time())
        mine = {name: value for name, value in self.person.items() if name not in self.in_userinfo}
        claims = {
            "iss": self.url,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
        } | mine
        header = {"alg": "RS256", "kid": self.key.kid} | self.header
        changed = {
            name: value for name, value in with_times(self.token_claims(claims)).items() if value is not None
        }
        return jwt.encode(header, changed, self.key, algorithms=["RS256", "RS512"])


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    provider: Provider

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that has heard enough hangs up; that is its right."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    @property
    def provider(self) -> Provider:
        return self.server.provider

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path == AUTHORIZE and AUTHORIZE not in self.provider.answers:
            self.provider.asked.append(parts.path)
            self.send_response(302)
            self.send_header("Location", self.provider.authorize(dict(parse_qsl(parts.query))))
            self.end_headers()
            return
        documents = {
            DISCOVERY: self.provider.discovery,
            KEYS: lambda: {"keys": [rsa_key(0).as_dict(private=False)]},
            USERINFO: self.provider.told,
        }
        made = documents.get(parts.path)
        self._say(parts.path, (200, json.dumps(made()).encode()) if made else (404, b"{}"))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        self._say(self.path, self.provider.redeem(form, self.headers.get("Authorization", "")))

    def _say(self, path: str, usual: _Answer) -> None:
        self.provider.asked.append(path)
        if path in self.provider.held:
            self.provider.hold.wait(60)
        status, body = self.provider.answers.get(path, usual)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def running_provider() -> Iterator[Provider]:
    """A provider at a free port of 127.0.0.1."""
    server = _Server(("127.0.0.1", 0), _Handler)
    provider = server.provider = Provider(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        provider.hold.set()
        server.shutdown()
        server.server_close()
        thread.join()

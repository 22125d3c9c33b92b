"""A CI system on loopback: publishes keys over real HTTP, rotates them, issues ID tokens, and misbehaves on
request."""

import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from app.domain.secret import Secret
from tests.support.claims import with_times

DISCOVERY, JWKS = "/.well-known/openid-configuration", "/oauth/discovery/keys"
GITHUB_TOKEN_PATH, GITHUB_SECRET = "/actions/token", "request-token-not-real"
Key = RSAKey | ECKey
_RSA: list[RSAKey] = []


def rsa_key(number: int) -> RSAKey:
    """The same RSA key for the same number: making one takes longer than a test."""
    while len(_RSA) <= number:
        _RSA.append(RSAKey.generate_key(2048, {"kid": f"rsa-{len(_RSA)}", "use": "sig", "alg": "RS256"}))
    return _RSA[number]


def gitlab_claims(url: str, **changes: Any) -> dict[str, Any]:
    """What GitLab puts into an ID token; a change to None leaves the claim out."""
    now = int(time.time())
    claims = {
        "iss": url,
        "aud": "chainloop",
        "sub": "project_path:acme/web:ref_type:branch:ref:main",
        "exp": now + 900,
        "nbf": now - 5,
        "iat": now - 5,
        "jti": "job-7",
        "project_path": "acme/web",
        "namespace_path": "acme",
        "ref": "main",
        "ref_type": "branch",
        "ci_config_ref_uri": "gitlab.example/acme/web//.gitlab-ci.yml@refs/heads/main",
        "runner_environment": "self-hosted",
        "job_id": "7",
    }
    return {name: value for name, value in (claims | changes).items() if value is not None}


def github_claims(url: str, **changes: Any) -> dict[str, Any]:
    """What GitHub Actions puts into one."""
    now = int(time.time())
    claims = {
        "iss": url,
        "aud": "chainloop",
        "sub": "repo:acme/shop:ref:refs/heads/main",
        "exp": now + 12 * 3600,
        "nbf": now - 5,
        "iat": now - 5,
        "repository": "acme/shop",
        "ref": "refs/heads/main",
        "workflow_ref": "acme/shop/.github/workflows/release.yml@refs/heads/main",
        "runner_environment": "github-hosted",
    }
    return {name: value for name, value in (claims | changes).items() if value is not None}


@dataclass
class Issuer:
    """`answers` replaces the answer at a path: (status, headers, body).

    `asked` has the path of every request, `hosts` the names that the server was asked by.
    """

    url: str
    path: str = ""
    key: Key = field(default_factory=lambda: rsa_key(0))
    published: list[Key] = field(default_factory=lambda: [rsa_key(0)])
    answers: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)
    hold: threading.Event = field(default_factory=threading.Event)
    held_paths: set[str] = field(default_factory=set)
    was_asked: threading.Event = field(default_factory=threading.Event)
    github_token: str = ""

    @property
    def name(self) -> str:
        """The issuer as tokens name it."""
        return self.url + self.path

    def rotate(self, key: Key) -> None:
        """Sign with a new key from now on and publish only that."""
        self.key, self.published = key, [key]

    def token(
        self, claims: dict[str, Any] | None = None, /, *, header: dict[str, Any] | None = None
    ) -> Secret:
        """A token of this issuer, GitLab's claims unless others are given."""
        kind = "RS256" if isinstance(self.key, RSAKey) else "ES256"
        head = {"alg": kind, "kid": self.key.kid} | (header or {})
        head = {name: value for name, value in head.items() if value is not None}
        body = with_times(gitlab_claims(self.name) if claims is None else claims)
        return Secret(jwt.encode(head, body, self.key, algorithms=["RS256", "ES256"]))

    def gitlab(self, **changes: Any) -> Secret:
        """A GitLab ID token with some claims changed."""
        return self.token(gitlab_claims(self.name, **changes))

    def document(self, path: str) -> Any:
        """What is published at a path."""
        if path == self.path + DISCOVERY:
            return {"issuer": self.name, "jwks_uri": self.url + JWKS}
        if path == JWKS:
            return {"keys": [key.as_dict(private=False) for key in self.published]}
        return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    issuer: Issuer

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that has heard enough hangs up; that is its right."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    @property
    def issuer(self) -> Issuer:
        return self.server.issuer

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        self.issuer.asked.append(path)
        self.issuer.hosts.add(self.headers["Host"])
        self.issuer.was_asked.set()
        if path in self.issuer.held_paths:
            self.issuer.hold.wait(60)
        status, headers, body = self.issuer.answers.get(path) or self._usual(path, query)
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), "Connection": "close", **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _usual(self, path: str, query: str) -> tuple[int, dict[str, str], bytes]:
        if path == GITHUB_TOKEN_PATH:
            allowed = self.headers.get("Authorization") == f"bearer {GITHUB_SECRET}"
            if not allowed or "audience=chainloop" not in query.split("&"):
                return 401, {}, b"{}"
            return 200, {}, json.dumps({"value": self.issuer.github_token}).encode()
        found = self.issuer.document(path)
        return (404, {}, b"{}") if found is None else (200, {}, json.dumps(found).encode())

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def running_issuer(path: str = "", tls: ssl.SSLContext | None = None) -> Iterator[Issuer]:
    """An issuer at a free port of 127.0.0.1, with `tls` of localhost; `path` is part of its name."""
    server = _Server(("127.0.0.1", 0), _Handler)
    url = "http://127.0.0.1"
    if tls is not None:
        server.socket, url = tls.wrap_socket(server.socket, server_side=True), "https://localhost"
    issuer = Issuer(f"{url}:{server.server_address[1]}", path)
    server.issuer = issuer
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield issuer
    finally:
        issuer.hold.set()
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """A CI system that publishes one RSA key."""
    with running_issuer() as made:
        yield made


def gitlab_job(issuer: Issuer, token: Secret | None = None, **more: str) -> dict[str, str]:
    """The environment of a GitLab job."""
    found = token or issuer.token()
    return {
        "GITLAB_CI": "true",
        "CI_SERVER_URL": issuer.name,
        "CI_JOB_URL": f"{issuer.url}/acme/web/-/jobs/7",
        "CI_PROJECT_PATH": "acme/web",
        "GITLAB_OIDC": found.reveal(),
        **more,
    }


def github_job(issuer: Issuer, token: Secret) -> dict[str, str]:
    """The environment of a GitHub Actions job on a server of one's own."""
    issuer.github_token = token.reveal()
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_SERVER_URL": issuer.url,
        "GITHUB_REPOSITORY": "acme/shop",
        "ACTIONS_ID_TOKEN_REQUEST_URL": f"{issuer.url}{GITHUB_TOKEN_PATH}?api-version=2.0",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": GITHUB_SECRET,
    }

"""A Gumloop server that checks its client: a real HTTP server on this machine, strict where a client errs.

What a client does wrong is refused and written down in `violations`; a test ends with none.
"""

import base64
import hashlib
import json
import secrets
import sys
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

USER_ID, API_KEY = "user_abc", "gum_not_a_real_key_0000"
PERSON = "ada@acme.example"


@dataclass(frozen=True, slots=True)
class Fault:
    """An answer that goes wrong. `cut` promises more bytes than it sends; `silent` sends nothing at all."""

    status: int = 200
    body: str = ""
    kind: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    cut: bool = False
    silent: bool = False


def patience_with(fault: Fault) -> str:
    """Seconds for LOOPIN_REQUEST_TIMEOUT: few where no answer comes, else enough for a busy machine."""
    return "1" if fault.silent else "60"


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as it arrived."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    form: Mapping[str, str]


@dataclass
class Gumloop:
    """What the server knows. `faults` has per path the answers that go wrong next, in order."""

    lives: int | None = 3600
    gives_refresh: bool = True
    deny: bool = False
    issuer: str | None = None
    metadata: bool = False
    base_url: str = ""
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    access: set[str] = field(default_factory=set)
    refresh: set[str] = field(default_factory=set)
    revoked: list[str] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=lambda: {API_KEY: USER_ID})
    team_keys: dict[str, str] = field(default_factory=dict)
    teams: list[dict[str, str]] = field(
        default_factory=lambda: [{"id": "team_1", "name": "Web"}, {"id": "team_2", "name": "ML"}]
    )
    faults: dict[str, deque[Fault]] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def root(self) -> str:
        """The address without /api/v1."""
        return self.base_url.removesuffix("/api/v1")

    def fail(self, path: str, *faults: Fault) -> None:
        """Let the next requests to `path` go wrong."""
        self.faults.setdefault(path, deque()).extend(faults)

    def calls(self, path: str) -> list[Seen]:
        """The requests to `path` so far."""
        return [request for request in self.seen if request.path == path]

    def issue(self) -> dict[str, Any]:
        """Make tokens, as the token endpoint answers them."""
        access = f"oat-not-real-{secrets.token_hex(12)}"
        self.access.add(access)
        answer: dict[str, Any] = {
            "access_token": access,
            "token_type": "Bearer",
            "scope": "gumloop_api userinfo",
        }
        if self.lives is not None:
            answer["expires_in"] = self.lives
        if self.gives_refresh:
            answer["refresh_token"] = f"ort-not-real-{secrets.token_hex(12)}"
            self.refresh.add(answer["refresh_token"])
        return answer

    def wrong(self, what: str) -> tuple[int, dict[str, Any]]:
        """Write a violation down and refuse."""
        self.violations.append(what)
        return 400, {"error": "invalid_request", "error_description": what}

    # ── the endpoints: status and body ──

    def authorize(self, query: Mapping[str, str]) -> tuple[int, Any]:
        """RFC 6749 §4.1.1 with RFC 7636; the person decides at once."""
        redirect = urlsplit(query.get("redirect_uri", ""))
        checks = {
            "response_type": query.get("response_type") == "code",
            "client_id": query.get("client_id") == "gumloop_cli",
            "scope": set(query.get("scope", "").split()) == {"gumloop_api", "userinfo"},
            "redirect": (redirect.scheme, redirect.hostname, redirect.path)
            == ("http", "127.0.0.1", "/callback"),
            "state": len(query.get("state", "")) >= 22,
            "challenge": len(query.get("code_challenge", "")) == 43,
            "S256": query.get("code_challenge_method") == "S256",
        }
        if bad := [name for name, fine in checks.items() if not fine]:
            return self.wrong(f"authorize: {', '.join(bad)}")
        answer = {"state": query["state"]} | ({"iss": self.issuer} if self.issuer else {})
        if self.deny:
            answer |= {"error": "access_denied", "error_description": "The person chose\x1b[31m Deny\u202e"}
        else:
            code = secrets.token_hex(12)
            self.codes[code] = dict(query)
            answer["code"] = code
        return 302, f"{query['redirect_uri']}?{urlencode(answer)}"

    def token(self, form: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        """RFC 6749 §4.1.3 and §6; a refresh token works once."""
        if form.get("client_id") != "gumloop_cli" or "client_secret" in form:
            return self.wrong("token: a public client names itself and has no secret")
        if form.get("grant_type") == "refresh_token":
            with self.lock:
                if form.get("refresh_token") not in self.refresh:
                    return 400, {
                        "error": "invalid_grant",
                        "error_description": "the token was used or revoked",
                    }
                self.refresh.remove(form["refresh_token"])
                return 200, self.issue()
        request = self.codes.pop(form.get("code", ""), None)
        if request is None:
            return 400, {"error": "invalid_grant", "error_description": "the code is unknown"}
        if form.get("redirect_uri") != request["redirect_uri"]:
            return self.wrong("token: another redirect_uri")
        verifier = form.get("code_verifier", "")
        proof = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        if not 43 <= len(verifier) <= 128 or proof != request["code_challenge"]:
            return self.wrong("token: the PKCE proof is wrong")
        return 200, self.issue()

    def revoke(self, form: Mapping[str, str]) -> tuple[int, Any]:
        """RFC 7009: 200 with an empty body, whatever the token was."""
        if form.get("client_id") != "gumloop_cli" or not form.get("token"):
            return self.wrong("revoke: client_id or token is missing")
        self.revoked.append(form["token"])
        self.refresh.discard(form["token"])
        self.access.discard(form["token"])
        return 200, None

    def api(self, what: str, query: Mapping[str, str], headers: Mapping[str, str]) -> tuple[int, Any]:
        """The reads, for OAuth or for a key with its user ID."""
        token, user = headers.get("authorization", "").removeprefix("Bearer "), headers.get("x-auth-key")
        if token in self.access and user is not None:
            return self.wrong("x-auth-key was sent with OAuth")
        if token in self.team_keys and query.get("team_id") != self.team_keys[token]:
            return 403, {"error": {"code": "team_mismatch", "message": "the key belongs to another team"}}
        keys = {**self.keys, **dict.fromkeys(self.team_keys, USER_ID)}
        if token not in self.access and (token not in keys or keys[token] != user):
            return 401, {"error": {"code": "unauthorized", "message": "Invalid credentials", "type": "auth"}}
        if what == "organizations" and token in self.team_keys:
            return 403, {"error": "forbidden", "message": "a team key has no organizations"}
        if what == "models":
            options = [{"value": "m-1", "label": "Model One", "status": "available"}]
            return 200, {"model_groups": [{"groupLabel": "Sample", "options": options}]}
        if what == "teams":
            return 200, {"teams": self.teams}
        if what == "organizations":
            return 200, {"organizations": [{"id": "org_1", "name": "acme"}]}
        return 404, {"error": "not_found", "message": "no such thing"}

    def discovery(self) -> tuple[int, Any]:
        """RFC 8414, where it is switched on."""
        if not self.metadata:
            return 404, None
        return 200, {
            "issuer": self.root,
            "authorization_response_iss_parameter_supported": self.issuer is not None,
            "userinfo_endpoint": f"{self.root}/oauth/userinfo",
        }


class _Handler(BaseHTTPRequestHandler):
    gumloop: Gumloop
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._serve({})

    def do_HEAD(self) -> None:
        self._serve({})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        if not self.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded"):
            self.gumloop.violations.append(f"{self.path}: not form-encoded")
        self._serve(_first(body))

    def _serve(self, form: Mapping[str, str]) -> None:
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        seen = Seen(self.command, parts.path, _first(parts.query), headers, form)
        self.gumloop.seen.append(seen)
        waiting = self.gumloop.faults.get(seen.path)
        if waiting:
            self._go_wrong(waiting.popleft())
            return
        status, body = self._route(seen)
        if status == 302:
            self._send(status, "", "text/plain", (("Location", body),))
        else:
            self._send(status, "" if body is None else json.dumps(body), "application/json")

    def _route(self, seen: Seen) -> tuple[int, Any]:
        gumloop = self.gumloop
        match seen.method, seen.path:
            case "GET", "/oauth/authorize":
                return gumloop.authorize(seen.query)
            case "POST", "/oauth/token":
                return gumloop.token(seen.form)
            case "POST", "/oauth/revoke":
                return gumloop.revoke(seen.form)
            case "GET", "/oauth/userinfo":
                return 200, {"sub": USER_ID, "email": PERSON}
            case "GET", "/.well-known/oauth-authorization-server":
                return gumloop.discovery()
            case "GET", path if path.startswith("/api/v1/"):
                return gumloop.api(path.removeprefix("/api/v1/"), seen.query, seen.headers)
        return 404, {"error": "not_found", "message": "no such thing"}

    def _go_wrong(self, fault: Fault) -> None:
        if fault.silent:
            self.gumloop.released.wait(30)
            self.close_connection = True
            return
        self._send(fault.status, fault.body, fault.kind, fault.headers, extra=100 if fault.cut else 0)
        self.close_connection = self.close_connection or fault.cut

    def _send(
        self, status: int, body: str, kind: str, headers: tuple[tuple[str, str], ...] = (), extra: int = 0
    ) -> None:
        data = body.encode()
        self.send_response(status)
        for name, value in (("Content-Type", kind), ("Content-Length", str(len(data) + extra)), *headers):
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print errors of the stub itself; a client may hang up at any time."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def _first(query: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(query, keep_blank_values=True).items()}


@pytest.fixture
def gumloop() -> Iterator[Gumloop]:
    """A running server; the client must not have done anything wrong by the end."""
    state = Gumloop()
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"gumloop": state}))
    server.socket.listen(128)
    state.base_url = f"http://127.0.0.1:{server.server_address[1]}/api/v1"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield state
    state.released.set()
    server.shutdown()
    server.server_close()
    thread.join()
    assert state.violations == []


async def allow(url: str) -> str:
    """Do what a browser does: open the page, follow it to the callback; return the callback's address."""
    async with httpx.AsyncClient() as browser:
        answer = await browser.get(url)
        assert answer.status_code == 302, answer.text
        return answer.headers["location"]

"""A client and a person at the real authorization server, over real HTTP."""

import base64
import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field
from http.cookiejar import Cookie
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import UUID

import httpx
from flask.testing import FlaskClient

from app.server import opaque_tokens, sample_data
from app.server.clock import utc_now
from app.server.persistence.engine import Database
from app.server.persistence.models import OAuthClient, Team
from tests.support.http_client import http_client
from tests.support.organizations import Organization
from tests.support.server import AccountServer, csrf_of

CLIENT = "gumloop_cli"
SCOPE = "gumloop_api userinfo"
REDIRECT = "http://127.0.0.1:8765/callback"


@dataclass(frozen=True, slots=True)
class Proof:
    """A verifier and its S256 challenge (RFC 7636 §4.1, §4.2)."""

    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    @property
    def challenge(self) -> str:
        """BASE64URL(SHA256(verifier)) without padding."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def request_for(proof: Proof, **changes: str | None) -> dict[str, str]:
    """The parameters of a good authorization request; None leaves one out."""
    good: dict[str, str | None] = {
        "response_type": "code",
        "client_id": CLIENT,
        "redirect_uri": REDIRECT,
        "scope": SCOPE,
        "state": "the-state",
        "code_challenge": proof.challenge,
        "code_challenge_method": "S256",
    }
    return {name: value for name, value in (good | changes).items() if value is not None}


def answer_of(location: str) -> dict[str, str]:
    """The query of a redirect, each parameter once."""
    found = parse_qs(urlsplit(location).query, keep_blank_values=True)
    assert all(len(values) == 1 for values in found.values()), location
    return {name: values[0] for name, values in found.items()}


def sign_in(browser: FlaskClient, email: str = sample_data.OWNER) -> None:
    """Sign in to the server's pages with the sample password."""
    form = {"csrf_token": csrf_of(browser.get("/account/sign-in").text)}
    browser.post("/account/sign-in", data=form | {"email": email, "password": sample_data.PASSWORD})


def consent_form(browser: FlaskClient, proof: Proof) -> dict[str, str]:
    """The form of the consent page, with the answer to allow."""
    page = browser.get("/oauth/authorize", query_string=request_for(proof)).text
    account = page.partition('name="account" value="')[2].partition('"')[0]
    return {"csrf_token": csrf_of(page), "decision": "allow", "account": account}


def allow(browser: FlaskClient, proof: Proof) -> str:
    """Allow the program; return where the browser is sent with the code."""
    form = consent_form(browser, proof)
    answer = browser.post("/oauth/authorize", query_string=request_for(proof), data=form)
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]


def code_request(location: str, proof: Proof) -> dict[str, str]:
    """The token request for the code in `location` (RFC 6749 §4.1.3)."""
    return {
        "grant_type": "authorization_code",
        "client_id": CLIENT,
        "code": answer_of(location)["code"],
        "redirect_uri": REDIRECT,
        "code_verifier": proof.verifier,
    }


def refresh_request(token: str) -> dict[str, str]:
    """The token request for a refresh (RFC 6749 §6)."""
    return {"grant_type": "refresh_token", "client_id": CLIENT, "refresh_token": token}


class Person:
    """A person's browser: keeps cookies, fills in forms."""

    def __init__(self, client: httpx.Client) -> None:
        self.http = client

    def sign_in(self, email: str, password: str, place: str = "/account/keys") -> httpx.Response:
        """Send the sign-in form of these pages."""
        params = {"next": place}
        page = self.http.get("/account/sign-in", params=params)
        form = {"csrf_token": csrf_of(page.text), "email": email, "password": password}
        return self.http.post("/account/sign-in", params=params, data=form)

    def decide(self, params: dict[str, str], decision: str, **changes: str) -> httpx.Response:
        """Open the consent page and press a button."""
        url = f"/oauth/authorize?{urlencode(params)}"
        page = self.http.get(url)
        assert page.status_code == 200, (page.status_code, page.text)
        account = page.text.partition('name="account" value="')[2].partition('"')[0]
        form = {"csrf_token": csrf_of(page.text), "account": account, "decision": decision} | changes
        return self.http.post(url, data=form)

    def code(self, proof: Proof, **changes: str | None) -> str:
        """Allow, and return the code that the client would receive."""
        answer = self.decide(request_for(proof, **changes), "allow")
        assert answer.status_code == 303, (answer.status_code, answer.text)
        return answer_of(answer.headers["location"])["code"]


class Program:
    """The public client at the token endpoint."""

    def __init__(self, client: httpx.Client) -> None:
        self.http = client

    def exchange(self, code: str, proof: Proof, /, **changes: str | None) -> httpx.Response:
        """RFC 6749 §4.1.3 with the verifier; None leaves a parameter out."""
        good: dict[str, str | None] = {
            "grant_type": "authorization_code",
            "client_id": CLIENT,
            "code": code,
            "redirect_uri": REDIRECT,
            "code_verifier": proof.verifier,
        }
        return self._post("/oauth/token", good | changes)

    def refresh(self, token: str, **changes: str | None) -> httpx.Response:
        """RFC 6749 §6."""
        good: dict[str, str | None] = {
            "grant_type": "refresh_token",
            "client_id": CLIENT,
            "refresh_token": token,
        }
        return self._post("/oauth/token", good | changes)

    def revoke(self, token: str, **changes: str | None) -> httpx.Response:
        """RFC 7009 §2.1."""
        good: dict[str, str | None] = {"client_id": CLIENT, "token": token}
        return self._post("/oauth/revoke", good | changes)

    def works(self, access_token: str) -> bool:
        """True when the read API takes the token."""
        headers = {"Authorization": f"Bearer {access_token}"}
        status = self.http.get("/api/v1/models", headers=headers).status_code
        assert status in {200, 401}
        return status == 200

    def _post(self, path: str, fields: dict[str, str | None]) -> httpx.Response:
        return self.http.post(path, data={k: v for k, v in fields.items() if v is not None})


# Signing in costs a password hash each time, so a browser that only needs to be signed in starts here.
_SIGNED_IN: dict[tuple[str, str], list[Cookie]] = {}


@contextmanager
def person_at(
    server: AccountServer, login: tuple[str, str] | None = None, own: bool = False
) -> Iterator[Person]:
    """A browser, signed in when `login` is given; `own` for one that is going to sign out."""
    with http_client(server.http) as client:
        person = Person(client)
        key = (server.http, login[0]) if login else ("", "")
        if login and not own and key in _SIGNED_IN:
            _give(client, _SIGNED_IN[key])
        elif login:
            assert person.sign_in(*login).status_code == 303
            if not own:
                _SIGNED_IN[key] = [copy(cookie) for cookie in client.cookies.jar]
        yield person


def _give(client: httpx.Client, cookies: list[Cookie]) -> None:
    for cookie in cookies:
        client.cookies.jar.set_cookie(copy(cookie))


@contextmanager
def program_at(server: AccountServer) -> Iterator[Program]:
    """The public client, without cookies."""
    with http_client(server.http) as client:
        yield Program(client)


def tokens_at(server: AccountServer, login: tuple[str, str], **changes: str | None) -> dict[str, Any]:
    """The whole sign-in: a token response for the person."""
    proof = Proof()
    with person_at(server, login) as person, program_at(server) as program:
        answer = program.exchange(person.code(proof, **changes), proof)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def user_id_of(server: AccountServer, email: str) -> str:
    """The user ID that goes with a person's API keys."""
    with server.database() as database:
        (found,) = database.execute("SELECT id FROM users WHERE email = ?", (email,)).fetchone()
    return str(UUID(str(found)))


def add_team(organization: Organization, name: str) -> str:
    """Add a Gumloop team, which every member of the organization is in; return its ID."""
    with organization.database.write() as session:
        team = Team(organization_id=organization.id, name=name, created_at=utc_now())
        session.add(team)
        session.flush()
        return str(team.id)


def add_client(database: Database, redirect_uri: str, secret: str = "") -> str:
    """Add a client of another program, as version 1.0 registered them; return its ID."""
    client = OAuthClient(
        client_id=f"client-{secrets.token_hex(8)}",
        client_secret=opaque_tokens.hash_secret(secret) if secret else None,
        client_id_issued_at=0,
        client_secret_expires_at=0,
    )
    client.set_client_metadata(
        {
            "client_name": "Sample App",
            "redirect_uris": [redirect_uri],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "scope": SCOPE,
            "token_endpoint_auth_method": "client_secret_basic" if secret else "none",
        }
    )
    with database.write() as session:
        session.add(client)
        session.flush()
        return client.client_id

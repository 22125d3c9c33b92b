"""Whoever asks is answered in a form that they read: a program its vendor's JSON, a person a page.

Every route in a process of our own, while its database is gone, is held by somebody else, or is not the
database that it was. What a killed PostgreSQL does to a running server stands in test_faults.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app.server.core.services import Services, build_services
from app.server.persistence import engine
from app.server.settings import ProviderSettings, ServerSettings
from app.server.web.app import create_app
from app.server.web.asgi import READY
from tests.support.http_application import HttpApplication
from tests.support.provider import running_provider
from tests.support.server import csrf_of
from tests.unit.keyless.tokens import raw

URL = "http://127.0.0.1:1"
SECRET = "operator-secret-not-real-0000"
CODE = {
    "client_id": "gumloop_cli",
    "redirect_uri": "http://127.0.0.1:8765/callback",
    "code_challenge": "x" * 43,
    "code_challenge_method": "S256",
    "response_type": "code",
    "scope": "gumloop_api",
}


@dataclass(frozen=True, slots=True)
class Route:
    """How one route is asked so that it needs the database, and in which form it answers.

    `reads` and `writes` say what it needs; one that does neither is answered whatever happens.
    """

    form: str
    reads: bool = False
    writes: bool = False
    ask: dict[str, Any] = field(default_factory=dict)


BEARER = {"Authorization": f"Bearer {SECRET}"}
TOKEN = {"client_id": "gumloop_cli", "token": "not-real"}
REFRESH = {"client_id": "gumloop_cli", "grant_type": "refresh_token", "refresh_token": "not-real"}
LOGIN = {"email": "ada@acme.example", "password": "not-real"}
FOREIGN = raw({"alg": "RS256"}, {"iss": "https://ci.example", "aud": "chainloop"}).reveal()
ROUTES = {
    ("GET", "/"): Route("page", True),
    ("GET", "/auth/login"): Route("page"),
    ("POST", "/auth/login"): Route("page", True, True, {"data": LOGIN}),
    ("POST", "/auth/logout"): Route("plain", True, True),
    ("POST", "/auth/sso"): Route("page", True, True, {"data": {}}),
    ("GET", "/auth/sso/callback"): Route("page", True, True, {"query_string": {"state": "x", "code": "y"}}),
    ("POST", "/federated/verify"): Route("plain", True, ask={"json": {"token": FOREIGN}, "headers": BEARER}),
    ("GET", "/account"): Route("page"),
    ("GET", "/account/sign-in"): Route("page"),
    ("POST", "/account/sign-in"): Route("page", True, True, {"data": LOGIN}),
    ("POST", "/account/sign-out"): Route("page", True, ask={"data": {}}),
    ("GET", "/account/keys"): Route("page", True),
    ("POST", "/account/keys"): Route("page", True, ask={"data": {}}),
    ("POST", "/account/keys/delete"): Route("page", True, ask={"data": {}}),
    ("GET", "/account/sessions"): Route("page", True),
    ("POST", "/account/sessions"): Route("page", True, ask={"data": {}}),
    ("GET", "/account/password"): Route("page", True),
    ("POST", "/account/password"): Route("page", True, ask={"data": {}}),
    ("GET", "/oauth/authorize"): Route("page", True, ask={"query_string": CODE}),
    ("POST", "/oauth/authorize"): Route("page", True, ask={"query_string": CODE, "data": {}}),
    ("POST", "/oauth/token"): Route("oauth", True, True, {"data": REFRESH}),
    ("POST", "/oauth/revoke"): Route("oauth", True, True, {"data": TOKEN}),
    ("GET", "/oauth/userinfo"): Route("oauth", True, ask={"headers": BEARER}),
    ("POST", "/oauth/userinfo"): Route("oauth", True, ask={"headers": BEARER}),
    ("GET", "/.well-known/oauth-authorization-server"): Route("oauth"),
    ("GET", "/api/v1/models"): Route("vendor", True, ask={"headers": BEARER}),
    ("GET", "/api/v1/teams"): Route("vendor", True, ask={"headers": BEARER}),
    ("GET", "/api/v1/organizations"): Route("vendor", True, ask={"headers": BEARER}),
    ("GET", "/metrics"): Route("plain"),
    ("GET", "/openapi.json"): Route("plain"),
}
UNAVAILABLE = {"oauth": "temporarily_unavailable", "vendor": "unavailable", "plain": "unavailable"}
BROKEN = {"oauth": "server_error", "vendor": "internal_error", "plain": "internal"}
everywhere = pytest.mark.parametrize("route", ROUTES, ids=" ".join)


@dataclass(frozen=True, slots=True)
class House:
    """A server's parts, its pages, and the file that its database is."""

    services: Services
    app: Flask
    file: Path

    def ask(self, route: tuple[str, str]) -> TestResponse:
        """Send what reaches the database, from a browser that has been here before."""
        method, path = route
        sent = dict(ROUTES[route].ask) if route in ROUTES else {}
        client = self.app.test_client()
        with client.session_transaction() as kept:
            kept.update(browser="x" * 43, sso="y" * 43)
        if "data" in sent and ROUTES[route].form == "page":
            sent["data"] = {**sent["data"], "csrf_token": csrf_of(client.get("/auth/login").text)}
        if path == "/auth/logout":
            later = datetime.now(UTC) + timedelta(hours=1)
            sent["headers"] = {
                "Authorization": f"Bearer {self.services.signer.sign_session_token(uuid4(), uuid4(), later)}"
            }
        return client.open(path, method=method, **sent)


@contextmanager
def opened(folder: Path) -> Iterator[House]:
    """Everything switched on that a server can be asked. Whoever waits for a writer waits a moment."""
    secret = folder / "secret"
    secret.touch(mode=0o600)
    secret.write_text(SECRET)
    with pytest.MonkeyPatch.context() as patch, running_provider() as provider:
        settings = ServerSettings(
            folder / "data",
            sweep_interval=timedelta(0),
            federation_secret_file=secret,
            provider=ProviderSettings(provider.url, "loopin", secret),
        )
        patch.setattr(engine, "BUSY_TIMEOUT_MS", 1)
        services = build_services(settings)
        yield House(services, create_app(services, URL), settings.data / "loopin.db")
        services.database.close()


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Nothing is the matter with its database."""
    with opened(tmp_path_factory.mktemp("sound")) as house:
        yield house


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Its database cannot be opened any more."""
    with opened(tmp_path_factory.mktemp("without")) as house:
        house.services.database.close()
        house.file.unlink()
        house.file.mkdir()
        yield house


@pytest.fixture(scope="module")
def emptied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Its database has no table: every statement is a mistake, as after a bug of ours."""
    with opened(tmp_path_factory.mktemp("emptied")) as house:
        house.services.database.close()
        house.file.unlink()
        yield house


@contextmanager
def held(house: House) -> Iterator[None]:
    """Another program writes, and does not come to an end."""
    with closing(sqlite3.connect(house.file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


def code_in(answer: TestResponse, form: str) -> str:
    """The code of an error in `form`, which must be complete; empty for a page."""
    if form == "page":
        assert answer.content_type == "text/html; charset=utf-8"
        assert "<h1>" in answer.text
        return ""
    assert answer.content_type == "application/json"
    body = json.loads(answer.text)
    if form == "vendor":
        body = body["error"]
        assert body.keys() == {"code", "message", "type", "param", "details"}
    assert body["error_description" if form == "oauth" else "message"]
    code: str = body["error" if form == "oauth" else "code"]
    return code


def is_told_to_come_back(answer: TestResponse, form: str) -> bool:
    assert code_in(answer, form) == UNAVAILABLE.get(form, "")
    return (answer.status_code, answer.headers.get("Retry-After")) == (503, "5")


def test_no_route_is_missing_here(sound: House) -> None:
    rules = [rule for rule in sound.app.url_map.iter_rules() if rule.endpoint != "static"]
    there = {(method, rule.rule) for rule in rules for method in rule.methods or ()}
    assert {route for route in there if route[0] not in {"HEAD", "OPTIONS"}} == set(ROUTES)


@everywhere
def test_while_the_database_is_gone(without: House, route: tuple[str, str]) -> None:
    answer, known = without.ask(route), ROUTES[route]
    if known.reads:
        assert is_told_to_come_back(answer, known.form)
    else:
        assert answer.status_code < 400


@everywhere
def test_while_somebody_else_writes(sound: House, route: tuple[str, str]) -> None:
    with held(sound):
        answer, known = sound.ask(route), ROUTES[route]
    if known.writes:
        assert is_told_to_come_back(answer, known.form)
    else:
        assert answer.status_code < 500


@everywhere
def test_when_something_goes_wrong_that_nobody_thought_of(emptied: House, route: tuple[str, str]) -> None:
    answer, known = emptied.ask(route), ROUTES[route]
    if known.reads:
        assert code_in(answer, known.form) == BROKEN.get(known.form, "")
        assert answer.status_code == 500
    else:
        assert answer.status_code < 400


@everywhere
def test_with_a_method_that_it_does_not_take(sound: House, route: tuple[str, str]) -> None:
    answer = sound.app.test_client().delete(route[1])
    assert answer.status_code == 405
    assert route[0] in answer.headers["Allow"]
    assert bool(code_in(answer, ROUTES[route].form)) is (ROUTES[route].form != "page")


@pytest.mark.parametrize("path", ["/account/sign-in", "/auth/login"])
def test_a_page_with_a_form_has_a_head(sound: House, path: str) -> None:
    assert sound.app.test_client().head(path).status_code == 200


async def ask_health(house: House, path: str, method: str = "GET") -> tuple[int, dict[bytes, bytes], Any]:
    side = HttpApplication(house.app, readiness=house.services.readiness)
    status, headers, body = await side.ask(path.encode(), method=method)
    return status, headers, json.loads(body)


async def test_health_says_it_in_its_own_words(sound: House, without: House) -> None:
    told = ((sound, 200, "ok"), (without, 503, "unavailable"))
    for (house, status, word), path in product(told, sorted(READY)):
        answer = await ask_health(house, path)
        assert (answer[0], answer[2]) == (status, {"status": word})
        assert (answer[1].get(b"retry-after") == b"5") is (status == 503)


async def test_whoever_asks_whether_it_lives_needs_no_database(without: House) -> None:
    assert (await ask_health(without, "/livez"))[0] == 200


async def test_health_takes_no_other_method(sound: House) -> None:
    status, headers, body = await ask_health(sound, "/livez", "DELETE")
    assert (status, body["code"]) == (405, "method_not_allowed")
    assert headers[b"allow"] == b"GET, HEAD"

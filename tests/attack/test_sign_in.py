"""The sign-in pages: forged requests, fixed sessions, frames, guesses and what they give away."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import event

from app.domain.errors import NotSignedIn
from app.server.core.accounts import Accounts, NewUser
from app.server.core.audit import Actor
from app.server.core.passwords import Passwords
from app.server.core.rate_limit import MAX_PER_ACCOUNT
from app.server.core.services import build_services
from app.server.settings import ServerSettings
from app.server.web.app import create_app
from tests.attack.conftest import SECRETS
from tests.support.organizations import Organization
from tests.support.server import AccountServer, csrf_of, own_address

pytestmark = pytest.mark.slow

PAGES = ("/auth/login", "/account/sign-in", "/account/keys", "/oauth/authorize", "/no-such-page", "/healthz")
FORMS = ("/auth/login", "/account/sign-in")


@contextmanager
def browser_from(target: AccountServer, address: str = "") -> Iterator[httpx.Client]:
    """A browser behind the trusted proxy, from an address of its own."""
    headers = {"X-Forwarded-For": address or own_address()}
    with httpx.Client(base_url=target.http, trust_env=False, headers=headers, timeout=60) as made:
        yield made


def try_to_sign_in(browser: httpx.Client, path: str, email: str, password: str = "wrong") -> httpx.Response:
    form = {"csrf_token": csrf_of(browser.get(path).text), "email": email, "password": password}
    return browser.post(path, data=form)


@pytest.mark.parametrize("path", PAGES)
def test_rfc9700_4_16_no_page_can_be_framed(target: AccountServer, path: str) -> None:
    """Clickjacking: old browsers read the one header, newer ones the other (RFC 6749 §10.13)."""
    answer = httpx.get(f"{target.http}{path}", trust_env=False)
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", FORMS)
def test_rfc6749_10_12_a_form_of_another_site_signs_nobody_in(
    target: AccountServer, attacked: Organization, path: str
) -> None:
    """Nor with a token of the attacker's own browser, nor with an old one (login CSRF)."""
    with browser_from(target) as attacker, browser_from(target) as victim:
        foreign = csrf_of(attacker.get(path).text)
        victim.get(path)
        for token in (None, "", foreign, "x" * 5000):
            email, password = attacked.owner.login
            form = {"email": email, "password": password}
            answer = victim.post(path, data=form if token is None else form | {"csrf_token": token})
            assert answer.status_code == 400
            assert "t=" not in answer.headers.get("location", "")
        assert victim.get("/account/keys").status_code == 303


def test_rfc6265bis_8_4_a_cookie_from_before_the_sign_in_is_worth_nothing_after_it(
    target: AccountServer, attacked: Organization
) -> None:
    """Session fixation: whoever gave the browser its cookie is not signed in with it."""
    with browser_from(target) as victim, browser_from(target) as attacker:
        attacker.get("/account/sign-in")
        for planted in attacker.cookies.jar:
            victim.cookies.jar.set_cookie(copy(planted))
        assert try_to_sign_in(victim, "/account/sign-in", *attacked.owner.login).status_code == 303
        assert victim.get("/account/keys").status_code == 200
        assert attacker.get("/account/keys").status_code == 303


def test_rfc6265bis_4_1_3_2_behind_tls_the_cookie_is_bound_to_this_host(tmp_path: Path) -> None:
    settings = ServerSettings(data=tmp_path, public_url="https://accounts.example")
    client = create_app(build_services(settings), "https://accounts.example").test_client()
    cookie = client.get("/account/sign-in").headers["Set-Cookie"]
    assert cookie.startswith("__Host-")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
    assert "Domain" not in cookie


@pytest.mark.parametrize("path", FORMS)
def test_owasp_an_unknown_person_gets_the_same_answer_as_a_known_one(
    target: AccountServer, organization: Organization, path: str
) -> None:
    """User enumeration: all is the same, but for what was typed and the token of the form."""
    with browser_from(target) as browser:
        answers = [
            try_to_sign_in(browser, path, email)
            for email in (organization.owner.email, f"{uuid4().hex[:8]}@acme.example")
        ]
    pages = [re.sub(r'value="[^"]*"', "value", answer.text) for answer in answers]
    assert pages[0] == pages[1]
    assert {answer.status_code for answer in answers} == {401}
    assert answers[0].headers.keys() == answers[1].headers.keys()


def test_owasp_an_unknown_person_costs_the_same_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    """The work is what a stopwatch would see; so it is counted, not timed."""
    passwords, checked = Passwords(), list[str]()
    hasher = passwords._hasher

    class Counting:
        def verify(self, stored: str, password: str) -> bool:
            checked.append(stored)
            return hasher.verify(stored, password)

    stored = passwords.hash("right")
    monkeypatch.setattr(passwords, "_hasher", Counting())
    assert passwords.matches(stored, "right")
    assert not passwords.matches(stored, "wrong")
    assert not passwords.matches(None, "right")
    parameters = {entry.rpartition("$")[0].rpartition("$")[0] for entry in checked}
    assert len(checked) == 3
    assert len(parameters) == 1


def test_owasp_an_unknown_person_costs_as_many_writes(tmp_path: Path) -> None:
    """The other thing that a stopwatch would see: what is stored for good while the caller waits."""
    services = build_services(ServerSettings(data=tmp_path))
    writes = list[str]()

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith(("INSERT", "UPDATE")):
            writes.append(statement.partition(" ")[0])

    person = NewUser("known@acme.example")
    Accounts(services.database, services.clock).add_user(Actor("system"), person, "right and long")
    event.listen(services.database.engine, "before_cursor_execute", note)
    counts = []
    for email in ("known@acme.example", "unknown@acme.example"):
        writes.clear()
        with pytest.raises(NotSignedIn):
            services.sessions.sign_in(email, "wrong", "203.0.113.1")
        counts.append(len(writes))
    services.database.close()
    assert counts == [2, 2]


def test_rfc6749_10_10_guessing_is_stopped_alike_for_people_that_there_are_and_are_not(
    target: AccountServer, organization: Organization
) -> None:
    """By account from many addresses: with a time to wait, and whether or not the account is there."""
    viewer = organization.member("viewer")
    for email in (f"{uuid4().hex}@acme.example", viewer.email):
        statuses = []
        for _ in range(MAX_PER_ACCOUNT + 1):
            with browser_from(target) as browser:
                answer = try_to_sign_in(browser, "/account/sign-in", email)
                statuses.append(answer.status_code)
        assert statuses == [401] * MAX_PER_ACCOUNT + [429]
        assert 1 <= int(answer.headers["Retry-After"]) <= 15 * 60
        with browser_from(target) as browser:
            # Nor does the right password get through then: it would tell that it is right.
            assert try_to_sign_in(browser, "/account/sign-in", email, viewer.password).status_code == 429


@pytest.mark.parametrize("path", SECRETS)
@pytest.mark.parametrize(
    "bend", [lambda _: "", lambda _: "x", lambda secret: secret[:-1], lambda secret: secret + "0"]
)
def test_rfc6750_3_a_shared_secret_is_compared_whole(
    target: AccountServer, path: str, bend: Callable[[str], str]
) -> None:
    """Also the ones that differ in the last character only, and for other schemes."""
    secret = SECRETS[path]
    for header in (f"Bearer {bend(secret)}", f"Basic {secret}", secret):
        answer = httpx.post(
            f"{target.http}{path}", json={}, headers={"Authorization": header.strip()}, trust_env=False
        )
        assert answer.status_code == 401, (path, header)

"""Sessions that began at the provider end like any other; servers that differ in what they allow."""

import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from datetime import timedelta
from pathlib import Path

import pytest

from app.domain.claims import read_claims
from app.domain.secret import Secret
from app.server.core.token_signing import PERSON_AUDIENCE
from tests.integration.server.callers import Caller, refusal
from tests.support.databases import ago
from tests.support.http_client import http_client
from tests.support.provider import DISCOVERY, Provider, new_person
from tests.support.server import AccountServer, ServerFactory, csrf_of, own_address, sign_in
from tests.support.sso import ACCOUNT, LOGIN, Browser, browser_at, flags, told

pytestmark = pytest.mark.slow

ENDED = ("UNAUTHENTICATED", "Token is invalid")


def works(server: AccountServer, bearer: str) -> tuple[str, str]:
    return refusal(Caller(server, bearer).current)


def sign_out(server: AccountServer, bearer: str, everywhere: bool) -> int:
    headers = {"Authorization": f"Bearer {bearer}"}
    with http_client(server.http) as client:
        return client.post("/auth/logout", json={"everywhere": everywhere}, headers=headers).status_code


def test_signing_out_ends_this_device_and_no_other(
    server: AccountServer, provider: Provider, browser: Browser
) -> None:
    here, there = browser.bearer(), browser.bearer()
    assert here != there
    assert sign_out(server, here, everywhere=False) == 204
    assert works(server, here) == ENDED
    assert works(server, there) == ("OK", "")
    assert sign_out(server, here, everywhere=False) == 401


def test_signing_out_everywhere_ends_them_all_also_in_browsers_and_of_passwords(
    server: AccountServer, provider: Provider, browser: Browser
) -> None:
    provider.person = new_person(email="vera@acme.example", sub="provider-vera")
    first, second, password = browser.bearer(), browser.bearer(), sign_in(server, *server.viewer)
    browser.sign_in(ACCOUNT)
    assert browser.http.get("/account/keys").status_code == 200
    assert sign_out(server, first, everywhere=True) == 200
    assert [works(server, bearer) for bearer in (first, second, password)] == [ENDED] * 3
    assert browser.http.get("/account/keys").status_code == 303


def test_a_browser_signs_itself_out_only(server: AccountServer, provider: Provider, browser: Browser) -> None:
    bearer = browser.bearer()
    browser.sign_in(ACCOUNT)
    token = csrf_of(browser.http.get("/account/keys").text)
    browser.http.post("/account/sign-out", data={"csrf_token": token})
    assert browser.http.get("/account/keys").status_code == 303
    assert works(server, bearer) == ("OK", "")


def test_being_disabled_ends_a_session_at_once(
    server: AccountServer, provider: Provider, browser: Browser
) -> None:
    bearer = browser.bearer()
    with server.database() as database:
        database.execute(
            "UPDATE users SET disabled_at = '2026-01-01 00:00:00.000000' WHERE email = ?",
            (provider.person["email"],),
        )
    assert works(server, bearer) == ENDED


@pytest.fixture
def other_server(
    fresh_server: ServerFactory, provider: Provider, tmp_path: Path
) -> Callable[..., AccountServer]:
    """Servers behind the same provider with other options."""

    def make(*more: str, data: Path | None = None, seed: str = "demo") -> AccountServer:
        return fresh_server(*flags(provider, tmp_path, *more), data=data, seed=seed)

    return make


@pytest.mark.parametrize("hours", [24, 2])
def test_a_session_lasts_as_long_as_the_server_says(
    other_server: Callable[..., AccountServer], hours: int
) -> None:
    server = other_server("--session-hours", str(hours))
    with browser_at(server.http) as browser:
        claims = read_claims(Secret(browser.bearer()))
    assert claims["aud"] == PERSON_AUDIENCE
    assert claims["exp"] - time.time() == pytest.approx(hours * 3600, abs=60)


def test_where_passwords_are_off_none_is_asked_for_and_none_is_looked_at(
    other_server: Callable[..., AccountServer],
) -> None:
    server = other_server("--no-passwords")
    form = {"email": server.owner[0], "password": server.owner[1]}
    for place, post in ((LOGIN, LOGIN), (ACCOUNT, "/account/sign-in")):
        with browser_at(server.http) as browser:
            page = browser.http.get(place).text
            assert "Continue with 127.0.0.1:" in page
            assert "password" not in page
            answer = browser.http.post(post, data=form | {"csrf_token": csrf_of(page)})
            assert answer.status_code == 403
            assert "Nobody signs in with a password here, so it was not looked at." in told(answer)
    with browser_at(server.http) as browser:
        assert browser.bearer()
        browser.sign_in(ACCOUNT)
        assert "/account/password" not in browser.http.get("/account/sessions").text
        assert browser.http.get("/account/password").status_code == 403


def test_without_a_rule_somebody_new_has_no_organization(
    other_server: Callable[..., AccountServer], provider: Provider
) -> None:
    provider.person = new_person(email="new@anywhere.example")
    server = other_server()
    with browser_at(server.http) as browser:
        found = Caller(server, browser.bearer()).current()
    assert found.current_user.email == "new@anywhere.example"
    assert not found.HasField("current_membership")


def test_a_rule_for_an_organization_that_is_not_there_lets_nobody_new_in(
    other_server: Callable[..., AccountServer],
) -> None:
    server = other_server("--oidc-join", "no-such-place:member")
    with browser_at(server.http) as browser:
        answer = browser.sign_in()
        assert answer.status_code == 500
        assert "the organization no-such-place here, which does not exist." in told(answer)
    with server.database() as database:
        assert database.execute("SELECT count(*) FROM external_identities").fetchone() == (0,)


def test_a_server_without_a_provider_has_no_such_road(account_server: AccountServer) -> None:
    with browser_at(account_server.http) as browser:
        page = browser.http.get(LOGIN).text
        assert "Continue with" not in page
        assert browser.http.get("/auth/sso/callback?state=x&code=y").status_code == 404


def test_a_browser_may_come_back_to_another_replica(
    other_server: Callable[..., AccountServer], tmp_path: Path
) -> None:
    public = ("--public-url", "http://127.0.0.1:9", "--oidc-join", "acme:member")
    first = other_server(*public, data=tmp_path / "shared")
    second = other_server(*public, data=tmp_path / "shared", seed="")
    with browser_at(first.http) as browser:
        back = browser.way_back(ACCOUNT)
        answer = browser.http.get(f"{second.http}{back}")
        assert (answer.status_code, answer.headers["location"]) == (303, "/account/keys")
        assert browser.http.get(f"{first.http}/account/keys").status_code == 200


def test_a_provider_that_is_gone_leaves_the_password_working(
    fresh_server: ServerFactory, tmp_path: Path
) -> None:
    gone = Provider("http://127.0.0.1:9")
    server = fresh_server(*flags(gone, tmp_path))
    with browser_at(server.http) as browser:
        answer = browser.begin()
        assert (answer.status_code, "127.0.0.1:9 cannot be reached." in told(answer)) == (503, True)
    assert works(server, sign_in(server, *server.owner)) == ("OK", "")


def test_a_provider_that_hangs_does_not_hold_the_whole_server(
    fresh_server: ServerFactory, provider: Provider, tmp_path: Path
) -> None:
    server = fresh_server(*flags(provider, tmp_path, "--trusted-proxy", "127.0.0.0/8"))
    provider.held = {DISCOVERY}
    with browser_at(server.http) as browser, ThreadPoolExecutor(20) as pool:
        form = {"csrf_token": csrf_of(browser.http.get(LOGIN).text), "place": LOGIN}
        cookies = dict(browser.http.cookies)

        def begin(_: int) -> int:
            # From one address, most of them would wait for the others.
            headers = {"X-Forwarded-For": own_address()}
            with http_client(server.http, cookies=cookies, headers=headers) as client:
                return client.post("/auth/sso", data=form).status_code

        begun = [pool.submit(begin, number) for number in range(20)]
        assert works(server, sign_in(server, *server.owner)) == ("OK", "")
        # While the provider hangs, only who is sent away has an answer.
        wait(begun, timeout=60, return_when=FIRST_COMPLETED)
        provider.hold.set()
        statuses = [one.result() for one in begun]
    assert set(statuses) <= {200, 429, 503}
    assert 429 in statuses


def test_one_address_cannot_begin_without_end(other_server: Callable[..., AccountServer]) -> None:
    server = other_server()
    with browser_at(server.http) as browser:
        token = csrf_of(browser.http.get(LOGIN).text)
        form = {"csrf_token": token, "place": LOGIN}
        with server.database() as database:
            begun = [(f"begun before {number}", LOGIN, "127.0.0.1", ago(timedelta())) for number in range(59)]
            database.executemany(
                "INSERT INTO pending_sign_ins (key, place, address, created_at) VALUES (?, ?, ?, ?)", begun
            )
        answers = [browser.http.post("/auth/sso", data=form) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]
    assert "Too many sign-ins were begun." in told(answers[-1])
    assert int(answers[-1].headers["retry-after"]) > 0

"""Signing in through a provider: who comes in, as whom, and with what."""

import json

import pytest

from tests.integration.server.callers import Caller
from tests.support.oauth import Person, Program, Proof, program_at, request_for
from tests.support.provider import Provider, new_person
from tests.support.server import AccountServer, submit_login
from tests.support.sso import ACCOUNT, LOGIN, Browser, browser_at, told

pytestmark = pytest.mark.slow


def person_of(server: AccountServer, bearer: str) -> tuple[str, str, str]:
    """E-mail address, organization and role, as the server tells them."""
    found = Caller(server, bearer).current()
    membership = found.current_membership
    return found.current_user.email, membership.org.name, str(membership.role)


def test_the_sign_in_page_offers_the_provider_and_the_password(
    server: AccountServer, browser: Browser
) -> None:
    for place in (LOGIN, ACCOUNT):
        page = browser.http.get(place).text
        assert "Continue with 127.0.0.1:" in page
        assert 'type="password"' in page
    assert submit_login(browser.http, *server.owner).status_code == 303


def test_somebody_new_comes_in_as_the_rule_says(
    server: AccountServer, provider: Provider, browser: Browser
) -> None:
    bearer = browser.bearer()
    assert person_of(server, bearer) == (provider.person["email"], "acme", "1")
    user = Caller(server, bearer).current().current_user
    assert (user.first_name, user.last_name) == ("Nora", "Berg")
    assert Caller(server, bearer).memberships()[0].current


def test_it_is_the_code_flow_with_pkce_nonce_and_state(provider: Provider, browser: Browser) -> None:
    browser.bearer()
    browser.bearer()
    first, second = provider.requests
    assert first["redirect_uri"].endswith("/auth/sso/callback")
    assert first["scope"] == "openid email profile"
    for name in ("state", "nonce", "code_challenge"):
        assert first[name] != second[name]
        assert len(first[name]) >= 43


def test_the_same_person_is_found_again_also_under_a_new_address(
    server: AccountServer, provider: Provider, browser: Browser
) -> None:
    first = Caller(server, browser.bearer()).current().current_user
    provider.person = provider.person | {"email": "renamed@partner.example"}
    again = Caller(server, browser.bearer()).current().current_user
    assert (again.id, again.email) == (first.id, first.email)


def test_an_account_with_the_same_verified_address_is_taken_over_with_its_role(
    server: AccountServer, provider: Provider, browser: Browser
) -> None:
    provider.person = new_person(email="Ada@ACME.example", sub="provider-ada")
    assert person_of(server, browser.bearer()) == ("ada@acme.example", "acme", "3")


def test_an_address_that_was_given_to_somebody_else_opens_nothing(
    provider: Provider, browser: Browser
) -> None:
    browser.bearer()
    provider.person = new_person(email=provider.person["email"])
    answer = browser.sign_in()
    assert answer.status_code == 403
    assert "belongs to another account of the identity provider here" in told(answer)


def test_claims_may_come_from_the_userinfo_endpoint(
    server: AccountServer, provider: Provider, browser: Browser
) -> None:
    provider.in_userinfo = ("email", "email_verified", "given_name")
    assert person_of(server, browser.bearer())[0] == provider.person["email"]


def test_a_provider_that_takes_the_secret_in_the_form_only_gets_it_there(
    provider: Provider, browser: Browser
) -> None:
    provider.document = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    assert browser.sign_in().status_code == 200


def test_without_a_callback_the_token_is_shown(
    server: AccountServer, provider: Provider, browser: Browser
) -> None:
    answer = browser.sign_in("/auth/login")
    assert "Here is your token" in answer.text
    jwt = answer.text.partition("<textarea")[2].partition(">")[2].partition("</")[0]
    assert person_of(server, jwt)[0] == provider.person["email"]


def test_the_same_sign_in_opens_the_account_pages(provider: Provider, browser: Browser) -> None:
    answer = browser.sign_in(ACCOUNT)
    assert (answer.status_code, answer.headers["location"]) == (303, "/account/keys")
    assert provider.person["email"] in browser.http.get("/account/keys").text


def test_a_program_that_asks_for_access_gets_it_through_the_provider(
    server: AccountServer, provider: Provider, browser: Browser
) -> None:
    proof = Proof()
    asked = browser.http.get("/oauth/authorize", params=request_for(proof))
    answer = browser.sign_in(asked.headers["location"])
    assert answer.headers["location"].startswith("/oauth/authorize?")
    code = Person(browser.http).code(proof)
    with program_at(server) as program:
        assert _works(program, code, proof)


def _works(program: Program, code: str, proof: Proof) -> bool:
    tokens = program.exchange(code, proof).json()
    return program.works(tokens["access_token"])


@pytest.mark.parametrize(
    "place",
    [
        "https://evil.example",
        "//evil.example/auth/login",
        "/auth/login?callback=https://evil.example",
        "/auth/logout",
        "/auth/login\r\nX: y",
        "/account/sign-in?next=https://evil.example",
    ],
)
def test_a_sign_in_ends_on_our_own_pages_or_in_a_program_on_this_computer(
    provider: Provider, browser: Browser, place: str
) -> None:
    page = browser.http.get(ACCOUNT).text
    token = page.partition('name="csrf_token" type="hidden" value="')[2].partition('"')[0]
    begun = browser.http.post("/auth/sso", data={"csrf_token": token, "place": place})
    target = begun.text.partition('href="http://')[2].partition('"')[0].replace("&amp;", "&")
    with browser_at("http://127.0.0.1") as other:
        back = other.http.get(f"http://{target}").headers["location"]
    answer = browser.http.get(back)
    assert (answer.status_code, answer.headers["location"]) == (303, "/account/keys")


def test_another_site_cannot_start_it(browser: Browser) -> None:
    assert browser.http.post("/auth/sso", data={"place": LOGIN}).status_code == 400
    assert browser.http.get("/auth/sso").status_code == 405


def test_first_sign_in_and_later_ones_are_in_the_audit_trail(
    server: AccountServer, provider: Provider, browser: Browser
) -> None:
    browser.bearer()
    with server.database() as database:
        rows = database.execute(
            "SELECT action, details FROM audit_events WHERE actor_name = ? ORDER BY id",
            (provider.person["email"],),
        ).fetchall()
    issued = {"issuer": provider.url}
    assert [(row[0], json.loads(row[1])) for row in rows] == [
        ("user.create", issued),
        ("membership.set", {"role": "viewer", "before": ""}),
        ("login", issued),
    ]

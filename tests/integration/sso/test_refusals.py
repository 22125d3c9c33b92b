"""What the provider may say wrong, and the sentence for each; nobody comes in."""

import json
import time
from typing import Any

import pytest
from joserfc.jwk import OctKey, RSAKey

from tests.support.claims import FromNow
from tests.support.issuer import rsa_key
from tests.support.provider import AUTHORIZE, CLIENT, DISCOVERY, KEYS, TOKEN, USERINFO, Provider, new_person
from tests.support.server import AccountServer
from tests.support.sso import ACCOUNT, Browser, browser_at, told

pytestmark = pytest.mark.slow


def refused(browser: Browser, status: int, sentence: str) -> None:
    """The whole way ends at this status and sentence, with a way to try again, and nobody is signed in."""
    answer = browser.sign_in(ACCOUNT)
    assert (answer.status_code, sentence in told(answer)) == (status, True), told(answer)
    assert f'href="{ACCOUNT}"' in answer.text
    assert "eyJ" not in answer.text
    assert browser.http.get("/account/keys").status_code == 303


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"email_verified": False}, "has not verified that sub@acme.example is yours."),
        ({"email_verified": None}, "has not verified that sub@acme.example is yours."),
        ({"email_verified": "false"}, "has not verified that"),
        ({"email_verified": 1}, "has not verified that"),
        ({"email": None}, "did not tell us your e-mail address."),
        ({"email": "no-address"}, "gave 'no-address', which is no e-mail address."),
        ({"email": "a@b@acme.example"}, "which is no e-mail address."),
        ({"email": "a\n@acme.example"}, "which is no e-mail address."),
        ({"email": ["a@acme.example"]}, "did not tell us your e-mail address."),
        ({"email": "eve@evil.example"}, "Addresses of evil.example are not let in here."),
        ({"email": "eve@sub.acme.example"}, "Addresses of sub.acme.example are not let in here."),
        ({"email": "eve@evilacme.example"}, "Addresses of evilacme.example are not let in here."),
        ({"sub": None}, "does not say who you are (sub)."),
        ({"sub": 7}, "the token's sub cannot be read."),
        ({"sub": "x" * 256}, "does not say who you are (sub)."),
    ],
)
def test_a_person_who_is_not_let_in_is_told_why(
    provider: Provider, browser: Browser, change: dict[str, Any], sentence: str
) -> None:
    provider.person = new_person(**({"sub": "sub", "email": "sub@acme.example"} | change))
    refused(browser, 502 if "(sub)" in sentence else 403, sentence)


def test_a_verified_address_may_also_be_written_as_a_word(provider: Provider, browser: Browser) -> None:
    provider.person = new_person(email_verified="true")
    assert browser.bearer()


TOKENS: dict[str, tuple[dict[str, Any], str]] = {
    "for another program": ({"aud": "other"}, 'the token is for "other", not for loopin.'),
    "for several, not asked by us": ({"aud": [CLIENT, "x"], "azp": "x"}, "made for another program (azp)."),
    "for several, asked by nobody": ({"aud": [CLIENT, "x"]}, "made for another program (azp)."),
    "of another issuer": ({"iss": "https://evil.example"}, "was issued by https://evil.example, not by"),
    "with another nonce": ({"nonce": "0" * 64}, "made for another sign-in (nonce)."),
    "without a nonce": ({"nonce": None}, "made for another sign-in (nonce)."),
    "that ended": ({"exp": FromNow(-300)}, "the token ended at "),
    "without an end": ({"exp": None}, "does not say when it ends (exp)."),
    "that has not begun": ({"nbf": FromNow(600)}, "not valid yet: it begins at "),
    "with a foreign access token": ({"at_hash": "AAAA"}, "do not belong together (at_hash)."),
}


@pytest.mark.parametrize("name", TOKENS)
def test_an_id_token_is_refused(provider: Provider, browser: Browser, name: str) -> None:
    change, sentence = TOKENS[name]
    provider.token_claims = lambda claims: claims | change
    refused(browser, 403, sentence)


def test_an_id_token_of_somebody_elses_key_is_refused(provider: Provider, browser: Browser) -> None:
    provider.key, provider.header = rsa_key(1), {"kid": rsa_key(0).kid}
    refused(browser, 403, "the signature does not fit")


def test_an_unknown_key_is_refused(provider: Provider, browser: Browser) -> None:
    provider.key = rsa_key(1)
    refused(browser, 403, "does not publish the key")


def test_an_algorithm_that_is_not_agreed_on_is_refused(provider: Provider, browser: Browser) -> None:
    usual = rsa_key(0).as_dict(private=True)
    provider.key = RSAKey.import_key({name: value for name, value in usual.items() if name != "alg"})
    provider.header = {"alg": "RS512"}
    refused(browser, 403, "signed with RS512; only RS256 and ES256 are accepted.")


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_a_token_that_the_client_could_have_made_is_refused(
    provider: Provider, browser: Browser, algorithm: str
) -> None:
    from joserfc import jws

    claims = {"iss": provider.url, "aud": CLIENT, "exp": int(time.time()) + 60, **provider.person}
    key = OctKey.import_key("provider-secret-not-real-32-bytes")
    made = jws.serialize_compact({"alg": "HS256"}, json.dumps(claims), key)
    if algorithm == "none":
        made = "eyJhbGciOiJub25lIn0." + made.split(".")[1] + "."
    provider.token_answer = lambda answer: answer | {"id_token": made}
    refused(browser, 403, "only RS256 and ES256 are accepted.")


def test_an_answer_without_an_id_token_is_refused(provider: Provider, browser: Browser) -> None:
    provider.token_answer = lambda answer: {"access_token": answer["access_token"]}
    refused(browser, 502, "sent no ID token.")


ANSWERS: dict[str, tuple[str, tuple[int, bytes], int, str]] = {
    "token: out of order": (TOKEN, (500, b"oops"), 502, "something that is not a token."),
    "token: html": (TOKEN, (200, b"<html>"), 502, "something that is not a token."),
    "token: a list": (TOKEN, (200, b"[]"), 502, "something that is not a token."),
    "token: a text": (TOKEN, (200, b'"error"'), 502, "something that is not a token."),
    "token: nested": (TOKEN, (200, b"[" * 100_000), 502, "something that is not a token."),
    "token: huge": (TOKEN, (200, b'"' + b"x" * 1_100_000 + b'"'), 502, "answered with more than 1 MiB."),
    "token: empty": (TOKEN, (200, b"{}"), 502, "sent no ID token."),
    "token: elsewhere": (TOKEN, (302, b""), 502, "something that is not a token."),
    "token: wrong secret": (TOKEN, (401, b'{"error": "invalid_client"}'), 502, "client id and secret."),
    "token: code used": (TOKEN, (400, b'{"error": "invalid_grant"}'), 403, "took back its answer:"),
    "token: odd error": (TOKEN, (400, b'{"error": 7}'), 502, "something that is not a token."),
    "token: hostile": (TOKEN, (400, b'{"error": "<b>\\u202e"}'), 403, "took back its answer: <b>"),
    "userinfo: out of order": (USERINFO, (500, b""), 503, "is out of order: it answered 500."),
    "userinfo: refused": (USERINFO, (403, b"{}"), 502, "answered 403."),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_that_cannot_be_used_is_told(provider: Provider, browser: Browser, name: str) -> None:
    path, answer, status, sentence = ANSWERS[name]
    provider.in_userinfo = ("email",) if path == USERINFO else ()
    provider.answers = {path: answer}
    refused(browser, status, sentence)
    assert "<b>" not in browser.begin(ACCOUNT).text


def test_the_claims_of_another_person_are_refused(provider: Provider, browser: Browser) -> None:
    provider.in_userinfo, provider.userinfo = ("email",), {"sub": "somebody-else"}
    refused(browser, 403, "spoke of two different people.")


def test_an_answer_in_the_name_of_another_provider_is_refused(provider: Provider, browser: Browser) -> None:
    provider.callback_extra = {"iss": "https://evil.example"}
    refused(browser, 403, "The answer does not come from 127.0.0.1:")


def test_a_provider_that_names_itself_in_answers_must_do_so(provider: Provider, browser: Browser) -> None:
    provider.document = {"authorization_response_iss_parameter_supported": True}
    refused(browser, 403, "The answer does not come from 127.0.0.1:")
    provider.callback_extra = {"iss": provider.url}
    assert browser.bearer()


BEFORE: dict[str, tuple[dict[str, Any] | tuple[int, bytes], int, str]] = {
    "not there": ((404, b""), 502, "answered 404."),
    "garbage": ((200, b"<html>"), 502, "something that is not a JSON object."),
    "another issuer": ({"issuer": "https://evil.example"}, 502, "describes another issuer:"),
    "no way in": ({"authorization_endpoint": None}, 502, "names no authorization_endpoint that can be used."),
    "a script": ({"authorization_endpoint": "javascript:alert(1)"}, 502, "names no authorization_endpoint"),
    "plain http": (
        {"authorization_endpoint": "http://login.example/"},
        502,
        "names no authorization_endpoint",
    ),
}


@pytest.mark.parametrize("name", BEFORE)
def test_a_provider_that_cannot_be_asked_is_told_before_the_browser_leaves(
    provider: Provider, browser: Browser, name: str
) -> None:
    change, status, sentence = BEFORE[name]
    if isinstance(change, dict):
        provider.document = change
    else:
        provider.answers = {DISCOVERY: change}
    answer = browser.begin(ACCOUNT)
    assert (answer.status_code, sentence in told(answer)) == (status, True), told(answer)
    assert "Try again" in answer.text


def test_keys_that_cannot_be_read_do_not_let_anybody_in(provider: Provider, browser: Browser) -> None:
    provider.answers = {KEYS: (500, b"")}
    provider.key = rsa_key(2)
    answer = browser.sign_in(ACCOUNT)
    assert answer.status_code in {403, 503}, told(answer)
    assert browser.http.get("/account/keys").status_code == 303


@pytest.mark.parametrize(
    ("query", "status", "sentence"),
    [
        ("error=access_denied", 403, "the sign-in was declined."),
        ("error=login_required", 403, "it answered login_required."),
        ("error=%3Cscript%3E%E2%80%AE&error_description=secret", 403, "it answered <script>\ufffd."),
        ("code=", 502, "sent neither a code nor a reason."),
        ("", 502, "sent neither a code nor a reason."),
    ],
)
def test_a_provider_that_says_no_is_quoted(
    provider: Provider, browser: Browser, query: str, status: int, sentence: str
) -> None:
    browser.way_back(ACCOUNT)
    state = provider.requests[-1]["state"]
    answer = browser.http.get(f"/auth/sso/callback?state={state}&{query}")
    assert (answer.status_code, sentence in told(answer)) == (status, True), told(answer)
    assert "<script>" not in answer.text
    assert "secret" not in answer.text


NOT_OURS = "This sign-in was not begun in this browser, was finished already, or took over 10 minutes."


def test_an_answer_counts_once(provider: Provider, browser: Browser) -> None:
    back = browser.way_back(ACCOUNT)
    assert browser.http.get(back).status_code == 303
    again = browser.http.get(back)
    assert (again.status_code, NOT_OURS in told(again)) == (400, True)


def test_an_answer_counts_in_the_browser_that_asked(
    server: AccountServer, provider: Provider, browser: Browser
) -> None:
    back = browser.way_back(ACCOUNT)
    with browser_at(server.http) as other:
        stolen = other.http.get(back)
        assert (stolen.status_code, NOT_OURS in told(stolen)) == (400, True)
        other.begin(ACCOUNT)
        assert other.http.get(back).status_code == 400
    assert browser.http.get(back).status_code == 303


@pytest.mark.parametrize("state", ["", "x", "%00", "x" * 5000, "%F0%9F%92%A9", "%ff"])
def test_a_state_that_is_none_of_ours_is_refused(provider: Provider, browser: Browser, state: str) -> None:
    browser.begin(ACCOUNT)
    answer = browser.http.get(f"/auth/sso/callback?code=x&state={state}")
    assert (answer.status_code, NOT_OURS in told(answer)) == (400, True)


def test_an_answer_after_ten_minutes_is_too_late(
    server: AccountServer, provider: Provider, browser: Browser
) -> None:
    back = browser.way_back(ACCOUNT)
    with server.database() as database:
        database.execute("UPDATE pending_sign_ins SET created_at = '2026-01-01 00:00:00.000000'")
    assert NOT_OURS in told(browser.http.get(back))


def test_a_disabled_person_stays_out(server: AccountServer, provider: Provider, browser: Browser) -> None:
    browser.bearer()
    with server.database() as database:
        database.execute(
            "UPDATE users SET disabled_at = '2026-01-01 00:00:00.000000' WHERE email = ?",
            (provider.person["email"],),
        )
    refused(browser, 403, "Your account here is switched off.")


def test_an_address_with_nul_is_refused_like_any_other(provider: Provider, browser: Browser) -> None:
    provider.person = new_person(email="a\x00@acme.example")
    refused(browser, 403, "which is no e-mail address.")


def test_who_was_vouched_for_and_refused_is_in_the_audit_trail(
    server: AccountServer, provider: Provider, browser: Browser
) -> None:
    provider.person = new_person(email="eve@evil.example")
    browser.sign_in()
    with server.database() as database:
        (details,) = database.execute(
            "SELECT details FROM audit_events WHERE action = 'login.failed' AND actor_name = ?",
            ("eve@evil.example",),
        ).fetchone()
    assert json.loads(details) == {"reason": "addresses of evil.example are not let in here"}


def test_what_is_kept_while_a_browser_is_away_is_of_no_use_to_others(
    server: AccountServer, provider: Provider, browser: Browser
) -> None:
    browser.way_back(ACCOUNT)
    asked = provider.requests[-1]
    with server.database() as database:
        rows = json.dumps(database.execute("SELECT * FROM pending_sign_ins").fetchall())
    assert asked["state"] not in rows
    assert asked["nonce"] not in rows
    assert AUTHORIZE in provider.asked

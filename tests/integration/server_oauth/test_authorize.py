"""/oauth/authorize: what is refused before anybody signs in, and what comes back."""

import re
from urllib.parse import urlencode, urlsplit

import pytest

from tests.support.databases import ON_BOTH
from tests.support.oauth import REDIRECT, Person, Proof, answer_of, person_at, request_for
from tests.support.server import AccountServer, csrf_of

PROOF = Proof()


def location(person: Person, **changes: str | None) -> str:
    answer = person.http.get("/oauth/authorize", params=request_for(PROOF, **changes))
    assert answer.status_code == 303, (answer.status_code, answer.text)
    return answer.headers["location"]


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "somebody-else"},
        {"client_id": None},
        {"client_id": "nul\x00"},
        {"redirect_uri": None},
        {"redirect_uri": "https://evil.example/callback"},
        {"redirect_uri": "http://127.0.0.1:8765/other"},
        {"redirect_uri": "http://127.0.0.1:8765/callback?more=1"},
        {"redirect_uri": "http://127.0.0.1:8765/callback#part"},
        {"redirect_uri": "http://localhost:8765/callback"},
        {"redirect_uri": "http://127.0.0.1@evil.example/callback"},
        {"redirect_uri": "http://127.0.0.1:8765@evil.example/callback"},
        {"redirect_uri": "https://127.0.0.1:8765/callback"},
        {"redirect_uri": "http://127.0.0.1:99999/callback"},
        {"redirect_uri": "http://127.0.0.1:8765\\@evil.example/callback"},
        {"redirect_uri": 'http://127.0.0.1:8765/callback"\u2028'},
    ],
)
def test_rfc6749_4_1_2_1_unknown_client_or_redirect_is_a_page_and_never_a_redirect(
    account_server: AccountServer, changes: dict[str, str | None]
) -> None:
    with person_at(account_server) as nobody:
        answer = nobody.http.get("/oauth/authorize", params=request_for(PROOF, **changes))
    assert answer.status_code == 400
    assert "location" not in answer.headers
    assert "This request cannot be answered" in answer.text


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "invalid_request"),
        ({"scope": "gumloop_api everything"}, "invalid_scope"),
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
    ],
)
def test_rfc6749_4_1_2_1_other_errors_go_back_before_anybody_signs_in(
    account_server: AccountServer, changes: dict[str, str | None], error: str
) -> None:
    with person_at(account_server) as nobody:
        target = location(nobody, **changes)
    assert target.startswith(f"{REDIRECT}?")
    answer = answer_of(target)
    assert answer["error"] == error
    assert answer["state"] == "the-state"
    # RFC 9207 §2: also in error responses.
    assert answer["iss"] == account_server.http
    assert "code" not in answer


def test_rfc7636_4_4_1_a_missing_method_counts_as_plain_and_is_refused(account_server: AccountServer) -> None:
    with person_at(account_server) as nobody:
        answer = answer_of(location(nobody, code_challenge_method=None))
    assert "S256" in answer["error_description"]


@pytest.mark.parametrize(
    "redirect",
    ["http://127.0.0.1:8765/callback", "http://127.0.0.1:49152/callback", "http://127.0.0.1/callback"],
)
def test_rfc8252_7_3_any_port_of_the_loopback_redirect_is_taken(ada: Person, redirect: str) -> None:
    answer = ada.decide(request_for(PROOF, redirect_uri=redirect), "allow")
    assert answer.headers["location"].startswith(f"{redirect}?code=")


@pytest.mark.parametrize(("decision", "said"), [("allow", "code=oac_"), ("deny", "error=access_denied&amp;")])
def test_rfc8252_7_3_the_ipv6_loopback_is_reached_through_a_page(
    ada: Person, decision: str, said: str
) -> None:
    # No policy can name an IPv6 address, so Chromium would stop a redirect that follows the form.
    answer = ada.decide(request_for(PROOF, redirect_uri="http://[::1]:8765/callback"), decision)
    assert answer.status_code == 200
    assert re.search(rf'content="0;url=http://\[::1\]:8765/callback\?{said}', answer.text)


def test_somebody_who_is_not_signed_in_signs_in_and_then_decides(account_server: AccountServer) -> None:
    wanted = f"/oauth/authorize?{urlencode(request_for(PROOF))}"
    with person_at(account_server) as person:
        first = person.http.get(wanted)
        assert (first.status_code, urlsplit(first.headers["location"]).path) == (303, "/account/sign-in")
        place = answer_of(first.headers["location"])["next"]
        assert person.sign_in(*account_server.owner, place=place).headers["location"] == wanted
        page = person.http.get(wanted).text
    assert "Allow Gumloop CLI to use your account?" in page
    assert "ada@acme.example" in page
    assert "Use the Gumloop API as you" in page
    assert "See your name" in page
    assert "127.0.0.1:8765" in page


def test_rfc6749_4_1_2_allow_sends_code_state_and_issuer(ada: Person, account_server: AccountServer) -> None:
    answer = answer_of(ada.decide(request_for(PROOF, state="a&b=c é"), "allow").headers["location"])
    assert set(answer) == {"code", "state", "iss"}
    assert answer["state"] == "a&b=c é"
    assert answer["iss"] == account_server.http


def test_rfc6749_4_1_2_1_deny_sends_access_denied_state_and_issuer(
    ada: Person, account_server: AccountServer
) -> None:
    answer = answer_of(ada.decide(request_for(PROOF), "deny").headers["location"])
    assert answer.pop("error_description")
    assert answer == {"error": "access_denied", "state": "the-state", "iss": account_server.http}


def test_a_client_that_asks_for_no_scope_is_shown_all_of_its_own(ada: Person) -> None:
    page = ada.http.get("/oauth/authorize", params=request_for(PROOF, scope=None)).text
    assert page.count("<li>") == 2


def test_consent_needs_the_token_of_the_form(ada: Person) -> None:
    answer = ada.decide(request_for(PROOF), "allow", csrf_token="made-up")
    assert answer.status_code == 400
    assert "location" not in answer.headers


def test_consent_counts_for_the_account_that_the_page_named(
    own_ada: Person, account_server: AccountServer
) -> None:
    ada = own_ada
    url = f"/oauth/authorize?{urlencode(request_for(PROOF))}"
    page = ada.http.get(url).text
    account = page.partition('name="account" value="')[2].partition('"')[0]
    # Another tab signs somebody else in.
    assert ada.sign_in(*account_server.viewer).status_code == 303
    fresh = ada.http.get(url).text
    answer = ada.http.post(url, data={"csrf_token": csrf_of(fresh), "account": account, "decision": "allow"})
    assert answer.status_code == 200
    assert "vera@acme.example" in answer.text


def test_not_you_signs_out_and_comes_back_to_the_request(own_ada: Person) -> None:
    ada = own_ada
    wanted = f"/oauth/authorize?{urlencode(request_for(PROOF))}"
    page = ada.http.get(wanted).text
    answer = ada.http.post("/account/sign-out", params={"next": wanted}, data={"csrf_token": csrf_of(page)})
    assert answer_of(answer.headers["location"])["next"] == wanted
    assert ada.http.get(wanted).status_code == 303


def test_the_consent_page_may_end_at_the_redirect_and_nowhere_else(ada: Person) -> None:
    policy = ada.http.get("/oauth/authorize", params=request_for(PROOF)).headers["content-security-policy"]
    assert "form-action 'self' http://127.0.0.1:8765;" in policy
    assert "frame-ancestors 'none'" in policy


def test_rfc6749_3_1_a_parameter_may_come_once_only(account_server: AccountServer) -> None:
    query = urlencode([*request_for(PROOF).items(), ("scope", "userinfo")])
    with person_at(account_server) as nobody:
        assert nobody.http.get(f"/oauth/authorize?{query}").status_code == 400


@ON_BOTH
def test_hostile_parameters_are_never_a_server_error(account_server: AccountServer) -> None:
    hostile = (
        "\x00",
        '"\\',
        "\u202e",
        "é" * 300,
        "<script>",
        "a\r\nSet-Cookie: x=1",
        "\ud800".encode("utf-8", "surrogatepass"),
    )
    with person_at(account_server) as nobody:
        for name in request_for(PROOF):
            for value in hostile:
                params = dict[str, str | bytes](request_for(PROOF)) | {name: value}
                answer = nobody.http.get(f"/oauth/authorize?{urlencode(params)}")
                assert answer.status_code in {303, 400}, (name, value)
                assert "set-cookie: x=1" not in str(answer.headers).lower()

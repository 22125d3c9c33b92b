"""The authorization code on its way: redirects that lead elsewhere, codes that are stolen or mixed up."""

from collections.abc import Iterator
from urllib.parse import quote, urlencode

import pytest

from tests.support.oauth import (
    CLIENT,
    REDIRECT,
    Person,
    Program,
    Proof,
    add_client,
    answer_of,
    person_at,
    program_at,
    request_for,
    tokens_at,
)
from tests.support.organizations import Organization
from tests.support.server import AccountServer, csrf_of

pytestmark = pytest.mark.slow

PROOF = Proof()
OTHER_REDIRECT = "https://other.example/callback?tenant=1"


@pytest.fixture
def ada(target: AccountServer, attacked: Organization) -> Iterator[Person]:
    with person_at(target, attacked.owner.login) as person:
        yield person


@pytest.fixture
def program(target: AccountServer) -> Iterator[Program]:
    with program_at(target) as found:
        yield found


@pytest.fixture(scope="module")
def other(attacked: Organization) -> str:
    """A second client: an honest program, or an attacker's, with an address of its own."""
    return add_client(attacked.database, OTHER_REDIRECT)


ELSEWHERE = [
    *(
        "http://127.0.0.1:8765/callback/../evil",
        "http://127.0.0.1:8765/callback/./",
        "http://127.0.0.1:8765//",
    ),
    *("http://127.0.0.1:8765/callback%2F..%2Fevil", "http://127.0.0.1:8765/%63allback"),
    *(
        "http://127.0.0.1:8765/callback;x",
        "http://127.0.0.1:8765/callback?",
        "http://127.0.0.1:8765/callback#",
    ),
    *(
        "HTTP://127.0.0.1:8765/callback",
        "http://127.0.0.1.evil.example/callback",
        "http://127.0.0.1.:8765/callback",
    ),
    *(
        "http://2130706433:8765/callback",
        "http://0x7f000001/callback",
        "http://127.1/callback",
        "http://0/callback",
    ),
    *("http://[::ffff:127.0.0.1]:8765/callback", "http://[::1%25lo]:8765/callback"),
    *("http://\u24d1\u24d2.example/callback", "http://127.0.0.1\u3002evil.example/callback"),
    *(
        "http://127.0.0.1:8765\t/callback",
        " http://127.0.0.1:8765/callback",
        "http://127.0.0.1:8765/callback\r\nX: y",
    ),
    *(
        "http://evil.example\\@127.0.0.1:8765/callback",
        "http:/127.0.0.1:8765/callback",
        "//127.0.0.1:8765/callback",
    ),
    *("javascript:alert(1)//http://127.0.0.1:8765/callback", "data:text/html,x", "/callback", "callback", ""),
    *("loopin://127.0.0.1:8765/callback", "http://user:pw@127.0.0.1:8765/callback"),
    "http://127.0.0.1:+8765/callback",
]


@pytest.mark.parametrize("uri", ELSEWHERE)
def test_rfc9700_4_1_3_a_redirect_is_compared_and_never_interpreted(ada: Person, uri: str) -> None:
    """Paths, cases, encodings, numbers and names that some browser would take for the registered place."""
    answer = ada.http.get("/oauth/authorize", params=request_for(PROOF, redirect_uri=uri))
    assert answer.status_code == 400, (uri, answer.status_code)
    assert "location" not in answer.headers
    assert "code=" not in answer.text


@pytest.mark.parametrize(
    "uri",
    [
        "https://other.example/callback",
        "https://other.example/callback?tenant=2",
        "https://other.example/callback?tenant=1&x=2",
        "https://other.example/callback?tenant=1#",
        "https://other.example:443/callback?tenant=1",
        "https://OTHER.example/callback?tenant=1",
        "https://other.example./callback?tenant=1",
        "http://other.example/callback?tenant=1",
        REDIRECT,
    ],
)
def test_rfc6749_3_1_2_3_a_registered_web_address_has_no_second_spelling(
    ada: Person, other: str, uri: str
) -> None:
    wanted = request_for(PROOF, client_id=other, redirect_uri=uri)
    answer = ada.http.get("/oauth/authorize", params=wanted)
    assert answer.status_code == 400
    assert "location" not in answer.headers


@pytest.mark.parametrize("state", ["a&code=evil", "a\r\nSet-Cookie: x=y", "#x", "é\u202e", "a" * 3000])
def test_rfc9700_4_11_a_state_cannot_add_to_the_answer(
    target: AccountServer, ada: Person, state: str
) -> None:
    """Neither a parameter nor a header line: it comes back as it was sent, or the request is refused."""
    url = f"/oauth/authorize?{urlencode(request_for(PROOF, state=state))}"
    page = ada.http.get(url)
    if page.status_code == 400:
        assert "location" not in page.headers
        return
    account = page.text.partition('name="account" value="')[2].partition('"')[0]
    form = {"csrf_token": csrf_of(page.text), "account": account, "decision": "deny"}
    answer = ada.http.post(url, data=form)
    assert "set-cookie" not in answer.headers or "x=y" not in answer.headers["set-cookie"]
    told = answer_of(answer.headers["location"])
    assert told["state"] == state
    assert told.keys() == {"error", "error_description", "state", "iss"} or "code" not in told


def test_rfc9700_4_4_mix_up_every_answer_names_this_server(target: AccountServer, ada: Person) -> None:
    """RFC 9207 §2: allowed, denied and refused before anybody was asked."""
    allowed = ada.decide(request_for(PROOF), "allow").headers["location"]
    denied = ada.decide(request_for(PROOF), "deny").headers["location"]
    refused = ada.http.get("/oauth/authorize", params=request_for(PROOF, scope="nothing")).headers["location"]
    for location in (allowed, denied, refused):
        assert answer_of(location)["iss"] == target.http
    metadata = ada.http.get("/.well-known/oauth-authorization-server").json()
    assert metadata["issuer"] == target.http
    assert metadata["authorization_response_iss_parameter_supported"] is True


def test_rfc9700_4_5_a_stolen_code_is_of_no_use_in_another_sign_in(
    ada: Person, program: Program, other: str
) -> None:
    """Code injection: the attacker's own sign-in has another verifier, and another client another id."""
    code = ada.code(PROOF)
    for changes in (
        {"code_verifier": Proof().verifier},
        {"code_verifier": None},
        {"code_verifier": ""},
        {"code_verifier": PROOF.challenge},
        {"client_id": other},
        {"client_id": other, "redirect_uri": OTHER_REDIRECT},
        {"redirect_uri": "http://127.0.0.1:9999/callback"},
        {"redirect_uri": None},
    ):
        answer = program.exchange(code, PROOF, **changes)
        assert answer.status_code in {400, 401}, changes
        assert "access_token" not in answer.text
    assert program.exchange(code, PROOF).status_code == 200


def test_rfc6749_10_5_a_code_that_is_used_again_ends_what_it_gave(ada: Person, program: Program) -> None:
    """Also when it is not the program that uses it again."""
    code = ada.code(PROOF)
    first = program.exchange(code, PROOF).json()
    assert program.works(first["access_token"])
    assert program.exchange(code, Proof()).json()["error"] == "invalid_grant"
    assert not program.works(first["access_token"])
    assert program.refresh(first["refresh_token"]).status_code == 400


@pytest.mark.parametrize(
    "changes",
    [
        {"code_challenge": None, "code_challenge_method": None},
        {"code_challenge_method": "plain"},
        {"code_challenge_method": "s256"},
        {"code_challenge_method": "S256 "},
        {"code_challenge_method": ""},
        {"code_challenge": ""},
        {"code_challenge": "a" * 42},
        {"code_challenge": "a" * 129},
        {"code_challenge": "ä" * 43},
    ],
)
def test_rfc9700_4_8_2_pkce_cannot_be_left_out_or_made_weaker(
    ada: Person, changes: dict[str, str | None]
) -> None:
    answer = ada.http.get("/oauth/authorize", params=request_for(PROOF, **changes))
    assert answer.status_code == 303
    assert answer_of(answer.headers["location"])["error"] == "invalid_request"


def test_rfc9700_2_4_and_2_1_2_neither_passwords_nor_tokens_from_the_front(
    attacked: Organization, ada: Person, program: Program
) -> None:
    """The password grant and the implicit grant are not there."""
    fields = {
        "grant_type": "password",
        "client_id": CLIENT,
        "username": attacked.owner.email,
        "password": "x",
    }
    assert program.http.post("/oauth/token", data=fields).json()["error"] == "unsupported_grant_type"
    for kind in ("token", "code token", "id_token", "code id_token", "none", "CODE"):
        answer = ada.http.get("/oauth/authorize", params=request_for(PROOF, response_type=kind))
        assert answer_of(answer.headers["location"])["error"] == "unsupported_response_type"


@pytest.mark.parametrize("mode", ["fragment", "form_post", "web_message"])
def test_rfc9700_4_3_1_a_code_comes_in_the_query_whatever_is_asked(ada: Person, mode: str) -> None:
    answer = ada.decide(request_for(PROOF) | {"response_mode": mode}, "allow")
    assert "code" in answer_of(answer.headers["location"])
    assert "#" not in answer.headers["location"]


def test_rfc9700_4_12_no_form_is_sent_on_to_the_program(ada: Person) -> None:
    """307 would repeat the form, and with it what a person typed."""
    assert ada.decide(request_for(PROOF), "allow").status_code == 303


def test_rfc9700_4_2_4_no_address_goes_to_another_site_in_a_referer(ada: Person) -> None:
    page = ada.http.get(f"/oauth/authorize?{urlencode(request_for(PROOF))}")
    assert page.headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize(
    "place",
    [
        *(
            "https://evil.example/",
            "//evil.example/",
            "/\\evil.example",
            "\\\\evil.example",
            "/%2f/evil.example",
        ),
        *(
            "/account/../\\evil.example",
            "/oauth/authorize\t?x",
            " /account/keys",
            "javascript:alert(1)",
            "/%09/x",
        ),
    ],
)
def test_rfc9700_4_11_1_after_a_sign_in_no_other_site_follows(
    target: AccountServer, attacked: Organization, place: str
) -> None:
    """Open redirect."""
    with person_at(target) as person:
        answer = person.sign_in(*attacked.owner.login, place=place)
        assert answer.headers["location"] == "/account/keys"
        person.http.post(f"/account/sign-out?next={quote(place)}")


def test_rfc7009_2_2_revoking_tells_nothing_of_tokens_and_touches_no_others(
    target: AccountServer, attacked: Organization, program: Program, other: str
) -> None:
    """An unknown token, another client's and garbage look alike."""
    held = tokens_at(target, attacked.owner.login)
    answers = [
        program.revoke("oat_unknown"),
        program.revoke("\u202e" * 10),
        program.revoke(held["access_token"], client_id=other),
        program.revoke(held["refresh_token"], client_id=other),
    ]
    assert {(answer.status_code, answer.text) for answer in answers} == {(200, answers[0].text)}
    assert program.works(held["access_token"])
    assert program.revoke(held["access_token"], client_id="nobody").status_code in {400, 401}
    assert program.works(held["access_token"])


def test_rfc9700_4_14_2_a_stolen_refresh_token_works_for_its_own_client_only(
    target: AccountServer, attacked: Organization, program: Program, other: str
) -> None:
    held = tokens_at(target, attacked.owner.login)
    assert program.refresh(held["refresh_token"], client_id=other).status_code in {400, 401}
    assert program.refresh(held["refresh_token"]).status_code == 200

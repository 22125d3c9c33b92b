"""/oauth/token with a code: what it is bound to, how long it lives, what a replay costs."""

import base64
from datetime import timedelta
from typing import Any

import pytest

from tests.support.databases import ON_BOTH, ago, moment
from tests.support.oauth import CLIENT, REDIRECT, Person, Program, Proof, request_for, tokens_at
from tests.support.organizations import Organization
from tests.support.server import AccountServer

OTHER = "http://127.0.0.1:8766/callback"


def error_of(answer: Any) -> str:
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    return str(answer.json()["error"])


@ON_BOTH
def test_rfc6749_5_1_a_code_becomes_tokens_that_work(ada: Person, program: Program) -> None:
    proof = Proof()
    answer = program.exchange(ada.code(proof), proof)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    tokens = answer.json()
    assert tokens["token_type"] == "Bearer"
    assert tokens["expires_in"] == 3600
    assert tokens["scope"] == "gumloop_api userinfo"
    assert tokens["refresh_token"] != tokens["access_token"]
    assert program.works(tokens["access_token"])


def test_two_tokens_of_one_person_in_one_second_differ(ada: Person, program: Program) -> None:
    one, two = Proof(), Proof()
    codes = ada.code(one), ada.code(two)
    first, second = program.exchange(codes[0], one).json(), program.exchange(codes[1], two).json()
    assert first["access_token"] != second["access_token"]
    assert first["refresh_token"] != second["refresh_token"]


@ON_BOTH
def test_rfc6749_4_1_2_a_second_use_of_a_code_ends_what_the_first_gave(ada: Person, program: Program) -> None:
    proof = Proof()
    code = ada.code(proof)
    tokens = program.exchange(code, proof).json()
    assert error_of(program.exchange(code, proof)) == "invalid_grant"
    assert not program.works(tokens["access_token"])
    assert error_of(program.refresh(tokens["refresh_token"])) == "invalid_grant"


@ON_BOTH
def test_a_code_is_of_no_use_after_60_seconds(
    ada: Person, program: Program, account_server: AccountServer
) -> None:
    proof = Proof()
    code = ada.code(proof)
    with account_server.database() as database:
        query = (
            "SELECT c.expires_at, g.created_at FROM oauth_codes c JOIN oauth_grants g ON g.id = c.grant_id"
        )
        ends, began = database.execute(f"{query} ORDER BY g.created_at").fetchall()[-1]
        assert (moment(ends) - moment(began)).total_seconds() == pytest.approx(60, abs=0.01)
        past = (ago(timedelta(seconds=1)),)
        database.execute("UPDATE oauth_codes SET expires_at = ? WHERE used_at IS NULL", past)
    assert error_of(program.exchange(code, proof)) == "invalid_grant"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"redirect_uri": OTHER}, "invalid_grant"),
        ({"redirect_uri": None}, "invalid_grant"),
        ({"client_id": "somebody-else"}, "invalid_client"),
        ({"client_id": None}, "invalid_client"),
        ({"client_secret": "made-up"}, "invalid_client"),
        ({"code_verifier": "x" * 43}, "invalid_grant"),
        ({"code_verifier": "short"}, "invalid_request"),
        ({"code_verifier": None}, "invalid_request"),
        ({"code": None}, "invalid_request"),
        ({"code": "oac_unknown"}, "invalid_grant"),
    ],
)
def test_rfc6749_4_1_3_and_rfc7636_4_6_a_code_is_bound_to_client_redirect_and_verifier(
    ada: Person, program: Program, changes: dict[str, str | None], error: str
) -> None:
    proof = Proof()
    code = ada.code(proof)
    answer = program.exchange(code, proof, **({"code": code} | changes))
    assert (400 <= answer.status_code < 402, error_of(answer)) == (True, error)
    # Whoever holds the verifier can still use it: a stranger's try does not spend it.
    assert program.exchange(code, proof).status_code == 200


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/x-www-form-urlencoded", b""),
        ("application/x-www-form-urlencoded", b"client_id=gumloop_cli"),
        ("application/x-www-form-urlencoded", b"grant_type="),
        ("application/x-www-form-urlencoded", b"grant_type=authorization_code&grant_type=refresh_token"),
        ("application/x-www-form-urlencoded", b"grant_type=refresh_token&client_id=gumloop_cli"),
        ("application/x-www-form-urlencoded", b"grant_type=%00%ff&client_id=%00"),
        ("application/x-www-form-urlencoded", b"\xff\xfe=\x00&&&==="),
        ("application/json", b'{"grant_type": "refresh_token"}'),
        ("application/json", b"{"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="grant_type"\r\n\r\nx\r\n--x--',
        ),
        ("multipart/form-data", b"nonsense"),
        ("", b"grant_type=refresh_token"),
    ],
)
def test_rfc6749_5_2_a_malformed_request_is_400_with_an_error(
    program: Program, kind: str, body: bytes
) -> None:
    answer = program.http.post("/oauth/token", content=body, headers={"Content-Type": kind} if kind else {})
    assert answer.status_code == 400
    assert error_of(answer) == "invalid_request"


@ON_BOTH
def test_text_that_a_database_minds_is_an_unknown_code_token_or_client(program: Program) -> None:
    for text in ("\x00", "oac_\x00", "\u202e", "\U0001f4a9", "' OR 1=1 --"):
        # RFC 6749 appendix A: NUL is in no parameter.
        malformed = "invalid_request" if "\x00" in text else ""
        assert error_of(program.exchange(text, Proof())) == (malformed or "invalid_grant")
        assert error_of(program.refresh(text)) == (malformed or "invalid_grant")
        assert error_of(program.refresh("ort_x", client_id=text)) == (malformed or "invalid_client")
        assert program.revoke(text).status_code == (400 if malformed else 200)


@pytest.mark.parametrize("grant", ["password", "client_credentials", "implicit", 'quote"and\\é'])
def test_rfc6749_5_2_other_grants_are_not_supported(program: Program, grant: str) -> None:
    answer = program.http.post("/oauth/token", data={"grant_type": grant, "client_id": CLIENT})
    assert (answer.status_code, error_of(answer)) == (400, "unsupported_grant_type")


def test_rfc6749_3_2_parameters_in_the_query_do_not_count(ada: Person, program: Program) -> None:
    proof = Proof()
    fields = {
        "grant_type": "authorization_code",
        "client_id": CLIENT,
        "code": ada.code(proof),
        "redirect_uri": REDIRECT,
        "code_verifier": proof.verifier,
    }
    assert program.http.post("/oauth/token", params=fields).status_code == 400
    assert program.http.get("/oauth/token", params=fields).status_code == 405


@pytest.mark.parametrize(
    "header",
    ["Basic", "Basic !!!", "Basic " + base64.b64encode(b"\xff\xfe:x").decode(), "Basic Og==", "Bearer x"],
)
def test_a_broken_authorization_header_is_never_a_server_error(program: Program, header: str) -> None:
    data = {"grant_type": "refresh_token", "refresh_token": "x"}
    answer = program.http.post("/oauth/token", data=data, headers={"Authorization": header})
    assert answer.status_code in {400, 401}
    assert error_of(answer) in {"invalid_client", "invalid_request"}


@ON_BOTH
def test_codes_and_tokens_are_stored_as_hashes(
    ada: Person, program: Program, account_server: AccountServer
) -> None:
    proof = Proof()
    code = ada.code(proof)
    tokens = program.exchange(code, proof).json()
    fresh = program.refresh(tokens["refresh_token"]).json()
    with account_server.database() as database:
        stored = "\n".join(database.iterdump())
    for secret in (code, tokens["access_token"], tokens["refresh_token"], fresh["refresh_token"]):
        assert secret not in stored
        assert secret not in account_server.errors


@ON_BOTH
def test_a_person_who_was_disabled_gets_and_uses_nothing(
    organization: Organization, program: Program
) -> None:
    server, (email, _) = organization.server, organization.owner.login
    tokens = tokens_at(server, organization.owner.login)
    query = "UPDATE users SET disabled_at = ? WHERE email = ?"
    with server.database() as database:
        database.execute(query, ("2026-01-01 00:00:00", email))
    assert not program.works(tokens["access_token"])
    assert error_of(program.refresh(tokens["refresh_token"])) == "invalid_grant"
    with server.database() as database:
        database.execute(query, (None, email))
    assert program.works(tokens["access_token"])


def test_an_authorization_request_never_carries_a_wider_scope_than_was_shown(
    ada: Person, program: Program
) -> None:
    proof = Proof()
    answer = ada.decide(request_for(proof, scope="userinfo"), "allow", scope="gumloop_api userinfo")
    code = answer.headers["location"].partition("code=")[2].partition("&")[0]
    assert program.exchange(code, proof).json()["scope"] == "userinfo"

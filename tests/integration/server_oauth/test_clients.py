"""Revocation, userinfo, clients with a secret, and metadata."""

import httpx
import pytest
from authlib.oauth2 import rfc8414, rfc9207

from tests.support.databases import ON_BOTH
from tests.support.oauth import CLIENT, Person, Program, Proof, add_client, answer_of, request_for, tokens_at
from tests.support.organizations import Organization
from tests.support.server import AccountServer

WEB_REDIRECT = "https://app.example/callback"
SECRET = "client-secret-not-real"


@pytest.fixture
def confidential(organization: Organization) -> tuple[str, str]:
    """Id and secret of a confidential client."""
    return add_client(organization.database, WEB_REDIRECT, SECRET), SECRET


@pytest.fixture
def tokens(account_server: AccountServer) -> dict[str, str]:
    return tokens_at(account_server, account_server.owner)


@ON_BOTH
def test_rfc7009_2_1_a_public_client_ends_all_with_its_refresh_token(
    program: Program, tokens: dict[str, str]
) -> None:
    answer = program.revoke(tokens["refresh_token"])
    assert answer.status_code == 200
    assert not program.works(tokens["access_token"])
    assert program.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"


@ON_BOTH
def test_rfc7009_2_1_an_access_token_ends_alone(program: Program, tokens: dict[str, str]) -> None:
    assert program.revoke(tokens["access_token"], token_type_hint="access_token").status_code == 200
    assert not program.works(tokens["access_token"])
    assert program.refresh(tokens["refresh_token"]).status_code == 200


def test_rfc7009_2_2_an_unknown_token_is_no_error(program: Program) -> None:
    assert program.revoke("ort_unknown").status_code == 200
    assert program.revoke("ort_unknown", token_type_hint="what_is_this").status_code == 200


def test_rfc7009_2_1_a_wrong_hint_does_not_matter(program: Program, tokens: dict[str, str]) -> None:
    program.revoke(tokens["refresh_token"], token_type_hint="access_token")
    assert program.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"


@ON_BOTH
def test_rfc7009_2_1_another_clients_token_stays(
    program: Program, tokens: dict[str, str], confidential: tuple[str, str]
) -> None:
    data = {"token": tokens["refresh_token"]}
    assert program.http.post("/oauth/revoke", data=data, auth=confidential).status_code == 200
    assert program.works(tokens["access_token"])


@pytest.mark.parametrize("fields", [{}, {"client_id": CLIENT}, {"client_id": "unknown", "token": "x"}])
def test_rfc7009_2_1_a_request_without_token_or_client_is_refused(
    program: Program, fields: dict[str, str]
) -> None:
    answer = program.http.post("/oauth/revoke", data=fields)
    assert answer.status_code in {400, 401}
    assert answer.json()["error"] in {"invalid_request", "invalid_client"}


@ON_BOTH
def test_userinfo_tells_whose_token_it_is(
    program: Program, tokens: dict[str, str], account_server: AccountServer
) -> None:
    answer = program.http.get(
        "/oauth/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"}
    )
    assert answer.json() == {
        "sub": account_server.seed["gumloop"]["user_id"],
        "email": "ada@acme.example",
        "name": "Ada Marsh",
    }


def test_rfc6750_3_1_userinfo_needs_a_token_with_its_scope(
    program: Program, tokens: dict[str, str], account_server: AccountServer
) -> None:
    def ask(header: str) -> httpx.Response:
        return program.http.get("/oauth/userinfo", headers={"Authorization": header} if header else {})

    for header in ("", "Basic eA==", "Bearer", "Bearer nonsense", f"Bearer {tokens['refresh_token']}"):
        assert ask(header).status_code == 401, header
    assert 'error="invalid_token"' in ask("Bearer nonsense").headers["www-authenticate"]
    narrow = tokens_at(account_server, account_server.owner, scope="gumloop_api")
    answer = ask(f"Bearer {narrow['access_token']}")
    assert (answer.status_code, answer.json()["error"]) == (403, "insufficient_scope")


@ON_BOTH
def test_rfc6749_3_2_1_a_confidential_client_signs_people_in(
    program: Program, ada: Person, confidential: tuple[str, str]
) -> None:
    proof = Proof()
    wanted = request_for(proof, client_id=confidential[0], redirect_uri=WEB_REDIRECT)
    page = ada.http.get("/oauth/authorize", params=wanted)
    assert "Allow Sample App to use your account?" in page.text
    assert (
        f"form-action 'self' {WEB_REDIRECT.removesuffix('/callback')};"
        in page.headers["content-security-policy"]
    )
    answer = ada.decide(wanted, "allow")
    fields = {
        "grant_type": "authorization_code",
        "code": answer_of(answer.headers["location"])["code"],
        "redirect_uri": WEB_REDIRECT,
        "code_verifier": proof.verifier,
    }
    # RFC 6749 §3.2.1: a client that has a secret must show it.
    without = program.http.post("/oauth/token", data=fields | {"client_id": confidential[0]})
    assert without.json()["error"] == "invalid_client"
    wrong = program.http.post("/oauth/token", data=fields, auth=(confidential[0], "wrong"))
    assert wrong.status_code == 401
    assert program.http.post("/oauth/token", data=fields, auth=confidential).status_code == 200


def test_rfc8414_2_the_metadata_is_valid_and_says_what_is_true(
    program: Program, account_server: AccountServer
) -> None:
    found = program.http.get("/.well-known/oauth-authorization-server").json()
    metadata = rfc8414.AuthorizationServerMetadata(found)
    metadata.validate(metadata_classes=[rfc9207.AuthorizationServerMetadata])
    assert found["issuer"] == account_server.http
    assert found["code_challenge_methods_supported"] == ["S256"]
    assert found["authorization_response_iss_parameter_supported"] is True
    assert "none" in found["revocation_endpoint_auth_methods_supported"]
    assert not found.keys() & {"registration_endpoint", "introspection_endpoint"}
    for name, url in found.items():
        if name.endswith("_endpoint"):
            path = url.removeprefix(account_server.http)
            assert program.http.request("OPTIONS", path).status_code == 200, name

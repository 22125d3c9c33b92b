"""Revocation, introspection, userinfo, registration and metadata."""

from typing import Any

import httpx
import pytest
from authlib.oauth2 import rfc8414, rfc9207

from tests.support.databases import ON_BOTH
from tests.support.http_client import http_client
from tests.support.oauth import CLIENT, Person, Program, Proof, answer_of, request_for, tokens_at
from tests.support.server import REGISTRATION_SECRET, AccountServer, ServerFactory

WEB_REDIRECT = "https://app.example/callback"


def register(http: httpx.Client, secret: str = REGISTRATION_SECRET, **metadata: Any) -> httpx.Response:
    wanted = {"client_name": "Sample App", "redirect_uris": [WEB_REDIRECT]} | metadata
    return http.post("/oauth/register", json=wanted, headers={"Authorization": f"Bearer {secret}".strip()})


@pytest.fixture
def confidential(program: Program) -> tuple[str, str]:
    """Id and secret of a confidential client, as registered."""
    answer = register(program.http, grant_types=["authorization_code", "refresh_token"])
    assert answer.status_code == 201, answer.text
    return answer.json()["client_id"], answer.json()["client_secret"]


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


def test_rfc7662_2_1_a_public_client_may_not_introspect(program: Program, tokens: dict[str, str]) -> None:
    data = {"token": tokens["access_token"], "client_id": CLIENT}
    answer = program.http.post("/oauth/introspect", data=data)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert answer.headers["www-authenticate"].startswith("Basic")
    answer = program.http.post("/oauth/introspect", data=data, auth=(CLIENT, "guess"))
    assert answer.status_code == 401


@ON_BOTH
def test_rfc7662_2_2_a_confidential_client_learns_what_a_token_is(
    program: Program, tokens: dict[str, str], confidential: tuple[str, str], account_server: AccountServer
) -> None:
    def ask(token: str) -> dict[str, Any]:
        answer = program.http.post("/oauth/introspect", data={"token": token}, auth=confidential)
        assert answer.status_code == 200
        found: dict[str, Any] = answer.json()
        return found

    found = ask(tokens["access_token"])
    assert found["exp"] - found["iat"] == 3600
    expected = {
        "active": True,
        "scope": "gumloop_api userinfo",
        "client_id": CLIENT,
        "username": "ada@acme.example",
        "sub": account_server.seed["gumloop"]["user_id"],
        "iss": account_server.http,
    }
    assert expected.items() <= found.items()
    assert ask(tokens["refresh_token"])["active"] is True
    assert ask("oat_unknown") == {"active": False}
    program.revoke(tokens["refresh_token"])
    assert ask(tokens["access_token"]) == {"active": False}


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


def test_rfc7591_registration_is_off_unless_it_was_turned_on(fresh_server: ServerFactory) -> None:
    with http_client(fresh_server(seed="").http) as http:
        assert register(http).status_code == 403
        metadata = http.get("/.well-known/oauth-authorization-server").json()
    assert "registration_endpoint" not in metadata


@pytest.mark.parametrize("secret", ["", "wrong", REGISTRATION_SECRET + "x"])
def test_rfc7591_3_registration_needs_the_operators_secret(program: Program, secret: str) -> None:
    answer = register(program.http, secret)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")


@ON_BOTH
def test_rfc7591_3_2_1_a_confidential_client_signs_people_in(
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


def test_rfc7591_2_a_public_client_gets_no_secret(program: Program) -> None:
    made = register(
        program.http,
        token_endpoint_auth_method="none",
        redirect_uris=["http://127.0.0.1/cb"],
        scope="userinfo",
    ).json()
    assert "client_secret" not in made
    assert made["scope"] == "userinfo"


@ON_BOTH
def test_a_clients_secret_is_stored_as_a_hash(
    confidential: tuple[str, str], account_server: AccountServer
) -> None:
    with account_server.database() as database:
        assert confidential[1] not in "\n".join(database.iterdump())


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"redirect_uris": ["http://app.example/callback"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["https://app.example/#part"]}, "invalid_client_metadata"),
        ({"redirect_uris": ["javascript:alert(1)"]}, "invalid_client_metadata"),
        ({"redirect_uris": ["https://user@app.example/"]}, "invalid_client_metadata"),
        ({"redirect_uris": []}, "invalid_redirect_uri"),
        ({"redirect_uris": "https://app.example/"}, "invalid_client_metadata"),
        ({"redirect_uris": [1, None]}, "invalid_client_metadata"),
        ({"grant_types": ["password"]}, "invalid_client_metadata"),
        ({"grant_types": [[]]}, "invalid_client_metadata"),
        ({"response_types": ["token"]}, "invalid_client_metadata"),
        ({"scope": "everything"}, "invalid_client_metadata"),
        ({"scope": 7}, "invalid_client_metadata"),
        ({"client_name": {"a": 1}}, "invalid_client_metadata"),
        ({"token_endpoint_auth_method": "private_key_jwt"}, "invalid_client_metadata"),
    ],
)
def test_rfc7591_3_2_2_bad_metadata_is_refused(program: Program, changes: dict[str, Any], error: str) -> None:
    answer = register(program.http, **changes)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"text"'])
def test_rfc7591_3_1_a_registration_is_a_json_object(program: Program, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {REGISTRATION_SECRET}", "Content-Type": "application/json"}
    answer = program.http.post("/oauth/register", content=body, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata")


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
    assert "none" not in found["introspection_endpoint_auth_methods_supported"]
    for name, url in found.items():
        if name.endswith("_endpoint"):
            path = url.removeprefix(account_server.http)
            assert program.http.request("OPTIONS", path).status_code == 200, name
